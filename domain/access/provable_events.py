"""The events for which a caller may get proofs, and the private values that accompany them.

Nothing is proven here: the owner of the tree makes the proofs. A receipt of a lifecycle event that shows no more than
the file's description is not recorded. Every other result is audit data, and its read is recorded first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from provenstore.domain.access.audit_reads import AuditReads
from provenstore.domain.access.reads import OF_DESCRIPTIONS, AuthorisedReads, visible
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event, PrivateValue
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.proofs.history_proof import STREAMS

_OF_EVENTS: Final[tuple[Operation, ...]] = ("file.history", "audit.search")
"""Operations of which any lets a caller see an event."""

PAGE = 1_000
"""Events read at a time, so that a long history needs no more memory than a short one."""


@dataclass(frozen=True, slots=True)
class Provable:
    """An event, and its private values that the caller may see."""

    event: Event
    disclosures: tuple[PrivateValue, ...]


class ProvableEvents:
    """Opens events, histories and lists for proofs."""

    def __init__(self, recorder: Recorder, reading: AuthorisedReads) -> None:
        """Read and record with `recorder`."""
        self._recorder = recorder
        self._reading = reading
        self.reads = AuditReads(recorder)

    def newest(self, caller: Caller, file_id: UUID) -> Provable:
        """Return a file's newest lifecycle event; Forbidden, NotFound."""
        events, found = self._recorder.authorised_history(caller, "file.history", file_id)
        newest = events[-1]
        shown = Provable(newest, private_values(visible(caller, found), newest.id))
        if _says_more(shown):
            self._reading.record_audit_read(
                caller, newest.workspace, what="receipt", file=str(file_id), position=newest.position
            )
        return shown

    def event(self, caller: Caller, event_id: UUID) -> Provable:
        """Return one event: a file's event requires `file.history`, any other `audit.search`.

        Forbidden; NotFound, with the same message for an event beyond the caller's reach.
        """
        recorder = self._recorder
        if not any(recorder.permitted(caller, operation) for operation in _OF_EVENTS):
            recorder.require(caller, "audit.search", caller.scope)  # refuses, whether there is such an event or not
        event = self._found(caller, event_id)
        kind, _, name = event.stream.partition(":")
        file_id = UUID(name) if kind in STREAMS else None
        if file_id is not None:
            recorder.authorised_file(caller, "file.history", file_id)
        else:
            recorder.require(caller, "audit.search", event.workspace)
        shown = self._shown(caller, event)
        if kind != "file" or _says_more(shown):
            file = None if file_id is None else str(file_id)
            self._reading.record_audit_read(caller, event.workspace, what="receipt", file=file, position=event.position)
        return shown

    def _found(self, caller: Caller, event_id: UUID) -> Event:
        """Return an event within the caller's reach; refuse and record one beyond it as if it did not exist."""
        try:
            event = self._recorder.log.find(event_id)
        except NotFound:
            event = None
        if event is None or not caller.reaches(event.workspace):
            refusal = NotFound("there is no such event")
            raise self._recorder.refused(caller, "audit.search", refusal, Asked(target=str(event_id)))
        return event

    def _shown(self, caller: Caller, event: Event) -> Provable:
        found = visible(caller, self._recorder.log.disclosures([event.id]))
        return Provable(event, private_values(found, event.id))

    def open_history(self, caller: Caller, file_id: UUID) -> None:
        """Authorise a proof of a file's whole history, and record the read. Forbidden, NotFound."""
        file = self._recorder.authorised_file(caller, "file.history", file_id)
        self._reading.record_audit_read(caller, file.workspace, what="proof", file=str(file_id))

    def history(self, caller: Caller, stream: str, upto: int) -> Iterator[tuple[Sequence[Event], Disclosures]]:
        """Yield one stream of an opened history up to a position, a page at a time."""
        log, after = self._recorder.log, 0
        while found := log.events([stream], after=after, limit=PAGE):
            page = [event for event in found if event.position <= upto]
            if page:
                yield page, visible(caller, log.disclosures([event.id for event in page]))
            if len(page) < len(found):
                return
            after = found[-1].position

    def open_list(self, caller: Caller, workspace: str) -> None:
        """Authorise a proof of all events of a workspace, and record the read. Forbidden, NotFound."""
        self._recorder.require(caller, "audit.search", workspace)
        if workspace != SYSTEM_WORKSPACE:
            self._recorder.existing_workspace(caller, "audit.search", workspace)
        self._reading.record_audit_read(caller, workspace, what="proof", file=None)

    def open_log(self, caller: Caller, begin: int, end: int) -> None:
        """Authorise a proof of entries `begin` to `end` of the whole ledger, and record the read. Forbidden."""
        self._recorder.require(caller, "log.entries", None)
        self._reading.record_audit_read(
            caller, SYSTEM_WORKSPACE, what="proof", file=None, from_position=begin + 1, to_position=end
        )

    def open_entries(self, caller: Caller, first: int = 1) -> None:
        """Authorise reads of raw entries of the whole ledger, and record the read. Forbidden.

        Recorded once an hour for a reader that follows the log; a read of earlier entries is recorded again.
        """
        self._recorder.require(caller, "log.entries", None)
        self.reads.entries(caller, first)


def _says_more(shown: Provable) -> bool:
    """Tell whether a receipt shows more than the file's description: a reason, or the origin of a request."""
    return any(value.field not in OF_DESCRIPTIONS for value in shown.disclosures)


def private_values(disclosures: Disclosures, event_id: UUID) -> tuple[PrivateValue, ...]:
    """Return the values of an event that have not been erased."""
    found = disclosures.get(event_id, {})
    return tuple(
        PrivateValue(name, one.salt, one.value)
        for name, one in sorted(found.items())
        if one.salt is not None and one.value is not None
    )

"""Permissions to read content, and reads of the audit: nothing is shown before the event of the read is durable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from provenstore.domain.access.audit_reads import record_audit_read
from provenstore.domain.access.content_verification import require_undamaged
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.custody.file_history import EventDetails, details_by_event
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import Forbidden, Gone, NotFound, Refused, WrongState
from provenstore.domain.eventlog.caller import Caller, LinkUse, Operation
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Actor, Event
from provenstore.domain.eventlog.event_log import Disclosures, Lifecycle
from provenstore.domain.eventlog.recording import slug_of
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.files.destruction import certificate
from provenstore.domain.files.file import File, access_stream, file_stream, parts_stream, project
from provenstore.domain.files.private_files import may_touch, private_to_owner

ACCESS_PAGE = 1_000
"""Accesses read at a time, so that a popular file needs no more memory."""

_SEES_ALL_DISCLOSURES = frozenset({"admin", "approver", "auditor", "privacy", "records"})
OF_DESCRIPTIONS = frozenset({"filename", "related", "subjects", "metadata"})


@dataclass(frozen=True, slots=True)
class History:
    """A page of a file's history in log order, with the private values that the caller may see."""

    events: Sequence[Event]
    disclosures: Disclosures
    next: int | None
    """Position after which the next page begins; None on the last page."""
    details_by_event: Mapping[UUID, EventDetails] = field(default_factory=dict)
    """Details of each event by id; only for a page of `history`."""
    reach: Callable[[Actor], str | None] = lambda _: None
    """Returns an actor's reach: the workspace of its API key, or `system`."""
    key_reach: Callable[[str | None], str | None] = lambda _: None
    """Returns the same by credential id, None for no API key."""

    @property
    def workspace(self) -> str:
        """The workspace of the file."""
        return self.events[0].workspace


class AuthorisedReads:
    """Checks who may read content, and opens histories."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    def readable(
        self, caller: Caller, file_id: UUID, operation: Operation = "file.content", *, recent: bool = False
    ) -> File:
        """Return a file whose content the caller may read now; only refusals are recorded.

        `recent`: use this process's cached state if it permits the read; for reads whose record is guarded.
        """
        file = self._recorder.authorised_file(caller, operation, file_id, recent=recent)
        refusal = _refusal(caller, operation, file)
        if recent and (refusal is not None or file.damage is not None):
            return self.readable(caller, file_id, operation)
        if refusal is not None:
            self._recorder.deny(caller, file, operation, refusal)
            raise refusal
        require_undamaged(file)
        return file

    def history(self, caller: Caller, file_id: UUID, *, after: int = 0, limit: int = 1000) -> History:
        """Return a page of all events of a file; the read itself is recorded first."""
        file = self._recorder.authorised_file(caller, "file.history", file_id)
        self.record_audit_read(caller, file.workspace, what="history", file=str(file.id))
        log = self._recorder.log
        found = log.events(_streams(file_id), after=after, limit=limit + 1)
        events = found[:limit]
        # From the first event, since an event of the page may replace a value set before the page.
        lifecycle, before = log.events_with_private_values(file_stream(file_id))
        disclosures = visible(caller, {**before, **log.disclosures([event.id for event in events])})
        following = events[-1].position if len(found) > limit else None
        told_by = details_by_event(lifecycle, events, disclosures)
        return History(events, disclosures, following, told_by, self._recorder.reach_of)

    def lifecycle(self, caller: Caller, file_id: UUID, operation: Operation = "file.get") -> History:
        """Return a file's lifecycle events with private values, from which its current state is folded."""
        events, disclosures = self._recorder.authorised_history(caller, operation, file_id)
        reaches = self._recorder.reaches
        return History(events, visible(caller, disclosures), None, reach=reaches.of, key_reach=reaches.of_key)

    def glance(self, caller: Caller, lifecycle: Lifecycle) -> History | None:
        """Return the same as `lifecycle` for a file that was read already; None if any I/O is needed.

        None for a refusal, which must be recorded, and if the reach of an API key is not cached. Does no I/O, so that
        it may be called on an event loop.
        """
        recorder, events = self._recorder, lifecycle.events
        file = project(None, events)
        if file is None or not recorder.allows(caller, "file.get", file):
            return None
        reaches = recorder.reaches
        if any(reaches.known(event.actor) is None for event in events):
            return None
        disclosures = visible(caller, lifecycle.disclosures)
        return History(events, disclosures, None, reach=reaches.known, key_reach=reaches.known_key)

    def accesses(self, caller: Caller, file_id: UUID) -> Iterator[Event]:
        """Yield a file's accesses and refusals in log order, a page at a time; this read is not recorded."""
        self._recorder.authorised_file(caller, "file.get", file_id)
        yield from self.walk(access_stream(file_id))

    def walk(self, stream: str) -> Iterator[Event]:
        """Yield a stream's events in log order, a page at a time; for internal use, without authorisation."""
        after = 0
        while page := self._recorder.log.events([stream], after=after, limit=ACCESS_PAGE):
            yield from page
            after = page[-1].position

    def filename(self, file: File) -> str | None:
        """Return a file's current name, None if it has been erased."""
        disclosures = self._recorder.log.disclosures(file.private_events)
        for event_id in reversed(file.private_events):
            if (found := disclosures.get(event_id, {}).get("filename")) is not None:
                return None if found.value is None else cast(str, parse_canonical(found.value))
        return None

    def listable(self, caller: Caller, workspace: str | None) -> str | None:
        """Return the workspace that a list may show, None for all; Forbidden, or NotFound for a foreign one."""
        wanted = workspace if workspace is not None else caller.scope
        refusal: Refused | None = None
        if not self._recorder.permitted(caller, "file.list"):
            refusal = Forbidden("none of your roles allows file.list", operation="file.list")
        elif wanted is not None and (not caller.reaches(wanted) or slug_of(wanted) is None):
            refusal = NotFound("there is no such workspace")
        if refusal is not None:
            raise self._recorder.refused(caller, "file.list", refusal, Asked(target=slug_of(wanted)))
        return wanted

    def certificate(self, caller: Caller, file_id: UUID) -> dict[str, Json]:
        """Return the certificate of a file's destruction; the read is recorded."""
        file = self._recorder.authorised_file(caller, "file.certificate", file_id)
        events = self._recorder.log.events([file_stream(file_id)])
        disclosures = self._recorder.log.disclosures([event.id for event in events])
        content = certificate(file, events, visible(caller, disclosures), self._recorder.reach_of)
        self.record_audit_read(caller, file.workspace, what="certificate", file=str(file.id))
        return content

    def searchable(self, caller: Caller, workspace: str | None) -> str | None:
        """Return the workspace whose audit trail may be searched, None for all; Forbidden, NotFound."""
        wanted = workspace if workspace is not None else caller.scope
        self._recorder.require(caller, "audit.search", wanted)
        if wanted is not None and wanted != SYSTEM_WORKSPACE:
            self._recorder.existing_workspace(caller, "audit.search", wanted)
        return wanted

    def record_search(
        self,
        caller: Caller,
        workspace: str | None,
        *,
        file: UUID | None,
        asked: Mapping[str, object],
        shown: int | None = None,
    ) -> None:
        """Record a search of the audit trail of `workspace` (None: all), before the results are shown.

        Recorded in that workspace; a search for one file in the file's workspace, so that its officers see the search.
        """
        place = workspace if workspace is not None else SYSTEM_WORKSPACE
        said = {"conditions": asked, "shown": shown}
        within = self._workspace_of(file) if file is not None else None
        if within is None or workspace not in (None, within):
            self.record_audit_read(caller, place, what="search", file=None, **said)
        else:
            self.record_audit_read(caller, within, what="search", file=str(file), **said)

    def _workspace_of(self, file_id: UUID) -> str | None:
        """Return a file's workspace, None if the file does not exist."""
        found = self._recorder.find(file_stream(file_id), project)
        return None if found is None else found.workspace

    def record_audit_read(self, caller: Caller, workspace: str, **read: Any) -> None:
        """Record a read of the audit of `workspace`, before its result is shown; the fields are AuditRead's."""
        record_audit_read(self._recorder, caller, workspace, **read)


def _streams(file_id: UUID) -> list[str]:
    return [file_stream(file_id), parts_stream(file_id), access_stream(file_id)]


def link_ended(file: File, link: LinkUse) -> Gone | None:
    """Return why a link has ended: a deletion or expiry of the file after its issue, or its revocation; else None."""
    if link.issued_at < file.links_ended:
        return Gone("the link ended when the file was deleted; ask for another one", rule="link-ends-for-good")
    if link.id in {revoked for revoked, _ in file.revoked_links}:
        return Gone("the link was revoked", rule="link-revoked")
    return None


def _refusal(caller: Caller, operation: Operation, file: File) -> Refused | None:
    if caller.link is not None and (ended := link_ended(file, caller.link)) is not None:
        return ended
    if file.status in {"soft_deleted", "expired", "purged"}:
        return Gone(f"the file is {file.status.replace('_', ' ')}", status=file.status)
    if file.status != "stored":
        return WrongState(f"the file is {file.status}; there is no content", status=file.status)
    if file.access == "private" and not may_touch(caller, file):
        return private_to_owner(operation)
    return None


def sees_all(caller: Caller) -> bool:
    """Tell whether the caller may see every private value, reasons and holds included."""
    return bool(caller.roles & _SEES_ALL_DISCLOSURES) or caller.actor.kind == "system"


def visible(caller: Caller, disclosures: Disclosures) -> Disclosures:
    """Return the private values that the caller may see."""
    if sees_all(caller):
        return disclosures
    return {
        event: {name: value for name, value in fields.items() if name in OF_DESCRIPTIONS}
        for event, fields in disclosures.items()
    }

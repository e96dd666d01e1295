"""Erases private values: of one file, or all values recorded of a person, in every stream.

Life of an erasure, and what a crash leaves at each point:
 1. A preview counts the values to erase; the search is recorded first. Crash: nothing has happened.
 2. ErasureRequested, with the search term as a private value. Crash: it waits, and expires after seven days.
 3. ErasureApproved, by a second person, whose call waits some seconds for 4. Crash: background work does 4.
 4. The log is read up to its position at the request, page by page. Each stream with matching values gets an event that
    erases them, guarded like any other. A legal hold refuses this for its file, on record, and the rest continues.
    Crash: 4 again; erased values are not found again.
 5. ErasureCompleted counts the erased values, and erases the search term. Crash after this: nothing is left to do.
Values recorded after the request need another request. A value is erased as a whole: a list of persons that contains
the search term is erased entirely.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import groupby
from typing import cast
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.access.reads import OF_DESCRIPTIONS, AuthorisedReads
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import (
    Conflict,
    InvalidInput,
    LegalHold,
    NotFound,
    SecondPersonRequired,
    Unavailable,
)
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.eventlog.event_log import Erasure, Guard, IdempotencyKey, in_pages
from provenstore.domain.eventlog.event_types import CLIENT, Fact
from provenstore.domain.eventlog.refusals import ADDRESSES, Asked
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File, file_stream
from provenstore.domain.privacy import erasure_events as ee
from provenstore.domain.privacy import erasure_request as er
from provenstore.domain.privacy.erasure import OF_FILES, ErasedBy, StreamDataErased, streams_of
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants.second_person import Person

AT_ONCE = timedelta(seconds=10)
"""How long the approving request waits for the erasure to be carried out."""

PAGE = 500
"""Events read together; one erasing event covers only values of one page."""

_FROM_WHERE = CLIENT | {ADDRESSES}
"""Private values about the origin of a request."""

_OF_FILES = frozenset({"file", "parts", "access"})
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The values to erase: of one file, or values that contain `subject` or were recorded of `actor`, or both."""

    workspace: str | None = None  # None: in the whole ledger
    file: UUID | None = None
    subject: str | None = None
    actor: str | None = None
    fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Hide the subject."""
        return f"Wanted({self.workspace}, {self.file}, fields={self.fields})"


@dataclass(frozen=True, slots=True)
class Preview:
    """The values that an erasure would erase now."""

    upto: int
    found: tuple[ee.FoundValues, ...]
    files: int


@dataclass(frozen=True, slots=True)
class _Hit:
    """A private value to erase."""

    event: Event
    field: str


class _Late(Exception):
    """The time is up; background work erases the rest."""


class ErasureService:
    """Previews, requests, decides and carries out erasures. Holds ports only; safe to share between threads."""

    def __init__(self, recorder: Recorder, reading: AuthorisedReads) -> None:
        """Record with `recorder`; `reading` records searches for a person."""
        self._recorder = recorder
        self._reading = reading

    # -- asking --------------------------------------------------------------------------------------------

    def preview(self, caller: Caller, wanted: Wanted) -> Preview:
        """Count the values that would be erased, by stream kind and name; the search is recorded first."""
        place = self._authorised(caller, wanted)
        self._record_look(caller, wanted, place)
        return self._counted(wanted)

    def request(
        self, caller: Caller, wanted: Wanted, reason: str, key: IdempotencyKey | None = None
    ) -> er.ErasureRequest:
        """Request an erasure, which a second person approves; InvalidInput if it would erase nothing."""
        recorder = self._recorder
        text.require_reason(reason)
        place = self._authorised(caller, wanted)
        if (known := recorder.recall(key)) is not None:
            return self._load(known.events[0].stream)
        counted = self._counted(wanted)
        if not counted.found:
            self._record_look(caller, wanted, place)  # other searches are recorded by their request
            raise InvalidInput(
                "subject" if wanted.file is None else "fields", "was not found; there is nothing to erase"
            )
        erasure = str(recorder.entropy.event_id())
        data = ee.ErasureRequested(
            erasure=erasure,
            file=str(wanted.file) if wanted.file else None,
            actor=wanted.actor,
            fields=tuple(sorted(wanted.fields)),
            upto=counted.upto,
            found=counted.found,
            files=counted.files,
        )
        private: dict[str, Json] = {"reason": reason}
        if wanted.subject is not None:
            private[ee.SUBJECT] = wanted.subject
        stream = er.erasure_stream(erasure)
        fact = Fact(data, private, decision="erasure-awaits-second-person/1")
        drafts = recorder.drafts(caller, stream, place, [fact])
        appended = recorder.append(caller, drafts, expected=[Guard(stream, 0)], key=key)
        if appended.replayed:
            return self._load(appended.events[0].stream)
        return recorder.folded(er.project, None, drafts, appended)

    def _record_look(self, caller: Caller, wanted: Wanted, place: str) -> None:
        asked = [name for name in ("actor", "subject") if getattr(wanted, name) is not None]
        file = str(wanted.file) if wanted.file else None
        self._reading.record_audit_read(caller, place, what="search", file=file, by=tuple(asked))

    def _authorised(self, caller: Caller, wanted: Wanted) -> str:
        """Return the workspace that records the request, if the caller may make it; refusals are recorded."""
        if wanted.file is not None:
            file = self._recorder.authorised_file(caller, "file.erase", wanted.file)
            if not wanted.fields or not set(wanted.fields) <= set(OF_FILES):
                raise InvalidInput("fields", f"takes one or more of {' '.join(OF_FILES)}")
            if file.held:
                refusal = LegalHold("a legal hold on the file refuses erasure", rule="hold-refuses-erasure")
                self._recorder.deny(caller, file, "file.erase", refusal)
                raise refusal
            return file.workspace
        self._recorder.require(caller, "erasure.request", wanted.workspace)
        if wanted.workspace is not None:
            self._recorder.existing_workspace(caller, "erasure.request", wanted.workspace)
        if wanted.subject is None and wanted.actor is None:
            raise InvalidInput("subject", "is missing; name whom or what to erase: a value, an actor, or a file")
        if wanted.subject is not None:
            text.require_text("subject", wanted.subject, text.MAX_ID_BYTES)
        return wanted.workspace or SYSTEM_WORKSPACE

    # -- deciding ------------------------------------------------------------------------------------------

    def approve(
        self, caller: Caller, erasure: UUID, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> er.ErasureRequest:
        """Approve as a second person, and carry it out; the rest is done in the background if it takes too long."""
        state = self._decided(
            caller,
            "erasure.approve",
            erasure,
            lambda state, person: er.approve(
                state, self._recorder.first_person(state.requested), person, self._recorder.clock.now(), reason
            ),
            key,
        )
        try:
            return self.carry_out(caller, state, until=self._recorder.clock.now() + AT_ONCE)
        except Unavailable:
            return state

    def reject(
        self, caller: Caller, erasure: UUID, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> er.ErasureRequest:
        """Reject a request, or withdraw one's own; the search term is erased with it."""
        return self._decided(
            caller,
            "erasure.approve",
            erasure,
            lambda state, _: er.reject(state, caller.actor, self._recorder.clock.now(), reason),
            key,
        )

    def _decided(
        self,
        caller: Caller,
        operation: Operation,
        erasure: UUID,
        decide: Callable[[er.ErasureRequest, Person], Sequence[Fact]],
        key: IdempotencyKey | None,
    ) -> er.ErasureRequest:
        recorder = self._recorder

        def attempt(_: bool) -> er.ErasureRequest:
            state = self.reached(caller, operation, erasure)
            if recorder.recall(key) is not None:
                return state
            person = recorder.person(caller.actor)
            try:
                facts = decide(state, person)
            except SecondPersonRequired as refusal:
                raise recorder.refused(caller, operation, refusal, Asked(target=state.id)) from None
            return self._append(caller, state, facts, key, caller.unguarded(person.reads)) if facts else state

        return recorder.attempts(caller, "the erasure", attempt)

    def _append(
        self,
        caller: Caller,
        state: er.ErasureRequest,
        facts: Sequence[Fact],
        key: IdempotencyKey | None = None,
        reads: Sequence[Guard] = (),
    ) -> er.ErasureRequest:
        """Record facts of a request; a fact that ends it erases the search term."""
        recorder = self._recorder
        over = any(fact.data.ERASES for fact in facts)
        held = recorder.log.disclosures([state.event]).get(state.event, {})
        erase = [Erasure(state.event, ee.SUBJECT)] if over and ee.SUBJECT in held else []
        drafts = recorder.drafts(caller, state.stream, state.workspace, facts)
        appended = recorder.append(
            caller, drafts, expected=[Guard(state.stream, state.version)], reads=reads, erase=erase, key=key
        )
        return self._load(state.stream) if appended.replayed else recorder.folded(er.project, state, drafts, appended)

    def _load(self, stream: str) -> er.ErasureRequest:
        try:
            return self._recorder.log.load(stream, er.project)
        except NotFound:
            raise NotFound("there is no such erasure") from None

    def reached(self, caller: Caller, operation: Operation, erasure: UUID) -> er.ErasureRequest:
        """Return a request if the caller may perform the operation on it; refusals are recorded.

        Checks roles first: a caller without the role does not learn whether the request exists.
        """
        self._recorder.require(caller, operation, caller.scope)
        state = self._recorder.find(er.erasure_stream(str(erasure)), er.project)
        if state is None or not caller.reaches(state.workspace):
            refusal = NotFound("there is no such erasure")
            raise self._recorder.refused(caller, operation, refusal, Asked(target=str(erasure)))
        return state

    def find(self, caller: Caller, erasure: UUID) -> er.ErasureRequest:
        """Return a request."""
        return self.reached(caller, "erasure.get", erasure)

    def requests(self, caller: Caller, *, after: UUID | None = None, limit: int = 100) -> Sequence[er.ErasureRequest]:
        """Return up to `limit` requests within reach, oldest first, after the one of id `after`."""
        self._recorder.require(caller, "erasure.get", caller.scope)
        first = _FIRST if after is None else UUID(int=after.int + 1)
        log = self._recorder.log
        ids = log.ids("erasure", first, _LAST, workspace=caller.scope, limit=limit)
        return [self._load(er.erasure_stream(str(one))) for one in ids]

    # -- carrying out --------------------------------------------------------------------------------------

    def due(self) -> Iterator[er.ErasureRequest]:
        """Yield the requests that background work must continue or end."""
        now, after = self._recorder.clock.now(), _FIRST
        while ids := self._recorder.log.ids("erasure", after, _LAST, workspace=None, limit=PAGE):
            for one in ids:
                state = self._load(er.erasure_stream(str(one)))
                over = state.completed is not None or state.rejected is not None
                if not over and (state.approved is not None or now >= state.expires_at):
                    yield state
            after = UUID(int=ids[-1].int + 1)

    def settle(self, caller: Caller, state: er.ErasureRequest) -> er.ErasureRequest:
        """Do the work due for a request, as the system; safe to repeat and to run concurrently."""
        if facts := er.expire(state, self._recorder.clock.now()):
            try:
                return self._append(self._recorder.system(caller), state, facts)
            except Conflict:
                return self._load(state.stream)
        return self.carry_out(caller, state)

    def carry_out(
        self, caller: Caller, state: er.ErasureRequest, *, until: datetime | None = None
    ) -> er.ErasureRequest:
        """Erase the values of an approved request, and report them; see the module's numbered life.

        Background work does what is not done at `until`. SecondPersonRequired if the approval is not valid.
        """
        if state.approved is None or state.completed is not None:
            return state
        if (because := self._objection(state)) is not None:
            said = f"the erasure does not start: {because}"
            raise SecondPersonRequired(said, rule="erasure-start-checks-approval")
        system = self._recorder.system(caller)
        held: set[UUID] = set()
        try:
            for hits in self._hits(self._wanted(state), state.asked.upto, until):
                self._erase(system, state, hits, held, until)
        except _Late:
            return state
        try:
            return self._append(system, state, [Fact(self._report(state, len(held)))])
        except Conflict:
            return self._load(state.stream)  # another process has completed it

    def _objection(self, state: er.ErasureRequest) -> str | None:
        """Return why the recorded approval is not valid, by the log at that time; None if it is."""
        if state.approved is None:
            return "nobody has approved it"
        recorder, by = self._recorder, state.approved.by
        key = None if by.credential is None else recorder.find(cr.credential_stream(by.credential), cr.project)
        approver = recorder.person(by, until=state.approved.position)
        return er.approval_objection(state, recorder.first_person(state.requested), approver, key)

    def _wanted(self, state: er.ErasureRequest) -> Wanted:
        found = self._recorder.log.disclosures([state.event]).get(state.event, {}).get(ee.SUBJECT)
        subject = None if found is None or found.value is None else cast(str, parse_canonical(found.value))
        asked = state.asked
        return Wanted(
            workspace=None if state.workspace == SYSTEM_WORKSPACE else state.workspace,
            file=UUID(asked.file) if asked.file else None,
            subject=subject,
            actor=asked.actor,
            fields=asked.fields,
        )

    def _require_early(self, until: datetime | None) -> None:
        if until is not None and self._recorder.clock.now() >= until:
            raise _Late

    def _erase(
        self,
        system: Caller,
        state: er.ErasureRequest,
        hits: Sequence[_Hit],
        held: set[UUID],
        until: datetime | None,
    ) -> None:
        """Erase the values of one page, stream by stream."""
        for stream, found in groupby(sorted(hits, key=_home), key=_home):
            self._require_early(until)
            one = list(found)
            if stream.startswith("file:"):
                file_id = UUID(stream.partition(":")[2])
                if file_id not in held and not self._erase_of_file(system, state, file_id, one):
                    held.add(file_id)
            else:
                data = StreamDataErased(
                    fields=_fields(one), events=len(_positions(one)), positions=_positions(one), erasure=state.id
                )
                drafts = self._recorder.drafts(system, stream, one[0].event.workspace, [Fact(data)])
                self._recorder.append(system, drafts, erase=_erasures(one))

    def _erase_of_file(self, system: Caller, state: er.ErasureRequest, file_id: UUID, hits: Sequence[_Hit]) -> bool:
        """Erase values of a file, and tell whether that was done; a refusal by a legal hold is recorded."""
        try:
            self._recorder.change(
                system,
                "file.erase",
                file_id,
                lambda file, now: c.ErasePersonalData(
                    by=system.actor,
                    now=now,
                    fields=_fields(hits),
                    events=len(_positions(hits)),
                    reason=None,
                    positions=_positions(hits),
                    emptied=self._emptied(file, hits),
                    erasure=state.id,
                ),
                erase=lambda _: _erasures(hits),
            )
        except LegalHold:
            return False
        return True

    def _emptied(self, file: File, hits: Sequence[_Hit]) -> tuple[str, ...]:
        """Return the fields whose current value is erased, which readers of the file must no longer see."""
        going = {(hit.event.id, hit.field) for hit in hits}
        disclosures = self._recorder.log.disclosures(file.private_events)
        present: dict[str, UUID] = {}
        for event_id in file.private_events:
            present |= dict.fromkeys(disclosures.get(event_id, {}), event_id)
        described = {name for name, event_id in present.items() if (event_id, name) in going}
        others = {hit.field for hit in hits if hit.event.stream == file.stream and hit.field not in OF_DESCRIPTIONS}
        return tuple(sorted(described | others))

    # -- looking -------------------------------------------------------------------------------------------

    def _counted(self, wanted: Wanted) -> Preview:
        upto = self._recorder.log.position()
        counts: Counter[tuple[str, str]] = Counter()
        files: set[str] = set()
        for hits in self._hits(wanted, upto):
            counts.update((_kind(hit.event), hit.field) for hit in hits)
            files |= {_home(hit) for hit in hits if _kind(hit.event) in _OF_FILES}
        return Preview(upto, _found(counts), len(files))

    def _hits(self, wanted: Wanted, upto: int, until: datetime | None = None) -> Iterator[Sequence[_Hit]]:
        """Yield the values to erase, page by page of the log, without values that are erased already.

        Raises _Late once `until` has passed.
        """
        events = in_pages(self._recorder.log, page=PAGE) if wanted.file is None else self._of_file(wanted.file)
        spellings = _spellings(wanted.subject)
        page: list[Event] = []
        for number, event in enumerate(events):
            if event.position > upto:
                break
            if number % PAGE == 0:
                self._require_early(until)
            if event.private and _kind(event) != "erasure" and wanted.workspace in (None, event.workspace):
                page.append(event)
            if len(page) == PAGE:
                yield self._matching(wanted, spellings, page)
                page = []
        if page:
            yield self._matching(wanted, spellings, page)

    def _of_file(self, file_id: UUID) -> Iterator[Event]:
        found: list[Event] = []
        for stream in streams_of(file_stream(file_id)):
            found += self._reading.walk(stream)
        return iter(sorted(found, key=lambda event: event.position))

    def _matching(self, wanted: Wanted, spellings: frozenset[str], page: Sequence[Event]) -> list[_Hit]:
        disclosures = self._recorder.log.disclosures([event.id for event in page])
        return [
            _Hit(event, name)
            for event in page
            for name, one in disclosures.get(event.id, {}).items()
            if one.value is not None
            and (not wanted.fields or name in wanted.fields)
            and (
                wanted.file is not None
                or _of_actor(wanted.actor, event, name)
                or _says(parse_canonical(one.value), spellings)
            )
        ]

    def _report(self, state: er.ErasureRequest, held: int) -> ee.ErasureCompleted:
        """Return what was erased for a request, from the log, including erasures by a process that crashed."""
        log = self._recorder.log
        start = state.approved.position if state.approved else 0
        erased: list[tuple[int, str]] = []
        for event in in_pages(log, after=start):
            if isinstance(event.data, ErasedBy) and event.data.erasure == state.id:
                erased += log.erased([event.id]).get(event.id, ())
        erased.sort()
        positions = {position for position, _ in erased}
        kinds = {event.position: _kind(event) for event in _at(log.read, positions)}
        counts = Counter((kinds[position], field) for position, field in erased)
        lines = "".join(f"{position} {field}\n" for position, field in erased)
        return ee.ErasureCompleted(
            erasure=state.id, found=_found(counts), held=held, list_sha256=hashlib.sha256(lines.encode()).hexdigest()
        )


def _at(read: Callable[[int, int], Sequence[Event]], positions: set[int]) -> Iterator[Event]:
    """Yield the events at these positions, reading only the pages that contain one."""
    left = sorted(positions)
    while left:
        page = {event.position: event for event in read(left[0] - 1, PAGE)}
        yield from (page[position] for position in left if position in page)
        left = [position for position in left if position not in page]


def _kind(event: Event) -> str:
    return event.stream.partition(":")[0]


def _home(hit: _Hit) -> str:
    """Return the stream in which the erasure of a value is recorded."""
    kind, _, name = hit.event.stream.partition(":")
    return f"file:{name}" if kind in _OF_FILES else hit.event.stream


def _fields(hits: Sequence[_Hit]) -> tuple[str, ...]:
    return tuple(sorted({hit.field for hit in hits}))


def _positions(hits: Sequence[_Hit]) -> tuple[int, ...]:
    return tuple(sorted({hit.event.position for hit in hits}))


def _erasures(hits: Sequence[_Hit]) -> list[Erasure]:
    return [Erasure(hit.event.id, hit.field) for hit in hits]


def _found(counts: Counter[tuple[str, str]]) -> tuple[ee.FoundValues, ...]:
    return tuple(ee.FoundValues(kind=kind, field=field, values=counts[kind, field]) for kind, field in sorted(counts))


def _of_actor(actor: str | None, event: Event, name: str) -> bool:
    """Tell whether a value was recorded of an actor: the origin of its requests, or its identity."""
    if actor is None:
        return False
    if _kind(event) == "actor":
        return getattr(event.data, "actor", None) == actor and (name not in _FROM_WHERE or event.actor.id == actor)
    return event.actor.id == actor and name in _FROM_WHERE


def _spellings(subject: str | None) -> frozenset[str]:
    """Return the spellings in which a value may be stored: as given, and for an IP address its canonical form."""
    if subject is None:
        return frozenset()
    try:
        return frozenset({subject, str(ip_address(subject))})
    except ValueError:
        return frozenset({subject})


def _says(value: Json, spellings: frozenset[str]) -> bool:
    """Tell whether a private value equals or contains one of these."""
    if isinstance(value, str):
        return value in spellings
    if isinstance(value, dict):
        return any(_says(one, spellings) for one in value.values())
    return isinstance(value, list) and any(_says(one, spellings) for one in value)

"""Requests to erase, for HTTP and the CLI alike: who asked and agreed, when and why, and what keeps the file.

What a request searches for is in none of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from provenstore.api.contract import views
from provenstore.api.services import Services
from provenstore.domain.access.reads import visible
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.eventlog.event_log import Disclosures, IdempotencyKey, disclosed
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.eventlog.on_record import recording
from provenstore.domain.files.file import file_stream
from provenstore.domain.privacy.erasure_events import ErasureCompleted, ErasureRejected
from provenstore.domain.privacy.erasure_request import ErasureRequest
from provenstore.domain.removal.erasures import Wanted
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.row import FileRow, holds_json


@dataclass(slots=True)
class _Told:
    """Events by stream, with their private values."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    disclosures: Disclosures = field(default_factory=dict)


def one(services: Services, caller: Caller, erasure: UUID) -> dict[str, Json]:
    """Return a request; that its reasons are read is recorded before."""
    return _shown(services, caller, [services.ledger.find_erasure(caller, erasure)])[0]


def page(services: Services, caller: Caller, *, after: UUID | None, limit: int) -> dict[str, Json]:
    """Return requests, oldest first; `next` goes into `after`, null at the end."""
    found = services.ledger.list_erasures(caller, after=after, limit=limit + 1)
    shown = _shown(services, caller, found[:limit])
    return {"erasures": [*shown], "next": found[limit - 1].id if len(found) > limit else None}


def request(
    services: Services, caller: Caller, wanted: Wanted, reason: str, key: IdempotencyKey | None = None
) -> dict[str, Json]:
    """Ask for an erasure and return the request."""
    streams = []
    if wanted.file is not None:
        services.ledger.recorder.authorised_file(caller, "file.erase", wanted.file)  # before any of it is read
        streams = [file_stream(wanted.file)]
    return _after(services, caller, streams, lambda: services.ledger.request_erasure(caller, wanted, reason, key))


def decide(
    services: Services,
    caller: Caller,
    erasure: UUID,
    *,
    decision: Literal["approve", "reject"],
    reason: str | None,
    key: IdempotencyKey | None = None,
) -> dict[str, Json]:
    """Approve or reject a request and return it."""
    act = services.ledger.approve_erasure if decision == "approve" else services.ledger.reject_erasure
    known = services.ledger.erasing.reached(caller, "erasure.approve", erasure)  # before any of it is read
    streams = [known.stream] if known.asked.file is None else [known.stream, f"file:{known.asked.file}"]
    return _after(services, caller, streams, lambda: act(caller, erasure, reason, key))


def _after(
    services: Services, caller: Caller, streams: Sequence[str], command: Callable[[], ErasureRequest]
) -> dict[str, Json]:
    """Carry out a command and return its request, from what was read before and what the command has recorded.

    Who has just acted gave the reasons, or decided by them: that they are shown is no reading of its own.
    """
    told = _read(services, streams)
    services.ledger.recorder.reaches.of(caller.actor)
    with recording() as scope:
        state = command()
    needed = [state.stream, *([] if state.asked.file is None else [f"file:{state.asked.file}"])]
    for stream in needed:
        told.events[stream] = [*told.events.get(stream, []), *scope.events(stream)]
    told.disclosures = scope.disclosures(told.disclosures)
    if len(told.events[state.stream]) != state.version or not all(_whole(told.events[one]) for one in needed):
        told = _read(services, needed)  # somebody else has recorded something in between
    return _json(services, caller, state, told)


def _whole(events: Sequence[Event]) -> bool:
    return [event.version for event in events] == list(range(1, len(events) + 1))


def _shown(services: Services, caller: Caller, states: Sequence[ErasureRequest]) -> list[dict[str, Json]]:
    streams = [state.stream for state in states]
    told = _read(services, [*streams, *{f"file:{state.asked.file}" for state in states if state.asked.file}])
    found = [_json(services, caller, state, told) for state in states]
    places = {state.workspace for state in states}
    place = places.pop() if len(places) == 1 else caller.scope or SYSTEM_WORKSPACE
    one = states[0].id if len(states) == 1 else None
    services.ledger.audit_reads.shown(caller, place, "erasure", [*found], erasure=one)
    return found


def _read(services: Services, streams: Sequence[str]) -> _Told:
    """Return the events of streams: in two exchanges, however many there are."""
    if not streams:
        return _Told()
    log, told = services.ledger.log, _Told()
    events = log.events(streams)
    told.disclosures = log.disclosures([event.id for event in events])
    for event in events:
        told.events.setdefault(event.stream, []).append(event)
    for actor in {event.actor for event in events}:
        services.ledger.recorder.reaches.of(actor)
    return told


def _json(services: Services, caller: Caller, state: ErasureRequest, told: _Told) -> dict[str, Json]:
    now, asked, done = services.clock.now(), state.asked, state.completed
    events = told.events.get(state.stream, [])
    disclosures = visible(caller, told.disclosures)
    reaches = services.ledger.recorder.reaches
    why = {event.position: disclosed(disclosures, event.id, parse_canonical).get("reason") for event in events}
    row: FileRow | None = None
    if asked.file is not None:
        row = fold_file(told.events.get(f"file:{asked.file}", []), disclosures)
    persons = views.two_persons(state.requested, state.approved, lambda act: why.get(act.position), reaches.known)
    return {
        "id": state.id,
        "workspace": state.workspace,
        "file_id": asked.file,
        "filename": row.filename if row else None,
        "legal_holds": holds_json(row, reaches.known_key) if row else [],
        "actor": asked.actor,
        "fields": list(asked.fields),
        "status": state.status(now),
        **persons,
        "expires_at": format_time(state.expires_at),
        **_end(services, events, why),
        "found": views.found_json(asked.found),
        "files": asked.files,
        "report": None
        if done is None
        else {
            "found": views.found_json(done.found),
            "values": sum(one.values for one in done.found),
            "files_held": done.held,
            "list_sha256": done.list_sha256,
        },
    }


def _end(services: Services, events: Sequence[Event], why: dict[int, Json]) -> dict[str, Json]:
    """Return who ended a request, when and why; null while it is not over."""
    for event in events:
        if isinstance(event.data, ErasureRejected | ErasureCompleted):
            return {
                "ended_by": event.actor.id,
                "ended_by_reach": services.ledger.recorder.reaches.known(event.actor),
                "ended_at": format_time(event.time),
                "end_reason": why.get(event.position),
            }
    return {"ended_by": None, "ended_by_reach": None, "ended_at": None, "end_reason": None}

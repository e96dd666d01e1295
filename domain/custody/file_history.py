"""The details of a file's events as its history shows them: data, replaced values, and the file name at that time.

Pure. Shows only the private values that are passed in: the caller's permissions are checked before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.eventlog.details import public_details
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.domain.eventlog.event_types import CLIENT

_ELSEWHERE: Final = CLIENT | {"reason"}
"""Private values that are shown beside the details."""


@dataclass(frozen=True, slots=True)
class EventDetails:
    """The details of one event, and the file's name at that time."""

    details: Mapping[str, Json]
    filename: str | None


def details_by_event(
    lifecycle: Sequence[Event], shown: Iterable[Event], disclosures: Disclosures
) -> Mapping[UUID, EventDetails]:
    """Return the details of each event in `shown` by id; both in log order, `lifecycle` from the file's first event."""
    found: dict[UUID, EventDetails] = {}
    state: dict[str, Json] = {}
    holds: dict[Json, dict[str, Json]] = {}
    wanted = {event.id: event for event in shown}
    for event in sorted({**{one.id: one for one in lifecycle}, **wanted}.values(), key=lambda one: one.position):
        private, details = _private(event, disclosures), public_details(event.data)
        if event.data.REPLACES:
            details |= {"was": {name: state.get(name) for name in private}, "became": private}
        else:
            details |= private
        hold = details.get("hold")
        if isinstance(hold, str):
            held = holds.setdefault(hold, {name: private[name] for name in ("name", "matter") if name in private})
            details |= held
        if event.stream.startswith("file:"):
            state |= private
        if event.id in wanted:
            name = state.get("filename")
            found[event.id] = EventDetails(details, name if isinstance(name, str) else None)
    return found


def _private(event: Event, disclosures: Disclosures) -> dict[str, Json]:
    """Return an event's private values from `disclosures`, None for erased ones."""
    values = disclosures.get(event.id, {})
    return {
        name: None if one.value is None else parse_canonical(one.value)
        for name, one in sorted(values.items())
        if name not in _ELSEWHERE
    }

"""Which events operators decided to leave out of a read model, as the log itself says: every fold honours them.

A skip is bound to a version: a fold that was mended takes the event.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.system.projection_events import PROJECTIONS, EventSkipped

Skips = Mapping[tuple[str, int], frozenset[int]]
"""Positions of events by name and version of the read model that leaves them out."""


def no_skips() -> Skips:
    """Return that nothing was skipped."""
    return {}


class StreamReader(Protocol):
    """What is needed of the `EventLog`."""

    def events(self, streams: Sequence[str], *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the events of these streams merged in log order, positions above `after`."""


def skips(log: StreamReader) -> Skips:
    """Return all that was skipped so far; an event that cannot be read decides nothing."""
    found: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for event in _readable(log):
        if isinstance(event.data, EventSkipped):
            found[event.data.projection, event.data.projection_version].add(event.data.position)
    return {key: frozenset(positions) for key, positions in found.items()}


def _readable(log: StreamReader) -> Iterator[Event]:
    """Pass through what can be read of the decisions: at once, or where something cannot be, one by one."""
    after, limit = 0, None
    while True:
        try:
            events = log.events([PROJECTIONS], after=after, limit=limit)
        except IntegrityViolated as exc:
            at = exc.details.get("position")
            if limit is None:
                limit = 1
            elif isinstance(at, int) and at > after:
                after = at
            else:
                raise
            continue
        yield from events
        if limit is None or not events:
            return
        after = events[-1].position

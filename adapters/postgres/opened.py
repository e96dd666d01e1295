"""Streams as they are read for an answer: events with their private values, opened from the rows of both.

Opening checks every row against its bytes, and the chain of the stream. What was opened a moment ago serves again as
long as the database returns the very same rows, which are compared byte by byte: there is nothing new to check then.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from provenstore.adapters.postgres.event_rows import EventRow, to_event
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosure, Lifecycle

Rows = Sequence[tuple[Any, ...]]

MAX_STREAMS: Final = 1_024
MAX_ROWS: Final = 64
"""Streams kept as opened, and the rows of the longest of them: some 50 KB at most, mostly 5."""


def opened(rows: Rows) -> Lifecycle:
    """Return the stream that these rows are; IntegrityViolated where one is missing or altered."""
    events: dict[int, Event] = {}
    found: dict[UUID, dict[str, Disclosure]] = {}
    for *columns, field, salt, value, erased_by in rows:
        row = EventRow.of(tuple(columns))
        if row.id not in events:
            events[row.id] = to_event(row)
        if field is not None:
            found.setdefault(row.event_id, {})[field] = Disclosure(salt, value, erased_by)
    return Lifecycle(list(chained(events.values())), found)


class OpenedStreams:
    """Streams as they were opened last, with the rows that they were opened from. Thread safe, bounded."""

    def __init__(self, limit: int = MAX_STREAMS) -> None:
        """Know none, and later at most `limit`."""
        self._limit = limit
        self._known: OrderedDict[str, tuple[Rows, Lifecycle]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, stream: str, rows: Rows) -> Lifecycle:
        """Return the stream that these rows are: the same object while they are the same."""
        with self._lock:
            known = self._known.get(stream)
        if known is not None and known[0] == rows:
            return known[1]
        found = opened(rows)
        if len(rows) <= MAX_ROWS:
            with self._lock:
                self._known[stream] = (rows, found)
                self._known.move_to_end(stream)
                if len(self._known) > self._limit:
                    self._known.popitem(last=False)
        return found


def chained(events: Iterable[Event], version: int = 0, previous: str | None = None) -> Iterator[Event]:
    """Pass a stream's events after `version` through, checking that none is missing and each names the one before."""
    for expected, event in enumerate(events, start=version + 1):
        if event.version != expected or event.prev != previous:
            raise IntegrityViolated("the stream's chain is broken", position=event.position, stream=event.stream)
        previous = event.leaf.hex()
        yield event

"""Deduplication: identical occurrences within a window count as one.

Kept in memory only. The first occurrence is recorded at once. Repetitions within the window are counted, and the counts
are drained every few seconds. A crash loses at most the counts since the last drain, never a first occurrence.
"""

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Generic, TypeVar

Payload = TypeVar("Payload")

MAX_OPEN_WINDOWS = 10_000
"""Beyond this nothing more is merged, so that hostile variety costs events, not memory."""


MAX_NOTED = 1_000
"""Different values of one name that a window keeps between two drains; further values are dropped."""

TURNS = 256
"""Locks that keys share: a key that shares one with a first occurrence waits milliseconds until that is recorded."""


@dataclass(slots=True)
class _Window(Generic[Payload]):
    since: datetime
    payload: Payload
    repeated: int = 0
    noted: dict[str, dict[Hashable, None]] = field(default_factory=dict)

    def count(self, notes: Mapping[str, Hashable]) -> None:
        """Count one repetition, with its notes."""
        self.repeated += 1
        for name, value in notes.items():
            known = self.noted.setdefault(name, {})
            if value is not None and len(known) < MAX_NOTED:
                known[value] = None


@dataclass(frozen=True, slots=True)
class Repeated(Generic[Payload]):
    """A payload repeated since the last drain, its count, and the different noted values, in order."""

    payload: Payload
    count: int
    noted: Mapping[str, tuple[Hashable, ...]] = field(default_factory=dict)


NO_NOTES: Final[Mapping[str, Hashable]] = MappingProxyType({})


class WindowedCounter(Generic[Payload]):
    """Counts repetitions of a key within `window` of its first occurrence. Thread safe."""

    def __init__(self, window: timedelta) -> None:
        """Start empty."""
        self._window = window
        self._open: dict[Hashable, _Window[Payload]] = {}
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def is_first(
        self, key: Hashable, payload: Payload, now: datetime, notes: Mapping[str, Hashable] = NO_NOTES
    ) -> bool:
        """Tell whether this occurrence opens a window and must be recorded; `notes` are kept for repetitions."""
        with self._lock:
            known = self._open.get(key)
            if known is not None and now - known.since < self._window:
                known.count(notes)
                return False
            if known is None and len(self._open) >= MAX_OPEN_WINDOWS:
                return True
            self._open[key] = _Window(now, payload, known.repeated, known.noted) if known else _Window(now, payload)
            return True

    def once(
        self,
        key: Hashable,
        payload: Payload,
        now: datetime,
        record: Callable[[], None],
        notes: Mapping[str, Hashable] = NO_NOTES,
    ) -> None:
        """Return once the first occurrence is recorded, by `record` here or by an earlier caller.

        Repetitions wait while it is being recorded: they count for nothing if that fails.
        """
        with self._turns[hash(key) % TURNS]:
            if not self.is_first(key, payload, now, notes):
                return
            try:
                record()
            except BaseException:
                self.forget(key)
                raise

    def forget(self, key: Hashable) -> None:
        """Close a window whose first occurrence could not be recorded."""
        with self._lock:
            self._open.pop(key, None)

    def drain(self, now: datetime) -> list[Repeated[Payload]]:
        """Return the repetitions since the last drain, reset the counts, and close windows that are over."""
        with self._lock:
            found = [
                Repeated(one.payload, one.repeated, {name: tuple(values) for name, values in one.noted.items()})
                for one in self._open.values()
                if one.repeated
            ]
            for key, one in list(self._open.items()):
                one.repeated, one.noted = 0, {}
                if now - one.since >= self._window:
                    del self._open[key]
        return found

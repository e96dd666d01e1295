"""Merging what repeats: identical occurrences within a window count as one.

Holds memory only. The first occurrence is recorded at once; what repeats within the window is counted, and the counts
are drained every few seconds. A crash loses at most the counts since the last drain, never a first occurrence.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Payload = TypeVar("Payload")

MAX_OPEN_WINDOWS = 10_000
"""Beyond this nothing is merged any more, so that hostile variety costs events, not memory."""


TURNS = 256
"""Locks that keys share: whoever shares one with a first occurrence waits until that is recorded, for milliseconds."""


@dataclass(slots=True)
class _Window(Generic[Payload]):
    since: datetime
    payload: Payload
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Repeated(Generic[Payload]):
    """What has come again since the last drain, and how often."""

    payload: Payload
    count: int


class Merger(Generic[Payload]):
    """Counts repetitions of a key within `window` of its first occurrence. Thread safe."""

    def __init__(self, window: timedelta) -> None:
        """Start with nothing remembered."""
        self._window = window
        self._open: dict[Hashable, _Window[Payload]] = {}
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def is_first(self, key: Hashable, payload: Payload, now: datetime) -> bool:
        """Tell whether this occurrence opens a window and must be recorded itself."""
        with self._lock:
            known = self._open.get(key)
            if known is not None and now - known.since < self._window:
                known.repeated += 1
                return False
            if known is None and len(self._open) >= MAX_OPEN_WINDOWS:
                return True
            repeated = known.repeated if known else 0
            self._open[key] = _Window(now, payload, repeated)
            return True

    def once(self, key: Hashable, payload: Payload, now: datetime, record: Callable[[], None]) -> None:
        """Return when a first occurrence is recorded, by `record` here or by whoever came before.

        Nobody passes while it is being recorded: a repetition stands for nothing if that fails.
        """
        with self._turns[hash(key) % TURNS]:
            if not self.is_first(key, payload, now):
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
        """Return what was repeated since the last drain, and begin to count from zero; close windows that are over."""
        with self._lock:
            found = [Repeated(one.payload, one.repeated) for one in self._open.values() if one.repeated]
            for key, one in list(self._open.items()):
                one.repeated = 0
                if now - one.since >= self._window:
                    del self._open[key]
        return found

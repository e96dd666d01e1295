"""Recently recorded reads, by reader: a repeated read is merged into the recorded one.

Kept in memory only, with room for every reader: a reader with many different reads evicts its own, never those of a
reader with few. Eviction causes more events, never fewer.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_REMEMBERED = 10_000
"""Reads remembered in total; beyond this, the oldest read of the reader with the most is evicted."""

MAX_OF_ONE = 1_000
"""Reads remembered per reader: more than a person paging through results makes in a minute."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    at: datetime
    first: int
    lasts: timedelta


class RememberedReads:
    """The recent reads of each reader, oldest first. Thread safe."""

    def __init__(self) -> None:
        """Start empty."""
        self._of: dict[str, dict[Hashable, _Recorded]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of remembered reads."""
        return sum(map(len, self._of.values()))

    def find(self, reader: str, what: Hashable) -> tuple[datetime | None, int]:
        """Return when a read was recorded and its first position; (None, 0) if it is not remembered."""
        with self._lock:
            found = self._of.get(reader, {}).get(what)
        return (None, 0) if found is None else (found.at, found.first)

    def keep(self, reader: str, what: Hashable, now: datetime, first: int, lasts: timedelta) -> None:
        """Remember a read that was recorded at `now`, for the duration `lasts`."""
        with self._lock:
            own = self._of.setdefault(reader, {})
            own.pop(what, None)  # moves to the newest place
            if len(own) >= MAX_OF_ONE:
                _forget_over(own, now)
                _forget_oldest(own, MAX_OF_ONE - 1)
            own[what] = _Recorded(now, first, lasts)
            if len(self) > MAX_REMEMBERED:
                self._make_room(now)

    def _make_room(self, now: datetime) -> None:
        for one in self._of.values():
            _forget_over(one, now)
        while len(self) > MAX_REMEMBERED:
            most = max(self._of.values(), key=len)
            _forget_oldest(most, len(most) - 1)
        self._of = {reader: own for reader, own in self._of.items() if own}


def _forget_over(own: dict[Hashable, _Recorded], now: datetime) -> None:
    """Remove reads whose merge window is over."""
    for what in [what for what, one in own.items() if now - one.at >= one.lasts]:
        del own[what]


def _forget_oldest(own: dict[Hashable, _Recorded], left: int) -> None:
    while len(own) > left:
        del own[next(iter(own))]

"""Which readings were recorded a short while ago, by reader: what a repetition of the same is merged into.

Holds memory only, and has room for every reader: one that asks many different questions crowds out its own, never those
of another one that asks few. Who is crowded out leaves more events, never fewer.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_REMEMBERED = 10_000
"""Readings that are remembered in all; beyond this the reader who has most of them gives up its oldest one."""

MAX_OF_ONE = 1_000
"""Readings that are remembered of one reader: more than anybody asks within a minute who turns pages."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    at: datetime
    first: int
    lasts: timedelta


class RememberedReads:
    """The recent readings of each reader, the oldest first. Thread safe."""

    def __init__(self) -> None:
        """Begin with none."""
        self._of: dict[str, dict[Hashable, _Recorded]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return sum(map(len, self._of.values()))

    def find(self, reader: str, what: Hashable) -> tuple[datetime | None, int]:
        """Return when a reading was recorded and from which position on, (None, 0) for one that is not remembered."""
        with self._lock:
            found = self._of.get(reader, {}).get(what)
        return (None, 0) if found is None else (found.at, found.first)

    def keep(self, reader: str, what: Hashable, now: datetime, first: int, lasts: timedelta) -> None:
        """Remember a reading that was recorded just now, for as long as it lasts."""
        with self._lock:
            own = self._of.setdefault(reader, {})
            own.pop(what, None)  # it is the youngest again
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
    """Forget what no event stands for any more."""
    for what in [what for what, one in own.items() if now - one.at >= one.lasts]:
        del own[what]


def _forget_oldest(own: dict[Hashable, _Recorded], left: int) -> None:
    while len(own) > left:
        del own[next(iter(own))]

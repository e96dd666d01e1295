"""Recorded accesses still in progress: finds one that covers a further read, and counts the bytes sent.

Kept in bounded memory only. A read is merged only into an access whose event covers it. A crash loses the ranges sent,
never the record of the access.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from provenstore.domain.access.sent_ranges import SentRanges
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.deduplication import TURNS
from provenstore.domain.files import file_events as fe

MAX_OPEN = 10_000
"""Accesses into which reads may be merged. Beyond this each read is an event, so hostile variety costs no memory."""

MAX_OF_A_KEY = 64
"""Newest accesses of one reader and file that are searched for one that covers a read."""


@dataclass(slots=True, eq=False)
class OpenAccess:
    """One Accessed event, and the bytes sent under it."""

    event: UUID
    caller: Caller
    file_id: UUID
    workspace: str
    data: fe.Accessed
    first: int
    """First byte that the event permits; `last` likewise."""
    last: int
    recorded_at: datetime
    since: datetime
    active: int = 1
    """Transfers in progress."""
    requests: int = 1
    size: int = 0
    """Bytes sent, including repeated ones."""
    sent: SentRanges = field(default_factory=SentRanges)

    def covers(self, first: int, last: int) -> bool:
        """Tell whether the event covers these bytes."""
        return self.first <= first and last <= self.last


class OpenAccesses:
    """Recorded accesses by reader and file. Thread safe."""

    def __init__(self, window: timedelta) -> None:
        """Merge into an access for this long after its event."""
        self._window = window
        self._open: dict[Hashable, list[OpenAccess]] = {}
        self._others: list[OpenAccess] = []
        self._count = 0
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def add(self, key: Hashable, access: OpenAccess) -> OpenAccess:
        """Add an access that was just recorded, whose first transfer is in progress."""
        with self._lock:
            if self._count >= MAX_OPEN:
                self._others.append(access)
                return access
            of_key = self._open.setdefault(key, [])
            of_key.append(access)
            self._count += 1
            if len(of_key) > MAX_OF_A_KEY:
                self._others.append(of_key.pop(0))
                self._count -= 1
        return access

    def enter(
        self, key: Hashable, first: int, last: int, now: datetime, record: Callable[[], OpenAccess]
    ) -> tuple[OpenAccess, bool]:
        """Return an access that covers the range, or the one that `record` makes, and whether the read was merged.

        Reads with the same key wait while one is being recorded.
        """
        with self._turns[hash(key) % TURNS]:
            covering = self._join(key, first, last, now)
            if covering is not None:
                return covering, True
            return self.add(key, record()), False

    def _join(self, key: Hashable, first: int, last: int, now: datetime) -> OpenAccess | None:
        with self._lock:
            for access in reversed(self._open.get(key, ())):
                # A clock that was set back must not keep a window open.
                if timedelta() <= now - access.since < self._window and access.covers(first, last):
                    access.active += 1
                    access.requests += 1
                    return access
        return None

    def leave(self, access: OpenAccess, first: int, length: int) -> None:
        """End one transfer of an access, which sent `length` bytes from `first`."""
        with self._lock:
            access.active -= 1
            access.size += length
            access.sent.add(first, length)

    def withdraw(self, access: OpenAccess) -> None:
        """Undo a merged read that was refused before its first byte."""
        with self._lock:
            access.active -= 1
            access.requests -= 1

    def take_ended(self, now: datetime, *, everything: bool = False) -> list[OpenAccess]:
        """Remove and return the accesses whose window is over and whose transfers have ended; or all of them."""

        def ended(access: OpenAccess, *, merges: bool) -> bool:
            over = not merges or not timedelta() <= now - access.since < self._window
            return everything or (over and not access.active)

        with self._lock:
            taken = [one for one in self._others if ended(one, merges=False)]
            self._others = [one for one in self._others if not ended(one, merges=False)]
            for key, of_key in list(self._open.items()):
                taken += [one for one in of_key if ended(one, merges=True)]
                if left := [one for one in of_key if not ended(one, merges=True)]:
                    self._open[key] = left
                else:
                    del self._open[key]
            self._count = sum(map(len, self._open.values()))
        return taken

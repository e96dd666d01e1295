"""Ids and secrets from the operating system's random source. Never gives the same id twice, nor one out of order."""

import os
import secrets
import threading
import time
from uuid import UUID

_COUNTER_BITS = 42  # 12 of rand_a and 30 of rand_b, a counter as RFC 9562 §6.2 method 1 describes
_RANDOM_BITS = 32
_ID_BYTES = 10
"""Random bytes for one id: 41 bits for the first count of a millisecond, or 8 for the next step, and 32 of its own."""


class SystemEntropy:
    """The entropy of production. Thread safe; ids of one process ascend even where the clock steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0
        self._read = b""
        """Random bytes, of which the first `_at` are used: each reading gives the interpreter to another thread."""
        self._at = 0
        self._process = 0

    def event_id(self) -> UUID:
        """Return a fresh UUIDv7 (RFC 9562 §5.7)."""
        with self._lock:
            random, now = self._random(), time.time_ns() // 1_000_000
            if now <= self._millisecond:
                self._counter += 1 + (random >> _RANDOM_BITS & 0xFF)
                if self._counter >> _COUNTER_BITS:
                    now = self._millisecond + 1
            if now > self._millisecond:
                # The top bit stays free, so that the counter has room within its millisecond.
                self._millisecond, self._counter = now, random >> 8 * _ID_BYTES - _COUNTER_BITS + 1
            millisecond, counter = self._millisecond, self._counter
        return _uuid7(millisecond, counter, random & (1 << _RANDOM_BITS) - 1)

    def _random(self) -> int:
        """Return random bits for one id, which no other id gets, in no process; under the lock."""
        if self._at == len(self._read) or self._process != os.getpid():
            # A child that was forked would go on with its parent's.
            self._read, self._at, self._process = secrets.token_bytes(1_000 * _ID_BYTES), 0, os.getpid()
        self._at += _ID_BYTES
        return int.from_bytes(self._read[self._at - _ID_BYTES : self._at])

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes fit for keys and salts."""
        return secrets.token_bytes(size)


def _uuid7(millisecond: int, counter: int, random: int) -> UUID:
    high, low = counter >> 30, counter & (1 << 30) - 1
    return UUID(int=millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | random)

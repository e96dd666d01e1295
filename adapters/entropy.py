"""Ids and secrets from the operating system's random source. Never gives the same id twice, nor one out of order."""

import secrets
import threading
import time
from uuid import UUID

_COUNTER_BITS = 42  # 12 of rand_a and 30 of rand_b, a counter as RFC 9562 §6.2 method 1 describes
_RANDOM_BITS = 32


class SystemEntropy:
    """The entropy of production. Thread safe; ids of one process ascend even where the clock steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def event_id(self) -> UUID:
        """Return a fresh UUIDv7 (RFC 9562 §5.7)."""
        step, *random = secrets.token_bytes(1 + _RANDOM_BITS // 8)
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                # The top bit stays free, so that the counter has room within its millisecond.
                self._millisecond, self._counter = now, secrets.randbits(_COUNTER_BITS - 1)
            else:
                self._counter += 1 + step
                if self._counter >> _COUNTER_BITS:
                    self._millisecond, self._counter = self._millisecond + 1, secrets.randbits(_COUNTER_BITS - 1)
            millisecond, counter = self._millisecond, self._counter
        return _uuid7(millisecond, counter, int.from_bytes(random))

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes fit for keys and salts."""
        return secrets.token_bytes(size)


def _uuid7(millisecond: int, counter: int, random: int) -> UUID:
    high, low = counter >> 30, counter & (1 << 30) - 1
    return UUID(int=millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | random)

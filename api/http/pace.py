"""How long a body is waited for: never without a byte for long, and never slower than a minimum rate.

Only the time that is spent waiting for the client counts; a slow disk or store of ours is not the client's fault.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from provenstore.api.settings import Settings
from provenstore.domain.errors import IncompleteBody, TooSlow


class Pace:
    """The pace of one body. Lives within one event loop."""

    def __init__(self, *, stall_timeout: float, min_rate: int, window: float) -> None:
        """Allow `stall_timeout` seconds without a byte, and `min_rate` bytes a second on average over `window`."""
        self._stall = stall_timeout
        self._rate = min_rate
        self._window = window
        self._waited = 0.0
        self._received = 0

    async def next(self, receive: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the next bytes; IncompleteBody where none come for too long, TooSlow where too few do."""
        silent = 0.0
        while True:
            began = time.monotonic()
            chunk: bytes | None = None
            try:
                async with asyncio.timeout(min(self._stall - silent, self._window - self._waited)):
                    chunk = await receive()
            except TimeoutError:
                pass
            spent = time.monotonic() - began
            silent += spent
            self._count(spent, len(chunk or b""))
            if chunk is not None:
                return chunk
            if silent >= self._stall:
                raise IncompleteBody(f"no byte arrived for {self._stall:g} seconds; nothing was stored")

    def _count(self, spent: float, received: int) -> None:
        self._waited += spent
        self._received += received
        if self._waited < self._window:
            return
        if self._received < self._rate * self._waited:
            raise TooSlow(
                f"fewer than {self._rate:,} bytes a second arrived for {self._window:g} seconds; nothing was stored",
                limit=self._rate,
            )
        self._waited, self._received = 0.0, 0


def pace_of(settings: Settings) -> Pace:
    """Return the pace that a body must keep."""
    return Pace(stall_timeout=settings.stall_timeout, min_rate=settings.min_rate, window=settings.rate_window)

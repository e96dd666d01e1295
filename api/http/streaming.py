"""Bytes between an asynchronous connection and the synchronous ledger, in constant memory.

Up: the ledger pulls in its thread; the loop reads one block ahead and no further, so a slow disk slows the client
down. Nothing is read before the ledger asks, so a refused upload costs nothing. Down: one chunk at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from provenstore.api.http.pace import Pace
from provenstore.domain.errors import IncompleteBody
from provenstore.domain.storage.object_store import ObjectReader

BLOCK = 1024 * 1024
"""Bytes handed over at a time: fewer, and the change of threads costs more than the bytes."""

AHEAD = 1
"""Blocks read before the ledger asks for them."""

Result = TypeVar("Result")


class _Disconnected(Exception):
    """The client is gone."""


class Upload:
    """The body of one request, for a ledger in another thread. Lives within one event loop."""

    def __init__(self, request: Request, pace: Pace) -> None:
        """Read `request`, giving up where it falls behind `pace`."""
        self._request = request
        self._declared = _content_length(request)
        self._pace = pace
        self._queue: asyncio.Queue[bytes | IncompleteBody | None] = asyncio.Queue(AHEAD)
        self._loop = asyncio.get_running_loop()
        self._reading: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def size(self) -> int | None:
        """What Content-Length says."""
        return self._declared

    async def feed(self, work: Callable[[Iterator[bytes]], Result], limiter: CapacityLimiter) -> Result:
        """Return what `work` makes of the blocks, in a thread; IncompleteBody reaches it in place of a block."""
        try:
            return await to_thread.run_sync(work, self._blocks(), limiter=limiter)
        finally:
            with CancelScope(shield=True):
                await self._finish()

    def _blocks(self) -> Iterator[bytes]:
        while True:
            waiting: Future[bytes | IncompleteBody | None] = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            block = waiting.result()
            if isinstance(block, IncompleteBody):
                raise block
            if block is None:
                return
            yield block

    async def _next(self) -> bytes | IncompleteBody | None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await self._queue.get()

    async def _read(self) -> None:
        """Gather chunks into blocks; the end of the body, however it comes, is the last thing in the queue."""
        end: IncompleteBody | None = None
        block, received = bytearray(), 0
        try:
            async for chunk in self._arriving():
                received += len(chunk)
                block += chunk
                if len(block) >= BLOCK:
                    await self._queue.put(bytes(block))
                    block.clear()
            if self._declared is not None and received != self._declared:
                end = IncompleteBody(f"the body has {received:,} bytes, Content-Length says {self._declared:,}")
        except _Disconnected:
            end = IncompleteBody("the connection ended before the body did; nothing was stored")
        except IncompleteBody as exc:
            end = exc
        if block and end is None:
            await self._queue.put(bytes(block))
        await self._queue.put(end)

    async def _arriving(self) -> AsyncIterator[bytes]:
        while not self._ended:
            yield await self._pace.next(self._receive)

    async def _receive(self) -> bytes:
        """Return the next bytes, perhaps none; a wait for them can be cancelled and begun again."""
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise _Disconnected
        self._ended = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk

    async def _finish(self) -> None:
        """Stop reading ahead."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _content_length(request: Request) -> int | None:
    found = request.headers.get("content-length", "")
    return int(found) if found.isascii() and found.isdigit() else None


class ContentResponse(StreamingResponse):
    """Content on its way out; what was opened for it is closed whatever becomes of the connection."""

    def __init__(
        self,
        reader: ObjectReader,
        close: Callable[[], None],
        *,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        """Send what `reader` yields and call `close` at the end."""
        super().__init__(_chunks(reader), status_code, headers, media_type)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, then close."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close)


async def _chunks(reader: ObjectReader) -> AsyncIterator[bytes]:
    chunks: Iterator[Any] = iter(reader)
    while (chunk := await to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk

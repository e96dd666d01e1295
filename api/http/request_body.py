"""The body of a request as the outermost layer sees it: whether there is one, whether it was asked for, how it ends.

A body that is refused is read on for a moment, so that a client that only writes comes to the point where it listens;
beyond that the connection is closed. It is never asked for (100 Continue) only to be thrown away.
"""

import asyncio
import contextlib
import re
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from provenstore.api.http.limits import MAX_NESTING
from provenstore.api.http.pace import Pace
from provenstore.api.http.problems import Malformed
from provenstore.domain.errors import ContentTooLarge, IncompleteBody

DRAIN: Final = 8 * 1024 * 1024
DRAIN_SECONDS: Final = 2.0
DRAIN_PAUSE: Final = 0.2
"""What is still read of a refused body, for how long, and for how long without a byte: a client that only writes
would not hear the answer, and one that waits should not wait for us."""

_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)


class RequestBody:
    """The body of one request."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Look at the header only."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "")
        self.declared = int(length) if length.isascii() and length.isdigit() else 0
        self.present = self.declared > 0 or "transfer-encoding" in headers
        self._ended = not self.present
        self._gone = False
        self._expected = "expect" in headers
        self._begun = False
        self._receive = receive

    @property
    def unread(self) -> bool:
        """Whether some of it may still come."""
        return not self._ended

    async def receive(self) -> Message:
        """Return the next message of the request."""
        self._begun = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._ended = self._gone = True
        elif not message.get("more_body", False):
            self._ended = True
        return message

    async def read(self, limit: int, pace: Pace) -> bytes:
        """Return all of it; ContentTooLarge beyond `limit` bytes, IncompleteBody or TooSlow where it does not come."""
        if self.declared > limit:
            raise _too_large(limit)
        body = bytearray()

        async def chunk() -> bytes:
            found: bytes = (await self.receive()).get("body", b"")
            return found

        while not self._ended:
            body += await pace.next(chunk)
            if len(body) > limit:
                raise _too_large(limit)
        if self._gone:
            raise IncompleteBody("the connection ended before the body did")
        return bytes(body)

    async def drain(self) -> None:
        """Read on for a moment, unless the client waits to be asked for it."""
        if self._expected and not self._begun:
            return
        left = DRAIN
        with anyio.move_on_after(DRAIN_SECONDS), contextlib.suppress(TimeoutError):
            while self.unread and left > 0:
                async with asyncio.timeout(DRAIN_PAUSE):
                    left -= len((await self.receive()).get("body", b""))


def require_flat(body: bytes) -> None:
    """Refuse JSON that is nested deeper than any of ours, before a parser is led there."""
    if body.count(b"[") + body.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    for found in _BRACKETS.finditer(body):
        depth += bool(found[1]) - bool(found[2])
        if depth > MAX_NESTING:
            raise Malformed(f"the body is nested deeper than {MAX_NESTING} levels", limit=MAX_NESTING)


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"body: is longer than {limit:,} bytes", field="body", limit=limit)

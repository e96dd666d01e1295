"""What surrounds every request: its id, the access log, security headers, and a bound on bodies that are not content.

The outermost layer of ours; what it logs, and what it never does, is in access_log.py.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenstore.adapters.request_ids import REQUEST
from provenstore.api.http.access_log import log_access, note_error
from provenstore.api.http.auth import request_id
from provenstore.api.http.problems import problem
from provenstore.domain.errors import ContentTooLarge, IncompleteBody, Refused

MAX_BODY: Final = 1024 * 1024
"""Bytes of a body that is not content; the largest that says anything is a file with 64 values of metadata."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DEFAULTS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_CONTENT: Final = re.compile(r"/v1/files/[^/]+/(?:content|parts/[^/]+)|/v1/signed/[^/]+")


class Envelope:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], UUID], stall_timeout: float) -> None:
        """Surround `app`; a body must not stand still for more than `stall_timeout` seconds."""
        self._app = app
        self._new_id = new_id
        self._stall = stall_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = request_id(headers.get("traceparent"), headers.get("x-request-id"))
        scope["provenstore.request_id"] = given or self._new_id().hex
        began, status = time.monotonic(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope["provenstore.request_id"])
            await send(message)

        # Whatever is logged or asked of the object store meanwhile carries the id.
        binding = {REQUEST: scope["provenstore.request_id"]}
        try:
            with structlog.contextvars.bound_contextvars(**binding):
                if _is_content(scope):
                    await self._app(scope, receive, sending)
                else:
                    await self._serve_bounded(scope, receive, sending)
        finally:
            log_access(scope, status, time.monotonic() - began, scope["provenstore.request_id"])

    async def _serve_bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body first, if it is not too long."""
        try:
            body = await self._read(receive, _declared(scope))
        except Refused as refusal:
            note_error(scope, refusal)
            answer = problem(refusal, scope["provenstore.request_id"], headers={"Connection": "close"})
            await answer(scope, receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive, declared: int) -> bytes:
        if declared > MAX_BODY:
            raise _too_large()
        body = bytearray()
        while True:
            try:
                async with asyncio.timeout(self._stall):
                    message = await receive()
            except TimeoutError:
                raise IncompleteBody(f"no byte of the body arrived for {self._stall:g} seconds") from None
            if message["type"] == "http.disconnect":
                raise IncompleteBody("the connection ended before the body did")
            body += message.get("body", b"")
            if len(body) > MAX_BODY:
                raise _too_large()
            if not message.get("more_body", False):
                return bytes(body)


def _too_large() -> ContentTooLarge:
    return ContentTooLarge(f"body: is longer than {MAX_BODY:,} bytes", field="body", limit=MAX_BODY)


def _declared(scope: Scope) -> int:
    found = Headers(scope=scope).get("content-length", "")
    return int(found) if found.isascii() and found.isdigit() else 0


def _is_content(scope: Scope) -> bool:
    """Tell whether the body is content, which streams; any other would be gathered in memory, before it has a key."""
    return scope["method"] == "PUT" and _CONTENT.fullmatch(scope["path"]) is not None


def _add_headers(message: Message, identifier: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = identifier
    for name, value in _HEADERS.items():
        headers[name] = value
    for name, value in _DEFAULTS.items():
        headers.setdefault(name, value)

"""What surrounds every request: its id, the access log, security headers, and a bound on bodies that are not content.

The outermost layer of ours; what it logs, and what it never does, is in access_log.py.
"""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provenstore.adapters.objects.request_ids import REQUEST
from provenstore.api.http.access_log import log_access, note_error
from provenstore.api.http.answers import REPLAYED
from provenstore.api.http.auth import IDEMPOTENCY, client_request, prove_key
from provenstore.api.http.limits import MAX_BODY, SMALL_BODY
from provenstore.api.http.pace import pace_of
from provenstore.api.http.problems import problem
from provenstore.api.http.request_body import RequestBody, require_flat
from provenstore.api.settings import Settings
from provenstore.domain.errors import ProvenstoreError
from provenstore.domain.eventlog.deadline import COMMAND_SECONDS, Deadline, within
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.eventlog.on_record import recording

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
_SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods whose bodies mean nothing here (RFC 9110 §9.3.1): they are never read."""

LARGE_BODIES: Final = re.compile(r"/v1/files(?:/[^/]+(?:/complete)?)?")
"""Routes whose bodies may hold metadata, content or a list of parts."""

_CONTENT: Final = re.compile(r"/v1/files/[^/]+/(?:content|parts/[^/]+)|/v1/signed/[^/]+")

LONG: Final = re.compile(
    r"/v1/files/[^/]+/(?:content|parts/[^/]+|complete|verification|receipt|erasure|history)|/v1/signed/.*"
    r"|/v1/erasures.*|/v1/jobs/.*"
    r"|/v1/(?:events|workspaces)/[^/]+/(?:receipt|proof)|/v1/projections/[^/]+/(?:rows|differences)|/log/.*"
)
"""Routes without a deadline: they carry content, read it, walk the log, prove it, or do work of the background."""

_FILE: Final = re.compile(r"/v1/files/[^/]+")


class Envelope:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], UUID], settings: Settings) -> None:
        """Surround `app`; bodies must keep the pace of the settings."""
        self._app = app
        self._new_id = new_id
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        theirs = client_request(headers.get("traceparent"), headers.get("x-request-id"))
        # Ours is always our own: two requests of one id could not be told apart in the log.
        scope["provenstore.request_id"] = self._new_id().hex
        scope["provenstore.client_request"] = theirs
        began, status = time.monotonic(), 500
        body = RequestBody(scope, receive)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                await body.drain()
                _add_headers(message, scope["provenstore.request_id"], theirs)
                if body.unread:
                    MutableHeaders(scope=message)["Connection"] = "close"
                if status < HTTPStatus.BAD_REQUEST and _is_replay(scope):
                    MutableHeaders(scope=message)[REPLAYED] = "true"
            await send(message)

        # Whatever is logged or asked of the object store meanwhile carries the id.
        binding = {REQUEST: scope["provenstore.request_id"]}
        try:
            with structlog.contextvars.bound_contextvars(**binding), recording():
                if not body.present or scope["method"] in _SAFE or _is_content(scope):
                    await self._serve(scope, body.receive, sending)
                else:
                    await self._serve_bounded(scope, body, sending)
        finally:
            log_access(scope, status, time.monotonic() - began, scope["provenstore.request_id"])

    async def _serve_bounded(self, scope: Scope, body: RequestBody, send: Send) -> None:
        """Prove the key, then read the whole body, if it is not too long."""
        try:
            # A byte is read for nobody but the holder of a key. What they may do with it is decided, and a refusal
            # recorded, by the command.
            await prove_key(scope)
            content = await body.read(_limit(scope["path"]), pace_of(self._settings))
            require_flat(content)
        except ProvenstoreError as refusal:
            note_error(scope, refusal)
            await problem(refusal, scope["provenstore.request_id"])(scope, body.receive, send)
            return
        pending: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await body.receive()

        await self._serve(scope, replay, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry out the request; its deadline begins now, when a body has been read."""
        with within(None if _is_long(scope) else Deadline(COMMAND_SECONDS, time.monotonic)):
            await self._app(scope, receive, send)


def _is_long(scope: Scope) -> bool:
    """Tell whether a request has no deadline: its route has none, or it counts every access of a file (`view=full`)."""
    if LONG.fullmatch(scope["path"]):
        return True
    counts = scope["method"] in _SAFE and _FILE.fullmatch(scope["path"]) is not None
    return counts and ("view", "full") in parse_qsl(scope["query_string"].decode("latin-1"))


def _limit(path: str) -> int:
    return MAX_BODY if LARGE_BODIES.fullmatch(path) else SMALL_BODY


def _is_content(scope: Scope) -> bool:
    """Tell whether the body is content, which streams; any other would be gathered in memory, before it has a key."""
    return scope["method"] == "PUT" and _CONTENT.fullmatch(scope["path"]) is not None


def _is_replay(scope: Scope) -> bool:
    """Tell whether the answer is that of an earlier request under the same idempotency key, also one just before."""
    key: IdempotencyKey | None = scope.get(IDEMPOTENCY)
    return key is not None and key.replay.seen


def _add_headers(message: Message, identifier: str, theirs: str | None) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = identifier
    if theirs is not None:
        headers["X-Client-Request-Id"] = theirs
    for name, value in _HEADERS.items():
        headers[name] = value
    for name, value in _DEFAULTS.items():
        headers.setdefault(name, value)

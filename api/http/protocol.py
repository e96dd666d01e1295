"""HTTP/1.1 on one connection, with bounds: on its header, on how long it may be silent, and on how slowly it may read.

uvicorn's protocol waits without end for half a header and gathers a header of any size. This one answers 408 and 431,
takes a limited number of connections in all and from one address, and drops a reader that does not read. It never
looks at a body, and never decides who may do what.
"""

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from provenstore.api.http.limits import (
    MAX_HEAD,
    MAX_HEADER_FIELDS,
    MAX_PIPELINED,
    RESERVED_CONNECTIONS,
    ConnectionLimits,
)
from provenstore.api.http.problems import HeaderTimeout, HeaderTooLarge, Malformed, problem
from provenstore.domain.errors import Busy, ProvenstoreError

EXTENSION: Final = "provenstore.connections"
"""Where a request's scope has the connections of its process."""

HEALTH: Final = frozenset({"/healthz", "/readyz"})

_LINE: Final = 4
"""Bytes of a header field beside name and value: colon, space, end of line."""

_log = structlog.get_logger(__name__)


class TooManyConnections(Busy):
    """Too many connections; retry shortly"""


class Connections:
    """The connections of one process, counted. Used from its event loop only."""

    def __init__(self, limits: ConnectionLimits) -> None:
        """Begin with none."""
        self.limits = limits
        self.open = 0
        self.refused = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str) -> tuple[bool, bool]:
        """Count a connection in; tell whether it may send requests, and if not, whether it may ask for health."""
        self.open += 1
        self._by_address[address] += 1
        crowded = self._by_address[address] > self.limits.per_address and not self.limits.is_proxy(address)
        if self.open <= self.limits.connections and not crowded:
            return True, True
        self.refused += 1
        return False, not crowded and self.open <= self.limits.connections + RESERVED_CONNECTIONS

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self.open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class BoundedHttp(HttpToolsProtocol):
    """One connection; `connections` is shared by all of its process."""

    def __init__(self, *, connections: Connections, **given: Any) -> None:
        """Take what uvicorn gives a protocol, and what counts connections."""
        super().__init__(**given)
        self._shared = connections
        self._limits = connections.limits
        self._application = self.app
        self._admitted = True
        self._entered: str | None = None
        self._in_message = False
        self._in_head = False
        self._too_large = self._body_came = False
        self._head_bytes = 0  # of complete fields
        self._raw_head = 0  # received while the header was incomplete
        self._framing = 0  # of a body, since its last byte: sizes of chunks and trailer fields
        self._fields = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    # -- the connection ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count the connection in, or turn it away."""
        super().connection_made(transport)
        self._entered = self.client[0] if self.client else ""
        self._admitted, may_ask = self._shared.enter(self._entered)
        if not self._admitted and not may_ask:
            self._refuse(TooManyConnections())
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        self._stop_timers()
        if self._entered is not None:
            self._shared.leave(self._entered)
            self._entered = None
        super().connection_lost(exc)

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._send_timer = None

    # -- the header ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse what came, in slices: no header is gathered beyond its limit, whatever one read brings."""
        for begin in range(0, len(data), MAX_HEAD):
            if self.transport.is_closing():
                return
            piece = data[begin : begin + MAX_HEAD]
            was_in_head, self._body_came = self._in_head, False
            super().data_received(piece)
            if was_in_head and self._in_head:
                self._raw_head += len(piece)
            elif self._in_message and not self._in_head:
                self._framing = 0 if self._body_came else self._framing + len(piece)
            if self._too_large or max(self._raw_head, self._framing) > MAX_HEAD:
                self._refuse(HeaderTooLarge())
                return
        if not self._in_message and self._idle():
            self._await_head()  # ends of lines between two requests are no request

    def on_message_begin(self) -> None:
        """Begin to count a header, and to wait for its end."""
        self._in_message = self._in_head = True
        self._head_bytes = self._raw_head = self._framing = self._fields = 0
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: self._shared}  # type: ignore[dict-item]  # one of ours
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._head_bytes += len(url)
        self._bound_head()
        if not self._too_large:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field; trailer fields are counted too, and dropped: what a request says stands in its header."""
        self._head_bytes += len(name) + len(value) + _LINE
        self._fields += 1
        self._bound_head()
        if self._in_head and not self._too_large:
            super().on_header(name, value)

    def _bound_head(self) -> None:
        if self._head_bytes > MAX_HEAD or self._fields > MAX_HEADER_FIELDS:
            self._too_large = True

    def on_headers_complete(self) -> None:
        """Start the request, unless it is refused or sent too far ahead."""
        self._in_head = False
        self._head_bytes = self._raw_head = self._fields = 0
        self._stop_waiting()
        if self._dropped:
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            # An answer now would be taken for that of an earlier request.
            _log.warning("connection.dropped", action="connection.drop", reason="pipelined", address=self._entered)
            self.transport.abort()
            return
        path = self.url.partition(b"?")[0].decode("ascii", "replace")
        self.app = self._application if self._admitted or path in HEALTH else _busy
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on bytes of a request that was started."""
        self._body_came = True
        if not self._dropped:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request that was started."""
        self._in_message = False
        if not self._dropped:
            super().on_message_complete()

    @property
    def _dropped(self) -> bool:
        """Whether nothing that still comes is of use."""
        return self._too_large or self.transport.is_closing()

    def _idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return (cycle is None or cycle.response_complete) and not self.pipeline

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._limits.head_timeout, self._head_timed_out)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_timed_out(self) -> None:
        self._head_timer = None
        if not self._idle():
            self._await_head()  # it is sent ahead, and is not read before its turn
        elif self._in_head:
            self._refuse(HeaderTimeout())
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words are not a problem's
        """Answer what is not HTTP."""
        self._refuse(Malformed())

    def _refuse(self, error: ProvenstoreError) -> None:
        """Answer without an application, and close."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if not self._idle():
            self.transport.abort()  # the answer would be taken for that of the request under way
            return
        self.transport.write(_written(_problem(error)))
        self.transport.close()

    # -- the reader ----------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Watch how fast the client reads while more waits to be sent."""
        super().pause_writing()
        if self._send_timer is None and self._limits.min_rate:
            self._unsent = self.transport.get_write_buffer_size()
            self._send_timer = self.loop.call_later(self._limits.rate_window, self._look_at_reader)

    def resume_writing(self) -> None:
        """Stop watching: the client has read."""
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def _look_at_reader(self) -> None:
        self._send_timer = None
        left = self.transport.get_write_buffer_size()
        if self._unsent - left < self._limits.min_rate * self._limits.rate_window:
            _log.warning("connection.dropped", action="connection.drop", reason="slow-reader", address=self._entered)
            self.transport.abort()
            return
        self._unsent = left
        self._send_timer = self.loop.call_later(self._limits.rate_window, self._look_at_reader)


def _problem(error: ProvenstoreError) -> Response:
    return problem(error, headers={"Connection": "close", "Cache-Control": "no-store"})


def _written(answer: Response) -> bytes:
    """Return an answer as it goes over the wire."""
    status = HTTPStatus(answer.status_code)
    lines = [f"HTTP/1.1 {int(status)} {status.phrase}".encode("ascii")]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request on a connection beyond the limit."""
    await _problem(TooManyConnections())(scope, receive, send)

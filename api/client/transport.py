"""Requests and answers: timeouts, retries, and every failure as one of our typed errors.

It never follows a redirect (the key would travel with it), never logs, and sends a request again only if nothing of it
was sent, or if the server answers the repetition as it answered the first.
"""

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import stamina

from provenstore.api.client.connection import Connection
from provenstore.api.client.forms import form_around
from provenstore.api.client.problems import error_of
from provenstore.domain.errors import (
    Misconfigured,
    PreconditionFailed,
    ProvenstoreError,
    Stopped,
    StorageFull,
    Unauthenticated,
    Unavailable,
)

Document = dict[str, Any]
"""A JSON object of the contract."""

POSITION = "Provenstore-Position"
"""Header of an answer: the position of the log that it has seen."""

REPLAYED = "Idempotency-Replayed"
"""Header of an answer: `true` where an earlier request under the same idempotency key had done everything."""

Read = Callable[[httpx.Response], Document]
"""What makes a document of a successful answer."""

ATTEMPTS = 3
PATIENCE = 20.0
"""Seconds after which no further attempt is begun."""

LONGEST_WAIT = 5.0
"""Seconds that a Retry-After is obeyed for; whoever asks a person to wait longer is not waited for."""

CONNECT_TIMEOUT = 10.0
FINISH_TIMEOUT = 300.0
"""Seconds that a server may take to make a whole upload durable after its last byte."""

WORK_TIMEOUT = 3_600.0
"""Seconds that a server may take over work that somebody waits for, such as reading a large object."""

MAX_CONNECTIONS = 64
"""As many threads may share one client; each keeps its connection between requests."""

MAX_PROBLEM_BYTES = 1 << 20

_CHUNK = 1 << 20


class Transport:
    """One server's HTTP, with the key on every request. A context manager."""

    def __init__(self, connection: Connection, *, transport: httpx.BaseTransport | None = None) -> None:
        """Talk to `connection`; `transport` replaces the network, e.g. by an application in this process."""
        self._url = connection.url
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "provenstore-client"}
        if connection.authorization is not None:
            headers["Authorization"] = connection.authorization
        self._silence = connection.timeout
        self.position: int | str = 0
        timeout = httpx.Timeout(self._silence, connect=CONNECT_TIMEOUT)
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        trusted = _authorities(connection.ca_file)
        self._http = httpx.Client(
            base_url=connection.url,
            headers=headers,
            # Nothing from the environment or ~/.netrc: a proxy found there would see the key.
            trust_env=False,
            verify=trusted,
            proxy=_proxy(connection),
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            transport=transport,
        )
        self._bare = httpx.Client(
            trust_env=False,
            verify=trusted,
            proxy=_proxy(connection),
            timeout=timeout,
            limits=limits,
            follow_redirects=False,
            transport=transport,
        )
        """Without the key, for URLs that are a permission by themselves."""

    def __enter__(self) -> Self:
        """Return itself; connections are opened when needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._bare.close()
        self._http.close()

    def __repr__(self) -> str:
        """Show the server, never the key."""
        return f"Transport({self._url!r})"

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, silence: float | None = None) -> Document:
        """Read; repeated where the server is busy or the connection breaks. Waits `silence` seconds for an answer."""
        return self._ask("GET", path, params=params, repeatable=True, silence=silence)

    def post(self, path: str, body: Document, key: str | None = None) -> Document:
        """Act, under this idempotency key or one of its own, so that a repetition cannot act twice."""
        return self._act("POST", path, body, key)

    def begin(self, path: str, body: Document, key: str | None = None) -> Document:
        """Do as `post`, and answer in "replayed" whether an earlier request under this key had done everything."""

        def read(response: httpx.Response) -> Document:
            return {**_document(response), "replayed": response.headers.get(REPLAYED) == "true"}

        return self._act("POST", path, body, key, read)

    def patch(self, path: str, body: Document) -> Document:
        """Change, under an idempotency key as `post` does."""
        return self._act("PATCH", path, body)

    def _act(
        self, method: str, path: str, body: Document, key: str | None = None, read: Read | None = None
    ) -> Document:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self._ask(method, path, body=body, headers=headers, repeatable=True, read=read)

    def send(self, method: str, path: str, body: Document | None = None) -> Document:
        """Act once: sent again only if the first attempt never reached the server."""
        return self._ask(method, path, body=body)

    def wait(self, path: str, body: Document | None = None, *, repeatable: bool = False) -> Document:
        """Have work done, and wait for it much longer than for other answers; sent again as with `send` unless doing
        so again changes nothing.
        """
        return self._ask("POST", path, body=body, silence=WORK_TIMEOUT, repeatable=repeatable)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        silence: float | None = None,
        read: Read | None = None,
    ) -> Document:
        def again(error: Exception) -> bool | float:
            return _again(error, repeatable=repeatable)

        timeout = httpx.Timeout(silence or self._silence, connect=CONNECT_TIMEOUT)
        for attempt in stamina.retry_context(on=again, attempts=ATTEMPTS, timeout=PATIENCE, wait_max=LONGEST_WAIT):
            with (
                attempt,
                self._translated(),
                self.exchange(method, path, params=params, body=body, headers=headers, timeout=timeout) as r,
            ):
                return (read or _document)(r)
        raise Unavailable  # unreachable: the last attempt returns or raises

    @contextmanager
    def exchange(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        """Send one request and lend the answer with its body unread, if it is a success; its error otherwise."""
        body = request.pop("body", None)
        given = {name: value for name, value in request.items() if value is not None}
        if body is not None:
            given["json"] = body
        with self._http.stream(method, path, **given) as response:
            if response.status_code == httpx.codes.UNAUTHORIZED and "Authorization" not in self._http.headers:
                raise Unauthenticated("no key was sent; set PROVENSTORE_KEY, or `key` in a profile")
            if not response.is_success:
                raise _refusal(response)
            self._remember(response.headers.get(POSITION, ""))
            yield response

    def _remember(self, position: str) -> None:
        # Threads that race here leave one of the two positions; a list then waits for that one.
        if position.isdecimal():
            self.position = max(self.position if isinstance(self.position, int) else 0, int(position))
        elif position:
            self.position = position  # a mark, which says nothing about order

    @contextmanager
    def download(self, path: str, first: int = 0, sha256: str | None = None) -> Iterator[Iterator[bytes]]:
        """Lend the bytes of an answer as they come, in constant memory. Never repeated: each GET is an access.

        From byte `first` on, if what is there still has this SHA-256; PreconditionFailed otherwise.
        """
        headers = {"Range": f"bytes={first}-", "If-Range": f'"{sha256}"'} if first else None
        with self._translated(), self.exchange("GET", path, headers=headers) as response:
            begins = response.headers.get("Content-Range", "").startswith(f"bytes {first}-")
            if first and not (response.status_code == httpx.codes.PARTIAL_CONTENT and begins):
                raise PreconditionFailed("the content is not the one that was begun")
            yield response.iter_raw(_CHUNK)

    def upload(self, path: str, body: Iterable[bytes], *, size: int | None, media_type: str) -> Document:
        """Send bytes as they come, in constant memory; never repeated, since the body cannot be read again."""
        headers = {"Content-Type": media_type}
        if size is not None:
            headers["Content-Length"] = str(size)
        timeout = httpx.Timeout(self._silence, connect=CONNECT_TIMEOUT, read=FINISH_TIMEOUT)
        request = {"content": iter(body), "headers": headers, "timeout": timeout}
        with self._translated(), self.exchange("PUT", path, **request) as response:
            return _document(response)

    def send_signed(self, way: Document, body: Iterable[bytes], *, size: int) -> str | None:
        """Send bytes to a URL that is a permission by itself, by PUT or, with `fields`, by POST; return the ETag.

        The key does not travel with it: the URL leads to us or to an object store. Never repeated.
        """
        headers, content, method = dict(way["headers"]), iter(body), "PUT"
        if fields := way.get("fields"):
            head, tail, content_type = form_around(fields)
            headers, method = {**headers, "Content-Type": content_type}, "POST"
            content, size = chain([head], content, [tail]), len(head) + size + len(tail)
        headers["Content-Length"] = str(size)
        timeout = httpx.Timeout(self._silence, connect=CONNECT_TIMEOUT, read=FINISH_TIMEOUT)
        request: dict[str, Any] = {"content": content, "headers": headers, "timeout": timeout}
        with self._translated(), self._bare.stream(method, way["url"], **request) as response:
            if not response.is_success:
                raise _refusal(response)
            response.read()
            found: str | None = response.headers.get("ETag")
            return found

    def content(self, path: str, *, accept: str = "*/*") -> bytes:
        """Read what is wanted as it is; repeated where the server is busy or the connection breaks."""

        def again(error: Exception) -> bool | float:
            return _again(error, repeatable=True)

        for attempt in stamina.retry_context(on=again, attempts=ATTEMPTS, timeout=None):
            with attempt, self._translated(), self.exchange("GET", path, headers={"Accept": accept}) as response:
                return response.read()
        raise Unavailable  # unreachable: the last attempt returns or raises

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the network does into Unavailable, in a sentence without addresses of others or data."""
        try:
            yield
        except httpx.ConnectError as exc:
            raise _NotReached(f"{self._url} does not answer") from exc
        except httpx.ConnectTimeout as exc:
            raise _NotReached(f"{self._url} does not answer within {CONNECT_TIMEOUT:g} seconds") from exc
        except httpx.TimeoutException as exc:
            raise _Broken(f"{self._url} stopped answering") from exc
        except httpx.TransportError as exc:
            raise _Broken(f"the connection to {self._url} broke off") from exc


def _authorities(file: Path | None) -> ssl.SSLContext:
    """Return what is trusted. Reading it takes longer than a request, so it is read once for both clients."""
    if file is None:
        return _known_authorities()
    try:
        return ssl.create_default_context(cafile=str(file))
    except OSError as exc:  # as ssl's own errors are
        raise Misconfigured("PROVENSTORE_CA_FILE is no readable PEM file of certificates") from exc


@cache
def _known_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _proxy(connection: Connection) -> httpx.Proxy | None:
    if connection.proxy is None:
        return None
    try:
        return httpx.Proxy(connection.proxy.get_secret_value())
    except (ValueError, httpx.InvalidURL):
        raise Misconfigured("PROVENSTORE_PROXY is not http:// or https:// with a host") from None


class _NotReached(Unavailable):
    """Server not reached."""

    code = "not-reached"
    advice = "nothing was sent"


class _Broken(Unavailable):
    """Connection broken."""

    code = "connection-broken"
    advice = "the outcome of the request is unknown"


def _again(error: Exception, *, repeatable: bool) -> bool | float:
    """Tell whether, or after how many seconds, a request may be sent again."""
    if isinstance(error, _NotReached):
        return True
    if not repeatable or not isinstance(error, Unavailable) or isinstance(error, StorageFull):
        return False
    wait = error.details.get("retry_after")
    return min(float(wait), LONGEST_WAIT) if isinstance(wait, int) else True


def _document(response: httpx.Response) -> Document:
    text = response.read()
    if response.status_code == httpx.codes.NO_CONTENT:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Stopped("the server's answer is not one of Provenstore's; is the URL right?")
    return found


def _refusal(response: httpx.Response) -> ProvenstoreError:
    text = b""
    for chunk in response.iter_bytes(_CHUNK):
        text += chunk
        if len(text) > MAX_PROBLEM_BYTES:
            break
    try:
        problem = json.loads(text)
    except ValueError:
        problem = None
    found = problem if isinstance(problem, dict) else {}
    wait = response.headers.get("Retry-After", "")
    if wait.isdecimal():
        found = {"retry_after": int(wait), **found}
    return error_of(response.status_code, found)

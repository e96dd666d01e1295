"""What one client may take from the others: connections, headers, time, places. On the wire, against a real server."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, nullcontext
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from provenstore.api.http import protocol
from provenstore.api.http.app import create_app
from provenstore.api.http.limits import MAX_HEAD, MAX_HEADER_FIELDS, MAX_NESTING, RESERVED_CONNECTIONS, ConnectionLimits
from provenstore.api.http.places import Capacity, Places
from provenstore.api.settings import Settings
from provenstore.domain.errors import Busy
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from tests.api.conftest import Api, Tenant, _tenant, serving
from tests.api.test_streaming import answer_on, wire

MIB = 1024 * 1024
HEAD_SECONDS = 0.5
LIMITS: dict[str, Any] = {
    "max_connections": 40,
    "max_connections_per_address": 40,
    "max_uploads": 6,
    "max_uploads_per_workspace": 5,
    "max_uploads_per_key": 3,
    "min_rate": 1_000,
    "rate_window": 2.5,
    "stall_timeout": 20,
}


@pytest.fixture(scope="module")
def narrow(server: Api, settings: Settings) -> Iterator[Api]:
    """A second server on the same ledger, with small limits."""
    limited = settings.model_copy(update=LIMITS)
    services = replace(server.services, settings=limited)
    app = create_app(limited, lambda: nullcontext(services))
    with serving(app, server.clock, limited, head_timeout=HEAD_SECONDS) as api:
        app.state.places.patience = 0.2
        yield api
        for client in api.clients:
            client.close()


@pytest.fixture
def pair(narrow: Api) -> tuple[Tenant, Tenant]:
    """Two workspaces."""
    return _tenant(narrow), _tenant(narrow)


def connected(api: Api, head: bytes = b"") -> socket.socket:
    parts = urlsplit(api.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    connection.sendall(head)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Read until the server closes."""
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def settled(api: Api) -> None:
    """Return once the server has let go of what other tests have closed."""
    deadline = time.monotonic() + 20
    with httpx.Client(base_url=api.url) as client:
        while time.monotonic() < deadline:
            load = client.get("/readyz").json()["load"]
            if load["connections"]["used"] <= 1 and not load["uploads"]["used"]:
                return
            time.sleep(0.05)
    raise AssertionError(load)


@pytest.mark.parametrize("head", [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ", b"G", b"\r\n"])
def test_half_a_header_is_not_waited_for(narrow: Api, head: bytes) -> None:
    """Nor one that comes byte by byte; where a request was begun the answer is 408."""
    began = time.monotonic()
    with connected(narrow, head) as connection:
        answer = rest(connection)
    assert time.monotonic() - began < 10
    assert b"header-timeout" in answer or head == b"\r\n"


def test_half_a_header_on_a_kept_connection(narrow: Api) -> None:
    """The second request of a connection has no more time than the first."""
    with connected(narrow, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        assert answer_on(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        assert rest(connection).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 10


def test_connection_without_a_word(narrow: Api) -> None:
    """It is closed as soon as a header would be late."""
    with connected(narrow) as connection:
        assert rest(connection) == b""


@pytest.mark.parametrize("name", [b"X-Long: ", b""])
def test_header_that_is_too_large(narrow: Api, name: bytes) -> None:
    """A header of 300 MB is answered 431 at its 65th KiB, and keeps nobody waiting meanwhile."""
    start = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + name if name else b"GET /"
    sent, began = 0, time.monotonic()
    with connected(narrow, start) as connection:
        try:
            while sent < 300 * MIB:
                sent += connection.send(b"x" * MIB)
        except OSError:
            pass
        answer = rest(connection)
    assert sent < 50 * MIB  # what the buffers of two sockets take
    assert time.monotonic() - began < 20
    # The connection may be reset before the answer is read: the client never stops to read.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


def test_header_at_the_limit(narrow: Api) -> None:
    """64 KiB are taken, one more is answered 431; so are too many fields."""
    client = narrow.anonymous()
    assert client.get("/healthz", headers={"X-Long": "x" * (MAX_HEAD - 1_000)}).status_code == 200
    for headers in ({"X-Long": "x" * MAX_HEAD}, {f"X-{number}": "x" for number in range(MAX_HEADER_FIELDS + 1)}):
        answer = client.get("/healthz", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (431, "header-too-large")


def test_what_is_not_http(narrow: Api) -> None:
    """It is answered with a problem, too."""
    with connected(narrow, b"\x16\x03\x01 nonsense\r\n\r\n") as connection:
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "malformed-request"


def test_trailers_without_end(pair: tuple[Tenant, Tenant]) -> None:
    """What follows a chunked body is bounded as a header is, and changes nothing about the request."""
    tenant, _ = pair
    service = tenant.client("service")
    file_id = tenant.new(service).json()["file"]["id"]
    with wire(tenant.api, service, f"/v1/files/{file_id}/content", {"Transfer-Encoding": "chunked"}) as connection:
        connection.sendall(b"1\r\nx\r\n0\r\nX-Trailer: ")
        sent = 0
        try:
            while sent < 100 * MIB:
                sent += connection.send(b"x" * MIB)
        except OSError:
            pass
    assert sent < 50 * MIB
    settled(tenant.api)
    assert service.get(f"/v1/files/{file_id}").json()["status"] == "initiated"


def test_pipelined_requests(narrow: Api) -> None:
    """A few are answered in their order; thousands end the connection."""
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(narrow, one * 5 + one.replace(b"Host", b"Connection: close\r\nHost")) as connection:
        assert rest(connection).count(b"HTTP/1.1 200") == 6
    with connected(narrow, one * 5_000) as connection:
        assert rest(connection).count(b"HTTP/1.1 200") < 100
    assert narrow.anonymous().get("/healthz").status_code == 200


def test_too_many_connections(narrow: Api) -> None:
    """Beyond the limit a request is answered `busy`; health still answers and says so, and nobody waits."""
    settled(narrow)
    with ExitStack() as stack:
        for _ in range(40):
            connection = stack.enter_context(connected(narrow, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert answer_on(connection).startswith(b"HTTP/1.1 200")
        with httpx.Client(base_url=narrow.url) as late:
            answer = late.get("/v1/files")
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert answer.headers["Retry-After"]
            assert answer.headers["Connection"] == "close"
            ready = late.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "busy")
        assert ready.json()["load"]["connections"]["used"] >= 40
        many = [stack.enter_context(connected(narrow)) for _ in range(RESERVED_CONNECTIONS + 5)]
        assert rest(many[-1]).startswith(b"HTTP/1.1 503")
    settled(narrow)


def test_connections_of_one_address(narrow: Api) -> None:
    """An address has its own limit, unless it is a proxy's, behind which many clients stand."""
    limits = ConnectionLimits(connections=10, per_address=2, proxies=(), min_rate=0)
    connections = protocol.Connections(limits)
    assert [connections.enter("192.0.2.1") for _ in range(3)] == [(True, True), (True, True), (False, False)]
    assert connections.enter("192.0.2.2") == (True, True)
    for _ in range(3):
        connections.leave("192.0.2.1")
    assert connections.enter("192.0.2.1") == (True, True)
    behind = protocol.Connections(replace(limits, proxies=narrow.services.settings.proxy_networks))
    assert [behind.enter("127.0.0.1") for _ in range(5)] == [(True, True)] * 5
    assert behind.enter("::1") == (True, True)


def test_key_that_trickles_stops_nobody(pair: tuple[Tenant, Tenant]) -> None:
    """It has its own places and no more; another tenant uploads, and the slow bodies are answered 408."""
    slow, other = pair
    service, second = slow.client("service"), slow.client("service")
    late, *files = [slow.new(service, size=100).json()["file"]["id"] for _ in range(4)]
    with ExitStack() as stack:
        held = [
            stack.enter_context(wire(slow.api, service, f"/v1/files/{one}/content", {"Content-Length": "100"}))
            for one in files
        ]
        for connection in held:
            connection.sendall(b"x")
        places = slow.api.app.state.places
        deadline = time.monotonic() + 10
        while places.used < 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        refused = service.put(f"/v1/files/{late}/content", content=b"x" * 100)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert other.stored(other.client("service"))
        assert refused.json()["detail"].startswith("all upload places of this API key are taken")
        assert refused.headers["Retry-After"]
        assert slow.stored(second)
        answers = [answer_on(connection) for connection in held]
    assert all(one.startswith(b"HTTP/1.1 408") and b"too-slow" in one for one in answers), answers
    settled(slow.api)
    assert slow.stored(service)


def test_workspace_has_a_limit_above_its_keys() -> None:
    """Two keys of one tenant do not have twice as many places as the tenant has; a place that is freed is taken."""

    def caller(number: int, scope: str) -> Caller:
        return Caller(Actor("a", "service", "api_key", str(UUID(int=number))), frozenset({"service"}), scope)

    async def fill() -> list[str]:
        places = Places(Capacity(total=5, per_workspace=3, per_key=2), patience=0.05)
        said: list[str] = []
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(AsyncExitStack())
            for number, scope in [(1, "x"), (1, "x"), (1, "x"), (2, "x"), (2, "x"), (3, "y"), (4, "y"), (5, "z")]:
                holder = first if not said and number == 1 and places.used == 0 else stack
                try:
                    await holder.enter_async_context(places.of(caller(number, scope)))
                except Busy as exc:
                    said.append(exc.message.partition(" are")[0])
            waiting = asyncio.create_task(stack.enter_async_context(places.of(caller(1, "x"))))
            await asyncio.sleep(0)
            await first.aclose()
            await waiting
        assert places.used == 0
        return said

    assert asyncio.run(fill()) == [
        "all upload places of this API key",
        "all upload places of this workspace",
        "all upload places of the server",
    ]


def test_a_key_of_one_workspace_takes_no_places_of_another() -> None:
    """A request that names another workspace is refused later, and takes no place of that workspace meanwhile."""

    def caller(number: int, scope: str) -> Caller:
        return Caller(Actor("a", "service", "api_key", str(UUID(int=number))), frozenset({"service"}), scope)

    async def fill() -> None:
        places = Places(Capacity(total=5, per_workspace=1, per_key=5), patience=0.05)
        async with places.of(caller(1, "x"), "y"), places.of(caller(2, "y"), "y"):
            with pytest.raises(Busy, match="of this workspace"):
                await places.of(caller(3, "x"), "z").__aenter__()

    asyncio.run(fill())


def test_steady_body_is_not_too_slow(pair: tuple[Tenant, Tenant]) -> None:
    """Only the average over the window counts, so a body may come in small pieces."""
    tenant, _ = pair
    service = tenant.client("service")

    def steady() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 500
            time.sleep(0.2)

    file_id = tenant.new(service, size=10_000).json()["file"]["id"]
    assert service.put(f"/v1/files/{file_id}/content", content=steady()).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pvs_nonsense"}])
@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/files/0199b3a0-0000-7000-8000-000000000000/content"])
def test_body_is_not_read_before_the_key(
    narrow: Api, path: str, headers: dict[str, str], expect: dict[str, str]
) -> None:
    """Without a key that is good the answer comes at once, is never 100 Continue, and ends the connection."""
    method = "PUT" if path.endswith("content") else "POST"
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 1000000"]
    lines += [f"{name}: {value}" for name, value in {**headers, **expect}.items()]
    began = time.monotonic()
    with connected(narrow, "\r\n".join([*lines, "", ""]).encode()) as connection:
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 401"), answer
    assert b"connection: close" in answer.lower()
    assert time.monotonic() - began < 10


def test_body_of_a_get_is_never_read(narrow: Api) -> None:
    """It means nothing: the answer does not wait for it, and the connection ends with it."""
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with connected(narrow, head) as connection:
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_that_is_nested_too_deeply(pair: tuple[Tenant, Tenant], opening: str) -> None:
    """It is refused before a parser is led there; brackets within texts do not count."""
    tenant, _ = pair
    service = tenant.client("service")
    json_type = {"Content-Type": "application/json"}
    answer = service.post("/v1/files", content=opening * (MAX_NESTING + 1), headers=json_type)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-request")
    assert str(MAX_NESTING) in answer.json()["detail"]
    assert tenant.new(service, metadata={"note": '[{"' * 100 + "\\"}).status_code == 201


def test_reader_that_does_not_read(pair: tuple[Tenant, Tenant]) -> None:
    """It is dropped after the window, which lets go of the object; others are served meanwhile."""
    tenant, other = pair
    service = tenant.client("service")
    file_id = tenant.stored(service, b"x" * (32 * MIB))
    lines = [f"GET /v1/files/{file_id}/content HTTP/1.1", f"Authorization: {service.headers['Authorization']}"]
    with connected(tenant.api) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall("\r\n".join([*lines, "Host: x", "", ""]).encode())
        connection.recv(1_000)
        assert other.stored(other.client("service"))
        time.sleep(6)
        assert len(rest(connection)) < 32 * MIB
    settled(tenant.api)
    assert len(service.get(f"/v1/files/{file_id}/content").content) == 32 * MIB

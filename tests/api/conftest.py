"""One real server per worker: uvicorn in a thread over a data directory of its own, spoken to over HTTP on loopback.

Every test makes workspaces of its own, so that tests share the server and nothing else.
"""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from probed import probed
from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.store import Spaces
from provenstore.api.background.completer import Completer
from provenstore.api.background.disposer import Disposer
from provenstore.api.http.app import create_app
from provenstore.api.http.server import server_config
from provenstore.api.permissions import permits
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.access.links import LinkWays
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.ledger import Ledger
from store_servers import address

ROOT = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)
STALL = 0.5  # seconds

TRUST = ssl.create_default_context()
"""What every client would load by itself, which takes longer than most requests."""


class MovableClock:
    """The machine's clock, moved ahead by what a test asks for."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Api:
    """The running server, and keys to it."""

    url: str
    app: FastAPI
    clock: MovableClock
    clients: list[httpx.Client] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def services(self) -> Services:
        found: Services = self.app.state.services
        return found

    def sweep(self) -> None:
        """Do one round of the background work now, on read models that have seen everything."""
        self.services.wait_for(self.services.ledger.log.position())
        Completer(self.services).settle_all()
        Disposer(self.services).dispose_all(going=lambda: True)

    def client(
        self, role: str = "admin", workspace: str | None = None, *, actor: str | None = None, kind: str = "person"
    ) -> httpx.Client:
        """Return a client with a fresh key, of a fresh actor unless one is named."""
        issued = self.services.ledger.issue_key(
            ROOT,
            actor=actor or f"actor-{uuid4()}",
            kind="person" if kind == "person" else "service",
            roles=(role,),  # type: ignore[arg-type]  # tests also name roles by variables
            scope=workspace,
        )
        return self.anonymous({"Authorization": f"Bearer {issued.key}"})

    def anonymous(self, headers: dict[str, str] | None = None) -> httpx.Client:
        """Return a client without a key."""
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=TRUST)
        self.clients.append(client)
        return client


@dataclass
class Tenant:
    """A workspace of one test and clients with a role in it."""

    api: Api
    id: str

    def client(self, role: str, **about: str) -> httpx.Client:
        return self.api.client(role, self.id, **about)

    def new(self, client: httpx.Client, **said: Any) -> httpx.Response:
        """Initiate a file."""
        body = {"workspace": self.id, "filename": "report.pdf", "media_type": "application/pdf", "category": "misc"}
        return client.post("/v1/files", json={**body, **said})

    def stored(self, client: httpx.Client, content: bytes = b"content", **said: Any) -> str:
        """Store a file and return its id."""
        initiated = self.new(client, size=len(content), **said)
        assert initiated.status_code == 201, initiated.text
        file_id: str = initiated.json()["file"]["id"]
        answer = client.put(f"/v1/files/{file_id}/content", content=content)
        assert answer.status_code == 200, answer.text
        return file_id

    def erase(self, file_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Erase private values of a file, by two persons."""
        first, second = self.client("privacy"), self.client("approver")
        answer = first.post(f"/v1/files/{file_id}/erasure", json=asked)
        assert answer.status_code == 202, answer.text
        done = second.post(f"/v1/erasures/{answer.json()['id']}/approve")
        assert done.status_code == 200, done.text
        found: dict[str, Any] = done.json()
        return found

    def history(self, file_id: str) -> list[dict[str, Any]]:
        """Return a file's events as an auditor sees them."""
        answer = self.api.client("auditor").get(f"/v1/files/{file_id}/history", params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["events"]
        return events

    def types(self, file_id: str) -> list[str]:
        """Return the short names of a file's events."""
        return [one["event"]["type"].split(".")[1] for one in self.history(file_id)]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(
        data_dir=tmp_path_factory.mktemp("api") / "data", stall_timeout=STALL, read_your_write_timeout=0.5
    )


@contextmanager
def serving(app: FastAPI, clock: MovableClock, settings: Settings | None = None, **how: Any) -> Iterator[Api]:
    """Serve an application on loopback from a thread of this process."""
    listening = socket.create_server(("127.0.0.1", 0))
    uvicorn_server = uvicorn.Server(server_config(app, settings or load_settings(), **how))
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listening]})
    thread.start()
    api = Api(f"http://127.0.0.1:{listening.getsockname()[1]}", app, clock)
    deadline = time.monotonic() + 60
    while not uvicorn_server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert uvicorn_server.started
    try:
        yield api
    finally:
        uvicorn_server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="session")
def server(settings: Settings) -> Iterator[Api]:
    clock = MovableClock()
    app = create_app(settings, lambda: open_services(settings, sweep=False, clock=clock))
    with serving(app, clock, settings) as api:
        yield api


@pytest.fixture(scope="session")
def bucket_server(server: Api, settings: Settings) -> Iterator[Api]:
    """A second server on the same ledger, whose objects lie in a bucket of moto."""
    at, name = address("moto"), f"api-{uuid4()}"
    described = Bucket(
        endpoint=at.endpoint, region=at.region, name=name, key=at.key, secret=SecretStr(at.secret), path_style=True
    )
    client = connect(described)
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    shared = server.services
    # Moto takes whatever is sent along; what the ledger does on a bucket that does not is looked at here.
    found = replace(probed(client, name), sound_put_urls=True, sound_part_urls=True)
    store = Spaces(client, name, found, urls=shared.signer)
    ledger = Ledger(
        shared.ledger.log,
        store,
        clock=server.clock,
        entropy=SystemEntropy(),
        permits=permits,
        links=LinkWays(shared.signer),
    )
    services = replace(shared, ledger=ledger)
    with serving(create_app(settings, lambda: nullcontext(services)), server.clock, settings) as api:
        yield api


@pytest.fixture
def api(server: Api) -> Iterator[Api]:
    yield server
    server.clock.ahead = timedelta()
    for client in server.clients:
        client.close()
    server.clients.clear()


@pytest.fixture
def make_tenant(api: Api) -> Callable[..., Tenant]:
    return partial(_tenant, api)


def _tenant(api: Api, **said: Any) -> Tenant:
    name = f"t-{uuid4().hex[:20]}"
    answer = api.client().post("/v1/workspaces", json={"id": name, **said})
    assert answer.status_code == 201, answer.text
    return Tenant(api, name)


@pytest.fixture
def bucket_tenant(bucket_server: Api) -> Iterator[Tenant]:
    """A workspace whose files lie in the bucket."""
    yield _tenant(bucket_server)
    for client in bucket_server.clients:
        client.close()
    bucket_server.clients.clear()


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant()

"""The line of each request: who asked what and how it ended, and never a name, a key or a signed URL."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.types import Scope
from structlog.testing import capture_logs

from provenstore.adapters.entropy import SystemEntropy
from provenstore.api.http.access_log import log_access
from provenstore.api.permissions import permits
from provenstore.domain.ledger import Ledger
from tests.api.conftest import Api, Tenant
from tests.api.sites import Outage

Log = Callable[[httpx.Response], dict[str, Any]]

KEY = f"pvs_{'0a' * 16}_{'Ab3' * 14}x"
NAME = "top-secret-name.pdf"


@pytest.fixture
def log() -> Iterator[Log]:
    """Return what gives the line of an answered request; it may be written a moment after the answer."""
    with capture_logs() as lines:

        def line(answer: httpx.Response) -> dict[str, Any]:
            wanted, deadline = answer.headers["X-Request-Id"], time.monotonic() + 10
            while time.monotonic() < deadline:
                for one in list(lines):
                    if (one["event"], one.get("request")) == ("request", wanted):
                        return dict(one)
                time.sleep(0.005)
            pytest.fail("the request left no line")

        yield line


@pytest.mark.parametrize(
    ("method", "path", "shown"),
    [
        ("GET", f"/v1/files/{NAME}/{KEY}", "/…"),
        ("GET", f"/{KEY}", "/…"),
        ("GET", f"/v1/files/{NAME}", "/v1/files/…"),
        ("GET", f"/v1/files/{KEY}/history", "/v1/files/…/history"),
        ("GET", f"/v1/signed/{KEY}", "/v1/signed/…"),
        ("GET", f"/v1/workspaces/{KEY}", "/v1/workspaces/…"),
        ("DELETE", f"/v1/keys/{KEY}", "/v1/keys/…"),
        ("POST", f"/v1/keys/{KEY}", "/v1/keys/…"),
        ("GET", f"/log/tile/{NAME}", "/log/tile/…"),
        ("GET", f"/v1/projections/{NAME}/rows", "/v1/projections/…/rows"),
        ("GET", f"/v1/files/?filename={NAME}", "/…"),
        ("GET", f"/v1/files?filename={NAME}", "/v1/files"),
    ],
)
def test_paths_show_nothing_that_somebody_chose(api: Api, log: Log, method: str, path: str, shown: str) -> None:
    """Where no route is meant, or a parameter is no id of ours, nothing of it is kept."""
    line = log(api.anonymous().request(method, path))
    assert line["path"] == shown
    assert NAME not in str(line)
    assert KEY not in str(line)


def test_paths_show_ids(tenant: Tenant, log: Log) -> None:
    """Ids of files and workspaces, numbers and places in the log are what a line is found by."""
    client, file_id = tenant.client("service"), uuid4()
    for path in (f"/v1/files/{file_id}/parts", f"/v1/workspaces/{tenant.id}", "/log/tile/0/x001/067.p/3"):
        assert log(client.get(path))["path"] == path
    assert log(client.put(f"/v1/files/{file_id}/parts/7"))["path"] == f"/v1/files/{file_id}/parts/7"


def test_who_asked(tenant: Tenant, log: Log) -> None:
    """A line names actor, credential and workspace of the key, by their ids; without a good key nobody."""
    actor = f"robot-{uuid4()}"
    client = tenant.client("service", actor=actor, kind="service")
    line = log(client.get(f"/v1/workspaces/{tenant.id}"))
    credential = str(UUID(client.headers["Authorization"].split("_")[1]))
    assert (line["actor"], line["credential"], line["workspace"]) == (actor, credential, tenant.id)
    assert line["log_level"] == "info"
    assert "code" not in line
    stranger = log(tenant.api.anonymous({"Authorization": f"Bearer {KEY}"}).get("/v1/files"))
    assert stranger["code"] == "unauthenticated"
    assert stranger.keys().isdisjoint({"actor", "credential", "workspace"})
    assert stranger["claimed"] == str(UUID("0a" * 16))
    assert KEY.rpartition("_")[2] not in str(stranger)


def test_whose_key_was_used_after_its_end(tenant: Tenant, log: Log) -> None:
    """The line names the actor and the key, as the event does; of a key with another secret only the claimed id."""
    client = tenant.client("service", actor=(name := f"robot-{uuid4()}"), kind="service")
    key = client.headers["Authorization"].removeprefix("Bearer ")
    credential = str(UUID(key.split("_")[1]))
    assert tenant.api.client().delete(f"/v1/keys/{credential}").status_code == 204
    line = log(client.get("/v1/files", headers={"User-Agent": "old/1"}))
    assert (line["status"], line["actor"], line["credential"]) == (401, name, credential)
    event = tenant.api.services.ledger.log.events([f"credential:{credential}"])[-1].to_json()
    assert (event["type"], event["data"]["code"]) == ("credential.refused.v1", "revoked")
    assert (event["request"], sorted(event["private"])) == (line["request"], ["address", "user_agent"])
    wrong = log(tenant.api.anonymous({"Authorization": f"Bearer {key[:-43]}{'A' * 43}"}).get("/v1/files"))
    assert (wrong["status"], wrong["claimed"], "credential" in wrong) == (401, credential, False)


def test_why_it_was_refused(tenant: Tenant, log: Log) -> None:
    """A refusal's line has the code of its problem, and remains information."""
    client = tenant.client("service")
    for answer, code in (
        (client.get("/v1/nothing"), "not-found"),
        (client.put("/v1/files"), "method-not-allowed"),
        (client.post("/v1/files", json={}), "invalid-input"),
        (client.post("/v1/files", content=b"x" * 1_100_000), "content-too-large"),
        (client.delete(f"/v1/keys/{uuid4()}"), "forbidden"),
        (client.delete(f"/v1/files/{uuid4()}"), "not-found"),
    ):
        line = log(answer)
        assert (line["code"], line["log_level"]) == (code, "info")


def test_store_that_is_away(tenant: Tenant, log: Log) -> None:
    """A 503 is a warning that says why, with the store's own word for it."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    services = tenant.api.services
    store = Outage(services.ledger.store)
    ledger = Ledger(services.ledger.log, store, clock=services.clock, entropy=SystemEntropy(), permits=permits)
    store.away = True
    tenant.api.app.state.services = replace(services, ledger=ledger)
    try:
        answer = service.get(f"/v1/files/{file_id}/content")
    finally:
        tenant.api.app.state.services = services
    line = log(answer)
    assert (line["status"], line["code"], line["log_level"]) == (503, "store-unavailable/timeout", "warning")


@pytest.mark.parametrize(("status", "level"), [(499, "info"), (500, "error"), (503, "warning"), (507, "warning")])
def test_level_by_status(status: int, level: str) -> None:
    """500 is an error, which somebody must look at; what passes by itself is a warning."""
    scope: Scope = {"method": "GET", "path": "/"}
    with capture_logs() as lines:
        log_access(scope, status, 0.001, "r")
    assert [one["log_level"] for one in lines] == [level]
    assert lines[0].get("code") == ("internal-error" if status == 500 else None)

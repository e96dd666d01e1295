"""Over HTTP: a command that is on record is never answered as though nothing was done."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cut_log import CutLog
from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.api.http.app import create_app
from provenstore.api.permissions import permits
from provenstore.api.settings import Settings
from provenstore.domain.access.links import LinkWays
from provenstore.domain.ledger import Ledger
from tests.api.conftest import Api, Tenant, serving

CONTENT = b"content"
TRUE = {"recorded-unfinished", "append-outcome-unknown"}
NO_COMMANDS = {
    # Counts, after it has recorded that somebody asked.
    ("POST", "/v1/erasures/preview"),
    # Background work, which answers for itself, and read models, which are not the record.
    ("POST", "/v1/jobs/run"),
    ("POST", "/v1/jobs/{file_id}/retry"),
    ("DELETE", "/v1/projections/{name}/rebuild"),
    ("POST", "/v1/projections/{name}/rebuild"),
    ("POST", "/v1/projections/{name}/{act}"),
    # Its command is cut off in the tests of the domain: here it takes a read model that is parked.
    ("POST", "/v1/projections/{name}/skip"),
}


@dataclass
class Cut:
    """A second server on the same ledger, whose database goes away when a test says so."""

    api: Api
    log: CutLog
    tenant: Tenant
    client: httpx.Client
    """Of an admin of the tenant, at the server that is cut off."""
    other: httpx.Client
    """Of another one, at the first server."""

    def send(self, method: str, path: str, **said: Any) -> httpx.Response:
        """Prepare something at the first server."""
        answer = self.other.request(method, path, **said)
        assert answer.is_success, answer.text
        return answer

    def stored(self) -> str:
        """Store a file."""
        return self.tenant.stored(self.other, CONTENT)

    def deleted(self) -> str:
        """Store and delete a file."""
        file_id = self.stored()
        self.send("DELETE", f"/v1/files/{file_id}")
        return file_id

    def requested(self) -> str:
        """Ask for a purge."""
        file_id = self.deleted()
        self.send("POST", f"/v1/files/{file_id}/purge", json={"reason": "old"})
        return file_id

    def begun(self, **said: Any) -> dict[str, Any]:
        """Initiate a file."""
        answer = self.tenant.new(self.other, size=len(CONTENT), **said)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def named(self) -> str:
        """Store a file about somebody, and return who that is."""
        subject = f"anna-{uuid4()}"
        self.tenant.stored(self.other, CONTENT, subjects=[subject])
        return subject

    def erasure(self) -> str:
        """Ask for an erasure."""
        asked = {"workspace": self.tenant.id, "subject": self.named(), "reason": "asked"}
        found: str = self.send("POST", "/v1/erasures", json=asked).json()["id"]
        return found

    def parts(self) -> str:
        """Initiate a file in parts."""
        file_id: str = self.begun(upload="multipart")["file"]["id"]
        return file_id

    def sent(self) -> str:
        """Send its only part."""
        file_id = self.parts()
        self.send("PUT", f"/v1/files/{file_id}/parts/1", content=CONTENT)
        return file_id


Request = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def cut_api(server: Api, settings: Settings) -> Iterator[tuple[Api, CutLog]]:
    shared = server.services
    assert isinstance(shared.ledger.log, PostgresEventLog)
    log = CutLog(shared.ledger.log.database)
    ledger = Ledger(
        log,
        shared.ledger.store,
        clock=server.clock,
        entropy=SystemEntropy(),
        permits=permits,
        links=LinkWays(shared.signer),
    )
    services = replace(shared, ledger=ledger)
    with serving(create_app(settings, lambda: nullcontext(services)), server.clock, settings) as api:
        yield api, log
        for client in api.clients:
            client.close()


@pytest.fixture
def cut(cut_api: tuple[Api, CutLog], api: Api, make_tenant: Callable[..., Tenant]) -> Cut:
    tenant = make_tenant()
    mine = tenant.client("admin")
    at, log = cut_api
    return Cut(at, log, tenant, at.anonymous(dict(mine.headers)), tenant.client("admin"))


def _hold(cut: Cut) -> Request:
    file_id = cut.stored()
    placed = cut.send("POST", f"/v1/files/{file_id}/legal-holds", json={"name": "case", "reason": "asked"}).json()
    return "DELETE", f"/v1/files/{file_id}/legal-holds/{placed['id']}", {}


def _link(cut: Cut) -> Request:
    file_id = cut.stored()
    issued = cut.send("POST", f"/v1/files/{file_id}/links").json()
    return "DELETE", f"/v1/files/{file_id}/links/{issued['id']}", {}


def _key(cut: Cut) -> Request:
    issued = cut.send(
        "POST",
        "/v1/keys",
        json={"actor": "svc", "kind": "service", "roles": ["service"], "workspace": cut.tenant.id},
    ).json()
    return "DELETE", f"/v1/keys/{issued['id']}", {}


def _signed(cut: Cut) -> Request:
    upload = cut.begun(upload="presigned")["upload"]
    return (
        "PUT",
        upload["url"].partition("/v1")[1] + upload["url"].partition("/v1")[2],
        {
            "content": CONTENT,
            "headers": upload["headers"],
        },
    )


def _disposal(cut: Cut, decision: str | None) -> Request:
    at = f"/v1/workspaces/{cut.tenant.id}/disposal/requests"
    said = {"json": {"category": "misc", "after_days": int(uuid4()) % 1_000 + 1, "reason": "law"}}
    if decision is None:
        return "POST", at, said
    asked = cut.send("POST", at, **said).json()
    return "POST", f"{at}/{asked['id']}/{decision}", {}


def _of(prepare: Callable[[Cut], str], method: str, path: str, **said: Any) -> Callable[[Cut], Request]:
    return lambda cut: (method, path.format(prepare(cut)), said)


CASES: dict[tuple[str, str], Callable[[Cut], Request]] = {
    ("POST", "/v1/files"): lambda cut: (
        "POST",
        "/v1/files",
        {
            "json": {
                "workspace": cut.tenant.id,
                "filename": "a.pdf",
                "media_type": "application/pdf",
                "category": "misc",
                "content": "Y29udGVudA==",
            }
        },
    ),
    ("PATCH", "/v1/files/{file_id}"): _of(Cut.stored, "PATCH", "/v1/files/{}", json={"filename": "b.pdf"}),
    ("DELETE", "/v1/files/{file_id}"): _of(Cut.stored, "DELETE", "/v1/files/{}"),
    ("POST", "/v1/files/{file_id}/delete"): _of(Cut.stored, "POST", "/v1/files/{}/delete"),
    ("POST", "/v1/files/{file_id}/restore"): _of(Cut.deleted, "POST", "/v1/files/{}/restore"),
    ("POST", "/v1/files/{file_id}/complete"): _of(Cut.sent, "POST", "/v1/files/{}/complete"),
    ("PUT", "/v1/files/{file_id}/content"): _of(
        lambda cut: cut.begun()["file"]["id"], "PUT", "/v1/files/{}/content", content=CONTENT
    ),
    ("DELETE", "/v1/files/{file_id}/upload"): _of(
        lambda cut: cut.begun()["file"]["id"], "DELETE", "/v1/files/{}/upload"
    ),
    ("POST", "/v1/files/{file_id}/erasure"): _of(
        Cut.stored, "POST", "/v1/files/{}/erasure", json={"fields": ["filename"], "reason": "asked"}
    ),
    ("POST", "/v1/erasures"): lambda cut: (
        "POST",
        "/v1/erasures",
        {"json": {"workspace": cut.tenant.id, "subject": cut.named(), "reason": "asked"}},
    ),
    ("POST", "/v1/workspaces/{workspace}/disposal/requests"): lambda cut: _disposal(cut, None),
    ("POST", "/v1/workspaces/{workspace}/disposal/requests/{request}/approve"): lambda cut: _disposal(cut, "approve"),
    ("POST", "/v1/workspaces/{workspace}/disposal/requests/{request}/reject"): lambda cut: _disposal(cut, "reject"),
    ("POST", "/v1/erasures/{erasure}/approve"): _of(Cut.erasure, "POST", "/v1/erasures/{}/approve"),
    ("POST", "/v1/erasures/{erasure}/reject"): _of(Cut.erasure, "POST", "/v1/erasures/{}/reject"),
    ("POST", "/v1/files/{file_id}/legal-holds"): _of(
        Cut.stored, "POST", "/v1/files/{}/legal-holds", json={"name": "case", "reason": "asked"}
    ),
    ("DELETE", "/v1/files/{file_id}/legal-holds/{hold}"): _hold,
    ("POST", "/v1/files/{file_id}/links"): _of(Cut.stored, "POST", "/v1/files/{}/links"),
    ("DELETE", "/v1/files/{file_id}/links/{link}"): _link,
    ("POST", "/v1/files/{file_id}/parts"): _of(Cut.parts, "POST", "/v1/files/{}/parts", json={"parts": [1]}),
    ("PUT", "/v1/files/{file_id}/parts/{number}"): _of(Cut.parts, "PUT", "/v1/files/{}/parts/1", content=CONTENT),
    ("POST", "/v1/files/{file_id}/purge"): _of(Cut.deleted, "POST", "/v1/files/{}/purge", json={"reason": "old"}),
    ("DELETE", "/v1/files/{file_id}/purge"): _of(Cut.requested, "DELETE", "/v1/files/{}/purge"),
    ("POST", "/v1/files/{file_id}/purge/approve"): _of(Cut.requested, "POST", "/v1/files/{}/purge/approve"),
    ("POST", "/v1/files/{file_id}/purge/reject"): _of(Cut.requested, "POST", "/v1/files/{}/purge/reject"),
    ("POST", "/v1/files/{file_id}/purge/withdraw"): _of(Cut.requested, "POST", "/v1/files/{}/purge/withdraw"),
    **{
        (method, "/v1/files/{file_id}/retention"): _of(
            Cut.stored,
            method,
            "/v1/files/{}/retention",
            json={"until": "2035-01-01T00:00:00Z", "mode": "governance", "reason": "law"},
        )
        for method in ("PUT", "POST")
    },
    ("POST", "/v1/files/{file_id}/verification"): _of(
        Cut.stored, "POST", "/v1/files/{}/verification", params={"again": "true"}
    ),
    ("POST", "/v1/keys"): lambda cut: (
        "POST",
        "/v1/keys",
        {"json": {"actor": "svc", "kind": "service", "roles": ["service"], "workspace": cut.tenant.id}},
    ),
    ("DELETE", "/v1/keys/{key_id}"): _key,
    ("PUT", "/v1/signed/{token}"): _signed,
    ("POST", "/v1/workspaces"): lambda _: ("POST", "/v1/workspaces", {"json": {"id": f"t-{uuid4().hex[:20]}"}}),
    ("PATCH", "/v1/workspaces/{workspace}"): lambda cut: (
        "PATCH",
        f"/v1/workspaces/{cut.tenant.id}",
        {"json": {"max_files": int(uuid4()) % 100_000 + 1, "max_retention_years": int(uuid4()) % 90 + 1}},
    ),
    ("POST", "/v1/workspaces/{workspace}/categories"): lambda cut: (
        "POST",
        f"/v1/workspaces/{cut.tenant.id}/categories",
        {"json": {"category": f"c-{uuid4().hex[:8]}", "template": "{workspace}/", "limits": {}}},
    ),
    ("PUT", "/v1/workspaces/{workspace}/limits/{category}"): lambda cut: (
        "PUT",
        f"/v1/workspaces/{cut.tenant.id}/limits/misc",
        {"json": {"max_size": int(uuid4()) % 100_000 + 1}},
    ),
}
WHOLE_LEDGER = {("POST", "/v1/workspaces"), ("PATCH", "/v1/workspaces/{workspace}")}


def test_every_route_that_changes_something_has_its_case(api: Api) -> None:
    """A new route is cut off here, or is said to carry no command."""
    routes = {
        (method.upper(), path)
        for path, operations in api.app.openapi()["paths"].items()
        for method in operations
        if method not in {"get", "head"}
    }
    assert routes == CASES.keys() | NO_COMMANDS


@pytest.mark.parametrize("route", CASES, ids=" ".join)
def test_a_command_on_record(cut: Cut, route: tuple[str, str]) -> None:
    """Cut off after each of its commits: its answer, or that it is on record; after the last one its answer."""
    client = cut.client
    if route in WHOLE_LEDGER:
        client = cut.api.anonymous(dict(cut.tenant.api.client("admin").headers))
    for nth in range(1, 10):
        method, path, said = CASES[route](cut)
        client.request("GET", "/v1/workspaces")  # proves that it is there, and that the key is good
        cut.log.cut(nth)
        try:
            answer = client.request(method, path, **said)
        finally:
            gone = cut.log.heal()
        if not gone:
            assert nth > 1, answer.text
            assert answer.is_success, answer.text
            break
        assert answer.is_success or answer.json()["code"] in TRUE, answer.text
        last = answer
    assert last.is_success, last.text

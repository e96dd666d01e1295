"""Who may do what, and where: workspaces do not exist for each other, and roles allow what the table says."""

from collections.abc import Callable, Iterator
from typing import Any, get_args
from uuid import uuid4

import httpx
import pytest

from provenstore.api.permissions import PERMISSIONS
from provenstore.domain.eventlog.caller import Operation, Role
from tests.api.conftest import Api, Tenant

UNTIL = {"until": "2099-01-01T00:00:00Z", "mode": "governance", "reason": "law"}
NOWHERE = "01990000-0000-7000-8000-000000000001"

FILE_REQUESTS: dict[Operation, tuple[str, str, Any]] = {
    "file.upload": ("PUT", "/content", None),
    "file.abort": ("DELETE", "/upload", None),
    "file.get": ("GET", "", None),
    "file.content": ("GET", "/content", None),
    "file.link": ("POST", "/links", {}),
    "file.history": ("GET", "/history", None),
    "file.certificate": ("GET", "/certificate", None),
    "file.soft_delete": ("DELETE", "", None),
    "file.restore": ("POST", "/restore", {}),
    "file.change": ("PATCH", "", {"access": "workspace"}),
    "file.retention": ("PUT", "/retention", UNTIL),
    "file.hold": ("POST", "/legal-holds", {"name": "n", "reason": "r"}),
    "file.release": ("DELETE", "/legal-holds/none", None),
    "file.link_revoke": ("DELETE", "/links/01990000-0000-7000-8000-000000000001", None),
    "file.purge_get": ("GET", "/purge", None),
    "file.purge_request": ("POST", "/purge", {}),
    "file.purge_withdraw": ("POST", "/purge/withdraw", {}),
    "file.purge_approve": ("POST", "/purge/approve", {}),
    "file.purge_reject": ("POST", "/purge/reject", {}),
    "file.verify": ("POST", "/verification", None),
    "file.erase": ("POST", "/erasure", {"fields": ["filename"], "reason": "asked"}),
}
"""One request per operation on a file."""

OTHER_REQUESTS: dict[Operation, tuple[str, str, Any]] = {
    "file.list": ("GET", "/v1/files?workspace={workspace}", None),
    "file.initiate": (
        "POST",
        "/v1/files",
        {"workspace": "{workspace}", "filename": "a.pdf", "media_type": "application/pdf", "category": "misc"},
    ),
    "erasure.request": ("POST", "/v1/erasures", {"workspace": "{workspace}", "subject": "anna", "reason": "asked"}),
    "system.sweep": ("GET", "/v1/jobs?workspace={workspace}", None),
    "audit.search": ("GET", "/v1/audit?workspace={workspace}", None),
    "workspace.get": ("GET", "/v1/workspaces/{workspace}", None),
    "workspace.change": ("PATCH", "/v1/workspaces/{workspace}", {"max_files": 1_000}),
    "disposal.get": ("GET", "/v1/workspaces/{workspace}/disposal", None),
    "disposal.request": (
        "POST",
        "/v1/workspaces/{workspace}/disposal/requests",
        {"category": "misc", "after_days": 30, "reason": "schedule"},
    ),
    "disposal.approve": ("POST", "/v1/workspaces/{workspace}/disposal/requests/" + NOWHERE + "/approve", {}),
    "disposal.reject": ("POST", "/v1/workspaces/{workspace}/disposal/requests/" + NOWHERE + "/reject", {}),
    "credential.get": ("GET", "/v1/keys?workspace={workspace}", None),
    "credential.issue": (
        "POST",
        "/v1/keys",
        {"actor": "robot", "kind": "service", "roles": ["service"], "workspace": "{workspace}"},
    ),
}
"""One request per other operation within a workspace."""


def send(client: httpx.Client, request: tuple[str, str, Any], **names: str) -> httpx.Response:
    method, path, body = request
    if body is not None:
        body = {k: v.format(**names) if isinstance(v, str) else v for k, v in body.items()}
    return client.request(method, path.format(**names), json=body)


def without_id(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def test_tenants_choose_names_alike(make_tenant: Callable[..., Tenant]) -> None:
    """Actors and idempotency keys of one workspace say nothing about those of another, nor stand in their way."""
    here, there = make_tenant(), make_tenant()
    name, keys = f"uploader-{uuid4()}", {"Idempotency-Key": "1"}
    clients = [one.client("service", actor=name, kind="service") for one in (here, there)]
    for tenant, client in zip((here, there), clients, strict=True):
        client.headers.update(keys)
        assert tenant.new(client).status_code == 201
    body = {"actor": name, "kind": "person", "roles": ["records"]}
    for tenant, status in ((here, 409), (make_tenant(), 201)):
        answer = tenant.client("admin").post("/v1/keys", json={**body, "workspace": tenant.id})
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("operation", FILE_REQUESTS)
def test_foreign_file_is_as_a_missing_one(api: Api, tenant: Tenant, operation: Operation) -> None:
    """A file of another workspace answers exactly as one that does not exist, and leaves what that leaves."""
    file_id = tenant.stored(tenant.client("service"))
    stranger_home = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": stranger_home})
    stranger = api.client("admin", stranger_home)
    method, path, body = FILE_REQUESTS[operation]
    foreign = stranger.request(method, f"/v1/files/{file_id}{path}", json=body)
    missing = stranger.request(method, f"/v1/files/{uuid4()}{path}", json=body)
    assert (foreign.status_code, without_id(foreign)) == (404, without_id(missing))
    assert foreign.headers.keys() == missing.headers.keys()
    assert "access_denied" not in tenant.types(file_id)
    log = api.services.ledger.log
    left = [event.to_json() for event in log.events([f"refusals:{stranger_home}"])]
    assert [one["data"].pop("file") == file_id for one in left] == [True, False]
    assert left[0]["data"] == left[1]["data"]
    assert {one["workspace"] for one in left} == {stranger_home}


@pytest.mark.parametrize("operation", OTHER_REQUESTS)
def test_foreign_workspace_is_as_a_missing_one(api: Api, tenant: Tenant, operation: Operation) -> None:
    """A workspace that the key does not reach answers exactly as one that does not exist."""
    client = tenant.client("admin")
    other = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": other})
    foreign = send(client, OTHER_REQUESTS[operation], workspace=other)
    missing = send(client, OTHER_REQUESTS[operation], workspace="never-made")
    assert (foreign.status_code, without_id(foreign)) == (404, without_id(missing))


def test_lists_show_only_what_the_key_reaches(api: Api, tenant: Tenant) -> None:
    """Lists of files and workspaces of a key with a workspace show that one alone."""
    other = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": other})
    Tenant(api, other).stored(api.client("service", other))
    file_id = tenant.stored(tenant.client("service"))
    client = tenant.client("service")
    position = client.get(f"/v1/files/{file_id}").headers["Provenstore-Position"]
    found = client.get("/v1/files", params={"min_position": position}).json()["files"]
    assert [one["id"] for one in found] == [file_id]
    assert client.get("/v1/workspaces").json() == {"workspaces": [{"id": tenant.id}], "next": None}
    everywhere = {one["id"] for one in pages(api.client(), "workspaces", after=True)}
    assert {tenant.id, other} <= everywhere


def pages(client: httpx.Client, name: str, *, after: bool) -> Iterator[dict[str, Any]]:
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = client.get(f"/v1/{name}", params=params).json()
        assert len(page[name]) <= 3
        yield from page[name]
        if page["next"] is None:
            return
        params["after"] = page["next"]


@pytest.mark.parametrize("role", get_args(Role))
def test_role_by_operation(tenant: Tenant, role: Role) -> None:
    """Each operation is forbidden exactly where the permission table does not name the role."""
    file_id = tenant.stored(tenant.client("service"))
    client = tenant.client(role)
    for operation, request in {**FILE_REQUESTS, **OTHER_REQUESTS}.items():
        method, path, body = request
        if operation in FILE_REQUESTS:
            path = f"/v1/files/{file_id}{path}"
        answer = send(client, (method, path, body), workspace=tenant.id)
        allowed = role == "admin" or role in PERMISSIONS[operation]
        forbidden = answer.status_code == 403 and answer.json().get("operation") == operation
        assert (operation, forbidden) == (operation, not allowed), answer.text


def test_every_operation_has_a_request() -> None:
    """The tables above leave no operation out but those that have no route or need no workspace."""
    untested = set(get_args(Operation)) - FILE_REQUESTS.keys() - OTHER_REQUESTS.keys()
    of_the_ledger = {"workspace.create", "credential.revoke", "system.operations"}
    projections = {"projection.get", "projection.rows", "projection.change"}
    log = {"log.read", "log.entries", "log.change"}
    erasures = {"erasure.get", "erasure.approve"}
    assert untested == {*of_the_ledger, *projections, *log, *erasures, "provider.probe"}


@pytest.mark.parametrize("role", [role for role in get_args(Role) if role != "admin"])
def test_workspaces_are_made_by_admins_of_the_ledger(api: Api, tenant: Tenant, role: Role) -> None:
    """Neither another role nor an admin of one workspace makes workspaces or revokes the ledger's keys."""
    body = {"id": f"t-{uuid4().hex[:20]}"}
    for client in (api.client(role), tenant.client("admin")):
        assert client.post("/v1/workspaces", json=body).status_code == 403
    issued = api.client().post("/v1/keys", json={"actor": f"a-{uuid4()}", "kind": "person", "roles": ["auditor"]})
    at = f"/v1/keys/{issued.json()['id']}"
    assert tenant.client("admin").delete(at).status_code == 404
    assert api.client(role).delete(at).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic YTpi",
        "Bearer",
        "Bearer nonsense",
        "Bearer pvs_" + "0" * 32 + "_" + "A" * 43,
        "Bearer pvs_" + "0" * 32 + "_" + "A" * 4_000,
    ],
)
def test_without_a_good_key(api: Api, tenant: Tenant, header: str | None) -> None:
    """Without a key that is good everything but health is 401, before anything is looked up."""
    client = api.anonymous({"Authorization": header} if header is not None else {})
    for path in (f"/v1/files/{uuid4()}", "/v1/files", f"/v1/workspaces/{tenant.id}"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/healthz").status_code == 200


def test_revoked_and_expired_keys_open_nothing(api: Api, tenant: Tenant) -> None:
    """A key works until it is revoked or its time has passed, and says the same in both cases."""
    admin = api.client()
    body = {"actor": f"a-{tenant.id}", "kind": "service", "roles": ["service"], "workspace": tenant.id}
    issued = admin.post("/v1/keys", json=body).json()
    revoked = api.anonymous({"Authorization": f"Bearer {issued['key']}"})
    assert set(issued) == {"id", "key"}
    assert revoked.get("/v1/files").status_code == 200
    assert admin.delete(f"/v1/keys/{issued['id']}", params={"reason": "leaked"}).status_code == 204
    assert admin.delete(f"/v1/keys/{issued['id']}").status_code == 204
    later = (api.clock.now().replace(microsecond=0)).isoformat().replace("+00:00", "Z")
    year = str(int(later[:4]) + 1)
    lasting = admin.post("/v1/keys", json={**body, "expires_at": year + later[4:]}).json()
    expired = api.anonymous({"Authorization": f"Bearer {lasting['key']}"})
    assert expired.get("/v1/files").status_code == 200
    api.clock.ahead = api.clock.ahead.__class__(days=400)
    details = {client.get("/v1/files").json()["detail"] for client in (revoked, expired)}
    assert details == {"the key is unknown, expired or revoked"}

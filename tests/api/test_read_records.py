"""Every way out of the audit and of private values leaves a record, over HTTP and on a data directory alike."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from provenstore.api.acts import log
from provenstore.api.cli.local_backend import LocalBackend
from provenstore.api.system_user import system_user
from provenstore.domain.eventlog.envelope import Actor
from tests.api.conftest import Api, Tenant

MODEL = "/v1/projections/file_index"


def reads(api: Api, principal: str) -> list[dict[str, Any]]:
    """Return what the readings of somebody say."""
    found = [event.to_json()["data"] for event in api.services.ledger.log.events([f"audit:{principal}"])]
    return [{name: value for name, value in one.items() if value not in (None, [])} for one in found]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/v1/files?category=misc&subject=jo",
            {"what": "list", "by": ["category", "subject"], "asked": ["category=misc"]},
        ),
        (MODEL + "/rows?at={position}&limit=2", {"what": "rows", "model": "file_index", "shown": 2}),
        (
            MODEL + "/rows?at={position}&key={file}",
            {"what": "rows", "by": ["key"], "asked": ["key={file}"], "shown": 1},
        ),
        (MODEL + "/differences", {"what": "differences", "model": "file_index", "shown": 0}),
        ("/v1/files/{file}?at={position}", {"what": "as_of", "file": "{file}"}),
        ("/v1/files/{file}/history", {"what": "history", "file": "{file}"}),
        ("/v1/files/{file}/receipt", {"what": "receipt", "file": "{file}"}),
        ("/log/tile/entries/000.p/1", {"what": "entries", "from_position": 1}),
        ("/log/proof/range?from=0&to=2", {"what": "proof", "from_position": 1, "to_position": 2}),
        (
            "/v1/audit?outcome=ok&address=127.0.0.1",
            {"what": "search", "by": ["address", "outcome"], "asked": ["outcome=ok"]},
        ),
    ],
)
def test_every_reading_over_http_is_on_record(api: Api, tenant: Tenant, path: str, said: dict[str, Any]) -> None:
    """reads-on-record: what was read, of what, and how much of it."""
    file = tenant.stored(tenant.client("service"))
    tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    name, position = f"officer-{uuid4()}", api.services.ledger.log.position()
    answer = api.client("admin", actor=name).get(path.format(file=file, position=position))
    assert answer.status_code == 200, answer.text
    (read,) = reads(api, name)
    wanted = {
        key: [one.format(file=file) for one in value] if isinstance(value, list) else value
        for key, value in said.items()
    }
    if "file" in wanted:
        wanted["file"] = file
    assert {key: read.get(key) for key in wanted} == wanted


_ACTS: list[tuple[str, Callable[[LocalBackend, str, int], object]]] = [
    ("list", lambda direct, _file, _position: direct.files({"fresh": True}, cursor=None, limit=10)),
    ("rows", lambda direct, _file, at: direct.rows("file_index", at=str(at), keys=[], limit=1)),
    ("differences", lambda direct, _file, _position: direct.differences("file_index")),
    ("as_of", lambda direct, file, at: direct.file(file, at=str(at))),
    ("history", lambda direct, file, _position: direct.history(file, after=0, limit=10)),
    ("entries", lambda direct, _file, _position: direct.log_resource("tile/entries/000.p/1")),
    ("receipt", lambda direct, file, _position: direct.receipt(file)),
    ("search", lambda direct, _file, _position: direct.audit({}, cursor=None, limit=1)),
    ("file", lambda direct, file, _position: direct.file(_held(direct, file))),
    ("file", lambda direct, file, _position: direct.file(_held(direct, file), full=True)),
    ("holds", lambda direct, file, _position: direct.holds(_held(direct, file))),
]


def _held(direct: LocalBackend, file: str) -> str:
    """Place a hold, which leaves no reading, and return the file."""
    direct.place_hold(file, name="Case 7", matter=None, reason="sued")
    return file


@pytest.mark.parametrize(("what", "act"), _ACTS)
def test_every_reading_of_a_data_directory_is_on_record(
    api: Api, tenant: Tenant, what: str, act: Callable[[LocalBackend, str, int], object]
) -> None:
    """The same as over HTTP: a command on the directory is called a reading, too."""
    file = tenant.stored(tenant.client("service"))
    log.bring_up(api.services)
    somebody = replace(system_user(), actor=Actor(f"system-user-{uuid4()}", "person", "cli"))
    act(LocalBackend(api.services, somebody), file, api.services.ledger.log.position())
    assert [one["what"] for one in reads(api, somebody.principal)] == [what]


PRIVATE_VIEWS = {
    "/v1/files/{file}": "file",
    "/v1/files/{file}?view=full": "file",
    "/v1/files/{file}/legal-holds": "holds",
    "/v1/files/{file}/purge": "purge",
    "/v1/workspaces/{tenant}": "workspace",
    "/v1/workspaces/{tenant}/disposal": "disposal",
    "/v1/workspaces/{tenant}/disposal/due?after_days=1": "disposal",
    "/v1/erasures": "erasure",
    "/v1/erasures/{erasure}": "erasure",
}
"""Answers about one thing that show reasons, names of holds, matters, or names of files in lists."""


@pytest.fixture
def reasoned(tenant: Tenant) -> dict[str, str]:
    """Return ids of things of which each was asked for with a reason."""
    records, admin, service = tenant.client("records"), tenant.client("admin"), tenant.client("service")
    file, due = (tenant.stored(service) for _ in range(2))
    assert records.delete(f"/v1/files/{file}", params={"reason": "obsolete"}).status_code == 200
    assert records.delete(f"/v1/files/{due}").status_code == 200
    assert records.post(f"/v1/files/{file}/purge", json={"reason": "no longer needed"}).status_code == 200
    erasure = tenant.client("privacy").post(f"/v1/files/{file}/erasure", json={"fields": ["filename"], "reason": "x"})
    held = {"name": "Case 7", "matter": "M-1", "reason": "sued"}
    assert records.post(f"/v1/files/{file}/legal-holds", json=held).status_code == 201
    policy = {"category": "misc", "after_days": 9, "reason": "schedule"}
    assert records.post(f"/v1/workspaces/{tenant.id}/disposal/requests", json=policy).status_code == 201
    off = {"four_eyes": False, "reason": "one is enough"}
    assert admin.patch(f"/v1/workspaces/{tenant.id}", json=off).status_code == 202
    tenant.api.services.wait_for(tenant.api.services.ledger.log.position())
    return {"tenant": tenant.id, "file": file, "due": due, "erasure": erasure.json()["id"]}


@pytest.mark.parametrize(("path", "what"), PRIVATE_VIEWS.items())
def test_private_values_are_on_record_before_they_are_shown(
    tenant: Tenant, reasoned: dict[str, str], path: str, what: str
) -> None:
    """private-values-on-record: whoever may see reasons and holds leaves a reading, one a minute."""
    name = f"officer-{uuid4()}"
    officer, service = tenant.client("admin", actor=name), tenant.client("service", actor=name)
    answers = [officer.get(path.format(**reasoned)) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200], answers[0].text
    (read,) = reads(tenant.api, f"{tenant.id}/{name}")
    assert read["what"] == what
    assert read.get("file") == (reasoned["file"] if "{file}" in path else None)
    if "{erasure}" in path:
        assert read["asked"] == [f"erasure={reasoned['erasure']}"]
    if service.get(path.format(**reasoned)).status_code == 200:
        assert len(reads(tenant.api, f"{tenant.id}/{name}")) == 1, "who may not see them reads none"


def test_why_a_higher_bound_of_retentions_was_requested_is_a_reading(tenant: Tenant) -> None:
    """private-values-on-record: also where nothing else of the workspace waits."""
    name, at = f"officer-{uuid4()}", f"/v1/workspaces/{tenant.id}"
    asked = {"max_retention_years": 30, "reason": "building plans"}
    assert tenant.client("admin").patch(at, json=asked).status_code == 202
    assert tenant.client("admin", actor=name).get(at).json()["pending_retention"]["reason"] == "building plans"
    assert [one["what"] for one in reads(tenant.api, f"{tenant.id}/{name}")] == ["workspace"]


def test_what_the_caller_has_already_is_no_reading(tenant: Tenant, reasoned: dict[str, str]) -> None:
    """304 shows nothing; nor is the answer to who has just acted a reading of its own."""
    name = f"officer-{uuid4()}"
    officer, at = tenant.client("records", actor=name), f"/v1/files/{reasoned['file']}"
    held = officer.post(f"{at}/legal-holds", json={"name": "Case 8", "reason": "too"})
    assert officer.get(at, headers={"If-None-Match": held.headers["ETag"]}).status_code == 304
    until = {"until": "2100-01-01T00:00:00Z", "mode": "governance", "reason": "law"}
    assert "law" in officer.put(f"{at}/retention", json=until).text
    assert reads(tenant.api, f"{tenant.id}/{name}") == []


def test_every_description_that_can_show_reasons_is_looked_at_here(api: Api) -> None:
    """A new route that answers one of the shapes with reasons fails this until it is on record and listed."""
    described = api.anonymous().get("/openapi.json").json()
    shapes = described["components"]["schemas"]
    with_reasons = {name for name in shapes if _reaches_reason(name, shapes, frozenset())}
    recorded_otherwise = {"/v1/files", "/v1/files/{file_id}/certificate", "/v1/audit", "/v1/keys", "/v1/keys/{key_id}"}
    recorded_otherwise |= {"/v1/files/{file_id}/history"}
    looked_at = {one.partition("?")[0] for one in PRIVATE_VIEWS}
    for path, routes in described["paths"].items():
        answer = json.dumps(routes.get("get", {}).get("responses", {}).get("200", {}))
        if not any(f'schemas/{name}"' in answer for name in with_reasons) or path in recorded_otherwise:
            continue
        ids = {"file_id": "file", "workspace": "tenant", "erasure": "erasure"}
        named = path.format(**{name: f"{{{ours}}}" for name, ours in ids.items()})
        assert named in looked_at, f"{path} shows reasons"


def _reaches_reason(name: str, shapes: dict[str, Any], seen: frozenset[str]) -> bool:
    if name in seen:
        return False
    members = shapes[name].get("properties", {})
    if any(one == "reason" or one.endswith("_reason") for one in members):
        return True
    below = {one for one in shapes if f'schemas/{one}"' in json.dumps(members)}
    return any(_reaches_reason(one, shapes, seen | {name}) for one in below)


def test_where_read_models_stand_is_no_reading(api: Api, tenant: Tenant) -> None:
    """Nor are jobs and usage, nor a file's description and counters where it has no reason and no hold."""
    file, name = tenant.stored(tenant.client("service")), f"officer-{uuid4()}"
    client = api.client("admin", actor=name)
    for path in (MODEL, "/v1/projections", "/v1/jobs", "/v1/usage", f"/v1/files/{file}", f"/v1/files/{file}?view=full"):
        assert client.get(path).status_code == 200
    assert reads(api, name) == []

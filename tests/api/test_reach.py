"""What a workspace's keys learn of the ledger around them, and by whom their files were touched: no more, no less."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from provenstore.domain.ledger import SYSTEM
from provenstore.domain.removal.policy_disposal import Run
from tests.api.conftest import Api, Tenant

POSITION = "Provenstore-Position"


def named_positions(found: object) -> Iterator[object]:
    """Yield what stands under a name that is that of a position, anywhere but in what users named themselves."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name in {"position", "from_position", "to_position"}:
                yield value
            yield from named_positions(value)
    elif isinstance(found, list):
        for one in found:
            yield from named_positions(one)


def purged(tenant: Tenant) -> str:
    """Return a file that is destroyed, certificate and all."""
    file_id = tenant.stored(tenant.client("service"))
    approver, records = tenant.client("approver"), tenant.client("records")
    assert records.delete(f"/v1/files/{file_id}").status_code == 200
    assert records.post(f"/v1/files/{file_id}/purge", json={"reason": "asked to"}).status_code in {200, 201, 202}
    assert approver.post(f"/v1/files/{file_id}/purge/approve", json={"reason": "agreed"}).status_code == 200
    tenant.api.sweep()
    return file_id


def test_no_position_reaches_a_key_of_a_workspace(tenant: Tenant) -> None:
    """Neither in answers nor in headers, cursors or errors; a key of the whole ledger gets them all."""
    file_id = purged(tenant)
    tenant.stored(tenant.client("service"))
    tenant.api.services.ledger.disposing.end(SYSTEM, Run(str(uuid4()), tenant.id, failed=1))
    paths = (
        f"/v1/files/{file_id}/history?limit=2",
        "/v1/audit?fresh=true&limit=3",
        "/v1/audit?fresh=true&format=storage-log&limit=3",
        f"/v1/files/{file_id}/certificate",
        f"/v1/files/{file_id}",
        f"/v1/files/{file_id}/purge",
        "/v1/files?fresh=true&limit=1&status=stored",
        f"/v1/workspaces/{tenant.id}/disposal/runs",
    )
    within, everywhere = tenant.client("auditor"), tenant.api.client("auditor")
    seen = 0
    for path in paths:
        answers = [client.get(path) for client in (within, everywhere)]
        assert [one.status_code for one in answers] == [200, 200], (path, answers[0].text)
        assert set(named_positions(answers[0].json())) <= {None}, path
        seen += len(set(named_positions(answers[1].json())) - {None})
        assert not answers[0].headers.get(POSITION, "x").isdecimal()
    assert seen > 5


def test_marks_go_where_positions_went(tenant: Tenant) -> None:
    """Pages follow each other, and a list waits for what was written: with what the answers gave, and nothing else."""
    service, auditor = tenant.client("service"), tenant.client("auditor")
    ids = {tenant.stored(service) for _ in range(3)}
    mark = service.get(f"/v1/files/{next(iter(ids))}").headers[POSITION]
    newest = tenant.api.services.ledger.log.position()
    assert service.get("/v1/files", params={"min_position": mark}).status_code == 200
    for params in ({"min_position": newest}, {"min_position": newest + 99}, {"min_position": mark[:-1] + "!"}):
        refused = service.get("/v1/files", params=params)
        assert (refused.status_code, refused.json()["field"]) == (422, "min_position")
    for path, name in (("/v1/files?fresh=true&limit=1", "files"), ("/v1/audit?fresh=true&limit=2", "entries")):
        found: list[str] = []
        cursor = None
        while cursor is not None or not found:
            page = auditor.get(path, params={"cursor": cursor} if cursor else None).json()
            found += [one["id"] for one in page[name]]
            cursor = page["next"]
            if name == "entries" and len(found) > 6:
                break
        assert len(found) == len(set(found)) >= 3
    after = None
    events: list[dict[str, Any]] = []
    at = f"/v1/files/{next(iter(ids))}/history"
    while after is not None or not events:
        page = auditor.get(at, params={"limit": 1, **({"after": after} if after else {})}).json()
        events += page["events"]
        after = page["next"]
    assert [one["event"]["version"] for one in events if one["event"]["stream"].startswith("file:")] == [1, 2, 3]
    assert auditor.get(at, params={"after": "7"}).status_code == 422


def test_pages_of_disposal_follow_each_other_by_marks(tenant: Tenant) -> None:
    """What is due, and the reports of runs: `next` says nothing, and goes where the page before ended."""
    records = tenant.client("records")
    for _ in range(2):
        tenant.api.services.ledger.disposing.end(SYSTEM, Run(str(uuid4()), tenant.id, failed=1))
        service = tenant.client("service")
        service.delete(f"/v1/files/{tenant.stored(service, category='temp')}")
    for what, after, key in (("runs", "after", "run"), ("due", "cursor", "file_id")):
        at = f"/v1/workspaces/{tenant.id}/disposal/{what}"
        name = "runs" if what == "runs" else "files"
        first = records.get(at, params={"limit": 1}).json()
        assert len(first["next"]) >= 32
        second = records.get(at, params={"limit": 1, after: first["next"]}).json()
        assert second["next"] is None
        assert first[name][0][key] != second[name][0][key]
        assert records.get(at, params={after: "7"}).status_code == 422


def test_a_position_is_not_asked_about(tenant: Tenant) -> None:
    """A file as of a position would tell where its events lie; as of a time it is answered."""
    before = tenant.api.services.clock.now().isoformat()
    file_id = tenant.stored(tenant.client("service"))
    service, everywhere = tenant.client("service"), tenant.api.client("auditor")
    newest = tenant.api.services.ledger.log.position()
    refused = service.get(f"/v1/files/{file_id}", params={"at": newest})
    assert (refused.status_code, refused.json()["field"]) == (422, "at")
    assert everywhere.get(f"/v1/files/{file_id}", params={"at": newest}).status_code == 200
    missing = service.get(f"/v1/files/{file_id}", params={"at": before})
    assert (missing.status_code, "position" in missing.text) == (404, False)


def test_a_short_id_that_is_nowhere_is_refused_as_a_whole_one(tenant: Tenant, api: Api) -> None:
    """It leaves a refusal at home, and a foreign file's beginning leaves the same."""
    file_id = tenant.stored(tenant.client("service"))
    home = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": home})
    stranger = api.client("admin", home)
    prefixes = [file_id.replace("-", "")[:20], uuid4().hex[:20]]
    answers = [stranger.get(f"/v1/ids/file/{one}") for one in prefixes]
    assert [one.status_code for one in answers] == [404, 404]
    left = [event.to_json()["data"] for event in api.services.ledger.log.events([f"refusals:{home}"])]
    assert [one.pop("target") for one in left] == prefixes
    assert left[0] == left[1]


CONTENT_FREE: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/v1/files/{id}", None),
    ("GET", "/v1/files/{id}?view=full", None),
    ("GET", "/v1/files/{id}?at=2026-01-01T00:00:00Z", None),
    ("HEAD", "/v1/files/{id}/content", None),
    ("GET", "/v1/files/{id}/content", None),
    ("GET", "/v1/files/{id}/history", None),
    ("GET", "/v1/files/{id}/history?proof=full", None),
    ("GET", "/v1/files/{id}/receipt", None),
    ("GET", "/v1/files/{id}/certificate", None),
    ("GET", "/v1/files/{id}/parts", None),
    ("PATCH", "/v1/files/{id}", {"filename": "x.pdf"}),
    ("DELETE", "/v1/files/{id}", None),
    ("POST", "/v1/files/{id}/links", {}),
    ("GET", "/v1/ids/file/{id}", None),
)


def shown(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return an answer without request ids and times."""
    body = answer.content
    if answer.headers.get("Content-Type", "").endswith("json") and body:
        said = answer.json()
        said.pop("request_id", None)
        said.pop("id", None)
        body = json.dumps(said).encode()
    left_out = {"x-request-id", "date"}
    return (
        answer.status_code,
        body,
        [(k, v) for k, v in answer.headers.items() if k not in left_out | {"content-length"}],
    )


@pytest.mark.parametrize(("method", "path", "body"), CONTENT_FREE)
def test_a_prober_cannot_tell_a_foreign_file_from_none(
    api: Api, tenant: Tenant, method: str, path: str, body: Any
) -> None:
    """Byte for byte the same answer, and the next thing of the prober's own says nothing of the log between."""
    file_id = tenant.stored(tenant.client("service"))
    home = f"t-{uuid4().hex[:20]}"
    api.client().post("/v1/workspaces", json={"id": home})
    prober = api.client("admin", home)
    asked = (file_id, str(uuid4()))
    answers = [prober.request(method, path.format(id=one), json=body) for one in asked]
    assert shown(answers[0]) == shown(answers[1])
    lengths = [int(one.headers.get("content-length", 0)) for one in answers]
    assert lengths[0] == lengths[1]


def test_actors_are_named_with_their_reach(api: Api, tenant: Tenant) -> None:
    """Who has a key of the whole ledger is not the workspace's own actor of the same id, in any view."""
    name = f"bob-{uuid4()}"
    own = tenant.client("records", actor=name)
    other = api.client("records", actor=name)
    file_id = tenant.stored(tenant.client("service"))
    for client in (own, other):
        assert client.get(f"/v1/files/{file_id}/content").status_code == 200
    auditor, approver = tenant.client("auditor"), tenant.client("approver")
    history = auditor.get(f"/v1/files/{file_id}/history").json()["events"]
    assert [one["actor_reach"] for one in history if one["event"]["actor"]["id"] == name] == [tenant.id, "system"]
    asked: dict[str, Any] = {"fresh": True, "file": file_id, "actor": name, "order": "oldest"}
    trail = auditor.get("/v1/audit", params=asked).json()["entries"]
    assert [one["actor"]["reach"] for one in trail] == [tenant.id, "system"]
    plain = auditor.get("/v1/audit", params={**asked, "format": "storage-log"}).json()["entries"]
    assert [one["metadata"]["actor_reach"] for one in plain] == [tenant.id, "system"]
    assert other.delete(f"/v1/files/{file_id}").status_code == 200
    other.post(f"/v1/files/{file_id}/purge", json={"reason": "asked to"})
    approver.post(f"/v1/files/{file_id}/purge/approve", json={"reason": "agreed"})
    purge = auditor.get(f"/v1/files/{file_id}/purge").json()
    assert (purge["requested_by_reach"], purge["approved_by_reach"]) == ("system", tenant.id)
    file = auditor.get(f"/v1/files/{file_id}").json()
    (listed,) = auditor.get("/v1/files", params={"fresh": True, "status": "soft_deleted"}).json()["files"] or [file]
    for view in (file, listed):
        assert (view["deleted_by"], view["deleted_by_reach"], view["owner_reach"]) == (name, "system", tenant.id)
        reaches = (view["purge"]["requested_by_reach"], view["purge"]["approved_by_reach"])
        assert reaches == ("system", tenant.id)
    api.sweep()
    certificate = auditor.get(f"/v1/files/{file_id}/certificate").json()
    assert certificate["deleted"]["reach"] == "system"
    assert {one["reach"] for one in certificate["steps"] if one["type"].startswith("file.purge_a")} == {tenant.id}


def test_every_view_of_what_was_decided_names_the_reach(api: Api, tenant: Tenant) -> None:
    """Holds, retention, erasures, disposal policies, the purge policy and keys: `owner=` still asks for the bare id."""
    name = f"bob-{uuid4()}"
    own, other = (where("admin", actor=name) for where in (tenant.client, api.client))
    service, namesake = (
        tenant.client("service", actor=f"svc-{name}", kind="service"),
        api.client("service", actor=f"svc-{name}", kind="service"),
    )
    ids = {tenant.stored(service): tenant.id, tenant.stored(namesake): "system"}
    listed = own.get("/v1/files", params={"fresh": True, "owner": f"svc-{name}"}).json()["files"]
    assert {one["id"]: one["owner_reach"] for one in listed} == ids
    file_id = next(iter(ids))
    at, within = f"/v1/files/{file_id}", f"/v1/workspaces/{tenant.id}"
    for client, reach in ((own, tenant.id), (other, "system")):
        client.post(f"{at}/legal-holds", json={"name": reach, "reason": "sued"})
    assert {one["name"]: one["placed_by_reach"] for one in own.get(f"{at}/legal-holds").json()["legal_holds"]} == {
        tenant.id: tenant.id,
        "system": "system",
    }
    until = {"until": "2100-01-01T00:00:00Z", "mode": "governance", "reason": "law"}
    other.put(f"{at}/retention", json=until)
    own.put(f"{at}/retention", json={**until, "until": "2099-01-01T00:00:00Z", "reason": "less"})
    retention = own.get(at).json()["retention"]
    assert (retention["set_by_reach"], retention["reason"]) == ("system", "law")
    pending = retention["pending"]
    assert (pending["requested_by"], pending["requested_by_reach"], pending["reason"]) == (name, tenant.id, "less")
    policy = {"category": "misc", "after_days": 9, "reason": "schedule"}
    asked = other.post(f"{within}/disposal/requests", json=policy).json()
    assert (asked["requested_by_reach"], asked["reason"]) == ("system", "schedule")
    changed = other.patch(within, json={"four_eyes": False, "reason": "one is enough"}).json()
    for answer in (changed, own.get(within).json()):
        assert (answer["pending"]["requested_by_reach"], answer["pending"]["reason"]) == ("system", "one is enough")
    erasure = other.post("/v1/erasures", json={"workspace": tenant.id, "subject": "report.pdf", "reason": "asked"})
    assert (erasure.json()["requested_by_reach"], erasure.json()["reason"]) == ("system", "asked")
    key = own.get("/v1/keys", params={"workspace": tenant.id}).json()["keys"][0]
    assert (key["issued_by"], key["issued_by_reach"]) == ("root", "system")


def test_a_private_file_is_its_owners_not_its_namesakes(api: Api, tenant: Tenant) -> None:
    """A service of the whole ledger with the owner's id is somebody else."""
    name = f"svc-{uuid4()}"
    owner = tenant.client("service", actor=name, kind="service")
    namesake = api.client("service", actor=name, kind="service")
    file_id = tenant.stored(owner, access="private")
    assert owner.get(f"/v1/files/{file_id}/content").status_code == 200
    for method, path, body in (("GET", "/content", None), ("PATCH", "", {"filename": "x.pdf"}), ("DELETE", "", None)):
        answer = namesake.request(method, f"/v1/files/{file_id}{path}", json=body)
        assert (answer.status_code, answer.json()["rule"]) == (403, "private-to-owner")


def test_a_links_use_names_the_link(api: Api, tenant: Tenant) -> None:
    """Also where it is refused, and where the key behind it has ended."""
    issuer = tenant.client("service")
    file_id = tenant.stored(issuer)
    link = issuer.post(f"/v1/files/{file_id}/links", json={}).json()
    stranger = api.anonymous()
    assert issuer.delete(f"/v1/files/{file_id}/links/{link['id']}").status_code in {200, 204}
    assert stranger.get(link["url"]).status_code == 410
    denied = tenant.history(file_id)[-1]["event"]
    assert (denied["type"], denied["data"]["link"]) == ("file.access_denied.v1", link["id"])
    again = issuer.post(f"/v1/files/{file_id}/links", json={}).json()
    key = denied["actor"]["credential"]
    assert api.client().delete(f"/v1/keys/{key}").status_code == 204
    assert stranger.get(again["url"]).status_code == 401
    refused = api.services.ledger.log.events([f"credential:{key}"])[-1].to_json()
    assert (refused["type"], refused["data"]["link"]) == ("credential.refused.v1", again["id"])

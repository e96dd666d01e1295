"""Officers search the audit trail within their reach; what they find is what happened, and that they looked is kept."""

from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx
import pytest

from provenstore.projections.audit.storage_log import StorageAction
from tests.api.conftest import Api, Tenant

Found = list[dict[str, Any]]


def search(client: httpx.Client, **asked: Any) -> Found:
    answer = client.get("/v1/audit", params={"fresh": True, "order": "oldest", **asked})
    assert answer.status_code == 200, answer.text
    entries: Found = answer.json()["entries"]
    return entries


def names(entries: Found) -> list[str]:
    return [one["type"].split(".")[1] for one in entries]


def test_the_life_of_a_file_is_found(tenant: Tenant) -> None:
    """By whom, which file, about whom, from where, how it ended; the answer says with what right."""
    service, auditor = tenant.client("service", actor=f"shop-{uuid4()}"), tenant.client("auditor")
    related = [{"type": "order", "id": f"o-{uuid4()}"}]
    service.headers.update({"Provenstore-On-Behalf-Of": "ann", "User-Agent": "shop/1"})
    file_id = tenant.stored(service, related=related, subjects=["ann"])
    service.get(f"/v1/files/{file_id}/content")
    service.post(f"/v1/files/{file_id}/legal-holds", json={"name": "n", "reason": "r"})
    service.post(f"/v1/files/{file_id}/delete", json={"reason": "done with it"})
    everything = search(auditor, file=file_id)
    assert names(everything) == [
        "upload_initiated", "completion_requested", "stored", "accessed", "access_denied", "soft_deleted",
    ]  # fmt: skip
    accessed, denied, deleted = everything[3:]
    assert (accessed["action"], accessed["address"], accessed["user_agent"]) == ("download", "127.0.0.1", "shop/1")
    assert accessed["details"] == {"mode": "download", "bytes": 7, "size": 7}
    assert (accessed["on_behalf_of"], accessed["actor"]["via"]) == ("ann", "api_key")
    assert denied["details"] == {"operation": "file.hold", "code": "forbidden", "count": 1}
    assert (deleted["reason"], deleted["filename"], deleted["outcome"]) == ("done with it", "report.pdf", "ok")
    actor, key = accessed["actor"]["id"], accessed["actor"]["credential"]
    mine = [one for one in everything if one["actor"]["id"] == actor]
    assert search(auditor, actor=actor) == search(auditor, credential=key) == mine
    assert names(search(auditor, actor=actor, type=["file.stored.v1", "file.soft_deleted.v1"])) == names(
        [everything[2], everything[-1]]
    )
    assert names(search(auditor, outcome="denied", related_id=related[0]["id"])) == ["access_denied"]
    assert names(search(auditor, subject="ann", action=["download", "delete"])) == ["accessed", "soft_deleted"]
    assert names(search(auditor, on_behalf_of="ann", action="upload"))[0] == "upload_initiated"
    assert search(auditor, address="127.0.0.1", file=file_id)[: len(everything)] == everything
    assert {(one["address"], one["user_agent"]) for one in everything} == {("127.0.0.1", "shop/1")}
    times = {"time_from": accessed["time"], "time_before": deleted["time"], "file": file_id}
    assert names(search(auditor, **times)) == ["accessed", "access_denied"]


def test_every_event_of_a_request_says_from_where(tenant: Tenant) -> None:
    """Of keys, workspaces and readings of the audit too; the trail finds them by their address."""
    admin, agent = tenant.client("admin", actor=f"admin-{uuid4()}"), f"console/{uuid4()}"
    admin.headers["User-Agent"] = agent
    file_id = tenant.stored(admin)
    issued = admin.post(
        "/v1/keys", json={"actor": "x", "kind": "person", "roles": ["auditor"], "workspace": tenant.id}
    ).json()
    assert admin.delete(f"/v1/keys/{issued['id']}", params={"reason": "no longer needed"}).status_code == 204
    assert admin.patch(f"/v1/workspaces/{tenant.id}", json={"max_files": 9}).status_code == 200
    admin.get(f"/v1/files/{file_id}/history")
    admin.post(f"/v1/files/{file_id}/purge", json={})
    found = search(tenant.client("auditor"), address="127.0.0.1", workspace=tenant.id)
    assert {one["type"].rpartition(".v")[0] for one in found if one["user_agent"] == agent} >= {
        "file.upload_initiated", "file.stored", "actor.registered", "credential.issued", "credential.revoked",
        "workspace.quota_set", "audit.read", "file.access_denied",
    }  # fmt: skip


def test_that_it_was_read_is_recorded(tenant: Tenant) -> None:
    """Before the answer, with the conditions that were asked and not what for; of one file, in its own history."""
    auditor = tenant.client("auditor", actor=(name := f"officer-{uuid4()}"))
    file_id = tenant.stored(tenant.client("service"))
    search(auditor, subject="somebody", outcome="ok")
    search(tenant.api.client("auditor", actor=name + "-2"), file=file_id)
    first, second = search(tenant.client("records"), type="audit.read.v1")
    assert (first["actor"]["id"], first["file_id"], first["action"]) == (name, None, "audit")
    assert (second["actor"]["id"], second["file_id"]) == (name + "-2", file_id)
    event = tenant.api.services.ledger.log.find(UUID(first["id"]))
    expected = {"by": ["outcome", "subject"], "asked": ["outcome=ok"], "file": None, "what": "search"}
    assert expected.items() <= event.to_json()["data"].items()


def test_reach_of_an_officer(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """A tenant's officer sees the tenant alone; an officer of the ledger sees all, and may narrow."""
    here, there = make_tenant(), make_tenant()
    ids = {one.id: one.stored(one.client("service")) for one in (here, there)}
    mine, everywhere = here.client("auditor"), api.client("auditor")
    # One answer for what is not there and for what is foreign, and the same event.
    for name in ("file", "not_file"):
        answers = [mine.get("/v1/audit", params={name: one}) for one in (ids[there.id], str(uuid4()))]
        assert [(one.status_code, one.json()["detail"]) for one in answers] == [(404, "there is no such file")] * 2
    assert {one["workspace"] for one in search(mine)} == {here.id}
    assert mine.get("/v1/audit", params={"workspace": there.id}).status_code == 404
    assert everywhere.get("/v1/audit", params={"workspace": "nobody-here"}).status_code == 404
    assert {one["workspace"] for one in search(everywhere, workspace=there.id)} == {there.id}
    assert len(search(everywhere, file=ids[there.id])) == 3
    for role, status in (("service", 403), ("operator", 403), ("records", 200), ("approver", 200), ("privacy", 200)):
        assert here.client(role).get("/v1/audit").status_code == status, role
    foreign = [one for one in search(there.client("records"), type="audit.read.v1") if one["file_id"] == ids[there.id]]
    assert len(foreign) == 1  # of the officer of the ledger alone


def test_what_is_foreign_is_as_what_is_nowhere(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """foreign-as-nowhere: a key, an event, a link or a hold that a question names; only where nothing is found."""
    here, there = make_tenant(), make_tenant()
    owner, records = there.client("service"), there.client("records")
    file = there.stored(owner)
    link = owner.post(f"/v1/files/{file}/links").json()["id"]
    hold = records.post(f"/v1/files/{file}/legal-holds", json={"name": "n", "reason": "r"}).json()["id"]
    entry = search(api.client("auditor"), file=file)[0]
    mine = here.client("auditor")
    named = {"credential": entry["actor"]["credential"], "cause": entry["id"], "link": link, "hold": hold}
    before = api.services.ledger.log.position()
    for name, foreign in named.items():
        answers = [mine.get("/v1/audit", params={name: one}) for one in (foreign, str(uuid4()))]
        assert [one.status_code for one in answers] == [404, 404], (name, answers[0].text)
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    left = [event for event in api.services.ledger.log.read(before, 100) if event.type == "request.refused.v1"]
    data = [{**event.to_json()["data"], "target": None} for event in left]
    assert (len(data), {event.workspace for event in left}) == (8, {here.id})
    assert all(one == data[0] for one in data)
    assert search(api.client("auditor"), link=link)[0]["file_id"] == file


def test_what_stands_outside_decides_no_answer(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """named-must-exist: a key of the whole ledger is there for a workspace in whose trail it acted, for no other."""
    here, there = make_tenant(), make_tenant()
    file = here.stored(here.client("service"))
    assert api.client("records").delete(f"/v1/files/{file}").status_code == 200
    key = search(api.client("auditor"), file=file)[-1]["actor"]["credential"]
    asked: dict[str, Any] = {"action": "purge", "fresh": True}
    answer = here.client("auditor").get("/v1/audit", params={**asked, "credential": key})
    assert (answer.status_code, answer.json().get("entries")) == (200, [])
    stranger = there.client("auditor")
    foreign, nowhere = (stranger.get("/v1/audit", params={**asked, "credential": one}) for one in (key, str(uuid4())))
    assert foreign.status_code == nowhere.status_code == 404
    assert foreign.json()["detail"] == nowhere.json()["detail"]


def test_pages(tenant: Tenant) -> None:
    """Each event comes once, while each reading adds one."""
    auditor = tenant.client("auditor")
    for _ in range(3):
        tenant.stored(tenant.client("service"))
    whole = [one["id"] for one in search(auditor, order="newest")]
    assert len(whole) >= 10  # nine of files and one of the workspace, beside those of its keys
    seen, cursor = list[str](), None
    while True:
        asked = {"limit": 4, "fresh": True, **({"cursor": cursor} if cursor else {})}
        page = auditor.get("/v1/audit", params=asked).json()
        seen += [one["id"] for one in page["entries"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen[1:] == whole


def test_as_a_storage_log(tenant: Tenant) -> None:
    """Six actions in the fields of an ordinary log; what it has no word for is not in it."""
    service, records = tenant.client("service", actor=(name := f"shop-{uuid4()}")), tenant.client("records")
    file_id = tenant.stored(service)
    service.get(f"/v1/files/{file_id}/content")
    service.patch(f"/v1/files/{file_id}", json={"metadata": {"k": "v"}})
    service.post(f"/v1/files/{file_id}/links", json={})
    service.get(f"/v1/files/{file_id}/content?disposition=inline")
    records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "n", "reason": "r"})
    refused = service.delete(f"/v1/files/{file_id}")
    assert refused.status_code == 409
    entries = search(records, file=file_id, format="storage-log")
    assert {one["action"] for one in entries} <= {*get_args(StorageAction)}
    assert [one["action"] for one in entries][:4] == ["UPLOAD", "DOWNLOAD", "EDIT", "SIGNED_URL_GENERATED"]
    last = entries[-1]
    assert (last["action"], last["success"], last["error_message"]) == ("DELETE", False, "legal-hold")
    assert (last["user_id"], last["file_name"], last["ip_address"]) == (name, "report.pdf", "127.0.0.1")
    only = {"format": "storage-log", "type": "file.legal_hold_placed.v1"}
    assert search(records, **only) == []
    assert [one["action"] for one in search(records, format="storage-log", type="file.stored.v1")] == ["UPLOAD"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"type": "file.eaten.v1"}, "type"),
        ({"type": "file.eaten.v1", "format": "storage-log"}, "type"),
        ({"action": "eat"}, "action"),
        ({"action": "other"}, "action"),
        ({"outcome": "maybe"}, "outcome"),
        ({"file": "report.pdf"}, "file"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_000_000}, "limit"),
        ({"cursor": "tampered"}, "cursor"),
        ({"time_from": "2026-11-20T10:00:00"}, "time_from"),
        ({"time_from": "yesterday"}, "time_from"),
        ({"time_from": "2026-11-20T10:00:00Z", "time_before": "2026-11-20T10:00:00Z"}, "time_before"),
        ({"related_type": "order"}, "related_type"),
        ({"actor": "a\0b"}, "actor"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_questions_are_refused(tenant: Tenant, asked: dict[str, Any], field: str) -> None:
    """With the name of what is wrong."""
    answer = tenant.client("auditor").get("/v1/audit", params=asked)
    assert (answer.status_code, answer.json()["field"].partition(".")[0]) == (422, field), answer.text

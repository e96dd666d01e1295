"""API keys are shown to admins and auditors within their reach, without any secret; that they looked is recorded."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from tests.api.conftest import Api, Tenant


def issue(client: httpx.Client, tenant: Tenant, **said: Any) -> dict[str, Any]:
    body = {"actor": f"robot-{uuid4()}", "kind": "service", "roles": ["service"], "workspace": tenant.id, **said}
    answer = client.post("/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    return {**body, **answer.json()}


def listed(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/keys", params={"limit": 1000, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["keys"]
    return found


def test_a_key_is_described_from_its_issue_to_its_end(tenant: Tenant) -> None:
    """For whom, with which roles, where, since when, by whom, until when and why not any more; never with a secret."""
    admin = tenant.client("admin", actor=(name := f"admin-{uuid4()}"))
    new = issue(admin, tenant, expires_at="2999-01-01T00:00:00Z")
    shown = admin.get(f"/v1/keys/{new['id']}").json()
    assert shown == {
        "id": new["id"], "actor": new["actor"], "kind": "service", "roles": ["service"], "workspace": tenant.id,
        "status": "active", "issued_at": shown["issued_at"], "issued_by": name,
        "issued_by_reach": tenant.id, "revoked_by_reach": None,
        "expires_at": "2999-01-01T00:00:00.000000Z", "revoked_at": None, "revoked_by": None, "revoked_reason": None,
    }  # fmt: skip
    assert admin.delete(f"/v1/keys/{new['id']}", params={"reason": "lost laptop"}).status_code == 204
    over = tenant.client("auditor").get(f"/v1/keys/{new['id'].replace('-', '')}").json()
    assert (over["status"], over["revoked_by"], over["revoked_reason"]) == ("revoked", name, "lost laptop")
    assert over["revoked_by_reach"] == tenant.id
    text = str([shown, over, *listed(admin)])
    assert new["key"].rpartition("_")[2] not in text
    assert "digest" not in text


def test_keys_are_listed_a_page_at_a_time(tenant: Tenant) -> None:
    """In the order in which they were issued, each once."""
    admin = tenant.client("admin")
    made = [issue(admin, tenant)["id"] for _ in range(3)]
    whole = [one["id"] for one in listed(admin)]
    assert whole[-3:] == made
    seen, after = list[str](), None
    while True:
        page = admin.get("/v1/keys", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [one["id"] for one in page["keys"]]
        after = page["next"]
        if after is None:
            break
    assert seen == whole


def test_who_may_see_which_keys(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """Admins and auditors, within their reach; a foreign key is as one that is not there."""
    here, there = make_tenant(), make_tenant()
    mine, foreign = here.client("admin"), issue(there.client("admin"), there)["id"]
    assert {one["workspace"] for one in listed(mine)} == {here.id}
    assert foreign not in {one["id"] for one in listed(mine)}
    for unknown in (foreign, str(uuid4())):
        answer = mine.get(f"/v1/keys/{unknown}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "there is no such key")
    assert mine.get("/v1/keys", params={"workspace": there.id}).status_code == 404
    assert {one["workspace"] for one in listed(api.client("auditor"), workspace=there.id)} == {there.id}
    assert None in {one["workspace"] for one in listed(api.client("admin"), workspace="system")}
    for role, status in (("service", 403), ("records", 403), ("operator", 403), ("privacy", 403), ("auditor", 200)):
        assert here.client(role).get("/v1/keys").status_code == status, role


def test_that_keys_were_looked_at_is_recorded(tenant: Tenant) -> None:
    """The reason of a revocation is a private value."""
    auditor = tenant.client("auditor", actor=(name := f"officer-{uuid4()}"))
    key = listed(auditor)[0]["id"]
    auditor.get(f"/v1/keys/{key}")
    asked: dict[str, Any] = {"fresh": True, "type": "audit.read.v1", "actor": name, "order": "oldest"}
    entries = tenant.client("records").get("/v1/audit", params=asked).json()["entries"]
    assert [one["details"]["what"] for one in entries] == ["keys", "keys"]


def test_a_key_finds_what_was_done_with_it_and_is_not_repeated(tenant: Tenant) -> None:
    """In a search a whole key is taken for its id; the record of the search has no more than the name of the filter."""
    admin = tenant.client("admin")
    new = issue(admin, tenant)
    service = tenant.api.client("admin", tenant.id)
    service.headers["Authorization"] = f"Bearer {new['key']}"
    tenant.stored(service)
    auditor = tenant.client("auditor", actor=(name := f"officer-{uuid4()}"))
    for text in (new["key"], new["id"], new["id"].replace("-", "")):
        answer = auditor.get("/v1/audit", params={"fresh": True, "credential": text})
        assert {one["actor"]["id"] for one in answer.json()["entries"]} == {new["actor"]}
        assert new["key"] not in answer.text
    log = tenant.api.services.ledger.log
    read = log.events([f"audit:{tenant.id}/{name}"])
    assert read
    assert all(new["key"].rpartition("_")[2].encode() not in event.state for event in read)

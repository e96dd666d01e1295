"""Workspaces over HTTP: policy, quota, limits, own categories."""

from datetime import timedelta
from uuid import uuid4

from tests.api.conftest import Api, Tenant


def test_workspace_is_made_once(api: Api, tenant: Tenant) -> None:
    """A second workspace of the same id is refused; the first answers with its policy and categories."""
    admin = api.client()
    again = admin.post("/v1/workspaces", json={"id": tenant.id})
    assert (again.status_code, again.json()["code"]) == (409, "already-exists")
    found = admin.get(f"/v1/workspaces/{tenant.id}").json()
    assert (found["id"], found["four_eyes"], found["used"]) == (tenant.id, True, {"bytes": 0, "files": 0})
    assert {"book_content", "temp", "misc"} <= {one["category"] for one in found["categories"]}


def test_where_it_was_made(api: Api) -> None:
    """Location is a whole URL, for workspaces, categories and holds as for files."""
    name, admin = f"t-{uuid4().hex[:20]}", api.client()
    at = f"{api.url}/v1/workspaces/{name}"
    assert admin.post("/v1/workspaces", json={"id": name}).headers["Location"] == at
    category = {"category": "statement", "template": "{workspace}/"}
    assert admin.post(f"{at}/categories", json=category).headers["Location"] == at
    tenant = Tenant(api, name)
    file_id = tenant.stored(tenant.client("service"))
    held = tenant.client("records").post(f"/v1/files/{file_id}/legal-holds", json={"name": "n", "reason": "r"})
    assert held.headers["Location"] == f"{api.url}/v1/files/{file_id}/legal-holds/{held.json()['id']}"


def test_ids_that_workspaces_cannot_have(api: Api) -> None:
    """An id that is not a slug, or is the ledger's own, is refused."""
    for name in ("", "Acme", "a/b", "x" * 64, "system"):
        answer = api.client().post("/v1/workspaces", json={"id": name})
        assert (answer.status_code, answer.json()["field"]) == (422, "id")


def test_quota_and_policy_are_changed(tenant: Tenant) -> None:
    """PATCH changes what is named; the purge policy takes a reason."""
    admin = tenant.api.client()
    at = f"/v1/workspaces/{tenant.id}"
    assert admin.patch(at, json={"max_bytes": 5}).json()["quota"] == {"max_bytes": 5, "max_files": None}
    assert admin.patch(at, json={"max_files": 7}).json()["quota"] == {"max_bytes": 5, "max_files": 7}
    unreasoned = admin.patch(at, json={"four_eyes": False, "max_bytes": 1})
    assert (unreasoned.status_code, unreasoned.json()["field"]) == (422, "reason")
    assert admin.patch(at, json={"max_retention_years": 7}).json()["max_retention_years"] == 7
    assert admin.patch(at, json={"max_retention_years": 8_999}).status_code == 422


def test_a_change_is_made_whole_or_not_at_all(tenant: Tenant) -> None:
    """Where a second person is missing, the quota beside it stays too."""
    ann = tenant.api.client(actor=f"ann-{tenant.id}")
    at, off = f"/v1/workspaces/{tenant.id}", {"four_eyes": False, "reason": "small team"}
    asked = ann.patch(at, json={**off, "max_files": 3})
    assert (asked.status_code, asked.json()["quota"]["max_files"]) == (202, 3)
    refused = ann.patch(at, json={**off, "max_bytes": 1, "max_retention_years": 12})
    assert refused.json()["code"] == "second-person-required"
    found = ann.get(at).json()
    assert (found["quota"], found["max_retention_years"]) == ({"max_bytes": None, "max_files": 3}, 10)


def test_four_eyes_are_switched_off_by_two_persons_and_a_day(tenant: Tenant) -> None:
    """Each step is answered 202 with what waits; switching on takes it back at once."""
    ann, ben = (tenant.api.client(actor=f"{name}-{tenant.id}") for name in ("ann", "ben"))
    at, off = f"/v1/workspaces/{tenant.id}", {"four_eyes": False, "reason": "small team"}
    asked = ann.patch(at, json=off)
    assert (asked.status_code, asked.json()["four_eyes"]) == (202, True)
    assert asked.json()["pending"]["requested_by"] == f"ann-{tenant.id}"
    assert ann.patch(at, json=off).json()["code"] == "second-person-required"
    agreed = ben.patch(at, json=off)
    assert (agreed.status_code, agreed.json()["four_eyes"]) == (202, True)
    pending = agreed.json()["pending"]
    assert (pending["approved_by"], pending["approved_by_reach"]) == (f"ben-{tenant.id}", "system")
    assert (pending["reason"], pending["approval_reason"]) == ("small team", "small team")
    assert pending["requested_at"] < pending["approved_at"] < pending["effective_at"]
    assert ann.get(at).json()["pending"] == pending
    assert tenant.client("service").get(at).json()["pending"]["reason"] is None
    back = ann.patch(at, json={"four_eyes": True, "reason": "not so"})
    assert (back.status_code, back.json()["pending"]) == (200, None)
    for admin in (ann, ben):
        assert admin.patch(at, json=off).status_code == 202
    tenant.api.clock.ahead = timedelta(hours=23)
    assert ann.get(at).json()["four_eyes"]
    tenant.api.clock.ahead = timedelta(hours=25)
    assert (ann.get(at).json()["four_eyes"], ann.get(at).json()["pending"]) == (False, None)
    file_id = tenant.stored(service := tenant.client("service"))
    service.delete(f"/v1/files/{file_id}")
    assert service.post(f"/v1/files/{file_id}/purge").json()["status"] == "purged"
    assert ann.patch(at, json={"four_eyes": True, "reason": "grown"}).json()["four_eyes"]


def test_the_bound_of_retention_is_raised_by_two_persons(tenant: Tenant) -> None:
    """retention-bound-by-two: 202 with what waits, then 200; a lower bound takes nobody, and cancels what waits."""
    ann, ben = (tenant.api.client(actor=f"{name}-{tenant.id}") for name in ("ann", "ben"))
    at, more = f"/v1/workspaces/{tenant.id}", {"max_retention_years": 100, "reason": "building plans"}
    asked = ann.patch(at, json=more)
    assert (asked.status_code, asked.json()["max_retention_years"], asked.json()["pending"]) == (202, 10, None)
    waits = asked.json()["pending_retention"]
    assert (waits["max_retention_years"], waits["requested_by"]) == (100, f"ann-{tenant.id}")
    assert (waits["requested_by_reach"], waits["reason"]) == ("system", "building plans")
    assert ann.get(at).json()["pending_retention"] == waits
    refused = ann.patch(at, json=more)
    assert (refused.status_code, refused.json()["code"]) == (403, "second-person-required")
    assert refused.json()["rule"] == "retention-bound-by-two"
    assert ben.patch(at, json={"max_files": 3}).status_code == 200
    agreed = ben.patch(at, json=more)
    assert (agreed.status_code, agreed.json()["max_retention_years"]) == (200, 100)
    assert agreed.json()["pending_retention"] is None
    lowered = ann.patch(at, json={"max_retention_years": 20})
    assert (lowered.status_code, lowered.json()["max_retention_years"]) == (200, 20)
    assert ben.patch(at, json=more).status_code == 202
    back = ben.patch(at, json={"max_retention_years": 20})
    assert (back.status_code, back.json()["pending_retention"]) == (200, None)


def test_one_admin_who_raises_the_bound_sets_no_longer_retention(tenant: Tenant) -> None:
    """retention-bound-by-two: what one person asked for bounds nothing yet."""
    ann, records = tenant.api.client(), tenant.client("records")
    ann.patch(f"/v1/workspaces/{tenant.id}", json={"max_retention_years": 100})
    file_id = tenant.stored(tenant.client("service"))
    far = {"until": (tenant.api.clock.now() + timedelta(days=20_000)).isoformat(), "mode": "compliance", "reason": "r"}
    asked = records.put(f"/v1/files/{file_id}/retention", json=far)
    assert (asked.status_code, asked.json()["retention_until"]) == (202, None)


def test_own_category(tenant: Tenant) -> None:
    """A registered category decides the path by its template and asks for what the template needs."""
    admin, service = tenant.api.client(), tenant.client("service")
    body = {
        "category": "statement",
        "template": "{workspace}/{system}/{object_id}/",
        "limits": {"extensions": ["pdf"], "max_size": 100},
    }
    at = f"/v1/workspaces/{tenant.id}/categories"
    assert admin.post(at, json=body).status_code == 201
    assert admin.post(at, json=body).json()["code"] == "already-exists"
    lacking = tenant.new(service, category="statement", placement={"system": "crm"})
    assert (lacking.status_code, lacking.json()["field"]) == (422, "placement")
    placed = tenant.new(service, category="statement", placement={"system": "crm", "object_id": "c-1"}).json()
    assert placed["file"]["path"] == f"{tenant.id}/crm/c-1/{placed['file']['id']}.pdf"


def test_limits_of_a_category(tenant: Tenant) -> None:
    """Other limits hold from the next initiation on, for that category alone."""
    admin, service = tenant.api.client(), tenant.client("service")
    at = f"/v1/workspaces/{tenant.id}/limits"
    limits = {"extensions": ["md"], "allow_empty": False, "expires_after": 60}
    assert admin.put(f"{at}/misc", json=limits).status_code == 200
    assert admin.put(f"{at}/nothing", json=limits).json()["field"] == "category"
    assert tenant.new(service).json()["field"] == "filename"
    allowed = tenant.new(service, filename="a.md", media_type="text/markdown").json()["file"]["id"]
    empty = service.put(f"/v1/files/{allowed}/content", content=b"")
    assert (empty.status_code, empty.json()["field"]) == (422, "size")
    stored = service.put(f"/v1/files/{allowed}/content", content=b"# x").json()
    assert stored["expires_at"] is not None
    assert tenant.new(service, category="book_content").status_code == 201

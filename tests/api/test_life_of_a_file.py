"""A file's life over HTTP, route by route, and what its history says afterwards."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import Api, Tenant

FILE_FIELDS = (
    "id workspace filename size media_type category variant status disposal path sha256 sha256_status damage etag "
    "access owner owner_reach related subjects metadata created_at stored_at deleted_at deleted_by deleted_by_reach "
    "deletion_reason expires_at "
    "retention_until retention purge legal_holds version"
)


def test_initiation_answers_file_and_upload(tenant: Tenant) -> None:
    """Initiating answers 201 with where the file is and how to send its bytes."""
    service = tenant.client("service", kind="service", actor="shop")
    answer = tenant.new(service, size=5, related=[{"type": "book", "id": "b-1"}], metadata={"k": "v"})
    body = answer.json()
    file, upload = body["file"], body["upload"]
    assert answer.status_code == 201
    assert f"{tenant.api.url}/v1/files/{file['id']}" == answer.headers["Location"]
    assert " ".join(file) == FILE_FIELDS
    assert (file["status"], file["owner"], file["size"], file["version"]) == ("initiated", "shop", 5, 1)
    assert file["related"] == [{"type": "book", "id": "b-1"}]
    assert ("api", f"{tenant.api.url}/v1/files/{file['id']}/content") == (upload["method"], upload["url"])
    assert {"method", "url", "headers", "expires_at"} <= upload.keys()


def test_content_finishes_the_file(tenant: Tenant) -> None:
    """PUT of content answers the stored File, whose ETags are its version and its content's SHA-256."""
    service = tenant.client("service")
    file_id = tenant.new(service).json()["file"]["id"]
    answer = service.put(f"/v1/files/{file_id}/content", content=b"hello")
    assert answer.status_code == 200
    assert tuple(answer.json()[name] for name in ("status", "size", "sha256_status")) == ("stored", 5, "verified")
    assert answer.headers["ETag"] == '"v3"'
    assert answer.json()["sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_small_file_in_one_request(tenant: Tenant) -> None:
    """Stored, and answered as any other; there is nothing left to send. Again under its key it is the same file."""
    service = tenant.client("service")
    service.headers["Idempotency-Key"] = str(uuid4())
    first, second = (tenant.new(service, content=base64.b64encode(b"%PDF-1.7").decode()) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    file = first.json()["file"]
    assert (file["status"], file["size"], file["sha256_status"]) == ("stored", 8, "verified")
    assert file["sha256"] == hashlib.sha256(b"%PDF-1.7").hexdigest()
    assert first.json()["upload"] is None
    assert [answer.headers.get("Idempotency-Replayed") for answer in (first, second)] == [None, "true"]
    assert service.get(f"/v1/files/{file['id']}/content").content == b"%PDF-1.7"
    assert tenant.types(file["id"]) == ["upload_initiated", "completion_requested", "stored", "accessed"]


def test_full_view_counts(tenant: Tenant) -> None:
    """The full view adds counters and checksums; a download moves them, but neither version nor ETag."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    before = service.get(f"/v1/files/{file_id}")
    service.get(f"/v1/files/{file_id}/content")
    service.get(f"/v1/files/{file_id}/content?disposition=inline")
    full = service.get(f"/v1/files/{file_id}?view=full").json()
    assert full["download_count"] == 1
    assert full["last_access"] is not None
    assert {"stored_name", "extension", "upload_method", "checksums"} <= full.keys()
    after = service.get(f"/v1/files/{file_id}")
    assert (before.headers["ETag"], before.json()) == (after.headers["ETag"], after.json())


def test_file_that_the_caller_has_is_not_sent_again(tenant: Tenant) -> None:
    """GET of a file with its current ETag is 304; after a change it is sent."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    etag = service.get(f"/v1/files/{file_id}").headers["ETag"]
    assert service.get(f"/v1/files/{file_id}", headers={"If-None-Match": f'"v1", W/{etag}'}).status_code == 304
    service.patch(f"/v1/files/{file_id}", json={"filename": "new.pdf"})
    assert service.get(f"/v1/files/{file_id}", headers={"If-None-Match": etag}).status_code == 200


def test_change_of_everything_at_once(tenant: Tenant) -> None:
    """PATCH replaces what is named and leaves the rest."""
    service = tenant.client("service")
    file_id = tenant.stored(service, metadata={"old": "1"}, subjects=["anna"])
    changes: dict[str, Any] = {
        "filename": "new.pdf",
        "metadata": {"new": "2"},
        "related": [{"type": "book", "id": "7"}],
        "access": "workspace",
        "expires_at": "2099-01-01T00:00:00Z",
    }
    file = service.patch(f"/v1/files/{file_id}", json=changes).json()
    assert {**changes, "expires_at": "2099-01-01T00:00:00.000000Z"} == {name: file[name] for name in changes}
    assert file["subjects"] == ["anna"]
    assert service.patch(f"/v1/files/{file_id}", json={"expires_at": None}).json()["expires_at"] is None


def test_change_bound_to_a_version(tenant: Tenant) -> None:
    """If-Match with another version is 412 and changes nothing; with the current one it works."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    stale = service.patch(f"/v1/files/{file_id}", json={"filename": "x.pdf"}, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    etag = service.get(f"/v1/files/{file_id}").headers["ETag"]
    assert service.patch(f"/v1/files/{file_id}", json={}, headers={"If-Match": etag}).status_code == 200
    assert service.get(f"/v1/files/{file_id}").json()["filename"] == "report.pdf"
    stale = service.delete(f"/v1/files/{file_id}", headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    # Where it would not be heeded it is refused: nothing is done in spite of a condition.
    for act in ("delete", "restore", "complete"):
        unheeded = service.post(f"/v1/files/{file_id}/{act}", json={}, headers={"If-Match": etag})
        assert (unheeded.status_code, unheeded.json()["field"]) == (422, "If-Match")
    assert service.get(f"/v1/files/{file_id}", headers={"If-Match": '"v1"'}).json()["status"] == "stored"
    etag = service.get(f"/v1/files/{file_id}").headers["ETag"]
    assert service.delete(f"/v1/files/{file_id}", headers={"If-Match": etag}).json()["status"] == "soft_deleted"


@pytest.mark.parametrize("by_post", [False, True])
def test_deletion_and_restoring(tenant: Tenant, by_post: bool) -> None:
    """A deleted file's content is gone until it is restored; the reason is kept, as a private value."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    if by_post:
        deleted = service.post(f"/v1/files/{file_id}/delete", json={"reason": "duplicate"})
    else:
        deleted = service.delete(f"/v1/files/{file_id}", params={"reason": "duplicate"})
    assert deleted.json()["status"] == "soft_deleted"
    gone = service.get(f"/v1/files/{file_id}/content")
    assert (gone.status_code, gone.json()["code"], gone.json()["file_status"]) == (410, "gone", "soft_deleted")
    assert service.post(f"/v1/files/{file_id}/restore").json()["status"] == "stored"
    assert service.get(f"/v1/files/{file_id}/content").content == b"content"
    reasons = [one["disclosures"].get("reason") for one in tenant.history(file_id)]
    assert "duplicate" in reasons


def test_purge_by_two_persons(tenant: Tenant) -> None:
    """A purge is asked for by one person and approved by another; the certificate says what was destroyed."""
    asking, approving = tenant.client("records", actor="ann"), tenant.client("approver", actor="ben")
    service = tenant.client("service")
    file_id = tenant.stored(service)
    asking.delete(f"/v1/files/{file_id}")
    asked = asking.post(f"/v1/files/{file_id}/purge", json={"reason": "old"})
    assert {
        "missing": False,
        "policy": None,
        "id": asked.json()["id"],
        "file_id": file_id,
        "status": "requested",
        "four_eyes": True,
        "requested_by": "ann",
        "requested_by_reach": tenant.id,
        "requested_at": asked.json()["requested_at"],
        "reason": "old",
        "approved_by": None,
        "approved_by_reach": None,
        "approved_at": None,
        "approval_reason": None,
        "ended_by": None,
        "ended_by_reach": None,
        "ended_at": None,
        "end_reason": None,
        "filename": "report.pdf",
        "retention": None,
        "legal_holds": [],
    } == asked.json()
    assert asking.get(f"/v1/files/{file_id}").json()["purge"]["reason"] == "old"
    assert service.get(f"/v1/files/{file_id}").json()["purge"]["reason"] is None
    pending = service.get("/v1/files", params={"status": "soft_deleted", "fresh": True}).json()["files"]
    assert [(one["purge"]["requested_by"], one["purge"]["reason"]) for one in pending] == [("ann", None)]
    assert asking.get(f"/v1/files/{file_id}").json()["disposal"] == "requested"
    done = approving.post(f"/v1/files/{file_id}/purge/approve", json={"id": asked.json()["id"]})
    assert (done.status_code, done.json()["status"]) == (200, "purged")
    certificate = asking.get(f"/v1/files/{file_id}/certificate").json()
    assert (certificate["size"], certificate["path"].split("/")[0]) == (7, "misc")
    assert [step["actor"] for step in certificate["steps"]][:2] == ["ann", "ben"]
    assert (certificate["filename"], certificate["steps"][0]["reason"]) == ("report.pdf", "old")
    assert (certificate["deleted"]["by"], certificate["retention"], certificate["legal_holds"]) == ("ann", None, [])
    assert service.get(f"/v1/files/{file_id}/certificate").json()["steps"][0]["reason"] is None
    assert asking.get(f"/v1/files/{file_id}").json()["status"] == "purged"
    restored = asking.post(f"/v1/files/{file_id}/restore")
    assert (restored.status_code, restored.json()["code"]) == (409, "wrong-state")


def test_a_purge_says_who_ended_it_and_what_keeps_the_file(tenant: Tenant) -> None:
    """Reasons, times, retention and the holds that stand: to those who may see them, and names null to a service."""
    asking, approving = tenant.client("records", actor="ann"), tenant.client("approver", actor="ben")
    service = tenant.client("service")
    at = f"/v1/files/{tenant.stored(service)}"
    asking.delete(at)
    asking.post(f"{at}/purge", json={"reason": "old"})
    rejected = approving.post(f"{at}/purge/reject", json={"reason": "still needed"}).json()
    ended = {name: rejected[name] for name in ("status", "ended_by", "ended_by_reach", "end_reason")}
    assert ended == {
        "status": "rejected",
        "ended_by": "ben",
        "ended_by_reach": tenant.id,
        "end_reason": "still needed",
    }
    assert rejected["ended_at"] > rejected["requested_at"]
    until = {"until": "2100-01-01T00:00:00Z", "mode": "governance", "reason": "law"}
    assert asking.put(f"{at}/retention", json=until).status_code == 200
    asking.post(f"{at}/legal-holds", json={"name": "Case 7", "matter": "M", "reason": "sued"})
    seen, unseen = asking.get(f"{at}/purge").json(), service.get(f"{at}/purge").json()
    assert [(one["name"], one["matter"], one["reason"]) for one in seen["legal_holds"]] == [("Case 7", "M", "sued")]
    assert (seen["retention"]["until"], seen["retention"]["reason"]) == ("2100-01-01T00:00:00.000000Z", "law")
    assert (unseen["filename"], unseen["end_reason"], unseen["retention"]["reason"]) == ("report.pdf", None, None)
    assert [(one["placed_by"], one["name"], one["reason"]) for one in unseen["legal_holds"]] == [("ann", None, None)]


def test_an_erasure_says_who_why_and_of_which_file(tenant: Tenant) -> None:
    """At the request, at its end, in the list and by itself; its file's name is gone once that is erased."""
    dora, emil = tenant.client("privacy", actor="dora"), tenant.client("privacy", actor="emil")
    file_id = tenant.stored(tenant.client("service"))
    fields = {"fields": ["filename"], "reason": "request 7"}
    first, second = (dora.post(f"/v1/files/{file_id}/erasure", json=fields).json() for _ in range(2))
    assert (first["reason"], first["filename"], first["requested_by_reach"]) == ("request 7", "report.pdf", tenant.id)
    rejected = emil.post(f"/v1/erasures/{second['id']}/reject", json={"reason": "twice"}).json()
    assert (rejected["status"], rejected["ended_by"], rejected["end_reason"]) == ("rejected", "emil", "twice")
    done = emil.post(f"/v1/erasures/{first['id']}/approve", json={"reason": "checked"}).json()
    assert (done["status"], done["approved_by_reach"], done["approval_reason"]) == ("completed", tenant.id, "checked")
    assert (done["filename"], done["ended_by"], done["ended_at"] >= done["approved_at"]) == (None, "provenstore", True)
    assert emil.get(f"/v1/erasures/{first['id']}").json() == done
    tenant.client("records").post(f"/v1/files/{file_id}/legal-holds", json={"name": "Case 7", "reason": "sued"})
    listed = {one["id"]: one for one in emil.get("/v1/erasures").json()["erasures"]}
    assert listed[second["id"]]["end_reason"] == "twice"
    assert [one["name"] for one in listed[first["id"]]["legal_holds"]] == ["Case 7"]


@pytest.mark.parametrize(
    ("role", "verb", "how", "status"),
    [
        ("records", "POST", "/purge/withdraw", "withdrawn"),
        ("records", "DELETE", "/purge", "withdrawn"),
        ("approver", "POST", "/purge/reject", "rejected"),
    ],
)
def test_purge_called_off(tenant: Tenant, role: str, verb: str, how: str, status: str) -> None:
    """A purge that is withdrawn or rejected leaves the file deleted."""
    file_id = tenant.stored(tenant.client("service"))
    asking = tenant.client("records")
    asking.delete(f"/v1/files/{file_id}")
    asking.post(f"/v1/files/{file_id}/purge")
    answer = tenant.client(role).request(verb, f"/v1/files/{file_id}{how}")
    assert (200, status) == (answer.status_code, answer.json()["status"])
    assert status == asking.get(f"/v1/files/{file_id}/purge").json()["status"]
    assert asking.get(f"/v1/files/{file_id}").json()["status"] == "soft_deleted"


def test_decision_about_an_earlier_purge(tenant: Tenant) -> None:
    """An approval that names another purge than the one under way approves nothing."""
    file_id = tenant.stored(tenant.client("service"))
    asking = tenant.client("records")
    asking.delete(f"/v1/files/{file_id}")
    first = asking.post(f"/v1/files/{file_id}/purge").json()["id"]
    asking.delete(f"/v1/files/{file_id}/purge")
    asking.post(f"/v1/files/{file_id}/purge")
    late = tenant.client("approver").post(f"/v1/files/{file_id}/purge/approve", json={"id": first})
    assert (late.status_code, late.json()["code"]) == (409, "wrong-state")


def test_purge_without_four_eyes(make_tenant: Any) -> None:
    """Where the workspace asks for no second person a purge is carried out at once."""
    tenant = make_tenant(four_eyes=False)
    service = tenant.client("service")
    file_id = tenant.stored(service)
    service.delete(f"/v1/files/{file_id}")
    assert service.post(f"/v1/files/{file_id}/purge").json()["status"] == "purged"


def test_holds(tenant: Tenant) -> None:
    """Holds are placed, listed, and released by a second person; several coexist."""
    records, second = tenant.client("records", actor="ann"), tenant.client("approver", actor="ben")
    file_id = tenant.stored(tenant.client("service"))
    placed = records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "Case 7", "matter": "M", "reason": "sued"})
    records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "Case 8", "reason": "too"})
    assert (placed.status_code, list(placed.json())) == (201, ["id"])
    holds = records.get(f"/v1/files/{file_id}/legal-holds").json()["legal_holds"]
    assert [one["name"] for one in holds] == ["Case 7", "Case 8"]
    at = f"/v1/files/{file_id}/legal-holds/{placed.json()['id']}"
    alone = records.delete(at)
    assert (alone.status_code, alone.json()["code"]) == (403, "second-person-required")
    released = second.delete(at, params={"reason": "settled"})
    assert [one["name"] for one in released.json()["legal_holds"]] == ["Case 8"]
    assert second.delete(at).status_code == 404


def test_service_does_not_see_why_a_file_is_held(tenant: Tenant) -> None:
    """A service sees that a hold stands, but neither its name nor its matter, in no view and no history."""
    file_id = tenant.stored(tenant.client("service"))
    tenant.client("records").post(f"/v1/files/{file_id}/legal-holds", json={"name": "Case 7", "reason": "sued"})
    service = tenant.client("service")
    position = service.get(f"/v1/files/{file_id}").headers["Provenstore-Position"]
    assert [one["name"] for one in service.get(f"/v1/files/{file_id}").json()["legal_holds"]] == [None]
    for path in (f"/v1/files?min_position={position}", f"/v1/files/{file_id}/history"):
        assert "Case 7" not in service.get(path).text


def test_retention(tenant: Tenant) -> None:
    """Retention refuses a purge, not a deletion; compliance mode never shortens."""
    records = tenant.client("records")
    file_id = tenant.stored(tenant.client("service"))
    until = (datetime.now(UTC) + timedelta(days=10)).replace(microsecond=0)
    body = {"until": until.isoformat(), "mode": "compliance", "reason": "law"}
    retained = records.put(f"/v1/files/{file_id}/retention", json=body)
    assert until == datetime.fromisoformat(retained.json()["retention_until"])
    body["until"] = (until - timedelta(days=1)).isoformat()
    shorter = records.post(f"/v1/files/{file_id}/retention", json=body)
    assert (shorter.status_code, shorter.json()["code"]) == (409, "retained")
    assert records.delete(f"/v1/files/{file_id}").status_code == 200
    purge = records.post(f"/v1/files/{file_id}/purge")
    assert (purge.status_code, purge.json()["code"]) == (409, "retained")
    tenant.api.clock.ahead = timedelta(days=11)
    assert records.post(f"/v1/files/{file_id}/purge").status_code == 200


def test_a_retention_that_waits_for_a_second_person(tenant: Tenant) -> None:
    """A shortening, and a compliance retention beyond the bound, are answered 202, and every view says what waits."""
    ann, ben = tenant.client("records", actor="ann"), tenant.client("records", actor="ben")
    file_id = tenant.stored(tenant.client("service"))
    at, now = f"/v1/files/{file_id}/retention", datetime.now(UTC).replace(microsecond=0)

    def said(days: int, mode: str) -> dict[str, str]:
        return {"until": (now + timedelta(days=days)).isoformat(), "mode": mode, "reason": "law"}

    assert ann.put(at, json=said(30, "governance")).json()["retention"]["pending"] is None
    for body in (said(10, "governance"), said(20_000, "compliance")):
        before = ann.get(f"/v1/files/{file_id}").json()["retention"]
        asked = ann.put(at, json=body)
        pending = asked.json()["retention"]["pending"]
        assert (asked.status_code, pending["requested_by"], pending["mode"]) == (202, "ann", body["mode"])
        assert datetime.fromisoformat(pending["until"]) == datetime.fromisoformat(body["until"])
        assert asked.json()["retention"] == {**before, "pending": pending}
        (listed,) = ann.get("/v1/files", params={"fresh": True}).json()["files"]
        assert listed["retention"] == asked.json()["retention"]
        refused = ann.put(at, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "second-person-required")
        agreed = ben.put(at, json=body)
        assert (agreed.status_code, agreed.json()["retention"]["pending"]) == (200, None)
        assert datetime.fromisoformat(agreed.json()["retention_until"]) == datetime.fromisoformat(body["until"])


def test_abort(tenant: Tenant) -> None:
    """An aborted upload takes no bytes and gives its space back."""
    service = tenant.client("service")
    file_id = tenant.new(service, size=10).json()["file"]["id"]
    assert service.delete(f"/v1/files/{file_id}/upload", params={"reason": "no"}).json()["status"] == "aborted"
    again = service.delete(f"/v1/files/{file_id}/upload")
    assert (again.status_code, again.json()["status"]) == (200, "aborted")
    assert tenant.types(file_id) == ["upload_initiated", "upload_aborted", "upload_cleared"]
    late = service.put(f"/v1/files/{file_id}/content", content=b"0123456789")
    assert (late.status_code, late.json()["code"]) == (409, "wrong-state")
    used = tenant.api.client().get(f"/v1/workspaces/{tenant.id}").json()["used"]
    assert used == {"bytes": 0, "files": 0}


def test_erasure(tenant: Tenant) -> None:
    """Erased values are gone from file and history, which names the event that erased them; leaves stay."""
    service, privacy = tenant.client("service"), tenant.client("privacy")
    file_id = tenant.stored(service, subjects=["anna"], metadata={"k": "anna"})
    before = [one["leaf_hash"] for one in tenant.history(file_id)]
    done = tenant.erase(file_id, {"fields": ["filename", "subjects", "metadata"], "reason": "asked"})
    assert (done["status"], done["report"]["values"]) == ("completed", 3)
    erased = service.get(f"/v1/files/{file_id}")
    assert tuple(erased.json()[name] for name in ("filename", "subjects", "metadata")) == (None, [], {})
    events = tenant.history(file_id)
    assert before == [one["leaf_hash"] for one in events][: len(before)]
    by = next(one["event"]["id"] for one in events if one["event"]["type"] == "file.personal_data_erased.v1")
    assert {"erased_by": by} == events[0]["disclosures"]["filename"]
    assert "anna" not in privacy.get(f"/v1/files/{file_id}/history").text
    assert service.get(f"/v1/files/{file_id}/content").status_code == 200


def test_history_is_paged_and_verifiable(tenant: Tenant) -> None:
    """The pages of a history join to the whole; each leaf is the hash of the event's canonical bytes."""
    import hashlib

    import rfc8785

    service = tenant.client("service")
    file_id = tenant.stored(service)
    service.get(f"/v1/files/{file_id}/content")
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = service.get(f"/v1/files/{file_id}/history", params={"after": after, "limit": 2}).json()
        for one in page["events"]:
            assert hashlib.sha256(b"\0" + rfc8785.dumps(one["event"])).hexdigest() == one["leaf_hash"]
        seen += [one["event"]["type"] for one in page["events"]]
        after = page["next"]
    assert [one.split(".")[1] for one in seen] == ["upload_initiated", "completion_requested", "stored", "accessed"]


def test_request_is_named_in_events(tenant: Tenant) -> None:
    """By an id of ours, whatever the client calls it; for whom, in which session, and privately where from."""
    service = tenant.client("service")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "Provenstore-On-Behalf-Of": "customer-9",
        "Provenstore-Session": "s-1",
        "User-Agent": "shop/1.0",
    }
    service.headers.update(headers)
    answer = tenant.new(service)
    ours = answer.headers["X-Request-Id"]
    assert (ours == trace, answer.headers["X-Client-Request-Id"]) == (False, trace)
    (initiated,) = tenant.history(answer.json()["file"]["id"])
    event, disclosures = initiated["event"], initiated["disclosures"]
    assert (ours, "customer-9", "s-1") == (event["request"], event["on_behalf_of"], event["session"])
    assert (disclosures["address"], disclosures["user_agent"]) == ("127.0.0.1", "shop/1.0")
    assert disclosures["client_request"] == trace
    assert "shop/1.0" not in str(event)
    assert trace not in str(event)
    auditor = tenant.client("auditor")
    for asked in ({"request": ours}, {"client_request": trace}):
        found = auditor.get("/v1/audit", params={"fresh": True, **asked}).json()["entries"]
        assert [(one["request"], one["client_request"]) for one in found] == [(ours, trace)], asked


def test_a_client_cannot_choose_the_id_of_a_request(tenant: Tenant) -> None:
    """Two requests under one id of the client's have two of ours; what is no id, or a key, is passed over."""
    service = tenant.client("service")
    service.headers["X-Request-Id"] = "one-for-both"
    first, second = tenant.new(service), tenant.new(service)
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert first.headers["X-Client-Request-Id"] == second.headers["X-Client-Request-Id"] == "one-for-both"
    for wrong in ("with space", "x" * 129, "pvs_" + "0" * 32 + "_" + "A" * 43):
        answer = service.get("/v1/files", headers={"X-Request-Id": wrong})
        assert "X-Client-Request-Id" not in answer.headers
        assert wrong not in str(answer.headers)


def test_list_sees_own_write(api: Api, tenant: Tenant) -> None:
    """A list with min_position shows what was written before; filters narrow it and cursors page it."""
    service = tenant.client("service")
    ids = [tenant.stored(service, filename=f"{name}.pdf") for name in "abc"]
    position = service.get(f"/v1/files/{ids[-1]}").headers["Provenstore-Position"]
    page = service.get("/v1/files", params={"min_position": position, "limit": 2}).json()
    assert ids[:0:-1] == [one["id"] for one in page["files"]]
    rest = service.get("/v1/files", params={"cursor": page["next"], "limit": 2}).json()
    assert ([ids[0]], None) == ([one["id"] for one in rest["files"]], rest["next"])
    named = service.get("/v1/files", params={"filename": "b.pdf"}).json()
    assert [ids[1]] == [one["id"] for one in named["files"]]


def test_list_that_cannot_see_a_position_yet(api: Api) -> None:
    """A position that the log itself has not reached is 503 with Retry-After, at once: no thread waits for it."""
    answer = api.client("service").get("/v1/files", params={"min_position": 2**53 - 1})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["detail"].startswith("the log has not reached")
    assert answer.headers["Retry-After"].isdigit()

"""A file's history says of each event what the audit trail says, to those who may see it."""

from typing import Any

from tests.api.conftest import Tenant


def changed_file(tenant: Tenant) -> str:
    service, records, releaser = (tenant.client(role) for role in ("service", "records", "records"))
    file_id = tenant.stored(service, filename="draft.pdf", metadata={"state": "draft"})
    at = f"/v1/files/{file_id}"
    assert service.patch(at, json={"filename": "final.pdf", "metadata": {"state": "final"}}).status_code == 200
    assert service.patch(at, json={"access": "workspace"}).status_code == 200
    held = records.post(f"{at}/legal-holds", json={"name": "hold one", "matter": "Smith v. Jones", "reason": "suit"})
    assert releaser.delete(f"{at}/legal-holds/{held.json()['id']}").status_code == 200
    assert service.get(f"{at}/content").status_code == 200
    return file_id


def plain(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value is not None and name != "bytes"}


def test_history_and_trail_say_the_same(tenant: Tenant) -> None:
    """Public data, what it was and what it became, the hold's name and matter, the name of then, the decision."""
    file_id, auditor = changed_file(tenant), tenant.client("auditor")
    history = auditor.get(f"/v1/files/{file_id}/history").json()["events"]
    found = auditor.get("/v1/audit", params={"fresh": True, "file": file_id, "limit": 1000}).json()["entries"]
    entries = {one["id"]: one for one in found}
    assert len(history) >= 8
    for one in history:
        entry = entries[one["event"]["id"]]
        assert plain(one["details"]) == plain(entry["details"]), entry["type"]
        assert (one["filename_then"], one["decision"]) == (entry["filename_then"], entry["decision"])
    by_type = {one["event"]["type"].split(".")[1]: one for one in history}
    assert by_type["metadata_changed"]["details"]["was"] == {
        "filename": "draft.pdf",
        "metadata": {"state": "draft"},
    }
    assert by_type["metadata_changed"]["details"]["became"]["filename"] == "final.pdf"
    assert by_type["access_level_changed"]["details"] == {
        "was": {"access": "private"},
        "became": {"access": "workspace"},
    }
    released = by_type["legal_hold_released"]["details"]
    assert (released["name"], released["matter"]) == ("hold one", "Smith v. Jones")
    assert (by_type["stored"]["filename_then"], by_type["accessed"]["filename_then"]) == ("draft.pdf", "final.pdf")


def test_a_later_page_knows_what_was_before(tenant: Tenant) -> None:
    """A page that begins after the initiation still says what a change replaced."""
    file_id, auditor = changed_file(tenant), tenant.client("auditor")
    whole = auditor.get(f"/v1/files/{file_id}/history").json()["events"]
    at = next(at for at, one in enumerate(whole) if one["event"]["type"] == "file.metadata_changed.v1")
    changed, before = whole[at], {"limit": at}
    asked = {"after": auditor.get(f"/v1/files/{file_id}/history", params=before).json()["next"], "limit": 1}
    (again,) = auditor.get(f"/v1/files/{file_id}/history", params=asked).json()["events"]
    assert again == changed


def test_a_service_sees_no_holds_and_nothing_that_was_erased(tenant: Tenant) -> None:
    """Names and matters of holds are for officers; an erased value is null on both sides of a change."""
    file_id = changed_file(tenant)
    told = tenant.client("service").get(f"/v1/files/{file_id}/history").json()["events"]
    assert "Smith v. Jones" not in str(told)
    assert "hold one" not in str(told)
    body = {"fields": ["filename"], "reason": "asked to"}
    tenant.erase(file_id, body)
    auditor = tenant.client("auditor")
    history = auditor.get(f"/v1/files/{file_id}/history").json()["events"]
    trail = auditor.get("/v1/audit", params={"fresh": True, "file": file_id, "limit": 1000}).json()["entries"]
    for text in (str(history), str(trail)):
        assert "draft.pdf" not in text
        assert "final.pdf" not in text
    assert {one["filename_then"] for one in history} == {one["filename_then"] for one in trail} == {None}

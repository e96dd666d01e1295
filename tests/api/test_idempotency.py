"""Idempotency-Key: the same request again answers the same and does nothing twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Tenant


def test_initiation_again(tenant: Tenant) -> None:
    """The same key and request give the same file, however the JSON is spelled, and reserve once."""
    service = tenant.client("service")
    service.headers["Idempotency-Key"] = str(uuid4())
    first, second = tenant.new(service, size=5), tenant.new(service, **{"size": 5})
    assert [first.status_code, second.status_code] == [201, 201]
    assert first.json() == second.json()
    spelled = b'{ "size": 5, "category": "misc", "media_type": "application/pdf", "filename": "report.pdf", '
    spelled += b'"workspace": "%s" }' % tenant.id.encode()
    third = service.post("/v1/files", content=spelled, headers={"Content-Type": "application/json"})
    assert third.json() == first.json()
    used = tenant.api.client().get(f"/v1/workspaces/{tenant.id}").json()["used"]
    assert used == {"bytes": 5, "files": 1}


def test_initiations_at_once(tenant: Tenant) -> None:
    """Racing requests with one key make one file."""
    service = tenant.client("service")
    service.headers["Idempotency-Key"] = str(uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tenant.new(service, size=5), range(8)))
    assert len({answer.json()["file"]["id"] for answer in answers}) == 1


def test_key_for_another_request(tenant: Tenant) -> None:
    """A key that was used for something else is refused; another actor's key of that name is another key."""
    service, other = tenant.client("service"), tenant.client("service")
    service.headers["Idempotency-Key"] = other.headers["Idempotency-Key"] = str(uuid4())
    first = tenant.new(service, size=5).json()["file"]["id"]
    reused = tenant.new(service, size=6)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
    assert tenant.new(other, size=5).json()["file"]["id"] != first


def test_acts_again(tenant: Tenant) -> None:
    """Deleting, holding and asking for a purge again with one key each change nothing further."""
    service, records, approver = (tenant.client(role) for role in ("service", "records", "approver"))
    file_id = tenant.stored(service)
    hold = {"name": "case", "reason": "sued"}
    key = {"Idempotency-Key": "hold-1"}
    placed = [records.post(f"/v1/files/{file_id}/legal-holds", json=hold, headers=key).json() for _ in range(2)]
    assert placed[0] == placed[1]
    assert len(records.get(f"/v1/files/{file_id}/legal-holds").json()["legal_holds"]) == 1
    assert approver.delete(f"/v1/files/{file_id}/legal-holds/{placed[0]['id']}").status_code == 200
    for act in ("delete", "purge"):
        answers = [
            service.post(f"/v1/files/{file_id}/{act}", headers={"Idempotency-Key": f"{act}-1"}) for _ in range(2)
        ]
        assert answers[0].status_code == answers[1].status_code == 200
        assert answers[0].json() == answers[1].json()


def test_failed_request_can_be_repeated(tenant: Tenant) -> None:
    """A key whose request was refused is free: the request may succeed later."""
    service, records, approver = (tenant.client(role) for role in ("service", "records", "approver"))
    file_id = tenant.stored(service)
    hold = records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "n", "reason": "r"}).json()["id"]
    key = {"Idempotency-Key": "delete-1"}
    assert service.post(f"/v1/files/{file_id}/delete", headers=key).status_code == 409
    assert approver.delete(f"/v1/files/{file_id}/legal-holds/{hold}").status_code == 200
    assert service.post(f"/v1/files/{file_id}/delete", headers=key).status_code == 200


def _at_once(send: Callable[[], httpx.Response], count: int = 6) -> list[httpx.Response]:
    """Send the same request several times at the same moment."""
    together = threading.Barrier(count)

    def one(_: int) -> httpx.Response:
        together.wait(timeout=30)
        return send()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def _one_acted(answers: list[httpx.Response]) -> None:
    assert len({answer.status_code for answer in answers}) == 1, [answer.text for answer in answers]
    assert answers[0].is_success, answers[0].text
    said = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(said, key=str) == [None, *["true"] * (len(answers) - 1)]


@pytest.mark.parametrize("act", ["initiate", "patch", "delete", "restore", "retention", "hold", "purge", "link"])
def test_of_the_same_request_at_once_one_acts(tenant: Tenant, act: str) -> None:
    """All are answered alike, none is refused as too late, and all but one say that they did nothing."""
    service, records = tenant.client("service"), tenant.client("records")
    file_id = tenant.stored(service)
    at, reason = f"/v1/files/{file_id}", {"reason": "because"}
    if act in ("restore", "purge"):
        assert service.post(f"{at}/delete", json=reason).is_success
    retention = {"until": "2030-01-01T00:00:00Z", "mode": "governance", **reason}
    new = {"workspace": tenant.id, "filename": "a.pdf", "media_type": "application/pdf", "category": "misc", "size": 5}
    key = {"Idempotency-Key": f"{act}-{uuid4()}"}
    acts: dict[str, Callable[[], httpx.Response]] = {
        "initiate": lambda: service.post("/v1/files", json=new, headers=key),
        "patch": lambda: service.patch(at, json={"metadata": {"a": "b"}}, headers={**key, "If-Match": '"v3"'}),
        "delete": lambda: service.post(f"{at}/delete", json=reason, headers=key),
        "restore": lambda: service.post(f"{at}/restore", json=reason, headers=key),
        "retention": lambda: records.put(f"{at}/retention", json=retention, headers=key),
        "hold": lambda: records.post(f"{at}/legal-holds", json={"name": "case", **reason}, headers=key),
        "purge": lambda: service.post(f"{at}/purge", json=reason, headers=key),
        "link": lambda: service.post(f"{at}/links", json={}, headers=key),
    }
    answers = _at_once(acts[act])
    _one_acted(answers)
    if act in ("hold", "initiate", "link"):
        found = [answer.json() for answer in answers]
        assert len({one["file"]["id"] if act == "initiate" else one["id"] for one in found}) == 1
    again = acts[act]()
    assert (again.is_success, again.headers.get("Idempotency-Replayed")) == (True, "true")
    assert "access_denied" not in tenant.types(file_id)


def test_of_the_same_workspace_at_once_one_is_made(tenant: Tenant) -> None:
    """Nobody is told that there is one already, who asked for it."""
    admin, name = tenant.api.client(), f"t-{uuid4().hex[:20]}"
    key = {"Idempotency-Key": name}
    _one_acted(_at_once(lambda: admin.post("/v1/workspaces", json={"id": name}, headers=key)))
    assert admin.post("/v1/workspaces", json={"id": name}).status_code == 409


@pytest.mark.parametrize("upload", ["api", "presigned", "multipart"])
def test_after_an_abort_nothing_is_permitted_by_asking_again(tenant: Tenant, upload: str) -> None:
    """The same key answers the file as it is now, and no place to send bytes to."""
    service = tenant.client("service")
    service.headers["Idempotency-Key"] = str(uuid4())
    begun = tenant.new(service, size=5, upload=upload).json()
    assert begun["upload"]["method"] == upload
    assert service.delete(f"/v1/files/{begun['file']['id']}/upload").is_success
    again = tenant.new(service, size=5, upload=upload)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert (again.json()["file"]["status"], again.json()["upload"]) == ("aborted", None)
    if upload == "presigned":
        taken = tenant.api.anonymous({"Content-Type": "application/pdf"}).put(begun["upload"]["url"], content=b"12345")
        assert taken.status_code == 409


def test_once_stored_nothing_is_permitted_by_asking_again(tenant: Tenant) -> None:
    """Nor is there anything left to send."""
    service = tenant.client("service")
    service.headers["Idempotency-Key"] = str(uuid4())
    begun = tenant.new(service, size=5).json()
    assert service.put(f"/v1/files/{begun['file']['id']}/content", content=b"12345").is_success
    again = tenant.new(service, size=5).json()
    assert (again["file"]["status"], again["upload"]) == ("stored", None)

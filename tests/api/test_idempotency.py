"""Idempotency-Key: the same request again answers the same and does nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

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

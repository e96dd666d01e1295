"""Background work over HTTP: operators see what is due within their reach, and do it now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Api, Tenant


def jobs(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/jobs", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["jobs"]
    return found


def test_a_job_is_listed_until_it_is_done(tenant: Tenant) -> None:
    """With the moment from which it is due; one that is not due yet only if asked for."""
    operator = tenant.client("operator")
    file_id = tenant.new(tenant.client("service"), size=10).json()["file"]["id"]
    assert jobs(operator) == []
    (job,) = jobs(operator, upcoming=True)
    assert (job["file_id"], job["kind"], job["attempts"], job["last_code"]) == (file_id, "expire", 0, None)
    assert job["due_at"] == job["next_at"]
    tenant.api.clock.ahead = timedelta(hours=25)
    assert jobs(operator) == [job]
    assert jobs(operator, kind=["clear", "purge"]) == []
    assert operator.post("/v1/jobs/run").json() == {"done": 1, "failed": 0, "stopped": False}
    assert jobs(operator, upcoming=True) == []
    assert tenant.types(file_id)[-1] == "upload_cleared"


def test_one_file_is_tried_again(tenant: Tenant) -> None:
    """The answer says where it stands and what is left; nothing to do is no error."""
    operator, service = tenant.client("operator"), tenant.client("service")
    file_id = tenant.new(service, upload="presigned", size=10).json()["file"]["id"]
    service.delete(f"/v1/files/{file_id}/upload")
    answer = operator.post(f"/v1/jobs/{file_id}/retry").json()
    assert (answer["file_id"], answer["status"]) == (file_id, "aborted")
    assert [job["kind"] for job in answer["jobs"]] == ["clear"]
    tenant.api.clock.ahead = timedelta(minutes=16)
    for _ in range(2):
        assert operator.post(f"/v1/jobs/{file_id}/retry").json()["jobs"] == []
    assert tenant.types(file_id)[-1] == "upload_cleared"


def test_whoever_tries_again_does_not_wait_for_a_reading(bucket_tenant: Tenant) -> None:
    """Content that nobody has read since it arrived stays a job; the background work comes to it."""
    service, operator = bucket_tenant.client("service"), bucket_tenant.client("operator")
    file_id = bucket_tenant.new(service, upload="multipart", size=7).json()["file"]["id"]
    assert service.put(f"/v1/files/{file_id}/parts/1", content=b"content").status_code == 200
    assert service.post(f"/v1/files/{file_id}/complete").json()["sha256_status"] == "none"
    answer = operator.post(f"/v1/jobs/{file_id}/retry").json()
    assert (answer["status"], [job["kind"] for job in answer["jobs"]]) == ("stored", ["verify"])
    assert bucket_tenant.types(file_id)[-1] == "stored"


def test_reach_of_an_operator(api: Api, make_tenant: Callable[..., Tenant]) -> None:
    """An operator of one workspace sees and does nothing elsewhere; one of the ledger narrows by workspace."""
    here, there = make_tenant(), make_tenant()
    ids = {one.id: one.new(one.client("service"), size=1).json()["file"]["id"] for one in (here, there)}
    mine, everywhere = here.client("operator"), api.client("operator")
    assert [job["file_id"] for job in jobs(mine, upcoming=True)] == [ids[here.id]]
    assert [job["file_id"] for job in jobs(everywhere, upcoming=True, workspace=there.id)] == [ids[there.id]]
    assert mine.get("/v1/jobs", params={"workspace": there.id}).status_code == 404
    assert mine.post("/v1/jobs/run", json={"workspace": there.id}).status_code == 404
    assert mine.post(f"/v1/jobs/{ids[there.id]}/retry").status_code == 404
    assert here.client("service").get("/v1/jobs").status_code == 403
    assert here.client("records").post("/v1/jobs/run").status_code == 403
    assert here.client("auditor").post(f"/v1/jobs/{ids[here.id]}/retry").status_code == 403
    api.clock.ahead = timedelta(hours=25)
    assert mine.post("/v1/jobs/run").json()["done"] == 1
    assert ["upload_cleared" in one.types(ids[one.id]) for one in (here, there)] == [True, False]


def test_pages_of_jobs(tenant: Tenant) -> None:
    """Each job comes once, oldest file first."""
    service, operator = tenant.client("service"), tenant.client("operator")
    ids = [tenant.new(service, size=1).json()["file"]["id"] for _ in range(3)]
    first = operator.get("/v1/jobs", params={"upcoming": True, "limit": 2}).json()
    rest = operator.get("/v1/jobs", params={"upcoming": True, "limit": 2, "cursor": first["next"]}).json()
    assert [job["file_id"] for job in (*first["jobs"], *rest["jobs"])] == ids
    assert rest["next"] is None


@pytest.mark.parametrize("asked", [{"kind": "tidy"}, {"limit": 0}, {"cursor": "AAAA"}, {"other": 1}])
def test_bad_lists_are_refused(tenant: Tenant, asked: dict[str, Any]) -> None:
    """With the name of what is wrong."""
    answer = tenant.client("operator").get("/v1/jobs", params=asked)
    assert (answer.status_code, answer.json()["field"].partition(".")[0]) == (422, next(iter(asked)))


def test_content_is_verified_by_reading_it(tenant: Tenant) -> None:
    """Sound, altered and missing content; the reading is recorded, and damaged content is not given out any more."""
    service, operator = tenant.client("service"), tenant.client("operator")
    sound, altered, missing = (tenant.stored(service, b"content") for _ in range(3))
    objects = tenant.api.services.settings.data_dir / "objects"
    for file_id in (altered, missing):
        path = objects / service.get(f"/v1/files/{file_id}").json()["path"]
        path.chmod(0o600)
        path.write_bytes(b"Content") if file_id == altered else path.unlink()
    found = [operator.post(f"/v1/files/{one}/verification").json() for one in (sound, altered, missing)]
    assert [one["outcome"] for one in found] == ["verified", "altered", "missing"]
    assert found[0]["size"] == 7
    last = [tenant.types(one)[-1] for one in (sound, altered, missing)]
    assert last == ["integrity_verified", "integrity_failed", "object_missing"]
    assert service.get(f"/v1/files/{sound}/content").status_code == 200
    assert all(service.get(f"/v1/files/{one}/content").status_code >= 400 for one in (altered, missing))
    assert operator.post(f"/v1/files/{uuid4()}/verification").status_code == 404
    unfinished = tenant.new(service).json()["file"]["id"]
    assert operator.post(f"/v1/files/{unfinished}/verification").json()["code"] == "wrong-state"

"""Every request has a deadline, but those that are long by nature."""

import pytest

from provenstore.api.http import envelope
from tests.api.conftest import Tenant


def test_a_request_that_takes_too_long_has_done_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """command-deadline: 503, and nothing is on record."""
    admin = tenant.client("admin")
    file_id = tenant.stored(admin)
    before = tenant.types(file_id)
    with monkeypatch.context() as patch:
        patch.setattr(envelope, "COMMAND_SECONDS", -1.0)
        for answer in (admin.delete(f"/v1/files/{file_id}"), tenant.new(admin), admin.get(f"/v1/files/{file_id}")):
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "database-unavailable"
        assert admin.get(f"/v1/files/{file_id}/content").content == b"content"
    assert [one for one in tenant.types(file_id) if one != "accessed"] == before


def test_counting_every_access_of_a_file_takes_its_time(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its history and its full view, now or as of a moment; its plain view is as quick as ever."""
    admin = tenant.client("admin")
    at = f"/v1/files/{tenant.stored(admin)}"
    monkeypatch.setattr(envelope, "COMMAND_SECONDS", -1.0)
    for path in (f"{at}/history", f"{at}?view=full", f"{at}?view=full&at=2100-01-01T00:00:00Z"):
        assert admin.get(path).status_code in {200, 422}, path
    for path in (at, f"{at}?view=default"):
        assert admin.get(path).status_code == 503, path
    assert admin.patch(f"{at}?view=full", json={"filename": "x.pdf"}).status_code in {422, 503}

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

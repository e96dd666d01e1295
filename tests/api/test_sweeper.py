"""Background work: what is due is done by the next sweep, and nothing is asked in vain."""

import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from provenstore.api.background.flusher import Flusher
from provenstore.api.background.sweeper import Sweeper
from provenstore.domain.errors import DatabaseUnavailable, Unavailable
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.files import file_commands as c
from tests.api.conftest import ROOT, Tenant


def status(tenant: Tenant, file_id: str) -> str:
    found: str = tenant.api.client().get(f"/v1/files/{file_id}").json()["status"]
    return found


def test_unfinished_upload_expires(tenant: Tenant) -> None:
    """An upload that is not finished in 24 hours expires, and its space is free again."""
    file_id = tenant.new(tenant.client("service"), size=10).json()["file"]["id"]
    tenant.api.sweep()
    assert status(tenant, file_id) == "initiated"
    tenant.api.clock.ahead = timedelta(hours=24, minutes=1)
    tenant.api.sweep()
    assert tenant.types(file_id) == ["upload_initiated", "upload_expired", "upload_cleared"]
    used = tenant.api.client().get(f"/v1/workspaces/{tenant.id}").json()["used"]
    assert used == {"bytes": 0, "files": 0}


def test_temporary_file_expires(tenant: Tenant) -> None:
    """A temporary file expires 24 hours after it was stored, unless it is held; restored, it stays."""
    service, records = tenant.client("service"), tenant.client("records")
    file_id, held = (tenant.stored(service, category="temp") for _ in range(2))
    records.post(f"/v1/files/{held}/legal-holds", json={"name": "case", "reason": "sued"})
    tenant.api.clock.ahead = timedelta(hours=25)
    tenant.api.sweep()
    assert [status(tenant, one) for one in (file_id, held)] == ["expired", "stored"]
    assert service.get(f"/v1/files/{file_id}/content").status_code == 410
    service.post(f"/v1/files/{file_id}/restore")
    tenant.api.sweep()
    assert service.get(f"/v1/files/{file_id}/content").status_code == 200


def approved(tenant: Tenant) -> str:
    """Leave a file as a crash right after the approval does."""
    records = tenant.client("records")
    file_id = tenant.stored(tenant.client("service"))
    records.delete(f"/v1/files/{file_id}")
    records.post(f"/v1/files/{file_id}/purge")
    second = replace(ROOT, actor=Actor("second", "person", "cli"))
    tenant.api.services.ledger.recorder.change(
        second,
        "file.purge_approve",
        UUID(file_id),
        lambda _, now: c.ApprovePurge(by=second.actor, now=now, reason=None),
    )
    return file_id


def test_approved_purge_is_carried_out(tenant: Tenant) -> None:
    """A purge that a crash left approved is carried out by the next sweep."""
    file_id = approved(tenant)
    assert status(tenant, file_id) == "soft_deleted"
    tenant.api.sweep()
    assert status(tenant, file_id) == "purged"


def test_purge_that_may_not_start_is_not_asked_for(tenant: Tenant) -> None:
    """A sweep neither starts an approved purge under retention nor records a refusal every minute."""
    file_id = approved(tenant)
    until = (tenant.api.clock.now() + timedelta(days=1)).isoformat()
    body = {"until": until, "mode": "compliance", "reason": "law"}
    assert tenant.client("records").put(f"/v1/files/{file_id}/retention", json=body).status_code == 200
    before = tenant.types(file_id)
    tenant.api.sweep()
    assert tenant.types(file_id) == before
    tenant.api.clock.ahead = timedelta(days=2)
    tenant.api.sweep()
    assert status(tenant, file_id) == "purged"


def test_a_stopped_sweeper_says_so(tenant: Tenant) -> None:
    """Readiness asks."""
    sweeper = Sweeper(tenant.api.services, every=0.01)
    sweeper.start()
    try:
        sweeper.check()
    finally:
        sweeper.stop()
    with pytest.raises(Unavailable):
        sweeper.check()


def test_merged_refusals_are_counted_within_seconds(tenant: Tenant) -> None:
    """denials-merged: refusals that were merged are recorded by the next flush, so that a kill loses few of them."""
    file_id = tenant.stored(tenant.client("service"))
    auditor = tenant.client("auditor")
    flusher = Flusher(tenant.api.services.ledger, every=0.01)
    for _ in range(4):
        assert auditor.delete(f"/v1/files/{file_id}").status_code == 403
    flusher.start()
    try:
        deadline = time.monotonic() + 10
        while len(denials := counts(tenant, file_id)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        flusher.stop()
    assert denials == [1, 3]


def test_a_flusher_outlives_a_database_that_is_away(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again the next time."""
    calls: list[int] = []

    def flush(*, everything: bool = False) -> None:
        calls.append(everything)
        raise DatabaseUnavailable

    monkeypatch.setattr(tenant.api.services.ledger, "flush", flush)
    flusher = Flusher(tenant.api.services.ledger, every=0.01)
    flusher.start()
    deadline = time.monotonic() + 10
    while len(calls) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    flusher.stop()
    assert len(calls) >= 3


def counts(tenant: Tenant, file_id: str) -> list[int]:
    events = [one["event"] for one in tenant.history(file_id)]
    return [one["data"]["count"] for one in events if one["type"] == "file.access_denied.v1"]

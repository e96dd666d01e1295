"""The background work goes on, whatever is wrong with one file."""

from datetime import timedelta

from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.workspace import workspace_stream
from tests.api.conftest import ROOT, Tenant


def test_a_file_that_cannot_be_settled_stops_no_other(tenant: Tenant) -> None:
    """Even one on which our own arithmetic fails, here by a limit that the log holds and nobody could set today."""
    ledger, service = tenant.api.services.ledger, tenant.client("service")
    absurd = we.LimitsSet(category="temp", limits=we.Limits(expires_after=2**53 - 1))
    stream = workspace_stream(tenant.id)
    ledger.recorder.append(ROOT, ledger.recorder.drafts(ROOT, stream, tenant.id, [Fact(absurd)]))
    broken = tenant.new(service, category="temp").json()["file"]["id"]
    assert service.put(f"/v1/files/{broken}/content", content=b"x").status_code == 500
    given_up = tenant.new(service, upload="presigned").json()["file"]["id"]
    assert service.delete(f"/v1/files/{given_up}/upload").status_code == 200
    assert tenant.types(given_up)[-1] == "upload_aborted"
    tenant.api.clock.ahead = timedelta(minutes=20)
    tenant.api.services.wait_for(ledger.log.position())
    tenant.api.sweep()
    assert tenant.types(given_up)[-1] == "upload_cleared"
    assert tenant.types(broken)[-1] == "completion_requested"

"""Workspaces for HTTP and the CLI alike: described, and changed, with who requested what waits, and why."""

from provenstore.api.acts.reasons import Reasons
from provenstore.api.contract import views
from provenstore.api.services import Services
from provenstore.domain.administration.workspaces import Tenant
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.on_record import recording
from provenstore.domain.tenants import workspace as ws


def described(services: Services, caller: Caller, workspace: str) -> dict[str, Json]:
    """Return a workspace; that the reasons of what waits are read is recorded before."""
    tenant = services.ledger.describe_workspace(caller, workspace)
    if tenant.state.policy_change is None and tenant.state.bound_request is None:
        return without_reasons(services, tenant)
    found = _json(tenant, Reasons(services, caller, ws.workspace_stream(workspace)))
    services.ledger.audit_reads.shown(caller, workspace, "workspace", [found["pending"], found["pending_retention"]])
    return found


def changed(services: Services, caller: Caller, workspace: str, *commands: ws.WorkspaceCommand) -> dict[str, Json]:
    """Carry out commands and return the workspace after them: once they are on record, nothing more is read."""
    if not commands:
        return described(services, caller, workspace)
    services.ledger.recorder.authorised_workspace(caller, "workspace.change", workspace)  # before any of it is read
    before = services.ledger.administration.before_change(workspace)
    reasons = Reasons(services, caller, ws.workspace_stream(workspace))
    with recording() as scope:
        state = services.ledger.change_workspace(caller, workspace, *commands)
    reasons.after(scope)
    return _json(before.after(state, services.clock.now()), reasons)


def without_reasons(services: Services, tenant: Tenant) -> dict[str, Json]:
    """Return a workspace without the reasons of what waits in it."""
    reach = services.ledger.recorder.reach_of
    return views.workspace_json(tenant.state, tenant.name, tenant.use, lambda _: None, reach)


def _json(tenant: Tenant, reasons: Reasons) -> dict[str, Json]:
    return views.workspace_json(tenant.state, tenant.name, tenant.use, reasons.why, reasons.reach)

"""Short ids for HTTP and the CLI alike: what the log does not know by its id is looked up in the audit trail."""

from collections.abc import Sequence
from functools import partial

from provenstore.api.services import Services
from provenstore.domain.administration.short_ids import Kind
from provenstore.domain.eventlog.caller import Caller
from provenstore.projections.audit.trail import AuditTrail


def find(services: Services, caller: Caller, kind: Kind, prefix: str, within: str | None = None) -> str:
    """Return the id of what begins with `prefix`; Unavailable where the trail lags."""
    return services.ledger.find_id(caller, kind, prefix, within, trail=partial(in_trail, services, caller))


def in_trail(
    services: Services, caller: Caller, kind: Kind, digits: str, *, workspace: str | None, file: str | None = None
) -> Sequence[str]:
    """Return ids that begin so, by an audit trail that has seen everything which was recorded before."""
    services.wait_until_current(caller, fresh=True, min_position=None, model=AuditTrail.name)
    return services.audit.ids(kind, digits, workspace=workspace, file=file)

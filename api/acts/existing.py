"""What a filter names must be there: an answer of nothing would look as if nothing had happened to it.

Asked only where nothing was found, so that a question with an answer costs no more. A thing of another workspace and
one that is nowhere are refused in the same words, and leave the same event. A key or an event from outside, such as a
key of the whole ledger, is there for a workspace if an entry of its own trail names it: nothing outside decides that.
"""

from uuid import UUID

from provenstore.api.acts.short_ids import in_trail
from provenstore.api.services import Services
from provenstore.domain.administration.short_ids import Kind, digits_of
from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.tenants import credential as cr
from provenstore.projections.audit.query import AuditFilter
from provenstore.projections.audit.trail import AuditTrail

_IN_THE_TRAIL: tuple[Kind, ...] = ("link", "hold", "purge")


def require_workspace(services: Services, caller: Caller, operation: Operation, workspace: str | None) -> None:
    """Refuse a workspace that does not exist; a key's own does."""
    if workspace is not None and workspace not in {caller.scope, SYSTEM_WORKSPACE}:
        services.ledger.recorder.existing_workspace(caller, operation, workspace)


def require_file(services: Services, caller: Caller, within: str | None, file: str) -> None:
    """Refuse a file that does not exist in the workspace that is searched. NotFound."""
    try:
        found = services.ledger.recorder.file(UUID(file)).workspace
    except NotFound:
        found = None
    if found is None or within not in (None, found):
        # Not as `file`, or the same question would find this refusal the next time.
        raise _missing(services, caller, "file", Asked(target=file))


def require_named(services: Services, caller: Caller, within: str | None, wanted: AuditFilter) -> None:
    """Refuse a question about a file, key, event, link, hold or purge that does not exist within reach. NotFound."""
    _require_things(services, caller, within, wanted, "")


def require_left_out(services: Services, caller: Caller, within: str | None, wanted: AuditFilter) -> None:
    """Refuse to leave out a workspace or anything else that does not exist within reach. NotFound."""
    for workspace in wanted.asked().get("not_workspace", ()):
        if workspace not in {caller.scope, SYSTEM_WORKSPACE}:
            services.ledger.recorder.authorised_workspace(caller, "audit.search", workspace)
    _require_things(services, caller, within, wanted, "not_")


def _require_things(services: Services, caller: Caller, within: str | None, wanted: AuditFilter, sign: str) -> None:
    asked = wanted.asked()
    for file in asked.get(f"{sign}file", ()):
        require_file(services, caller, within, file)
    for key in asked.get(f"{sign}credential", ()):
        known = services.ledger.recorder.find(cr.credential_stream(key), cr.project)
        inside = known is not None and caller.reaches(known.scope or SYSTEM_WORKSPACE)
        if not inside and not _in_entries(services, caller, AuditFilter(workspace=within, credential=key)):
            raise _missing(services, caller, "key", Asked(target=key))
    for cause in asked.get(f"{sign}cause", ()):
        _require_event(services, caller, within, cause)
    for kind in _IN_THE_TRAIL:
        for named in asked.get(f"{sign}{kind}", ()):
            found = in_trail(services, caller, kind, digits_of(named), workspace=within)
            if named not in found:
                raise _missing(services, caller, kind, Asked(target=named))


def _in_entries(services: Services, caller: Caller, wanted: AuditFilter) -> bool:
    """Tell whether an entry of the caller's own workspace names something; nobody else needs to ask."""
    if caller.scope is None:
        return False
    services.wait_until_current(caller, fresh=True, min_position=None, model=AuditTrail.name)
    return bool(services.audit.search(wanted, limit=1).entries)


def _require_event(services: Services, caller: Caller, within: str | None, event_id: str) -> None:
    try:
        found = services.ledger.log.find(UUID(event_id)).workspace
    except NotFound:
        found = None
    inside = found is not None and caller.reaches(found)
    if not inside and not _in_entries(services, caller, AuditFilter(workspace=within, cause=event_id)):
        raise _missing(services, caller, "event", Asked(target=event_id))


def _missing(services: Services, caller: Caller, what: str, asked: Asked) -> NotFound:
    refusal = NotFound(f"there is no such {what}")
    services.ledger.recorder.refused(caller, "audit.search", refusal, asked)
    return refusal

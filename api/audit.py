"""Searching the audit trail, for HTTP and the CLI alike: who may, what is answered, and that it is recorded."""

from provenstore.api.http.bodies import AuditQuery
from provenstore.api.services import Services
from provenstore.domain.caller import Caller
from provenstore.domain.canonical import Json
from provenstore.projections.audit_query import AuditFilter, AuditPage
from provenstore.projections.audit_row import audit_json
from provenstore.projections.audit_storage_log import STORAGE_TYPES, storage_json
from provenstore.projections.audit_trail import AuditTrail

_NOT_A_CONDITION = frozenset({"order", "format", "cursor", "limit", "min_position", "fresh"})


def search(services: Services, caller: Caller, asked: AuditQuery) -> dict[str, Json]:
    """Return a page of the audit trail; that it was read is durable before it is returned.

    Forbidden; NotFound for a foreign workspace; InvalidInput for an unknown type, a range that ends before it begins,
    a foreign cursor; Unavailable when the audit trail does not reach the position that is to be waited for.
    """
    within = services.ledger.searchable(caller, asked.workspace)
    said = {name: value for name, value in asked.sent().items() if name not in _NOT_A_CONDITION and value}
    wanted = _filter(asked, within)
    services.bring_up(fresh=asked.fresh, min_position=asked.min_position, model=AuditTrail.name)
    page = AuditPage((), None)
    if wanted is not None:
        oldest_first = asked.order == "oldest"
        page = services.audit.search(wanted, cursor=asked.cursor, limit=asked.limit, oldest_first=oldest_first)
    services.ledger.record_search(caller, within, file=asked.file, by=sorted(said))
    shown = audit_json if asked.format == "default" else storage_json
    return {"entries": [shown(entry.row, entry.filename) for entry in page.entries], "next": page.next}


def _filter(asked: AuditQuery, within: str | None) -> AuditFilter | None:
    """Return what is asked of the read model; None where no event can fit."""
    types = asked.type
    if asked.format == "storage-log":
        types = tuple(name for name in STORAGE_TYPES if not asked.type or name in asked.type)
    found = AuditFilter(
        workspace=within,
        file=None if asked.file is None else str(asked.file),
        actor=asked.actor,
        on_behalf_of=asked.on_behalf_of,
        credential=asked.credential,
        types=types or asked.type,
        actions=asked.action,
        related_type=asked.related_type,
        related_id=asked.related_id,
        subject=asked.subject,
        outcome=asked.outcome,
        address=asked.address,
        time_from=asked.time_from,
        time_before=asked.time_before,
    )
    return None if asked.format == "storage-log" and not types else found

"""Searching the audit trail, for HTTP and the CLI alike: who may, what is answered, and that it is recorded."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from provenstore.api.acts.existing import require_left_out, require_named
from provenstore.api.acts.workspace_views import shown_audit
from provenstore.api.contract.audit_question import AuditQuery
from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.tenants.reach import shown_actors
from provenstore.projections.audit.query import AuditFilter, AuditPage
from provenstore.projections.audit.row import audit_json
from provenstore.projections.audit.storage_log import STORAGE_TYPES, storage_json
from provenstore.projections.audit.trail import AuditTrail

CLOCKS_DIFFER: Final = timedelta(days=1)
"""By how much a time may lie ahead of this server's clock and still mean something."""


def search(services: Services, caller: Caller, asked: AuditQuery) -> dict[str, Json]:
    """Return a page of the audit trail; that it was read is durable before it is returned.

    Forbidden; NotFound for a workspace, file, key, event, link, hold or purge that is not there or not within reach;
    InvalidInput for a value that nothing can have, a range that ends before it begins, a foreign cursor; Unavailable
    when the audit trail does not reach the position that is to be waited for.
    """
    within = services.ledger.searchable(caller, asked.filters().get("workspace"))
    wanted = AuditFilter(**asked.filters() | {"workspace": within})
    _require_sense(services, caller, wanted, within)
    services.wait_until_current(caller, fresh=asked.fresh, min_position=asked.min_position, model=AuditTrail.name)
    wanted = _as_shown(services, wanted, within)
    page = AuditPage((), None)
    if (narrowed := _within_format(wanted, asked)) is not None:
        oldest_first = asked.order == "oldest"
        cursor = services.marks.read_cursor(caller.scope, asked.cursor)
        page = services.audit.search(narrowed, cursor=cursor, limit=asked.limit, oldest_first=oldest_first)
    if not page.entries and asked.cursor is None:
        require_named(services, caller, within, wanted)
    file = wanted.one("file")
    services.ledger.record_search(
        caller,
        within,
        file=None if file is None else UUID(file),
        asked=asked.filters(),
        shown=len(page.entries),
    )
    shown = audit_json if asked.format == "default" else storage_json
    reach = services.ledger.recorder.reach_of
    found = {"entries": [shown(one, reach(one.row.acted)) for one in page.entries], "next": page.next}
    return shown_audit(services, caller, found)


def _as_shown(services: Services, wanted: AuditFilter, within: str | None) -> AuditFilter:
    """Return the question with its actors understood as every answer shows them, such as `bob@system`."""

    def keys_of(actor: str) -> list[str | None]:
        return services.audit.keys_of(actor, workspace=within)

    for name in ("actor", "not_actor"):
        given = [one for one in wanted.asked().get(name, ()) if "@" in one]
        if given:
            wanted = wanted.meaning(name, shown_actors(given, keys_of, services.ledger.recorder.reaches.of_key))
    return wanted


def _require_sense(services: Services, caller: Caller, wanted: AuditFilter, within: str | None) -> None:
    """Refuse to leave out what is not there, or not within reach, and a time that has not come."""
    require_left_out(services, caller, within, wanted)
    begin = wanted.one("time_from")
    if begin is not None and begin > (now := services.clock.now()) + CLOCKS_DIFFER:
        raise InvalidInput("time_from", f"is in the future; it is {format_time(now)}")


def _within_format(wanted: AuditFilter, asked: AuditQuery) -> AuditFilter | None:
    """Return the question within the types that the format has words for; None where no event can fit."""
    if asked.format != "storage-log":
        return wanted
    types = tuple(name for name in STORAGE_TYPES if name in wanted.asked().get("type", STORAGE_TYPES))
    return wanted.of_types(types) if types else None

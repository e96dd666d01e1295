"""How the object stores do, for HTTP and the CLI alike: figures of a time, and single calls.

A call belongs to no workspace, so this requires a ledger-wide API key.
"""

from datetime import datetime, timedelta
from typing import Final

from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.storage.store_call import Outcome, StoreAct, StoreCall
from provenstore.projections.operations.store_calls import Calls, Figure

SPAN: Final = timedelta(days=1)
"""What is looked at unless a time is named: up to now, or up to `before`."""

_OPERATION: Final[Operation] = "system.operations"
_DIGITS: Final = 4


def figures(
    services: Services,
    caller: Caller,
    *,
    since: datetime | None,
    before: datetime | None,
    provider: str | None,
    kind: StoreAct | None,
) -> dict[str, object]:
    """Return success, durations and bytes by provider and kind; Forbidden, InvalidInput."""
    services.ledger.recorder.require(caller, _OPERATION, None)
    asked = _asked(services, since, before, provider, kind)
    found = services.operations.figures(asked)
    return {
        "since": format_time(asked.since),
        "before": format_time(asked.before),
        "missing": found.missing,
        "figures": [_figure_json(one) for one in found.figures],
    }


def calls(
    services: Services,
    caller: Caller,
    *,
    since: datetime | None,
    before: datetime | None,
    provider: str | None,
    kind: StoreAct | None,
    outcome: Outcome | None,
    request: str | None,
    limit: int,
) -> dict[str, Json]:
    """Return single calls, newest first; Forbidden, InvalidInput."""
    services.ledger.recorder.require(caller, _OPERATION, None)
    asked = _asked(services, since, before, provider, kind)
    found = services.operations.newest(asked, outcome=outcome, request=request, limit=limit)
    return {"calls": [_call_json(one) for one in found]}


def _asked(
    services: Services, since: datetime | None, before: datetime | None, provider: str | None, kind: StoreAct | None
) -> Calls:
    # A call that has just begun is in; the clock may stand still between the two.
    until = before or services.clock.now() + timedelta(microseconds=1)
    return Calls(since=since or until - SPAN, before=until, provider=provider, act=kind)


def _figure_json(figure: Figure) -> dict[str, object]:
    return {
        "provider": figure.provider,
        "kind": figure.act,
        "calls": figure.calls,
        "refused": figure.refused,
        "failed": figure.failed,
        "success": round(figure.success, _DIGITS),
        "p50_ms": figure.p50 / 1_000,
        "p95_ms": figure.p95 / 1_000,
        "bytes": figure.bytes,
    }


def _call_json(call: StoreCall) -> dict[str, Json]:
    return {
        "started_at": format_time(call.started_at),
        "provider": call.provider,
        "kind": call.act,
        "microseconds": call.microseconds,
        "bytes": call.bytes,
        "outcome": call.outcome,
        "status": call.status,
        "request": call.request,
        "store_request": call.store_request,
    }

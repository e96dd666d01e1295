"""Usage and what it costs, for HTTP and the CLI alike. Money is integers of a millionth of a dollar, never a float.

An estimate: what is kept now for a month, and what was given out in one month, at the prices of the settings. Flat
fees and what they include belong to no workspace, and are not in it.
"""

from collections.abc import Sequence
from fractions import Fraction

from provenstore.api.contract.bodies import UsageQuery, WorkspaceUsageQuery
from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import QuotaUse
from provenstore.projections.usage.query import Used
from provenstore.projections.usage.row import quota_json
from provenstore.projections.usage.sums import Usage

_GIB = 2**30
_MICROS = 1_000_000


def workspace_usage(services: Services, caller: Caller, workspace: str, asked: WorkspaceUsageQuery) -> dict[str, Json]:
    """Return what a workspace uses, with its quota, and a page of groups where `by` is asked; Forbidden, NotFound."""
    tenant = services.ledger.describe_workspace(caller, workspace)
    return _answer(services, caller, asked, workspace=workspace, quota=tenant.use)


def ledger_usage(services: Services, caller: Caller, asked: UsageQuery) -> dict[str, Json]:
    """Return what all workspaces use together, and a page of groups where `by` is asked; Forbidden to tenants."""
    services.ledger.recorder.require(caller, "workspace.get", None)
    if asked.by != "workspace":
        return _answer(services, caller, asked)
    found = services.ledger.list_workspaces(caller, after=asked.after, limit=asked.limit + 1)
    return _answer(services, caller, asked, named=found)


def _answer(
    services: Services,
    caller: Caller,
    asked: WorkspaceUsageQuery | UsageQuery,
    *,
    workspace: str | None = None,
    quota: QuotaUse | None = None,
    named: Sequence[str] | None = None,
) -> dict[str, Json]:
    services.wait_until_current(caller, fresh=asked.fresh, min_position=asked.min_position, model=Usage.name)
    billed = f"{services.clock.now():%Y-%m}"
    usages, month = services.usages, asked.month
    total = usages.total(billed=billed, workspace=workspace, month=month)
    groups: tuple[Used, ...] = ()
    if named is not None:
        groups = usages.named("workspace", named, billed=billed, month=month)
    elif asked.by is not None:
        groups = usages.page(
            asked.by, billed=billed, workspace=workspace, month=month, after=asked.after, limit=asked.limit + 1
        )
    page = groups[: asked.limit]
    counters = services.ledger.log.counters()[1] if named is not None else {}

    def shown(one: Used) -> dict[str, Json]:
        cost = _cost(services, one, billed) if month is None else None
        return {**one.sums._asdict(), "cost": cost}

    return {
        "workspace": workspace,
        "month": month,
        "usage": shown(total),
        "quota": None if quota is None else quota_json(quota),
        "by": asked.by,
        "groups": [
            {"key": one.key, "usage": shown(one), "quota": _quota(counters.get((one.key, "workspace")))} for one in page
        ],
        "next": page[-1].key if len(groups) > asked.limit else None,
    }


def _quota(use: QuotaUse | None) -> dict[str, Json] | None:
    return None if use is None else quota_json(use)


def _cost(services: Services, used: Used, billed: str) -> dict[str, Json]:
    """Return what a group costs in a month, at each provider's prices; a provider without prices costs nothing."""
    stored = served = 0
    for provider, one in used.billed.items():
        if (price := services.settings.prices.get(provider)) is not None:
            stored += micros(one.stored, Fraction(price.stored))
            served += micros(one.served, Fraction(price.served))
    return {
        "currency": "USD",
        "month": billed,
        "stored_micros": stored,
        "served_micros": served,
        "total_micros": stored + served,
    }


def micros(count: int, price: Fraction) -> int:
    """Return what `count` bytes cost at dollars per GiB, in millionths of a dollar, halves to even."""
    return round(count * price * _MICROS / _GIB)

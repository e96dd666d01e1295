"""Usage: what files take up and give out, of one workspace and of the whole ledger, and what that costs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.acts import usage
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.projections.usage.query import By
from provenstore.projections.usage.row import Level

router = APIRouter(tags=["usage"])


class Cost(shapes.Shape):
    """An estimate in millionths of a dollar: a month of what is kept now, and what was given out in `month`."""

    currency: Literal["USD"]
    month: str
    stored_micros: int
    served_micros: int
    total_micros: int


class Sums(shapes.Shape):
    """What files add up to; `new_*` count by the month they were stored in, whatever became of them.

    `bytes` are readable now; deleted ones count until they are purged; served ones are given out at most.
    """

    new_files: int
    new_bytes: int
    files: int
    bytes: int
    deleted_files: int
    deleted_bytes: int
    downloads: int
    views: int
    redirects: int
    served_bytes: int
    cost: Cost | None


class QuotaUse(shapes.Shape):
    """A quota and its use: `high` above 80 %, `warning` above 90 %, `over_quota` above all of it."""

    level: Level
    percent: int | None
    bytes: int
    files: int
    max_bytes: int | None
    max_files: int | None


class Group(shapes.Shape):
    """One owner (`NAME@REACH`), category, provider, month or workspace; workspaces come with their quota."""

    key: str
    usage: Sums
    quota: QuotaUse | None


class Usage(shapes.Shape):
    """Usage as a whole and a page of groups; `next` goes into `after`."""

    workspace: shapes.Text
    month: shapes.Text
    usage: Sums
    quota: QuotaUse | None
    by: By | None
    groups: list[Group]
    next: shapes.Text


@router.get("/v1/workspaces/{workspace}/usage", responses=shapes.ok(Usage))
def get_workspace_usage(
    workspace: str, services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.WorkspaceUsageQuery, Query()]
) -> Response:
    """Say what a workspace uses of its quota and what that costs, by owner, category, provider or month."""
    return JsonAnswer(usage.workspace_usage(services, caller, workspace, asked))


@router.get("/v1/usage", responses=shapes.ok(Usage))
def get_ledger_usage(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.UsageQuery, Query()]) -> Response:
    """Say what all workspaces use together, by workspace too; requires a ledger-wide API key."""
    return JsonAnswer(usage.ledger_usage(services, caller, asked))

"""Disposal: the policies of a workspace, what they destroy and when, and the reports of their runs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.acts import disposal
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer

router = APIRouter(tags=["disposal"])


class DisposalPolicy(shapes.Shape):
    """A policy in force: after how many days files of a category are destroyed, and who decided that, when and why."""

    category: str
    policy: str
    after_days: int | None
    built_in: bool
    requested_by: shapes.Text
    requested_by_reach: shapes.Text
    requested_at: shapes.Moment
    reason: shapes.Text
    approved_by: shapes.Text
    approved_by_reach: shapes.Text
    approved_at: shapes.Moment
    approval_reason: shapes.Text
    not_before: shapes.Moment


class DisposalRequest(shapes.Shape):
    """A policy that one person asked for, and that waits for a second one."""

    id: UUID
    category: str
    after_days: int | None
    requested_by: str
    requested_by_reach: shapes.Text
    requested_at: datetime
    reason: shapes.Text


class DisposalPolicies(shapes.Shape):
    """The policies of a workspace, built-in ones included, and the requested ones."""

    policies: list[DisposalPolicy]
    requests: list[DisposalRequest]


class DisposalSum(shapes.Shape):
    """How much is deleted or expired under one policy."""

    category: str
    policy: str
    after_days: int | None
    not_before: shapes.Moment
    due_files: int
    due_bytes: int
    later_files: int
    later_bytes: int
    kept_files: int
    kept_bytes: int
    next_at: shapes.Moment


class DisposalFile(shapes.Shape):
    """A file that a policy destroys, and when."""

    file_id: UUID
    filename: shapes.Text
    category: str
    policy: str
    size: int
    removed_at: datetime
    days_since: datetime
    retention_until: shapes.Moment
    due_at: datetime


class DisposalDue(shapes.Shape):
    """What the policies destroy, and when; `next` is the cursor of the page after it."""

    now: datetime
    policies: list[DisposalSum]
    files: list[DisposalFile]
    next: shapes.Text


class DisposalRun(shapes.Shape):
    """What one run destroyed."""

    position: int | None
    ended_at: datetime
    run: UUID
    files: int
    bytes: int
    failed: int
    files_sha256: str
    policies: list[str]
    more: bool


class DisposalRuns(shapes.Shape):
    """A page of reports, the oldest first; `next` goes into `after`."""

    runs: list[DisposalRun]
    next: int | str | None


_NO_WORDS = bodies.DisposalDecisionBody()


@router.get("/v1/workspaces/{workspace}/disposal", responses=shapes.ok(DisposalPolicies))
def list_disposal_policies(workspace: str, services: ServicesIn, caller: CallerIn) -> Response:
    """List the disposal policies of a workspace, the built-in ones and those that wait for a second person included.

    That their reasons are read is itself recorded.
    """
    return JsonAnswer(disposal.policies(services, caller, workspace))


@router.post("/v1/workspaces/{workspace}/disposal/requests", status_code=201, responses=shapes.created(DisposalRequest))
def request_disposal_policy(
    workspace: str, body: bodies.DisposalPolicyBody, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Ask for a disposal policy of a category; nothing changes before a second person approves it."""
    found = disposal.request(
        services, caller, workspace, body.category, after_days=body.after_days, reason=body.reason, key=key
    )
    return JsonAnswer(found, 201)


@router.post("/v1/workspaces/{workspace}/disposal/requests/{request}/approve", responses=shapes.ok(DisposalPolicies))
def approve_disposal_policy(
    workspace: str,
    request: UUID,
    services: ServicesIn,
    caller: CallerIn,
    *,
    key: KeyIn,
    body: bodies.DisposalDecisionBody = _NO_WORDS,
) -> Response:
    """Agree to a requested policy, as a second person; it is in force now, and destroys nothing for 7 days."""
    found = disposal.decide(services, caller, workspace, str(request), "approve", reason=body.reason, key=key)
    return JsonAnswer(found)


@router.post("/v1/workspaces/{workspace}/disposal/requests/{request}/reject", responses=shapes.ok(DisposalPolicies))
def reject_disposal_policy(
    workspace: str,
    request: UUID,
    services: ServicesIn,
    caller: CallerIn,
    *,
    key: KeyIn,
    body: bodies.DisposalDecisionBody = _NO_WORDS,
) -> Response:
    """Reject a requested policy, or withdraw your own request."""
    found = disposal.decide(services, caller, workspace, str(request), "reject", reason=body.reason, key=key)
    return JsonAnswer(found)


@router.get("/v1/workspaces/{workspace}/disposal/due", responses=shapes.ok(DisposalDue))
def list_disposal_due(
    workspace: str, services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.DisposalDueQuery, Query()]
) -> Response:
    """Show what the policies destroy, and when; with `after_days` what policies of so many days would.

    Names of files are shown to those who may list files, and that they are read is itself recorded.
    """
    return JsonAnswer(disposal.due(services, caller, workspace, **asked.model_dump()))


@router.get("/v1/workspaces/{workspace}/disposal/runs", responses=shapes.ok(DisposalRuns))
def list_disposal_runs(
    workspace: str,
    services: ServicesIn,
    caller: CallerIn,
    after: Annotated[bodies.Position, Query()] = "0",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """List the reports of runs of disposal in a workspace, the oldest first."""
    return JsonAnswer(disposal.runs(services, caller, workspace, after=after, limit=limit))

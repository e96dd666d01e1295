"""Workspaces and keys: tenants, their rules, and who may act in them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.acts import workspaces
from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import location
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.services import Services
from provenstore.domain.administration.workspaces import Tenant
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_log import QuotaUse
from provenstore.domain.tenants import workspace as ws

router = APIRouter(tags=["workspaces"])

Reached = Annotated[int, Query(ge=1, le=1_000)]


@router.post("/v1/workspaces", status_code=201, responses=shapes.created(shapes.Workspace))
def create_workspace(
    body: bodies.NewWorkspaceBody, request: Request, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Make a tenant."""
    command = ws.CreateWorkspace(**body.model_dump())
    state = services.ledger.create_workspace(caller, command, key)
    if key is not None and key.replay.seen:
        tenant = services.ledger.describe_workspace(caller, body.id)
    else:
        tenant = Tenant(state, command.name, QuotaUse(0, 0, state.max_bytes, state.max_files))
    # No change of a policy waits in a new workspace; of an old one, a repetition shows no reasons.
    return _made(request, services, workspaces.without_reasons(services, tenant))


@router.get("/v1/workspaces", responses=shapes.ok(shapes.Workspaces))
def list_workspaces(
    services: ServicesIn, caller: CallerIn, after: Annotated[str, Query(max_length=63)] = "", limit: Reached = 100
) -> Response:
    """List the workspaces that the key reaches, in order of their ids."""
    found = services.ledger.list_workspaces(caller, after=after, limit=limit + 1)
    page = found[:limit]
    return JsonAnswer(views.workspaces_json(page, page[-1] if len(found) > limit else None))


@router.get("/v1/workspaces/{workspace}", responses=shapes.ok(shapes.Workspace))
def get_workspace(workspace: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Describe a workspace: policy, quota and use, categories.

    Where a change of the purge policy is pending, that its reasons are read is itself recorded.
    """
    return JsonAnswer(workspaces.described(services, caller, workspace))


@router.patch("/v1/workspaces/{workspace}", responses=shapes.done_or_pending(shapes.Workspace))
def change_workspace(workspace: str, body: bodies.WorkspaceBody, services: ServicesIn, caller: CallerIn) -> Response:
    """Change the quota, how far ahead one person may set a compliance retention, or with a reason the purge policy.

    Switching four eyes off takes the same request of a second person, and takes effect 24 hours later: 202, and
    `pending` says what waits. Switching them on takes effect at once, and cancels that.

    Raising `max_retention_years` takes the same request of a second person, and takes effect then: 202, and
    `pending_retention` says what waits. Lowering it takes effect at once and cancels that, as does the value in force.
    """
    found = workspaces.changed(services, caller, workspace, *body.commands())
    off = body.four_eyes is False and found["pending"] is not None
    raised = body.max_retention_years is not None and found["pending_retention"] is not None
    return JsonAnswer(found, 202 if off or raised else 200)


@router.post("/v1/workspaces/{workspace}/categories", status_code=201, responses=shapes.created(shapes.Workspace))
def register_category(
    workspace: str, body: bodies.CategoryBody, request: Request, services: ServicesIn, caller: CallerIn
) -> Response:
    """Add a category of the workspace's own."""
    command = ws.RegisterCategory(category=body.category, template=body.template, limits=body.limits.limits())
    return _made(request, services, workspaces.changed(services, caller, workspace, command))


@router.put("/v1/workspaces/{workspace}/limits/{category}", responses=shapes.ok(shapes.Workspace))
def set_limits(
    workspace: str, category: str, body: bodies.LimitsBody, services: ServicesIn, caller: CallerIn
) -> Response:
    """Give a category other limits."""
    command = ws.SetLimits(category=category, limits=body.limits())
    return JsonAnswer(workspaces.changed(services, caller, workspace, command))


@router.post("/v1/keys", status_code=201, responses=shapes.created(shapes.Key))
def issue_key(body: bodies.NewKeyBody, services: ServicesIn, caller: CallerIn) -> Response:
    """Issue a key, registering its actor if it is new. The key is in this answer and nowhere else.

    An Idempotency-Key changes nothing here: a key that was shown once cannot be shown again.
    """
    issued = services.ledger.issue_key(
        caller,
        actor=body.actor,
        kind=body.kind,
        roles=body.roles,
        scope=body.workspace,
        expires_at=body.expires_at,
        about={name: value for name, value in (("name", body.name), ("email", body.email)) if value is not None},
    )
    return JsonAnswer(views.key_json(issued), 201)


@router.delete("/v1/keys/{key_id}", status_code=204, responses=shapes.PROBLEM)
def revoke_key(
    key_id: UUID, services: ServicesIn, caller: CallerIn, reason: Annotated[str | None, Query()] = None
) -> Response:
    """Revoke a key; it opens nothing from the moment of this answer."""
    services.ledger.revoke_key(caller, key_id, reason)
    return Response(status_code=204)


def _made(request: Request, services: Services, found: dict[str, Json]) -> Response:
    return JsonAnswer(found, 201, location(request, services, f"/v1/workspaces/{found['id']}"))

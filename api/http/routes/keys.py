"""API keys as officers see them: listed and described, never with a secret or a digest."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from provenstore.api.contract import shapes, views
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer

router = APIRouter(tags=["workspaces"])


class KeyDescription(shapes.Shape):
    """An API key; `workspace` is null for a key of the whole ledger."""

    id: UUID
    actor: str = Field(description="Whom the key stands for")
    kind: Literal["service", "person", "system"]
    roles: list[str]
    workspace: shapes.Text
    status: Literal["active", "expired", "revoked"]
    issued_at: datetime
    issued_by: str
    issued_by_reach: shapes.Text
    expires_at: shapes.Moment
    revoked_at: shapes.Moment
    revoked_by: shapes.Text
    revoked_by_reach: shapes.Text
    revoked_reason: shapes.Text = Field(description="A private value; null once erased")


class Keys(shapes.Shape):
    """A page of API keys, oldest first; `next` goes into `after`."""

    keys: list[KeyDescription]
    next: UUID | None


@router.get("/v1/keys", responses=shapes.ok(Keys))
def list_keys(
    *,
    services: ServicesIn,
    caller: CallerIn,
    workspace: Annotated[
        str | None, Query(description="Only keys of this workspace; `system`: of the whole ledger")
    ] = None,
    after: Annotated[UUID | None, Query(description="Start after this key")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Maximum number of keys")] = 100,
) -> Response:
    """List API keys, oldest first; the reading is recorded."""
    found, following = services.ledger.key_list.page(caller, workspace, after=after, limit=limit)
    return JsonAnswer(views.keys_json(found, following, services.clock.now(), services.ledger.recorder.reach_of))


@router.get("/v1/keys/{key_id}", responses=shapes.ok(KeyDescription))
def get_key(key_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Describe an API key; the reading is recorded."""
    found = services.ledger.key_list.one(caller, key_id)
    return JsonAnswer(views.key_description_json(found, services.clock.now(), services.ledger.recorder.reach_of))

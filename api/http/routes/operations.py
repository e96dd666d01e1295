"""The calls to the object store: how they went, as figures of a time and one by one. For operators."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from provenstore.api.acts import operations
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.domain.storage.store_call import Outcome, StoreAct

router = APIRouter(tags=["operations"])


class Figure(shapes.Shape):
    """The calls of one kind to one store; a refusal is an answer, so `success` counts only what failed."""

    provider: str
    kind: StoreAct
    calls: int
    refused: int
    failed: int
    success: float = Field(ge=0, le=1)
    p50_ms: float
    p95_ms: float
    bytes: int


class Figures(shapes.Shape):
    """Figures of a time; `missing` calls of it were not kept."""

    since: datetime
    before: datetime
    missing: int
    figures: list[Figure]


class Call(shapes.Shape):
    """One call; `request` is the X-Request-Id that it was made for, `store_request` the store's own id."""

    started_at: datetime
    provider: str
    kind: StoreAct
    microseconds: int
    bytes: int
    outcome: Outcome
    status: str
    request: str | None
    store_request: str | None


class Calls(shapes.Shape):
    """Single calls, newest first."""

    calls: list[Call]


@router.get("/v1/operations", responses=shapes.ok(Figures))
def list_figures(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.OperationsQuery, Query()]) -> Response:
    """Sum up the calls of a time, by default of the last 24 hours, by provider and kind."""
    return JsonAnswer(operations.figures(services, caller, **asked.model_dump()))


@router.get("/v1/operations/calls", responses=shapes.ok(Calls))
def list_calls(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.CallsQuery, Query()]) -> Response:
    """List single calls of a time, newest first; for more, ask with `before`."""
    return JsonAnswer(operations.calls(services, caller, **asked.model_dump()))

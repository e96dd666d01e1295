"""Read models: where they stand, stopping and building them, and their rows at any moment. For the whole ledger."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.acts import projections
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer

router = APIRouter(tags=["projections"])


class Lag(shapes.Shape):
    """How far behind the log: events, and seconds since the oldest of them."""

    events: int
    seconds: int


class Build(shapes.Shape):
    """What is being built beside the live rows, or was last; `rate` is in events a second."""

    purpose: Literal["version", "rebuild", "compare"]
    status: Literal["building", "failed", "done", "cancelled"]
    version: int
    generation: int
    position: int
    left: int
    rate: int
    eta_seconds: int | None
    started_at: datetime
    started_by: str | None
    updated_at: datetime
    error: str | None
    error_position: int | None
    differences: int | None


class Projection(shapes.Shape):
    """Where a read model stands; `error` is a class, never words."""

    name: str
    version: int
    generation: int
    position: int
    lag: Lag
    status: Literal["running", "paused", "parked"]
    since: datetime | None
    stopped_by: str | None
    error: str | None
    error_position: int | None
    build: Build | None


class RawEvent(shapes.Shape):
    """An event that could not be taken, as it is stored."""

    position: int
    type: str
    state: str


class OneProjection(Projection):
    """Where a read model stands, and what it could not take."""

    event: RawEvent | None


class Projections(shapes.Shape):
    """All read models, and the newest position of the log."""

    projections: list[Projection]
    position: int


class Difference(shapes.Shape):
    """A column in which rows differ, or without one a row on one side only; values for whoever may read rows."""

    view: str
    key: dict[str, Any]
    column: str | None
    live: Any = None
    rebuilt: Any = None


class Differences(shapes.Shape):
    """What the newest comparison found: how many, and the first of them."""

    count: int | None
    differences: list[Difference]


class Row(shapes.Shape):
    """One row of one view."""

    view: str
    row: dict[str, Any]


class Rows(shapes.Shape):
    """Rows as they were after the event at `position`, and whether there are more."""

    position: int
    rows: list[Row]
    more: bool


_SWAPPED = bodies.RebuildBody()


@router.get("/v1/projections", responses=shapes.ok(Projections))
def list_projections(services: ServicesIn, caller: CallerIn) -> Response:
    """List the read models."""
    return JsonAnswer(projections.list_projections(services, caller))


@router.get("/v1/projections/{name}", responses=shapes.ok(OneProjection))
def get_projection(name: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Describe one, with the event that it could not take."""
    return JsonAnswer(projections.projection(services, caller, name))


@router.post("/v1/projections/{name}/rebuild", status_code=202, responses=shapes.begun(OneProjection))
def rebuild_projection(
    name: str, services: ServicesIn, caller: CallerIn, body: bodies.RebuildBody = _SWAPPED
) -> Response:
    """Begin to build one anew beside the live rows, which it replaces when it has caught up, or is compared with."""
    return JsonAnswer(projections.rebuild(services, caller, name, compare=body.compare), 202)


@router.delete("/v1/projections/{name}/rebuild", responses=shapes.ok(OneProjection))
def cancel_rebuild(name: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Give up building one; the live rows stay."""
    return JsonAnswer(projections.cancel(services, caller, name))


@router.get("/v1/projections/{name}/differences", responses=shapes.ok(Differences))
def get_differences(name: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Return in which rows the newest comparison found differences; none is normal."""
    return JsonAnswer(projections.differences(services, caller, name))


@router.get("/v1/projections/{name}/rows", responses=shapes.ok(Rows))
def get_rows(
    name: str, services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.RowsQuery, Query()]
) -> Response:
    """Return rows as they were at a position or a time with a zone; takes as long as folding the log so far."""
    found = projections.rows(services, caller, name, at=asked.at, keys=asked.key, limit=asked.limit)
    return JsonAnswer(found)


@router.post("/v1/projections/{name}/skip", responses=shapes.ok(OneProjection))
def skip_event(name: str, body: bodies.RequiredReasonBody, services: ServicesIn, caller: CallerIn) -> Response:
    """Let a parked one go on without the event that it cannot take; recorded in the log."""
    return JsonAnswer(projections.skip(services, caller, name, body.reason))


@router.post("/v1/projections/{name}/{act}", responses=shapes.ok(OneProjection))
def act_on_projection(name: str, act: projections.Act, services: ServicesIn, caller: CallerIn) -> Response:
    """Pause, park, resume or retry one."""
    return JsonAnswer(projections.act(services, caller, name, act))

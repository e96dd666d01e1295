"""Erasures of private values: shown, asked for by one person, approved by a second one, carried out by the ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.acts import erasures
from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import location
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer

router = APIRouter(tags=["erasures"])

_NO_REASON = bodies.ReasonBody()
Listed = Annotated[int, Query(ge=1, le=1_000)]


@router.post("/v1/erasures/preview", responses=shapes.ok(shapes.ErasurePreview))
def preview_erasure(body: bodies.WantedBody, services: ServicesIn, caller: CallerIn) -> Response:
    """Count what an erasure would erase now, by kind of stream and name; that this was asked is itself recorded."""
    return JsonAnswer(views.erasure_preview_json(services.ledger.preview_erasure(caller, body.wanted())))


@router.post("/v1/erasures", status_code=201, responses=shapes.created(shapes.Erasure))
def request_erasure(
    body: bodies.NewErasureBody, request: Request, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Ask for an erasure, which a second person approves within seven days.

    What is recorded after this is not part of it.
    """
    found = erasures.request(services, caller, body.wanted(), body.reason, key)
    return JsonAnswer(found, 201, location(request, services, f"/v1/erasures/{found['id']}"))


@router.get("/v1/erasures", responses=shapes.ok(shapes.Erasures))
def list_erasures(services: ServicesIn, caller: CallerIn, after: UUID | None = None, limit: Listed = 100) -> Response:
    """List the requests within reach, oldest first; that their reasons are read is itself recorded."""
    return JsonAnswer(erasures.page(services, caller, after=after, limit=limit))


@router.get("/v1/erasures/{erasure}", responses=shapes.ok(shapes.Erasure))
def get_erasure(erasure: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Describe a request; what it searches for is never shown."""
    return JsonAnswer(erasures.one(services, caller, erasure))


@router.post("/v1/erasures/{erasure}/approve", responses=shapes.done_or_pending(shapes.Erasure))
def approve_erasure(
    erasure: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.ReasonBody = _NO_REASON
) -> Response:
    """Agree, as a person other than the one who asked; the values go now, and 202 says that some have still to go."""
    found = erasures.decide(services, caller, erasure, decision="approve", reason=body.reason, key=key)
    return JsonAnswer(found, 202 if found["status"] == "approved" else 200)


@router.post("/v1/erasures/{erasure}/reject", responses=shapes.ok(shapes.Erasure))
def reject_erasure(
    erasure: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.ReasonBody = _NO_REASON
) -> Response:
    """Reject a request, or withdraw your own; only the value that was searched for is erased."""
    return JsonAnswer(erasures.decide(services, caller, erasure, decision="reject", reason=body.reason, key=key))

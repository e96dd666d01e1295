"""Links: permission to read one file's content for a while, for whoever has the URL."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import base_url
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.domain.access.links import LinkWish

router = APIRouter(tags=["links"])

_NO_WISH = bodies.LinkBody()


@router.post("/v1/files/{file_id}/links", status_code=201, responses=shapes.created(shapes.Link))
def issue_link(
    *,
    file_id: UUID,
    request: Request,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    body: bodies.LinkBody = _NO_WISH,
) -> Response:
    """Issue a link to this server once the event that says so is durable; each use of it is recorded.

    It ends with its time, with a deletion or expiry of the file, when it is revoked, or with its issuer's key.
    `delivery` says whether a use redirects to the bucket for a minute, or streams through this server. With `observed`
    false the link leads to the bucket alone: nobody sees its uses or can end it, and the category must allow it.
    """
    link = services.ledger.issue_link(caller, file_id, LinkWish(**body.model_dump()), key=key)
    return JsonAnswer(views.link_json(link, base_url(request, services)), 201)


@router.delete("/v1/files/{file_id}/links/{link}", status_code=204, responses=shapes.PROBLEM)
def revoke_link(
    *,
    file_id: UUID,
    link: UUID,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    reason: Annotated[str | None, Query()] = None,
) -> Response:
    """Revoke a link; it opens nothing from the moment of this answer. One that has ended already stays so."""
    services.ledger.revoke_link(caller, file_id, link, reason, key)
    return Response(status_code=204)

"""Links: permission to read one file's content for a while, for whoever has the URL."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from provenstore.api import views
from provenstore.api.http import bodies, shapes
from provenstore.api.http.answers import base_url
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn

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
    """Issue a link once the event that says so is durable; it expires by itself.

    A link to a bucket cannot be called back and its uses are not seen (`observed` false). One to this server is asked
    about at each use, which is recorded.
    """
    link = services.ledger.issue_link(caller, file_id, **body.model_dump(), key=key)
    return JSONResponse(views.link_json(link, base_url(request, services)), 201)

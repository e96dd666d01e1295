"""Parts: a large content in pieces, through us or at signed URLs, and the end of every upload that went past us."""

from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import base_url, file_answer
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.places import place_for
from provenstore.api.http.transfers import Md5In, UploadRequest, receive_part

router = APIRouter(tags=["parts"])

_AS_ARRIVED = bodies.CompletionBody()


@router.put("/v1/files/{file_id}/parts/{number}", responses=shapes.ok(shapes.Part), openapi_extra=shapes.BINARY_BODY)
async def put_part(
    *,
    file_id: UUID,
    number: bodies.PartNumber,
    request: Request,
    services: ServicesIn,
    caller: CallerIn,
    content_md5: Md5In = None,
) -> Response:
    """Stream one part in, of a length that the request says; again it takes the place of the one before."""
    return await receive_part(UploadRequest(request, services, caller, content_md5), file_id, number)


@router.post("/v1/files/{file_id}/parts", responses=shapes.ok(shapes.PartUrls))
def request_part_urls(
    file_id: UUID, body: bodies.PartsBody, request: Request, services: ServicesIn, caller: CallerIn
) -> Response:
    """Return where these parts may be sent without a key, each by one PUT with the headers given, for 15 minutes."""
    urls = services.ledger.part_urls(caller, file_id, body.parts)
    return JsonAnswer(views.part_urls_json(urls, base_url(request, services)))


@router.get("/v1/files/{file_id}/parts", responses=shapes.ok(shapes.Parts))
def list_parts(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """List the parts that have arrived, whoever sent them: what is missing here is still to be sent."""
    return JsonAnswer(views.parts_json(services.ledger.parts(caller, file_id)))


@router.post("/v1/files/{file_id}/complete", responses=shapes.ok(shapes.File))
async def complete_upload(
    *,
    file_id: UUID,
    request: Request,
    services: ServicesIn,
    caller: CallerIn,
    body: bodies.CompletionBody = _AS_ARRIVED,
) -> Response:
    """Finish an upload whose bytes are in the store, once they are what was declared; again it answers the same file.

    With `parts` exactly these make the file; `sha256` is a claim until the content has been read and verified.
    """

    def complete() -> Response:
        return file_answer(
            services,
            caller,
            file_id,
            lambda: services.ledger.complete_upload(caller, file_id, parts=body.refs(), sha256=body.sha256),
        )

    # The store may copy every byte of it.
    async with place_for(request, caller):
        return await to_thread.run_sync(complete, limiter=request.app.state.transfers)

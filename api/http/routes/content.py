"""Content: in by PUT, out by GET and HEAD with ranges and conditions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.contract import shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.transfers import AskedIn, Md5In, UploadRequest, describe, receive_content, send_content
from provenstore.domain.files import file_events as fe

router = APIRouter(tags=["content"])


@router.put("/v1/files/{file_id}/content", responses=shapes.ok(shapes.File), openapi_extra=shapes.BINARY_BODY)
async def put_content(
    file_id: UUID, request: Request, services: ServicesIn, caller: CallerIn, content_md5: Md5In = None
) -> Response:
    """Stream the whole content in and finish the file; nothing is stored unless it is what was declared."""
    return await receive_content(UploadRequest(request, services, caller, content_md5), file_id)


@router.head("/v1/files/{file_id}/content", responses=shapes.CONTENT)
def head_content(
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    disposition: Annotated[fe.Disposition, Query()] = "attachment",
) -> Response:
    """Describe the content that GET would send_content out; records nothing."""
    return describe(services, caller, file_id, disposition)


@router.get("/v1/files/{file_id}/content", responses=shapes.CONTENT)
def get_content(
    *,
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    disposition: Annotated[fe.Disposition, Query()] = "attachment",
    asked: AskedIn,
) -> Response:
    """Give the content out, or a single range of it, once the event that says so is durable; 304 records nothing."""
    return send_content(services, caller, file_id, disposition, asked)

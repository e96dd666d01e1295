"""Signed URLs of our own: one request each, with no key.

A token proves that we signed it, never that its grant still stands: the ledger is asked at each use.
"""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from provenstore.adapters.objects.own_urls import SignedGrant
from provenstore.api.contract import shapes
from provenstore.api.http.auth import ServicesIn, described
from provenstore.api.http.transfers import (
    AskedIn,
    Md5In,
    UploadRequest,
    describe,
    receive_content,
    receive_part,
    redirect,
    send_content,
)
from provenstore.api.services import Services
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_events as fe
from provenstore.domain.storage.objects import UrlInvalid
from provenstore.domain.text import require_media_type

router = APIRouter(tags=["content"])


@router.put("/v1/signed/{token}", responses=shapes.SIGNED_PUT, openapi_extra=shapes.BINARY_BODY)
async def put_signed(
    token: str,
    request: Request,
    services: ServicesIn,
    content_type: Annotated[str | None, Header()] = None,
    content_md5: Md5In = None,
) -> Response:
    """Do as PUT of content, once, or as PUT of one part: what the URL permits, with no key."""
    grant = _verified(services, token, "PUT")
    if grant.media_type is not None and require_media_type(content_type or "") != grant.media_type:
        raise InvalidInput("Content-Type", f"must be {grant.media_type}, for which the URL was signed")
    file_id = UUID(grant.file)
    arriving = partial(described, request)
    caller = await to_thread.run_sync(
        services.ledger.authenticate_upload, file_id, UUID(grant.grant), grant.part, arriving
    )
    arrival = UploadRequest(request, services, caller, content_md5)
    if grant.part is not None:
        return await receive_part(arrival, file_id, grant.part, grant.upload)
    return await receive_content(arrival, file_id)


@router.head("/v1/signed/{token}", responses=shapes.CONTENT)
def head_signed(token: str, request: Request, services: ServicesIn) -> Response:
    """Describe the content that GET of the link would send_content out; records nothing."""
    caller, file_id, link = _linked(request, services, token)
    return describe(services, caller, file_id, link.disposition)


@router.get("/v1/signed/{token}", responses=shapes.LINKED)
def get_signed(token: str, request: Request, services: ServicesIn, asked: AskedIn) -> Response:
    """Do as GET of content, with the permission that the link carries and no key; each use is recorded.

    Where the link redirects, the answer is 307 to a URL of the object store that lives for a minute at most.
    """
    caller, file_id, link = _linked(request, services, token)
    if services.ledger.redirects(link):
        return redirect(services, caller, file_id, link, asked)
    return send_content(services, caller, file_id, link.disposition, asked)


def _verified(services: Services, token: str, method: Literal["GET", "PUT"]) -> SignedGrant:
    if services.signer is None:
        raise UrlInvalid
    return services.signer.verify(token, method, services.clock.now())


def _linked(request: Request, services: Services, token: str) -> tuple[Caller, UUID, fe.LinkIssued]:
    """Return for whom a link reads which file, and what it permits."""
    grant = _verified(services, token, "GET")
    file_id = UUID(grant.file)
    caller, link = services.ledger.authenticate_link(file_id, UUID(grant.grant), partial(described, request))
    return caller, file_id, link

"""Content: in by PUT, out by GET and HEAD with ranges and conditions, and the signed URLs of the local folder."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from provenstore.adapters.local_urls import SignedGrant
from provenstore.api.http import conditions, shapes
from provenstore.api.http.answers import file_answer
from provenstore.api.http.auth import CallerIn, ServicesIn, described
from provenstore.api.http.streaming import ContentResponse, Upload
from provenstore.api.services import Services
from provenstore.domain import file_events as fe
from provenstore.domain.caller import Caller
from provenstore.domain.disposition import content_disposition
from provenstore.domain.errors import InvalidInput
from provenstore.domain.file import File
from provenstore.domain.objects import UrlInvalid
from provenstore.domain.text import require_media_type

router = APIRouter(tags=["content"])

_INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'"
"""What a browser lets stored content do when it is shown: nothing."""


@router.put("/v1/files/{file_id}/content", responses=shapes.ok(shapes.File), openapi_extra=shapes.BINARY_BODY)
async def put_content(
    file_id: UUID,
    request: Request,
    services: ServicesIn,
    caller: CallerIn,
    content_md5: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream the whole content in and finish the file; nothing is stored unless it is what was declared."""
    return await _receive(request, services, caller, file_id, _md5(content_md5))


@router.put("/v1/signed/{token}", responses=shapes.ok(shapes.File), openapi_extra=shapes.BINARY_BODY)
async def put_signed(
    token: str,
    request: Request,
    services: ServicesIn,
    content_type: Annotated[str | None, Header()] = None,
    content_md5: Annotated[str | None, Header()] = None,
) -> Response:
    """Do as PUT of content, once, with the permission that the URL carries and no key."""
    grant = _verified(services, token, "PUT")
    if grant.part is not None:
        raise UrlInvalid("the signed URL is for a part of an upload")
    if grant.media_type is not None and require_media_type(content_type or "") != grant.media_type:
        raise InvalidInput("Content-Type", f"must be {grant.media_type}, for which the URL was signed")
    file_id = UUID(grant.file)
    caller = await to_thread.run_sync(services.ledger.authenticate_upload, file_id, UUID(grant.grant))
    return await _receive(request, services, described(request, caller), file_id, _md5(content_md5))


async def _receive(request: Request, services: Services, caller: Caller, file_id: UUID, md5: str | None) -> Response:
    upload = Upload(request, services.settings.stall_timeout)

    def store(blocks: Iterator[bytes]) -> File:
        return services.ledger.upload_content(caller, file_id, blocks, size=upload.size, md5=md5)

    await upload.feed(store, request.app.state.transfers)
    return await to_thread.run_sync(file_answer, services, caller, file_id)


def _md5(header: str | None) -> str | None:
    """Return Content-MD5 (RFC 1864) in hex."""
    if header is None:
        return None
    try:
        digest = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise InvalidInput("Content-MD5", "is not the Base64 of 16 bytes")
    return digest.hex()


def _verified(services: Services, token: str, method: Literal["GET", "PUT"]) -> SignedGrant:
    """Return what a token permits, if it is one of ours; whether the grant still stands is for the ledger."""
    if services.signer is None:
        raise UrlInvalid
    return services.signer.verify(token, method, services.clock.now())


@dataclass(frozen=True, slots=True)
class _Asked:
    """The headers that say which part of the content is wanted, and on what condition."""

    range: Annotated[str | None, Header(alias="Range")] = None
    if_range: Annotated[str | None, Header()] = None
    if_none_match: Annotated[str | None, Header()] = None
    if_modified_since: Annotated[str | None, Header()] = None


_AskedIn = Annotated[_Asked, Depends()]


@router.head("/v1/files/{file_id}/content", responses=shapes.CONTENT)
def head_content(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Describe the content that GET would give out; records nothing."""
    return _describe(services, caller, file_id, "attachment")


@router.get("/v1/files/{file_id}/content", responses=shapes.CONTENT)
def get_content(
    *,
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    disposition: Annotated[fe.Disposition, Query()] = "attachment",
    asked: _AskedIn,
) -> Response:
    """Give the content out, or a single range of it, once the event that says so is durable; 304 records nothing."""
    return _give(services, caller, file_id, disposition, asked)


@router.head("/v1/signed/{token}", responses=shapes.CONTENT)
def head_signed(token: str, request: Request, services: ServicesIn) -> Response:
    """Describe the content that GET of the link would give out; records nothing."""
    return _describe(services, *_linked(request, services, token))


@router.get("/v1/signed/{token}", responses=shapes.CONTENT)
def get_signed(token: str, request: Request, services: ServicesIn, asked: _AskedIn) -> Response:
    """Do as GET of content, with the permission that the link carries and no key; each use is recorded."""
    return _give(services, *_linked(request, services, token), asked)


def _linked(request: Request, services: Services, token: str) -> tuple[Caller, UUID, fe.Disposition]:
    """Return for whom a link reads which file, and how it is to be shown."""
    grant = _verified(services, token, "GET")
    file_id = UUID(grant.file)
    caller, link = services.ledger.authenticate_link(file_id, UUID(grant.grant))
    return described(request, caller), file_id, link.disposition


def _describe(services: Services, caller: Caller, file_id: UUID, disposition: fe.Disposition) -> Response:
    file = services.ledger.readable(caller, file_id)
    headers = _headers(services, file, disposition)
    return Response(headers={**headers, "Content-Length": str(file.size)}, media_type=file.initiated.media_type)


def _give(services: Services, caller: Caller, file_id: UUID, disposition: fe.Disposition, asked: _Asked) -> Response:
    file = services.ledger.readable(caller, file_id)
    headers = _headers(services, file, disposition)
    tag, modified = headers.get("ETag"), _modified(file)
    if conditions.unchanged(asked.if_none_match, asked.if_modified_since, tag, modified):
        return Response(status_code=304, headers=headers)
    wanted = None
    if conditions.range_wanted(asked.if_range, tag, modified):
        wanted = conditions.byte_range(asked.range, file.size or 0)
    first, last = wanted or (None, None)
    with ExitStack() as stack:
        mode: Literal["view", "download"] = "view" if disposition == "inline" else "download"
        given = stack.enter_context(services.ledger.content(caller, file_id, mode=mode, first=first, last=last))
        reader = given.reader
        headers["Content-Length"] = str(reader.length)
        if wanted is not None:
            end = reader.first + reader.length - 1
            headers["Content-Range"] = f"bytes {reader.first}-{end}/{reader.info.size}"
        return ContentResponse(
            reader,
            stack.pop_all().close,
            status_code=200 if wanted is None else 206,
            headers=headers,
            media_type=file.initiated.media_type,
        )


def _headers(services: Services, file: File, disposition: str) -> dict[str, str]:
    name = services.ledger.filename(file) or file.path.rpartition("/")[2]
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": content_disposition(disposition, name),
        "Content-Security-Policy": _INERT,
        "Last-Modified": conditions.http_date(_modified(file)),
    }
    sha256 = file.stored.sha256 if file.stored else None
    if sha256 is not None:
        headers["ETag"] = f'"{sha256}"'
        digest = base64.b64encode(bytes.fromhex(sha256)).decode("ascii")
        headers["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530 §3
    return headers


def _modified(file: File) -> datetime:
    return file.stored_at or file.created_at

"""Content on its way in and out: what a request for bytes does, whether a key or a signed URL permits it.

Who asks was looked at before; the ledger says whether they may, and records it, before a byte moves.
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Request
from starlette.responses import Response

from provenstore.api.contract import views
from provenstore.api.http import conditions
from provenstore.api.http.answers import file_answer
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.pace import pace_of
from provenstore.api.http.places import place_for
from provenstore.api.http.plain_body import require_plain_body
from provenstore.api.http.problems import LengthMissing
from provenstore.api.http.streaming import ContentResponse, Upload
from provenstore.api.services import Services
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File
from provenstore.domain.files.parts import Chunk
from provenstore.domain.storage.disposition import Served, served

_INERT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'"
"""What a browser lets stored content do when it is shown: nothing."""

Md5In = Annotated[str | None, Header(alias="Content-MD5")]


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A request whose body is content: for whom it comes, and what it says about the bytes."""

    request: Request
    services: Services
    caller: Caller
    content_md5: str | None


async def receive_content(arrival: UploadRequest, file_id: UUID) -> Response:
    """Stream the whole content in, and answer the file that is finished by it."""
    require_plain_body(arrival.request.headers)
    services, caller, md5 = arrival.services, arrival.caller, _md5(arrival.content_md5)
    upload = Upload(arrival.request, pace_of(services.settings))

    def store(blocks: Iterator[bytes]) -> Response:
        return file_answer(
            services,
            caller,
            file_id,
            lambda: services.ledger.upload_content(caller, file_id, blocks, size=upload.size, md5=md5),
        )

    async with place_for(arrival.request, caller):
        return await upload.feed(store, arrival.request.app.state.transfers)


async def receive_part(arrival: UploadRequest, file_id: UUID, number: int, part_of: str | None = None) -> Response:
    """Stream one part in, and answer what is recorded of it; by its ETag the completion names it.

    `part_of` is the store's upload that a signed URL is for.
    """
    require_plain_body(arrival.request.headers)
    services, md5 = arrival.services, _md5(arrival.content_md5)
    upload = Upload(arrival.request, pace_of(services.settings))
    size = upload.size
    if size is None:
        raise LengthMissing

    def store(blocks: Iterator[bytes]) -> Chunk:
        return services.ledger.upload_part(arrival.caller, file_id, number, blocks, size=size, md5=md5, upload=part_of)

    async with place_for(arrival.request, arrival.caller):
        chunk = await upload.feed(store, arrival.request.app.state.transfers)
    return JsonAnswer(views.part_json(chunk), headers={"ETag": f'"{chunk.etag}"'})


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


@dataclass(frozen=True, slots=True)
class _Asked:
    """The headers that say which part of the content is wanted, and on what condition."""

    range: Annotated[str | None, Header(alias="Range")] = None
    if_range: Annotated[str | None, Header()] = None
    if_none_match: Annotated[str | None, Header()] = None
    if_modified_since: Annotated[str | None, Header()] = None


AskedIn = Annotated[_Asked, Depends()]


def describe(services: Services, caller: Caller, file_id: UUID, disposition: fe.Disposition) -> Response:
    """Answer what `send_content` would, without the content and without an event."""
    file = services.ledger.readable(caller, file_id)
    shown = _served(services, file, disposition)
    headers = _headers(file, shown)
    return Response(headers={**headers, "Content-Length": str(file.size)}, media_type=shown.media_type)


def send_content(
    services: Services, caller: Caller, file_id: UUID, disposition: fe.Disposition, asked: _Asked
) -> Response:
    """Answer with the content or a range of it, once the event that says so is durable; 304 records nothing."""
    file = services.ledger.readable(caller, file_id)
    shown = _served(services, file, disposition)
    headers = _headers(file, shown)
    tag, modified = headers.get("ETag"), _modified(file)
    if conditions.unchanged(asked.if_none_match, asked.if_modified_since, tag, modified):
        return Response(status_code=304, headers=headers)
    wanted = None
    if conditions.range_wanted(asked.if_range, tag, modified):
        wanted = conditions.byte_range(asked.range, file.size or 0)
    first, last = wanted or (None, None)
    with ExitStack() as stack:
        mode: Literal["view", "download"] = "view" if shown.kind == "inline" else "download"
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
            media_type=shown.media_type,
        )


def redirect(services: Services, caller: Caller, file_id: UUID, link: fe.LinkIssued, asked: _Asked) -> Response:
    """Answer with where the store gives the content out for a minute, once the event that says so is durable."""
    file = services.ledger.readable(caller, file_id)
    headers = _headers(file, _served(services, file, link.disposition))
    if conditions.unchanged(asked.if_none_match, asked.if_modified_since, headers.get("ETag"), _modified(file)):
        return Response(status_code=304, headers=headers)
    url = services.ledger.redirect(caller, file_id, link.disposition, link.expires_at)
    # Kept by no cache: the next use of the link is an access of its own.
    return Response(status_code=307, headers={"Location": url.url, "Cache-Control": "no-store"})


def _served(services: Services, file: File, disposition: fe.Disposition) -> Served:
    name = services.ledger.filename(file) or file.path.rpartition("/")[2]
    return served(file.initiated.media_type, disposition, name)


def _headers(file: File, shown: Served) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": shown.disposition,
        "Content-Security-Policy": _INERT,
        "Last-Modified": conditions.http_date(_modified(file)),
    }
    stored = file.stored
    if stored is None:
        return headers
    headers["ETag"] = f'"{stored.sha256 or stored.etag}"'
    if stored.sha256 is not None and stored.sha256_status == "verified":
        digest = base64.b64encode(bytes.fromhex(stored.sha256)).decode("ascii")
        headers["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530 §3; a claim is none
    return headers


def _modified(file: File) -> datetime:
    return file.stored_at or file.created_at

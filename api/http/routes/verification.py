"""Verifying reads: the only proof that stored bytes are what was recorded."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.contract import shapes, views
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.places import place_for
from provenstore.domain.files.file import File

router = APIRouter(tags=["content"])

AgainIn = Annotated[bool, Query(description="Read it though that was done less than a minute ago")]


class Verification(shapes.Shape):
    """What reading the whole content proved; size and SHA-256 are those that are recorded.

    `verified_at` is when the content was last found right.
    """

    file_id: UUID
    outcome: Literal["verified", "altered", "missing"]
    size: int
    sha256: str | None
    verified_at: datetime | None


@router.post("/v1/files/{file_id}/verification", responses=shapes.ok(Verification))
async def verify_content(
    file_id: UUID, request: Request, services: ServicesIn, caller: CallerIn, again: AgainIn = False
) -> Response:
    """Read the stored content from end to end, record what that proves, and answer it.

    A reading of it that is under way, or was over less than a minute ago, answers this request, too.
    """
    ledger, state = services.ledger, request.app.state
    # Also whoever joins a reading must be allowed to ask for one.
    file = await to_thread.run_sync(ledger.just_verified, caller, file_id)
    if file is None or again:

        async def read() -> File:
            async with place_for(request, caller):
                return await to_thread.run_sync(ledger.verify_content, caller, file_id, limiter=state.transfers)

        file = await state.readings.join(file_id, read)
    return JsonAnswer(views.verification_json(file))

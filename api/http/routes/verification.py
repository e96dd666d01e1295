"""Verifying reads: the only proof that stored bytes are what was recorded."""

from typing import Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from provenstore.api import views
from provenstore.api.http import shapes
from provenstore.api.http.auth import CallerIn, ServicesIn

router = APIRouter(tags=["content"])


class Verification(shapes.Shape):
    """What reading the whole content proved; size and SHA-256 are those that are recorded."""

    file_id: UUID
    outcome: Literal["verified", "altered", "missing"]
    size: int
    sha256: str | None


@router.post("/v1/files/{file_id}/verification", responses=shapes.ok(Verification))
async def verify_content(file_id: UUID, request: Request, services: ServicesIn, caller: CallerIn) -> Response:
    """Read the stored content from end to end, record what that proves, and answer it."""

    def verify() -> Response:
        return JSONResponse(views.verification_json(services.ledger.verify_content(caller, file_id)))

    return await to_thread.run_sync(verify, limiter=request.app.state.transfers)

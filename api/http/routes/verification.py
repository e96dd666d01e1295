"""Verifying reads: the only proof that stored bytes are what was recorded."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
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
def verify_content(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Read the stored content from end to end, record what that proves, and answer it."""
    return JSONResponse(views.verification_json(services.ledger.verify_content(caller, file_id)))

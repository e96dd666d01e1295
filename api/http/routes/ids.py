"""Short ids: the whole id of what begins with these digits."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from provenstore.api.http import shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.domain.short_ids import Kind

router = APIRouter(tags=["files"])


@router.get("/v1/ids/{kind}/{prefix}", responses=shapes.ok(shapes.FoundId))
def find_id(kind: Kind, prefix: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Complete the id of a file, a key or an event from its first 8 or more hexadecimal digits.

    404 if nothing within reach begins so, 422 if more than one does.
    """
    return JSONResponse({"kind": kind, "id": str(services.ledger.find_id(caller, kind, prefix))})

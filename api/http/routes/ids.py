"""Short ids: the whole id of what begins with these digits."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.acts import short_ids
from provenstore.api.contract import shapes
from provenstore.api.http.auth import CallerIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.domain.administration.short_ids import Kind

router = APIRouter(tags=["files"])


@router.get("/v1/ids/{kind}/{prefix}", responses=shapes.ok(shapes.FoundId))
def find_id(
    *,
    kind: Kind,
    prefix: str,
    services: ServicesIn,
    caller: CallerIn,
    within: Annotated[
        str | None,
        Query(description="ID of the file that has the link, hold or purge; for `disposal` the workspace (required)"),
    ] = None,
) -> Response:
    """Complete an id from its first 8 or more hexadecimal digits.

    404 if nothing within reach begins so, 422 if more than one does.
    """
    return JsonAnswer({"kind": kind, "id": short_ids.find(services, caller, kind, prefix, within)})

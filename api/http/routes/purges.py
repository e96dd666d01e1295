"""Purges: asked for by one, decided by another, carried out by the ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from provenstore.api.contract import bodies, shapes
from provenstore.api.http.answers import purge_answer
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn

router = APIRouter(tags=["purges"])

_NO_REASON = bodies.PurgeRequestBody()
_NO_WORDS = bodies.PurgeBody()


@router.post("/v1/files/{file_id}/purge", responses=shapes.done_or_pending(shapes.Purge))
def request_purge(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.PurgeRequestBody = _NO_REASON
) -> Response:
    """Ask for the destruction of a deleted file's bytes; without four eyes it is carried out at once.

    With `missing` it ends a file whose object is known to be missing, which always takes a second person.
    """
    return purge_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.request_purge(caller, file_id, body.reason, key, missing=body.missing),
    )


@router.get("/v1/files/{file_id}/purge", responses=shapes.ok(shapes.Purge))
def get_purge(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Return the newest purge of a file."""
    return purge_answer(services, caller, file_id)


@router.post("/v1/files/{file_id}/purge/withdraw", responses=shapes.ok(shapes.Purge))
def withdraw_purge(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.PurgeBody = _NO_WORDS
) -> Response:
    """Take a request back before the purge starts."""
    return purge_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.withdraw_purge(caller, file_id, body.id, body.reason, key),
    )


@router.delete("/v1/files/{file_id}/purge", responses=shapes.ok(shapes.Purge))
def delete_purge(
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    reason: Annotated[str | None, Query()] = None,
) -> Response:
    """Withdraw."""
    return purge_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.withdraw_purge(caller, file_id, None, reason, key),
    )


@router.post("/v1/files/{file_id}/purge/approve", responses=shapes.done_or_pending(shapes.Purge))
def approve_purge(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.PurgeBody = _NO_WORDS
) -> Response:
    """Agree, as a person other than the one who asked; the bytes go now.

    202 where the store cannot be asked now: the approval is on record, and the background work carries it out.
    """
    return purge_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.approve_purge(caller, file_id, body.id, body.reason, key),
    )


@router.post("/v1/files/{file_id}/purge/reject", responses=shapes.ok(shapes.Purge))
def reject_purge(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.PurgeBody = _NO_WORDS
) -> Response:
    """Reject the purge; the file stays deleted and can be restored. The days of a disposal policy begin again."""
    return purge_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.reject_purge(caller, file_id, body.id, body.reason, key),
    )

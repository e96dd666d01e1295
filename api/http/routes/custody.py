"""Custody: what keeps a file from being destroyed (retention, legal holds), and what was destroyed (certificate)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from provenstore.api.acts.workspace_views import shown_certificate
from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import file_answer, location
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.domain.files.file import File

router = APIRouter(tags=["custody"])


@router.put("/v1/files/{file_id}/retention", responses=shapes.done_or_pending(shapes.File))
@router.post("/v1/files/{file_id}/retention", responses=shapes.done_or_pending(shapes.File), name="post_retention")
def set_retention(
    file_id: UUID, body: bodies.RetentionBody, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Set or lengthen retention.

    Shortening governance mode, and a compliance retention beyond the workspace's bound, take the same request of a
    second person: 202, and `retention.pending` says what waits.
    """

    def status(file: File) -> int:
        wish = file.retention_wish
        return 202 if wish is not None and (wish.until, wish.mode) == (body.until, body.mode) else 200

    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.set_retention(
            caller, file_id, until=body.until, mode=body.mode, reason=body.reason, key=key
        ),
        status,
    )


@router.get("/v1/files/{file_id}/legal-holds", responses=shapes.ok(shapes.Holds))
def list_holds(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """List the legal holds that stand; that their names, matters and reasons are read is itself recorded."""
    lifecycle = services.ledger.lifecycle(caller, file_id)
    found = views.standing_holds_json(lifecycle)
    services.ledger.audit_reads.shown(caller, lifecycle.workspace, "holds", found, file=str(file_id))
    return JsonAnswer(found)


@router.post("/v1/files/{file_id}/legal-holds", status_code=201, responses=shapes.created(shapes.Hold))
def place_hold(
    *, file_id: UUID, body: bodies.HoldBody, request: Request, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Place a legal hold; it cancels a purge that has not started."""
    file, hold = services.ledger.place_hold(
        caller, file_id, name=body.name, matter=body.matter, reason=body.reason, key=key
    )
    at = location(request, services, f"/v1/files/{file_id}/legal-holds/{hold}")
    return JsonAnswer({"id": hold}, 201, {**at, "ETag": f'"v{file.version}"'})


@router.delete("/v1/files/{file_id}/legal-holds/{hold}", responses=shapes.ok(shapes.File))
def release_hold(
    *,
    file_id: UUID,
    hold: str,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    reason: Annotated[str | None, Query()] = None,
) -> Response:
    """End one hold, as a person other than the one who placed it."""
    return file_answer(
        services, caller, file_id, lambda: services.ledger.release_hold(caller, file_id, hold, reason, key)
    )


@router.get("/v1/files/{file_id}/certificate", responses=shapes.ok(shapes.Certificate))
def get_certificate(file_id: UUID, services: ServicesIn, caller: CallerIn) -> Response:
    """Return the certificate of a purged file's destruction; reading it is itself recorded."""
    return JsonAnswer(shown_certificate(caller, services.ledger.certificate(caller, file_id)))

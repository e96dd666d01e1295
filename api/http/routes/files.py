"""Files: initiate, describe, list, change, delete, restore, give up, read the history, erase personal data."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from provenstore.api.acts import erasures, projections, proofs
from provenstore.api.acts.existing import require_workspace
from provenstore.api.acts.file_lists import file_filter
from provenstore.api.acts.workspace_views import shown_history
from provenstore.api.contract import bodies, shapes, views
from provenstore.api.http.answers import begun_answer, file_answer, file_glance, file_view
from provenstore.api.http.auth import CallerIn, KeyIn, ServicesIn
from provenstore.api.http.conditions import required_version
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.places import place_for
from provenstore.domain.access.reads import sees_all
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.uploads.small_uploads import Begun

router = APIRouter(tags=["files"])

MAX_HISTORY = 1_000
"""Events of one page."""

_NO_REASON = bodies.ReasonBody()

ReasonIn = Annotated[str | None, Query(description="Why; kept as a private value")]


@router.post("/v1/files", status_code=201, responses=shapes.created(shapes.Initiated))
async def initiate(
    body: bodies.NewFileBody, request: Request, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Reserve a place, a path and the space for a file, and say how to send its bytes.

    With `content` the file is stored by this one request.
    """

    def begin() -> Response:
        return begun_answer(request, services, caller, begun)

    def begun() -> Begun:
        found = services.ledger.begin(caller, body.new_file(), body.content, key)
        if key is not None:
            key.replay.seen = found.replayed  # what was interrupted, and gone on with, is no replay
        return found

    if body.content is None:
        return await to_thread.run_sync(begin)
    # A store may be slow to take content: that must not keep commands waiting.
    async with place_for(request, caller, body.workspace):
        return await to_thread.run_sync(begin, limiter=request.app.state.transfers)


@router.get("/v1/files", responses=shapes.ok(shapes.Files))
def list_files(services: ServicesIn, caller: CallerIn, asked: Annotated[bodies.ListQuery, Query()]) -> Response:
    """List files, newest first. A list lags a little; `min_position` and `fresh` wait until it has seen so much."""
    scope = services.ledger.listable(caller, asked.workspace)
    services.wait_until_current(caller, fresh=asked.fresh, min_position=asked.min_position)
    conditions = {
        name: value
        for name, value in asked.sent().items()
        if name not in {"workspace", "cursor", "limit", "min_position", "fresh"}
    }
    wanted = file_filter(services, scope, conditions)
    cursor = services.marks.read_cursor(caller.scope, asked.cursor)
    page = services.files.list(wanted, cursor=cursor, limit=asked.limit)
    if not page.rows:
        require_workspace(services, caller, "file.list", scope)
    services.ledger.audit_reads.listed(caller, scope, conditions)
    page = replace(page, next=services.marks.cursor(caller.scope, page.next))
    reach = services.ledger.recorder.reaches.of_key
    return JsonAnswer(views.files_json(page, reach, name_holds=sees_all(caller)))


@router.get("/v1/files/{file_id}", responses=shapes.conditional(shapes.File))
async def get_file(
    *,
    file_id: UUID,
    request: Request,
    services: ServicesIn,
    caller: CallerIn,
    view: Annotated[shapes.View, Query()] = "default",
    at: Annotated[
        str | None,
        Query(description="A time with a zone, or a position (keys of the whole ledger): the file as it was then"),
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Describe a file as it stands now, or as it was; `view=full` adds counters and checksums."""
    if at is not None:
        return JsonAnswer(await to_thread.run_sync(projections.file_at, services, caller, file_id, at, view))
    if view == "default":
        glance = await file_glance(request, services, caller, file_id, if_none_match)
        if glance is not None:
            return glance
    return await to_thread.run_sync(file_view, services, caller, file_id, view, if_none_match)


@router.patch("/v1/files/{file_id}", responses=shapes.ok(shapes.File))
def change_file(
    *,
    file_id: UUID,
    body: bodies.ChangeBody,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Change what is named, all of it or nothing; If-Match binds the change to a version."""
    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.change_file(
            caller, file_id, **body.changes(), if_version=required_version(if_match), key=key
        ),
    )


@router.delete("/v1/files/{file_id}", responses=shapes.ok(shapes.File))
def delete_file(
    *,
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    key: KeyIn,
    reason: ReasonIn = None,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Take the content out of reach, keeping its bytes; refused under a legal hold. If-Match binds it to a version."""
    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.soft_delete(caller, file_id, reason, key, if_version=required_version(if_match)),
    )


@router.post("/v1/files/{file_id}/delete", responses=shapes.ok(shapes.File))
def post_delete_file(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.ReasonBody = _NO_REASON
) -> Response:
    """Delete as DELETE does, for callers whose reason does not belong in a URL."""
    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.soft_delete(caller, file_id, body.reason, key),
    )


@router.post("/v1/files/{file_id}/restore", responses=shapes.ok(shapes.File))
def restore_file(
    file_id: UUID, services: ServicesIn, caller: CallerIn, key: KeyIn, body: bodies.ReasonBody = _NO_REASON
) -> Response:
    """Bring a deleted or expired file back; before a purge has started this cancels it."""
    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.restore(caller, file_id, body.reason, key),
    )


@router.delete("/v1/files/{file_id}/upload", responses=shapes.ok(shapes.File))
def abort_upload(file_id: UUID, services: ServicesIn, caller: CallerIn, reason: ReasonIn = None) -> Response:
    """Give an unfinished upload up and free its space, once no URL for writing is alive."""
    return file_answer(
        services,
        caller,
        file_id,
        lambda: services.ledger.abort_upload(caller, file_id, reason),
    )


@router.get("/v1/files/{file_id}/history", responses=shapes.either(shapes.History, shapes.HistoryProof))
def get_history(
    *,
    file_id: UUID,
    services: ServicesIn,
    caller: CallerIn,
    after: Annotated[bodies.Position, Query()] = "0",
    limit: Annotated[int, Query(ge=1, le=MAX_HISTORY)] = 100,
    proof: Annotated[Literal["full"] | None, Query(description="The whole history, and that it is whole")] = None,
) -> Response:
    """Return every event of a file in log order, a page at a time; reading it is itself recorded.

    With `proof=full` all of it as far as the newest checkpoint, as a document that verifies by itself.
    """
    if proof is not None:
        return StreamingResponse(proofs.history(services, caller, file_id), media_type="application/json")
    begin = 0 if after == "0" else services.marks.read_position("after", caller.scope, after)
    found = services.ledger.history(caller, file_id, after=begin, limit=limit)
    return JsonAnswer(shown_history(services, caller, views.history_json(found)))


@router.post("/v1/files/{file_id}/erasure", status_code=202, responses=shapes.begun(shapes.Erasure))
def erase_personal_data(
    file_id: UUID, body: bodies.ErasureBody, services: ServicesIn, caller: CallerIn, key: KeyIn
) -> Response:
    """Ask for private values of all events of a file to be erased, which a second person approves.

    Every proof stays valid. Refused under a legal hold.
    """
    wanted = Wanted(file=file_id, fields=body.fields)
    return JsonAnswer(erasures.request(services, caller, wanted, body.reason, key), 202)

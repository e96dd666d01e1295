"""How states become responses: JSON with the headers that belong to it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from provenstore.api.acts import disposal
from provenstore.api.contract import views
from provenstore.api.http.conditions import matches
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.http.lifecycles import Lifecycles
from provenstore.api.services import Services
from provenstore.domain.access.audit_reads import private_values_of
from provenstore.domain.access.reads import History, visible
from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.deadline import require_time
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.domain.eventlog.on_record import OnRecord, recording
from provenstore.domain.files.file import File, file_stream
from provenstore.domain.uploads.small_uploads import Begun
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.row import FileRow, View

POSITION = "Provenstore-Position"
"""The newest event that an answer knows of: what a reader of lists waits for as `min_position`.

A position of the log for keys of the whole ledger, a mark for keys of one workspace.
"""


REPLAYED = "Idempotency-Replayed"
"""`true` where nothing was done, since an earlier request under the same idempotency key had done it."""


def base_url(request: Request, services: Services) -> str:
    """Return how clients reach us, without a slash at the end."""
    return (services.settings.public_url or str(request.base_url)).rstrip("/")


def location(request: Request, services: Services, path: str) -> dict[str, str]:
    """Return the header that says where what was just made is: a whole URL, as all that we hand out."""
    return {"Location": f"{base_url(request, services)}{path}"}


def etag(row: FileRow) -> str:
    """Return the ETag of a file's description."""
    return f'"v{row.version}"'


def after(services: Services, caller: Caller, file_id: UUID, command: Callable[[], File]) -> tuple[File, History]:
    """Carry out a command on a file, and return the file and its lifecycle as they are after that.

    Computed from the log before the command and the events that it sealed: once those are on record nothing has to be
    read that could fail. Only where somebody else has changed the file in between is it read again.
    """
    events, disclosures = _before(services, caller, file_id)
    reaches = services.ledger.recorder.reaches
    for actor in {caller.actor, *(event.actor for event in events)}:
        reaches.of(actor)  # now, so that nothing has to be looked up for the answer
    with recording() as scope:
        file = command()
    return file, _lifecycle(services, caller, file, (events, disclosures), scope)


def _before(services: Services, caller: Caller, file_id: UUID) -> tuple[Sequence[Event], Disclosures]:
    """Return a file's lifecycle before a command on it; nothing of a file out of reach, which the command refuses.

    So that a foreign file takes no longer to refuse than one that is nowhere.
    """
    try:
        within_reach = caller.reaches(services.ledger.recorder.file(file_id, recent=True).workspace)
    except NotFound:
        within_reach = False
    return services.ledger.log.events_with_private_values(file_stream(file_id)) if within_reach else ((), {})


def _lifecycle(
    services: Services, caller: Caller, file: File, before: tuple[Sequence[Event], Disclosures], scope: OnRecord
) -> History:
    events = [*before[0], *scope.events(file.stream)]
    whole = [one.version for one in events] == list(range(1, file.version + 1))
    if not whole:
        return services.ledger.lifecycle(caller, file.id)
    reaches = services.ledger.recorder.reaches
    disclosures = visible(caller, scope.disclosures(before[1]))
    return History(events, disclosures, None, reach=reaches.known, key_reach=reaches.known_key)


def file_answer(
    services: Services,
    caller: Caller,
    file_id: UUID,
    command: Callable[[], File],
    status: Callable[[File], int] = lambda _: 200,
) -> Response:
    """Carry out a command on a file, and return the file as it stands after it."""
    file, lifecycle = after(services, caller, file_id, command)
    return described(services, caller, lifecycle, status(file))


def described(services: Services, caller: Caller, lifecycle: History, status: int = 200) -> Response:
    """Return a file as its lifecycle says, to who has just acted on it: that is no reading of its own."""
    headers = _headers(services, caller, views.row_of(lifecycle), lifecycle)
    return JsonAnswer(views.changed_file_json(lifecycle), status, headers)


def file_view(services: Services, caller: Caller, file_id: UUID, view: View, if_none_match: str | None) -> Response:
    """Return a file as it stands, 304 if the caller has it; the full view counts accesses and so never is 304.

    Where it shows reasons, or names and matters of holds, that it was read is recorded first.
    """
    lifecycle = services.ledger.lifecycle(caller, file_id)
    row = views.row_of(lifecycle)
    headers = _headers(services, caller, row, lifecycle)
    if view == "full":
        events = chain(lifecycle.events, services.ledger.accesses(caller, file_id))
        counted = fold_file(events, lifecycle.disclosures) or row
        found = disposal.full_view(services, counted)
    elif matches(if_none_match, etag(row)):
        return Response(status_code=304, headers=headers)
    else:
        found = views.file_json(row, lifecycle.key_reach)
    services.ledger.audit_reads.shown(caller, row.workspace, "file", found, file=row.id)
    return JsonAnswer(found, headers=headers)


async def file_glance(
    request: Request, services: Services, caller: Caller, file_id: UUID, if_none_match: str | None
) -> Response | None:
    """Return what `file_view` would in the default view, on the event loop; None where that has to be asked.

    So it is with all that is recorded before it is answered: refusals, reasons, names and matters of holds.
    """
    require_time()  # here, since those who wait are read together, without a deadline
    lifecycles: Lifecycles = request.app.state.lifecycles
    found = await lifecycles.of(file_stream(file_id), services.ledger.log.lifecycles)
    lifecycle = None if found is None else services.ledger.glance(caller, found)
    if lifecycle is None:
        return None
    row = views.row_of(lifecycle)
    headers = _headers(services, caller, row, lifecycle)
    if matches(if_none_match, etag(row)):
        return Response(status_code=304, headers=headers)
    shown = views.file_json(row, lifecycle.key_reach)
    return None if private_values_of(shown) else JsonAnswer(shown, headers=headers)


def begun_answer(request: Request, services: Services, caller: Caller, begin: Callable[[], Begun]) -> Response:
    """Begin a file; return it, just initiated, and how to send its bytes, or just stored."""
    services.ledger.recorder.reaches.of(caller.actor)  # now, so that nothing has to be looked up for the answer
    with recording() as scope:
        begun = begin()
    file = begun.file
    lifecycle = _lifecycle(services, caller, file, ((), {}), scope)
    row = views.row_of(lifecycle)
    base = base_url(request, services)
    # Whoever asks again after an abort, or once the file is stored, gets no permission to write any more.
    over = begun.at_hand or row.status != "initiated"
    way = None if over else views.upload_json(_way(base, services, file))
    content = {"file": views.file_json(row, lifecycle.key_reach), "upload": way}
    headers = {**_headers(services, caller, row, lifecycle), **location(request, services, f"/v1/files/{file.id}")}
    return JsonAnswer(content, 201, headers)


def _way(base: str, services: Services, file: File) -> views.UploadWay:
    declared = file.initiated
    at = f"{base}/v1/files/{file.id}"
    if declared.upload == "multipart" and declared.part_size is not None:
        total, until = declared.declared_size, declared.upload_expires_at
        count = None if total is None else -(-total // declared.part_size)
        return views.UploadWay("multipart", f"{at}/parts", {}, until, declared.part_size, count)
    signed = services.ledger.write_url(file)
    if signed is None:
        return views.UploadWay(
            "api", f"{at}/content", {"Content-Type": declared.media_type}, declared.upload_expires_at
        )
    return views.UploadWay(
        declared.upload,
        views.absolute(signed.url, base),
        dict(signed.headers),
        signed.expires_at,
        fields=dict(signed.fields) if signed.fields else None,
    )


def purge_answer(
    services: Services, caller: Caller, file_id: UUID, command: Callable[[], File] | None = None
) -> Response:
    """Return a file's newest purge as it stands, after a command where there is one; 202 where it is not over yet.

    Without a command, that its reasons and the file's holds are read is recorded first.
    """
    if command is None:
        lifecycle = services.ledger.lifecycle(caller, file_id, "file.purge_get")
    else:
        _, lifecycle = after(services, caller, file_id, command)
    with services.ledger.recorder.noting(caller, "file.purge_get", file_id=file_id):
        found = views.purge_json(lifecycle)
    if command is None:
        services.ledger.audit_reads.shown(caller, lifecycle.workspace, "purge", found, file=str(file_id))
    waits = command is not None and found["status"] in _GOES_ON
    return JsonAnswer(found, 202 if waits else 200, _position(services, caller, lifecycle))


_GOES_ON = frozenset({"approved", "purging", "failed"})
"""A purge that nobody needs to ask for again: the background work carries it out."""


def _headers(services: Services, caller: Caller, row: FileRow, lifecycle: History) -> Mapping[str, str]:
    return {"ETag": etag(row), "Cache-Control": "private, no-cache", **_position(services, caller, lifecycle)}


def _position(services: Services, caller: Caller, lifecycle: History) -> dict[str, str]:
    return {POSITION: services.marks.position(caller.scope, lifecycle.events[-1].position)}

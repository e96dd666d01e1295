"""The log for whoever checks it: checkpoint, keys, tiles and entries as C2SP tlog-tiles has them, and consistency."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from provenstore.api.acts import log
from provenstore.api.contract import bodies, shapes
from provenstore.api.http.auth import CallerIn, ReaderIn, ServicesIn
from provenstore.api.http.json_answer import JsonAnswer
from provenstore.api.services import Services

router = APIRouter(tags=["log"])

_FOR_EVER = "max-age=31536000, immutable"
_FOR_NOW = "max-age=60"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"


class Consistency(shapes.Shape):
    """The hashes, in base64, that lead from the root of the older tree to that of the newer one (RFC 9162 §2.1.4)."""

    old: int = Field(alias="from")
    new: int = Field(alias="to")
    proof: list[str]


class LogStanding(shapes.Shape):
    """How log, tree and checkpoints stand; `signed` is the size that the key here last signed."""

    origin: str
    keys: list[str]
    position: int
    tree: int
    parked_position: int | None
    parked_why: shapes.Text
    checkpoint: int | None
    checkpoint_at: shapes.Moment
    signed: int
    alarm: shapes.Text


_AS_TEXT: shapes.Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **shapes.PROBLEM}
_AS_BYTES: shapes.Responses = {200: {"content": {_BYTES: {"schema": {"format": "binary"}}}}, **shapes.PROBLEM}


@router.get("/log/checkpoint", responses=_AS_TEXT, response_class=Response)
def get_checkpoint(services: ServicesIn, _reader: ReaderIn) -> Response:
    """Return the newest checkpoint, as it was signed."""
    return Response(log.checkpoint(services).note, media_type=_TEXT, headers={"Cache-Control": "no-cache"})


@router.get("/log/keys", responses=_AS_TEXT, response_class=Response)
def get_log_keys(services: ServicesIn, _reader: ReaderIn) -> Response:
    """Return the verifier keys in force, one a line; believe them only where you got them from elsewhere, too."""
    lines = "".join(f"{key}\n" for key in log.keys(services))
    return Response(lines, media_type=_TEXT, headers={"Cache-Control": "no-cache"})


# Before the route of tiles, which would match it too: entries show every tenant.
@router.get("/log/tile/entries/{place:path}", responses=_AS_BYTES, response_class=Response)
def get_entries(place: str, services: ServicesIn, caller: CallerIn) -> Response:
    """Return 256 events, or fewer at the end of the log, each behind its length; `<N>[.p/<W>]`.

    That somebody reads entries is recorded: from which on, and at most once an hour for who follows the log.
    """
    return _answered(services, log.entries(services, caller, f"tile/entries/{place}"))


@router.get("/log/tile/{place:path}", responses=_AS_BYTES, response_class=Response)
def get_tile(place: str, services: ServicesIn, _reader: ReaderIn) -> Response:
    """Return 256 hashes, or fewer at the edge of the tree; `<L>/<N>[.p/<W>]`."""
    return _answered(services, log.resource(services, f"tile/{place}"))


@router.get("/log/proof/consistency", responses=shapes.ok(Consistency))
def get_consistency(
    services: ServicesIn, _reader: ReaderIn, asked: Annotated[bodies.ConsistencyQuery, Query()]
) -> Response:
    """Prove that the log of `to` entries begins with the log of `from` entries."""
    return JsonAnswer(log.consistency(services, asked.old, asked.new))


@router.get("/v1/log", responses=shapes.ok(LogStanding))
def get_log(services: ServicesIn, caller: CallerIn) -> Response:
    """Say how log, tree and checkpoints stand."""
    return JsonAnswer(log.status(services, caller))


def _answered(services: Services, found: log.Resource) -> Response:
    """Return what is kept at a path; what needs a key to be seen is not for caches that others read."""
    shared = "public" if services.settings.log_public and not found.entries else "private"
    kept = _FOR_EVER if found.full else _FOR_NOW
    return Response(found.content, media_type=_BYTES, headers={"Cache-Control": f"{shared}, {kept}"})

"""What operators and auditors do with read models, for HTTP and the CLI alike: look, stop, build anew, go back in time.

Rows hold private values of all workspaces: whoever may see none of those is told where rows differ, not what they hold.
"""

from collections.abc import Callable
from functools import wraps
from itertools import islice, takewhile
from typing import Any, Concatenate, Literal, ParamSpec
from uuid import UUID

from provenstore.api.contract import views
from provenstore.api.services import Services
from provenstore.domain.access.audit_reads import conditions_of
from provenstore.domain.canonical import Json
from provenstore.domain.errors import InvalidInput, NotFound, Refused
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.eventlog.recording import slug_of
from provenstore.domain.eventlog.refusals import Asked
from provenstore.projections.engine.as_of import parse_moment, position_at, rows_at
from provenstore.projections.engine.builds import Build, Difference
from provenstore.projections.engine.control import Standing
from provenstore.projections.engine.database import translated
from provenstore.projections.engine.skips import skips
from provenstore.projections.engine.status import ReadModelStatus
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.row import View

Act = Literal["pause", "park", "resume", "retry"]

_LOOK: Operation = "projection.get"
_CHANGE: Operation = "projection.change"
_ROWS: Operation = "projection.rows"

Params = ParamSpec("Params")
Acting = Callable[Concatenate[Services, Caller, str, Params], dict[str, Json]]


def _noted(operation: Operation) -> Callable[[Acting[Params]], Acting[Params]]:
    """Return what puts the refusals of an act on a read model on record."""

    def noted(act: Acting[Params]) -> Acting[Params]:
        @wraps(act)
        def noting(
            services: Services, caller: Caller, name: str, /, *args: Params.args, **named: Params.kwargs
        ) -> dict[str, Json]:
            with services.ledger.recorder.noting(caller, operation, Asked(target=slug_of(name))):
                return act(services, caller, name, *args, **named)

        return noting

    return noted


def list_projections(services: Services, caller: Caller) -> dict[str, Json]:
    """Return where all read models stand, and the log; Forbidden."""
    services.ledger.recorder.require(caller, _LOOK, None)
    newest = services.ledger.log.position()
    return {"projections": [_json(services, one, newest) for one in services.control.all()], "position": newest}


@_noted(_LOOK)
def projection(services: Services, caller: Caller, name: str) -> dict[str, Json]:
    """Return where one stands, with the event that it could not take as it is stored; NotFound."""
    services.ledger.recorder.require(caller, _LOOK, None)
    found = services.control.one(name)
    answer = _json(services, found, services.ledger.log.position())
    event = _raw_event(services, found.poison)
    if found.poison is not None and event is not None:
        _recorded(services, caller, what="event", model=name, position=found.poison.error_position, shown=1)
    return {**answer, "event": event}


@_noted(_CHANGE)
def rebuild(services: Services, caller: Caller, name: str, *, compare: bool) -> dict[str, Json]:
    """Begin to build one anew, beside the rows that are read meanwhile; BuildUnderWay."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    services.control.rebuild(name, caller.actor.id, compare=compare)
    services.builder.wake()
    return projection(services, caller, name)


@_noted(_CHANGE)
def cancel(services: Services, caller: Caller, name: str) -> dict[str, Json]:
    """Give up building one anew."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    services.control.cancel(name)
    return projection(services, caller, name)


@_noted(_CHANGE)
def act(services: Services, caller: Caller, name: str, what: Act) -> dict[str, Json]:
    """Pause, park, resume or retry one."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    match what:
        case "pause":
            services.control.stop(name, "paused", caller.actor.id)
        case "park":
            services.control.stop(name, "parked", caller.actor.id)
        case "resume":
            services.control.resume(name)
        case "retry":
            services.control.retry(name)
    services.runner.wake()
    services.builder.wake()
    return projection(services, caller, name)


@_noted(_CHANGE)
def skip(services: Services, caller: Caller, name: str, reason: str) -> dict[str, Json]:
    """Record that one goes on without the event that it cannot take, and let it; Refused where it met none."""
    services.ledger.recorder.require(caller, _CHANGE, None)
    poison = services.control.one(name).poison
    if poison is None or poison.error_position is None:
        raise Refused(f"{name} is not parked at an event")
    services.ledger.skip_event(caller, name, poison.version, poison.error_position, reason)
    # A crash before this leaves it parked; the next retry goes on without the event.
    return act(services, caller, name, "retry")


@_noted(_LOOK)
def differences(services: Services, caller: Caller, name: str) -> dict[str, Json]:
    """Return what the newest comparison found; values only for whoever may read rows."""
    recorder = services.ledger.recorder
    recorder.require(caller, _LOOK, None)
    shown = recorder.permitted(caller, _ROWS)
    build = services.control.one(name).build
    found = services.control.differences(name)
    if shown:
        _recorded(services, caller, what="differences", model=name, shown=len(found))
    return {
        "count": build.differences if build is not None else None,
        "differences": [_difference_json(one, shown=shown) for one in found],
    }


@_noted(_ROWS)
def rows(
    services: Services, caller: Caller, name: str, *, at: str, keys: tuple[str, ...] = (), limit: int
) -> dict[str, Json]:
    """Return the first rows of a read model as it was at a position or time, each with the view that it stands in.

    InvalidInput for a moment outside the log, UnknownEventType.
    """
    services.ledger.recorder.require(caller, _ROWS, None)
    model, log = services.control.projection(name), services.ledger.log
    position = position_at(log, parse_moment(at), services.clock.now())
    skipped = skips(log).get((name, model.version), ())
    # A connection of its own: folding the log so far may take longer than any loan of the pool's.
    with translated(), services.connect() as connection:
        connection.autocommit = True
        past = rows_at(connection, log, model, position, skipped=skipped, keys=frozenset(keys) or None)
        found: list[Json] = [{"view": view, "row": row} for view, row in islice(past, limit + 1)]
        past.close()
    asked = {"key": keys} if keys else None
    _recorded(services, caller, what="rows", model=name, position=position, conditions=asked, shown=len(found[:limit]))
    return {"position": position, "rows": found[:limit], "more": len(found) > limit}


def file_at(services: Services, caller: Caller, file_id: UUID, at: str, view: View = "default") -> dict[str, Json]:
    """Return a file as it was at a position or time; NotFound if it did not exist then, InvalidInput as for rows."""
    lifecycle = services.ledger.lifecycle(caller, file_id)
    log, moment = services.ledger.log, parse_moment(at)
    if caller.scope is not None and isinstance(moment, int):
        raise InvalidInput("at", "is not a time with a zone; positions of the log are for keys of the whole ledger")
    position = position_at(log, moment, services.clock.now())
    events = [event for event in lifecycle.events if event.position <= position]
    if events and view == "full":
        accesses = services.ledger.accesses(caller, file_id)
        events += takewhile(lambda event: event.position <= position, accesses)
    row = fold_file(events, lifecycle.disclosures)
    if row is None:
        with services.ledger.recorder.noting(caller, "file.get", file_id=file_id):
            if caller.scope is not None:
                raise NotFound("there was no such file then")
            raise NotFound(f"there was no such file at position {position}", position=position)
    as_of: dict[str, Any] = {"position": position} if caller.scope is None else {"asked": conditions_of({"at": at})}
    services.ledger.audit_reads.record(caller, row.workspace, what="as_of", file=str(file_id), **as_of)
    return views.file_json(row, lifecycle.key_reach, view)


def _recorded(services: Services, caller: Caller, **read: Any) -> None:
    """Record that rows of all workspaces are read, before any is shown."""
    services.ledger.audit_reads.record(caller, SYSTEM_WORKSPACE, file=None, **read)


def _json(services: Services, found: Standing, newest: int) -> dict[str, Json]:
    live = found.live
    return {
        "name": live.name,
        "version": live.version,
        "generation": live.generation,
        "position": live.position,
        "lag": {"events": live.lag(newest), "seconds": _lag_seconds(services, live, newest)},
        "status": live.status,
        "since": format_time(live.parked_at) if live.parked_at else None,
        "stopped_by": live.stopped_by,
        "error": live.error,
        "error_position": live.error_position,
        "build": _build_json(found.build, newest) if found.build else None,
    }


def _lag_seconds(services: Services, live: ReadModelStatus, newest: int) -> int:
    """Return how long ago the oldest event was recorded that is not folded in yet."""
    if live.position >= newest:
        return 0
    missed = services.ledger.log.rows(live.position, 1)
    return max(0, int((services.clock.now() - missed[0].time).total_seconds())) if missed else 0


def _build_json(build: Build, newest: int) -> dict[str, Json]:
    left, rate = max(0, newest - build.position), build.rate
    building = build.status == "building"
    return {
        "purpose": build.purpose,
        "status": build.status,
        "version": build.version,
        "generation": build.generation,
        "position": build.position,
        "left": left if building else 0,
        "rate": int(rate),
        "eta_seconds": int(left / rate) if building and rate > 0 else None,
        "started_at": format_time(build.started_at),
        "started_by": build.started_by,
        "updated_at": format_time(build.updated_at),
        "error": build.error,
        "error_position": build.error_position,
        "differences": build.differences,
    }


def _raw_event(services: Services, poison: ReadModelStatus | Build | None) -> Json:
    """Return the event that could not be taken, as its bytes say; private values are not among them."""
    if poison is None or poison.error_position is None:
        return None
    found = services.ledger.log.rows(poison.error_position - 1, 1)
    if not found:
        return None
    return {"position": found[0].position, "type": found[0].type, "state": found[0].state.decode("utf-8", "replace")}


def _difference_json(one: Difference, *, shown: bool) -> dict[str, Json]:
    found: dict[str, Json] = {"view": one.view, "key": one.key, "column": one.column}
    return {**found, "live": one.live, "rebuilt": one.rebuilt} if shown else found

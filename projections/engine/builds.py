"""Generations that are built beside the live ones: begun, looked at, ended. Who fills them is in `building`.

There is at most one for each read model; its row stays, with what became of it, until the next one begins. Nothing here
touches the live generation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg import Connection
from psycopg.rows import class_row

from provenstore.domain.errors import Misconfigured, NotFound, Refused
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.engine import generations
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.status import ReadModelStatus, statuses

Purpose = Literal["version", "rebuild", "compare"]
End = Literal["done", "cancelled"]

MAX_DIFFERENCES: Final = 1_000
"""Differences kept of one comparison; all are counted."""


class BuildUnderWay(Refused):
    """Read model is already being built."""

    code = "build-under-way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A generation beside the live one."""

    name: str
    version: int
    generation: int
    position: int
    tables: Sequence[str]
    purpose: Purpose
    status: Literal["building", "failed", "done", "cancelled"]
    error: str | None  # class of the error that stopped it
    error_position: int | None  # of the event that it could not take
    started_at: datetime
    started_by: str | None  # id of the actor who asked for it; None: a release with a new version
    resumed_at: datetime  # since when whoever builds it now has done so
    resumed_position: int  # where that was
    updated_at: datetime  # of its last batch
    differences: int | None  # what a comparison found, once it is done

    @property
    def place(self) -> ReadModelStatus:
        """Where it stands."""
        return ReadModelStatus(
            name=self.name,
            version=self.version,
            generation=self.generation,
            position=self.position,
            tables=tuple(self.tables),
            shadow=True,
        )

    @property
    def rate(self) -> float:
        """Return events a second since it was begun or taken up again, 0 before its first batch."""
        seconds = (self.updated_at - self.resumed_at).total_seconds()
        return (self.position - self.resumed_position) / seconds if seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One column in which a live row is not what the log says; without a column, a row that is only on one side."""

    view: str
    key: dict[str, Any]
    column: str | None
    live: Any  # may be private
    rebuilt: Any


def builds(connection: Connection[Any]) -> tuple[Build, ...]:
    """Return the newest build of each read model."""
    return tuple(connection.cursor(row_factory=class_row(Build)).execute(queries("engine/builds")["builds"]))


def begin(connection: Connection[Any], projection: Projection[Any], purpose: Purpose, by: str | None) -> Build:
    """Begin a generation beside the live one, from the first event; somebody's `building` thread fills it.

    BuildUnderWay (details: by, since) while another is being built, except one of an older version, which it replaces.
    """
    with connection.transaction():
        generations.lock(connection)
        live = {place.name: place for place in statuses(connection)}[projection.name]
        if live.version > projection.version:
            raise Misconfigured(f"{live.name} holds rows of version {live.version}: a newer release has been here")
        if purpose == "compare" and live.version != projection.version:
            raise Refused(f"{live.name} holds rows of version {live.version}, which this release does not fold")
        found = next((one for one in builds(connection) if one.name == projection.name), None)
        if found is not None:
            if found.status == "building" and found.version >= projection.version:
                who, since = found.started_by or "a new release", format_time(found.started_at)
                raise BuildUnderWay(f"{found.name} is being built already, by {who} since {since}", by=who, since=since)
            if found.status in {"building", "failed"}:
                generations.drop(connection, found.tables, found.generation)
        generation = max(live.generation, found.generation if found else 0) + 1
        generations.make(connection, projection, generation)
        connection.execute(queries("engine/builds")["clear_differences"], {"name": projection.name})
        values = {
            "name": projection.name,
            "version": projection.version,
            "generation": generation,
            "tables": list(projection.tables),
            "purpose": purpose,
            "by": by,
        }
        connection.execute(queries("engine/builds")["begin"], values)
        return next(one for one in builds(connection) if one.name == projection.name)


def renew(connection: Connection[Any], projection: Projection[Any]) -> None:
    """See that a read model of a newer version is being built; one that failed is tried again."""
    found = next((one for one in builds(connection) if one.name == projection.name), None)
    if found is None or found.version != projection.version or found.status in {"done", "cancelled"}:
        begin(connection, projection, "version", None)
    elif found.status == "failed":
        again(connection, projection.name)


def again(connection: Connection[Any], name: str) -> bool:
    """Try a build again that failed; False if there is none."""
    return connection.execute(queries("engine/builds")["again"], {"name": name}).rowcount == 1


def resume(connection: Connection[Any], build: Build) -> None:
    """Note that a build was taken up by somebody, from whom on its rate counts."""
    connection.execute(queries("engine/builds")["resume"], {"name": build.name, "generation": build.generation})


def end(connection: Connection[Any], build: Build, how: End, differences: int | None = None) -> None:
    """Note how a build ended."""
    values = {"name": build.name, "generation": build.generation, "status": how, "differences": differences}
    connection.execute(queries("engine/builds")["end"], values)


def hold(connection: Connection[Any], name: str) -> ReadModelStatus:
    """Return where the live generation stands, which it does until the transaction ends."""
    row = connection.execute(queries("engine/builds")["hold"], {"name": name}).fetchone()
    if row is None:
        raise NotFound(f"there is no read model {name}")
    version, generation, position, tables = row
    return ReadModelStatus(name=name, version=version, generation=generation, position=position, tables=tuple(tables))


def swap(connection: Connection[Any], place: ReadModelStatus) -> None:
    """Make a built generation the live one, in the transaction that shows it to readers."""
    values = {
        "name": place.name,
        "version": place.version,
        "generation": place.generation,
        "position": place.position,
        "tables": list(place.tables),
    }
    connection.execute(queries("engine/builds")["swap"], values)
    connection.execute(queries("engine/builds")["end"], {**values, "status": "done", "differences": None})


def cancel(connection: Connection[Any], name: str) -> bool:
    """Give a build up that is under way or failed, with its tables; False if there is none."""
    with connection.transaction():
        generations.lock(connection)
        for found in builds(connection):
            if found.name == name and found.status in {"building", "failed"}:
                end(connection, found, "cancelled")
                generations.drop(connection, found.tables, found.generation)
                return True
    return False


def differences(connection: Connection[Any], name: str) -> tuple[Difference, ...]:
    """Return what the newest comparison found, up to `MAX_DIFFERENCES`."""
    found = connection.cursor(row_factory=class_row(Difference))
    return tuple(found.execute(queries("engine/builds")["differences"], {"name": name}))


def sweep(connection: Connection[Any]) -> None:
    """Drop generations that are neither live nor being built: what a swap has left behind.

    LockNotAvailable, after a short wait, while somebody still reads one of them: then all are left for another time.
    """
    with connection.transaction():
        connection.execute(queries("engine/builds")["briefly"])
        generations.lock(connection)
        kept: list[tuple[Sequence[str], int]] = [(place.tables, place.generation) for place in statuses(connection)]
        begun = builds(connection)
        kept += [(one.tables, one.generation) for one in begun if one.status in {"building", "failed"}]
        for view in {view for tables, _ in [*kept, *((one.tables, 0) for one in begun)] for view in tables}:
            needed = {generation for tables, generation in kept if view in tables}
            for generation in generations.made(connection, view):
                if generation not in needed:
                    generations.drop(connection, [view], generation)

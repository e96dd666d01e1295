"""Where each read model stands, and how a reader waits until it has come far enough.

A position moves only together with the rows it stands for, by compare-and-set on (position, generation).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.sql import SQL

from provenstore.domain.errors import Misconfigured, Unavailable
from provenstore.projections.database import NotMade, Pool, reading
from provenstore.projections.fold import Projection
from provenstore.projections.jobs import prepare_attempts
from provenstore.projections.operations import prepare_calls
from provenstore.projections.queries import queries

_LOOK_EVERY: Final = 0.01
"""Seconds between two looks at a position that is waited for: a short indexed read, at most a few hundred a second."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one read model stands: everything up to and including `position` is folded in."""

    name: str
    version: int
    generation: int
    position: int
    status: Literal["running", "parked"]
    error: str | None  # class of the error that parked it; its words might hold private values
    error_position: int | None  # of the event that it could not take
    parked_at: datetime | None

    def lag(self, newest: int) -> int:
        """Return how many events of a log whose newest position is `newest` are not folded in yet."""
        return max(0, newest - self.position)


class Positions:
    """The places of all read models, as any role may read them."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`."""
        self._pool = pool

    def all(self) -> tuple[Place, ...]:
        """Return where the read models stand, nothing before they were first made; DatabaseUnavailable."""
        try:
            with reading(self._pool) as connection:
                return places(connection)
        except NotMade:
            return ()

    def wait_for(self, name: str, position: int, timeout: float) -> None:
        """Return once read model `name` has reached `position`.

        Unavailable when it has not within `timeout` seconds, or at once when it is parked before that position.
        """
        give_up = time.monotonic() + timeout
        while True:
            place = next((place for place in self.all() if place.name == name), None)
            if place is not None and place.position >= position:
                return
            if place is not None and place.status == "parked":
                raise Unavailable(f"{name} is parked at position {place.position}", position=place.position)
            if time.monotonic() >= give_up:
                raise Unavailable(f"{name} has not reached position {position} yet", position=position)
            time.sleep(_LOOK_EVERY)


def prepare(connection: Connection[Any], projections: Sequence[Projection[Any]]) -> None:
    """Make what is missing of the tables of `projections`, in one transaction; any number of processes may try.

    Rows of an older version are dropped, and lists lag until all events are folded anew. `connection` is of the role
    that owns the read models. Misconfigured when rows of a newer version are there.
    """
    texts = queries("projection")
    with connection.transaction():
        connection.execute(texts["lock"])
        connection.execute(texts["create"])
        connection.execute(texts["grant"])
        prepare_attempts(connection)
        prepare_calls(connection)
        for projection in projections:
            connection.execute(texts["register"], {"name": projection.name, "version": projection.version})
        found = {place.name: place for place in places(connection)}
        for projection in projections:
            if found[projection.name].version < projection.version:
                _renew(connection, found[projection.name], projection)
        found = {place.name: place for place in places(connection)}
        for projection in projections:
            place = found[projection.name]
            if place.version != projection.version:
                raise Misconfigured(
                    f"{place.name} holds rows of version {place.version}, this release folds only version "
                    f"{projection.version}: a newer release has been here"
                )
            table = f"{projection.tables[0]}_{place.generation}"
            made = connection.execute(texts["table_exists"], {"table": table}).fetchone()
            if made != (True,):
                connection.execute(projection.create(place.generation))


def _renew(connection: Connection[Any], place: Place, projection: Projection[Any]) -> None:
    """Let a read model begin anew in a generation of its own, and drop the tables of the old one."""
    texts = queries("projection")
    connection.execute(texts["renew"], {"name": projection.name, "version": projection.version})
    for view in projection.tables:
        old = SQL(f"{view}_{place.generation:d}")
        connection.execute(SQL(texts["drop"]).format(view=SQL(view), table=old))


def places(connection: Connection[Any]) -> tuple[Place, ...]:
    """Return where the read models stand."""
    return tuple(connection.cursor(row_factory=class_row(Place)).execute(queries("projection")["places"]))


def move(cursor: Cursor[Any], place: Place, to: int) -> bool:
    """Move a read model from `place` to a position; False if it no longer stands there."""
    values = {"name": place.name, "position": place.position, "generation": place.generation, "to": to}
    return cursor.execute(queries("projection")["move"], values).rowcount == 1


def park(connection: Connection[Any], place: Place, error: Exception) -> None:
    """Record that a read model cannot take the event after `place`, and what class of error it met there."""
    values = {
        "name": place.name,
        "position": place.position,
        "generation": place.generation,
        "error": type(error).__name__,
        "error_position": place.position + 1,
    }
    connection.execute(queries("projection")["park"], values)

"""The rows that say where each read model stands, and how a position moves.

It moves only together with the rows it stands for, by compare-and-set on (position, generation).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection, Cursor

from provenstore.projections.engine.queries import queries


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelStatus:
    """Where one generation of a read model stands: everything up to and including `position` is folded in."""

    name: str
    version: int
    generation: int
    position: int
    tables: tuple[str, ...] = ()  # the views of this version
    status: Literal["running", "paused", "parked"] = "running"
    error: str | None = None  # class of the error that parked it; its words might hold private values
    error_position: int | None = None  # of the event that it could not take
    parked_at: datetime | None = None  # since when it is parked or paused
    stopped_by: str | None = None  # id of the actor who parked or paused it by hand
    shadow: bool = False  # built beside the live generation, which readers do not see yet

    def lag(self, newest: int) -> int:
        """Return how many events of a log whose newest position is `newest` are not folded in yet."""
        return max(0, newest - self.position)


def statuses(connection: Connection[Any]) -> tuple[ReadModelStatus, ...]:
    """Return where the live generations stand."""
    return tuple(_place(row) for row in connection.execute(queries("engine/projection")["places"]))


def _place(row: Sequence[Any]) -> ReadModelStatus:
    name, version, generation, position, tables, status, error, error_position, parked_at, stopped_by = row
    return ReadModelStatus(
        name=name,
        version=version,
        generation=generation,
        position=position,
        tables=tuple(tables),
        status=status,
        error=error,
        error_position=error_position,
        parked_at=parked_at,
        stopped_by=stopped_by,
    )


def move(cursor: Cursor[Any], place: ReadModelStatus, to: int) -> bool:
    """Move a read model from `place` to a position; False if it no longer stands there, or was stopped by hand."""
    values = {"name": place.name, "position": place.position, "generation": place.generation, "to": to}
    query = "move_build" if place.shadow else "move"
    return cursor.execute(queries("engine/projection")[query], values).rowcount == 1


def stands_still(cursor: Cursor[Any], place: ReadModelStatus) -> bool:
    """Tell whether nobody folds anything into `place`; until the transaction ends nobody lets it go on either."""
    values = {"name": place.name, "position": place.position, "generation": place.generation}
    query = "still_build" if place.shadow else "still"
    return cursor.execute(queries("engine/projection")[query], values).rowcount == 1


def park(connection: Connection[Any], place: ReadModelStatus, error: Exception) -> bool:
    """Record that a read model cannot take the event after `place`, and what class of error it met there.

    False if it no longer stands there.
    """
    values = {
        "name": place.name,
        "position": place.position,
        "generation": place.generation,
        "error": type(error).__name__,
        "error_position": place.position + 1,
    }
    query = "fail_build" if place.shadow else "park"
    return connection.execute(queries("engine/projection")[query], values).rowcount == 1

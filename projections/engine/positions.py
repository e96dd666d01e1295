"""How a reader waits until a read model has come far enough, and how the tables come to be there."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import Connection

from provenstore.domain.errors import Misconfigured, Unavailable
from provenstore.projections.engine import builds, generations
from provenstore.projections.engine.database import NotMade, Pool, autocommit
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.status import ReadModelStatus, statuses

__all__ = ["Positions", "ReadModelStatus", "prepare", "statuses"]

_LOOK_EVERY: Final = 0.01
"""Seconds between two looks at a position that is waited for: a short indexed read, at most a few hundred a second."""

_FIRST: Final = 1


class Positions:
    """The statuses of all read models, as any role may read them."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`."""
        self._pool = pool

    def all(self) -> tuple[ReadModelStatus, ...]:
        """Return where the read models stand, nothing before they were first made; DatabaseUnavailable."""
        try:
            with autocommit(self._pool) as connection:
                return statuses(connection)
        except NotMade:
            return ()

    def wait_for(self, name: str, position: int, timeout: float) -> None:
        """Return once read model `name` has reached `position`.

        Unavailable when it has not within `timeout` seconds, or at once when it is parked or paused before that.
        """
        give_up = time.monotonic() + timeout
        while True:
            place = next((place for place in self.all() if place.name == name), None)
            if place is not None and place.position >= position:
                return
            if place is not None and place.status != "running":
                raise Unavailable(f"{name} is {place.status} at position {place.position}", position=place.position)
            if time.monotonic() >= give_up:
                raise Unavailable(f"{name} has not reached position {position} yet", position=position)
            time.sleep(_LOOK_EVERY)


def prepare(
    connection: Connection[Any],
    projections: Sequence[Projection[Any]],
    *,
    beside: Sequence[Callable[[Connection[Any]], None]] = (),
    strict: bool = True,
) -> None:
    """Make what is missing of the tables of `projections`, in one transaction; any number of processes may try.

    Rows of an older version stay as they are, and readers with them: the new version is built beside them (`builds`)
    and takes their place when it has caught up. `beside` make what is kept beside them and is folded from nothing, in
    the same transaction. `connection` is of the role that owns the read models. Misconfigured
    when rows of a newer version are there, unless not `strict`: then those read models are left alone.
    """
    texts = queries("engine/projection")
    with connection.transaction():
        generations.lock(connection)
        for name in ("forget_old", "create", "create_build", "create_difference", "grant"):
            connection.execute(texts[name])
        for make in beside:
            make(connection)
        found = {place.name: place for place in statuses(connection)}
        for projection in projections:
            place = found.get(projection.name)
            if place is None:
                _begin(connection, projection)
            elif place.version < projection.version:
                builds.renew(connection, projection)
            elif place.version > projection.version and strict:
                raise Misconfigured(
                    f"{place.name} holds rows of version {place.version}, this release folds only version "
                    f"{projection.version}: a newer release has been here"
                )


def _begin(connection: Connection[Any], projection: Projection[Any]) -> None:
    """Let a read model that is new here start before the first event."""
    values = {"name": projection.name, "version": projection.version, "tables": list(projection.tables)}
    connection.execute(queries("engine/projection")["register"], values)
    generations.make(connection, projection, _FIRST)
    generations.show(connection, projection.tables, _FIRST)

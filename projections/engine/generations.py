"""The tables of read models by generation: made, protected, put behind the views that readers use, and dropped.

Generation N of the view `t` is the table `t_N`. Whatever makes or drops tables does so in a transaction that holds the
lock of `lock()`, so that nobody takes tables that are just being made for left over ones.
"""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.queries import queries


def lock(connection: Connection[Any]) -> None:
    """Wait until nobody else makes or drops tables; held until the transaction ends."""
    connection.execute(queries("engine/generations")["lock"])


def make(connection: Connection[Any], projection: Projection[Any], generation: int) -> None:
    """Make the tables of a generation, each under row-level security, and let readers at what they may see of them."""
    connection.execute(projection.create(generation))
    for view in projection.tables:
        connection.execute(SQL(queries("engine/generations")["protect"]).format(table=_table(view, generation)))


def show(
    connection: Connection[Any], tables: Iterable[str], generation: int, *, instead_of: Iterable[str] = ()
) -> None:
    """Point the views `tables` at a generation.

    Where `instead_of`, the views of the version before, are not these, theirs go, since their columns may differ. The
    views are locked until the transaction ends: give it a lock timeout.
    """
    texts = queries("engine/generations")
    for view in instead_of:
        connection.execute(SQL(texts["drop_view"]).format(view=Identifier(view)))
    for view in tables:
        names = {"view": Identifier(view), "table": _table(view, generation)}
        connection.execute(SQL(texts["show"]).format(**names))


def drop(connection: Connection[Any], tables: Iterable[str], generation: int) -> None:
    """Drop the tables of a generation, as far as they are there."""
    for view in tables:
        connection.execute(SQL(queries("engine/generations")["drop_table"]).format(table=_table(view, generation)))


def made(connection: Connection[Any], table: str) -> tuple[int, ...]:
    """Return the generations of `table` that are there."""
    found = connection.execute(queries("engine/generations")["made"], {"pattern": f"^{table}_[0-9]+$"})
    return tuple(int(name.rpartition("_")[2]) for (name,) in found)


def _table(view: str, generation: int) -> Identifier:
    return Identifier(f"{view}_{generation:d}")

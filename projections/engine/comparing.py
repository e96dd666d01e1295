"""Whether a live generation is what the log says: its rows beside those of one that was built anew, at one position.

Reads one snapshot, in which both stand at the same position, and holds nobody up: it changes no row of either.
"""

from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from provenstore.projections.engine.builds import MAX_DIFFERENCES, Build
from provenstore.projections.engine.queries import queries


def compare(connection: Connection[Any], build: Build, live: int) -> int:
    """Compare generation `live` with a build; keep the first differences and return how many there are in all.

    `connection` is in a transaction of the level REPEATABLE READ, whose snapshot has both at the same position.
    """
    texts = queries("engine/builds")
    total = 0
    for view in build.tables:
        compared = _statement(connection, view, live, build.generation)
        before = min(total, MAX_DIFFERENCES)
        values = {"name": build.name, "view": view, "before": before, "room": MAX_DIFFERENCES - before}
        row = connection.execute(compared + SQL(texts["keep_differences"]), values).fetchone()
        total += row[0] if row else 0
    return total


def _statement(connection: Connection[Any], view: str, live: int, rebuilt: int) -> Composed:
    """Return what finds the rows of one view that differ, by primary key where its tables have one."""
    texts = queries("engine/builds")
    tables = {"live": Identifier(f"{view}_{live:d}"), "rebuilt": Identifier(f"{view}_{rebuilt:d}")}
    names = [name for (name,) in connection.execute(texts["key_columns"], {"table": f"{view}_{live:d}"})]
    if not names:
        return SQL(texts["compare_whole"]).format(**tables)
    columns = [(Literal(name), Identifier(name)) for name in names]
    key = [SQL("{}, coalesce(l.{}, r.{})").format(name, column, column) for name, column in columns]
    join = [SQL("l.{} = r.{}").format(column, column) for _, column in columns]
    return SQL(texts["compare_keyed"]).format(**tables, key=SQL(", ").join(key), join=SQL(" AND ").join(join))

"""Rows of the log by the thousand, put in by the database's superuser past `append()`: a tree asks for bytes alone."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from guards import GUARDS_ON

TABLES = ("event", "tile", "tree", "checkpoint")

_FILL = """
insert into provenstore.event (position, id, stream, version, workspace, number, type, time, leaf, state)
select p, gen_random_uuid(), 'file:' || p, 1, 'acme', p, 'x', now(), sha256('\\x00'::bytea || state), state
from generate_series(%(after)s::bigint + 1, %(upto)s::bigint) p,
     lateral (select convert_to(rpad('event ' || p, %(length)s::integer, '.'), 'UTF8') as state) s
"""


def fill(connection: Connection[Any], upto: int, *, length: int = 12) -> None:
    """Add events up to position `upto`, each of so many bytes; `connection` is in autocommit, of the superuser."""
    (after,) = connection.execute("select coalesce(max(position), 0) from provenstore.event").fetchone() or (0,)
    connection.execute(_FILL, {"after": after, "upto": upto, "length": length})


def entry(position: int, length: int = 12) -> bytes:
    """Return the bytes of the event at a position."""
    return f"event {position}".ljust(length, ".")[:length].encode()


def entries(upto: int, length: int = 12) -> Sequence[bytes]:
    """Return the bytes of the first events."""
    return [entry(position, length) for position in range(1, upto + 1)]


def tamper(connection: Connection[Any], *statements: str) -> None:
    """Change log and tree as nobody but the superuser can, with the triggers off."""
    with connection.transaction():
        for table in TABLES:
            connection.execute(f"alter table provenstore.{table} disable trigger user".encode())
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute(GUARDS_ON)


def back_up(connection: Connection[Any]) -> None:
    """Copy log and tree aside."""
    for table in TABLES:
        connection.execute(f"create table public.{table}_backup as table provenstore.{table}".encode())


def restore(connection: Connection[Any]) -> None:
    """Put back what was copied aside, as a restored backup does."""
    tables = ", ".join(f"provenstore.{table}" for table in TABLES)
    copies = [f"insert into provenstore.{table} table public.{table}_backup" for table in TABLES]
    tamper(connection, f"truncate {tables}", *copies)

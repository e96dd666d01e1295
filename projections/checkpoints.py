"""Heads of the tree on record, over the one connection of whoever signs: the port `TreeHeads` of `domain.signing`."""

from functools import partial
from typing import Any

from psycopg import Connection

from provenstore.domain import merkle
from provenstore.domain.errors import DatabaseUnavailable, IntegrityViolated
from provenstore.domain.signing import RecordedHead, Standing, TreeHead
from provenstore.domain.tiled_tree import read_through
from provenstore.projections.database import translated
from provenstore.projections.queries import queries
from provenstore.projections.tree import fetch_tiles


class HeadsOnRecord:
    """`TreeHeads` on a connection in autocommit, of the role that owns the read models."""

    def __init__(self, connection: Connection[Any]) -> None:
        """Use `connection`, and let all that it writes be durable when it is written."""
        self._connection = connection
        with translated():
            connection.execute(queries("proofs")["durable"])

    def standing(self) -> Standing:
        """Return how log, tree and heads stand."""
        with translated():
            row = self._connection.execute(queries("proofs")["standing"]).fetchone()
        if row is None:
            raise DatabaseUnavailable("the database follows another one, so it may be behind")
        entries, size, *head = row
        return Standing(entries, size, None if head[0] is None else RecordedHead(TreeHead(*head[:2]), head[2]))

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves, from the tiles."""
        with translated():
            return merkle.root(size, read_through(partial(fetch_tiles, self._connection)))

    def record(self, head: TreeHead) -> None:
        """Put a head on record."""
        values = {"size": head.size, "root": head.root}
        with translated():
            self._connection.execute(queries("proofs")["record"], values)
            found = self._connection.execute(queries("proofs")["root_on_record"], values).fetchone()
        if found != (head.root,):
            raise IntegrityViolated(f"another root is on record for the tree of {head.size:,}", size=head.size)

    def attach(self, size: int, note: bytes) -> None:
        """Add the note."""
        with translated():
            self._connection.execute(queries("proofs")["attach"], {"size": size, "note": note})

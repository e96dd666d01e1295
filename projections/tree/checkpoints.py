"""Heads of the tree on record, over the one connection of the process that signs (`signing.TreeHeads`)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from psycopg import Connection

from provenstore.domain.errors import DatabaseUnavailable, IntegrityViolated
from provenstore.domain.transparency import merkle
from provenstore.domain.transparency.signing import RecordedHead, SigningState, TreeHead
from provenstore.domain.transparency.tiled_tree import read_through
from provenstore.projections.engine.database import translated
from provenstore.projections.engine.queries import queries
from provenstore.projections.tree.integrator import fetch_tiles

_PAGE = 100


class HeadsOnRecord:
    """`TreeHeads` on a connection in autocommit, of the role that owns the read models."""

    def __init__(self, connection: Connection[Any], believes: Callable[[RecordedHead], bool] = lambda _: True) -> None:
        """Use `connection`, and let all that it writes be durable when it is written.

        Only heads count that are believed: somebody else may have put others there.
        """
        self._connection, self._believes = connection, believes
        with translated():
            connection.execute(queries("tree/proofs")["durable"])

    def standing(self) -> SigningState:
        """Return how log, tree and heads stand."""
        with translated():
            row = self._connection.execute(queries("tree/proofs")["standing"]).fetchone()
        if row is None:
            raise DatabaseUnavailable("the database follows another one, so it may be behind")
        entries, size, *head = row
        newest = None if head[0] is None else RecordedHead(TreeHead(*head[:2]), head[2])
        if newest is not None and not self._believes(newest):
            newest = self._below(newest.head.size)
        return SigningState(entries, size, newest)

    def _below(self, size: int) -> RecordedHead | None:
        """Return the largest head below a size that is believed."""
        while True:
            values = {"below": size, "limit": _PAGE}
            with translated():
                rows = self._connection.execute(queries("tree/proofs")["heads_below"], values).fetchall()
            for below, root, _, note in rows:
                found = RecordedHead(TreeHead(below, root), note)
                if self._believes(found):
                    return found
            if len(rows) < _PAGE:
                return None
            size = rows[-1][0]

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves, from the tiles."""
        with translated():
            return merkle.root(size, read_through(partial(fetch_tiles, self._connection)))

    def record(self, head: TreeHead) -> None:
        """Put a head on record."""
        values = {"size": head.size, "root": head.root}
        with translated():
            self._connection.execute(queries("tree/proofs")["record"], values)
            found = self._connection.execute(queries("tree/proofs")["root_on_record"], values).fetchone()
        if found != (head.root,):
            raise IntegrityViolated(f"another root is on record for the tree of {head.size:,}", size=head.size)

    def attach(self, size: int, note: bytes) -> None:
        """Add the note."""
        with translated():
            self._connection.execute(queries("tree/proofs")["attach"], {"size": size, "note": note})
            row = self._connection.execute(queries("tree/proofs")["recorded"], {"size": size}).fetchone()
        if row is None or not self._believes(RecordedHead(TreeHead(size, row[0]), row[1])):
            raise IntegrityViolated(f"the head of {size:,} on record bears a note that is not ours", size=size)

"""What proofs are made of: tiles, entries, checkpoints, and which hashes show what. Reads only.

What is handed out lies under a signed checkpoint where that is said; what lies in the database is not believed for it:
whoever gets it can check it, and should.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from provenstore.domain.errors import IntegrityViolated, NotFound, Unsigned
from provenstore.domain.transparency import merkle
from provenstore.domain.transparency.merkle import HASH_BYTES
from provenstore.domain.transparency.range_proof import range_proof
from provenstore.domain.transparency.signing import RecordedHead, TreeHead
from provenstore.domain.transparency.tile import EntryBundle, Tile, TileKey
from provenstore.domain.transparency.tiled_tree import read_through
from provenstore.projections.engine.database import Pool, autocommit
from provenstore.projections.engine.queries import queries
from provenstore.projections.tree.integrator import TreeState, fetch_tiles, tree_state

_PAGE = 1_000
"""Heads of one read."""

_NO_END = 2**62


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that was signed; `note` is what others are shown."""

    size: int
    root: bytes
    time: datetime
    note: bytes


class _Unbelieved(Exception):  # no error: another one is asked for
    """The newest checkpoint on record was not signed by a key of the log."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Proofs:
    """The tree as it stands in the database, through the role that owns the read models. Thread safe."""

    def __init__(self, pool: Pool, believes: Callable[[RecordedHead], bool] = lambda _: True) -> None:
        """Read through `pool`; checkpoints that are not believed are passed over."""
        self._pool, self._believes = pool, believes

    # -- the tree ------------------------------------------------------------------------------------------

    def state(self) -> TreeState:
        """Return how far the tree has come, and whether it stands still."""
        with autocommit(self._pool) as connection:
            return tree_state(connection)

    def position(self) -> int:
        """Return how many events the log has."""
        with autocommit(self._pool) as connection:
            row = connection.execute(queries("tree/proofs")["position"]).fetchone()
        return row[0] if row is not None else 0

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves; IntegrityViolated where the tree does not have them."""
        return merkle.root(size, read_through(self.tiles))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that leaf `index` is in the tree of `size`, the leaf's sibling first; InvalidInput."""
        return merkle.inclusion_proof(index, size, read_through(self.tiles))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of `new` leaves begins with that of `old`; InvalidInput."""
        return merkle.consistency_proof(old, new, read_through(self.tiles))

    def range(self, begin: int, end: int, size: int) -> list[bytes]:
        """Return the hashes beside the leaves from `begin` up to `end` of the tree of `size`; InvalidInput."""
        return range_proof(begin, end, size, read_through(self.tiles))

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, of exactly its width; NotFound where the tree does not have them all."""
        hashes = self.tiles([tile.key]).get(tile.key, b"")
        if len(hashes) < (needed := tile.width * HASH_BYTES):
            raise NotFound("the tree has no such tile")
        return hashes[:needed]

    def tiles(self, keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
        """Return tiles as they are by now; those that are not there are left out."""
        with autocommit(self._pool) as connection:
            return fetch_tiles(connection, keys)

    # -- the log -------------------------------------------------------------------------------------------

    def entries(self, bundle: EntryBundle) -> list[bytes]:
        """Return the exact bytes of a bundle's events.

        NotFound where the log does not have them all; IntegrityViolated (position) where one within it is missing.
        """
        upto = bundle.begin + bundle.width
        with autocommit(self._pool) as connection, connection.cursor(binary=True) as cursor:
            rows = cursor.execute(queries("tree/proofs")["bundle"], {"after": bundle.begin, "upto": upto}).fetchall()
        for expected, (position, _) in enumerate(rows, start=bundle.begin + 1):
            if position != expected:
                raise IntegrityViolated("the event at this position is missing", position=expected)
        if len(rows) < bundle.width:
            raise NotFound("the log has no such entries")
        return [state for _, state in rows]

    # -- checkpoints ---------------------------------------------------------------------------------------

    def newest(self) -> SignedCheckpoint | None:
        """Return the newest checkpoint; None before the first."""
        with autocommit(self._pool) as connection:
            row = connection.execute(queries("tree/proofs")["newest"]).fetchone()
        found = None if row is None else SignedCheckpoint(*row)
        return found if found is None or self._believed(found) else self._below(found.size)

    def _believed(self, one: SignedCheckpoint) -> bool:
        return self._believes(RecordedHead(TreeHead(one.size, one.root), one.note))

    def _below(self, size: int) -> SignedCheckpoint | None:
        """Return the largest checkpoint below a size that is believed."""
        while True:
            with autocommit(self._pool) as connection:
                rows = connection.execute(
                    queries("tree/proofs")["heads_below"], {"below": size, "limit": _PAGE}
                ).fetchall()
            for found in (SignedCheckpoint(*row) for row in rows):
                if self._believed(found):
                    return found
                size = found.size
            if len(rows) < _PAGE:
                return None

    def under_newest(self, position: int) -> tuple[SignedCheckpoint, list[bytes]]:
        """Return the newest checkpoint and the proof that the event at `position` lies under it, in one exchange.

        Unsigned until it does.
        """
        try:
            return self._under(position, _NO_END)
        except _Unbelieved as exc:
            below = self._below(exc.size)
        if below is None:
            raise Unsigned
        return self._under(position, below.size)

    def _under(self, position: int, upto: int) -> tuple[SignedCheckpoint, list[bytes]]:
        with autocommit(self._pool) as connection, connection.cursor(binary=True) as cursor:
            values = {"index": position - 1, "upto": upto}
            rows = cursor.execute(queries("tree/proofs")["under_newest"], values).fetchall()
            if rows and not self._believed(SignedCheckpoint(*rows[0][:4])):
                raise _Unbelieved(rows[0][0])
            if not rows or rows[0][0] < position:
                raise Unsigned
            newest = SignedCheckpoint(*rows[0][:4])
            tiles = {TileKey(level, number): hashes for *_, level, number, hashes in rows if level is not None}

            def found(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
                return tiles if tiles.keys() >= set(keys) else fetch_tiles(connection, keys)

            return newest, merkle.inclusion_proof(position - 1, newest.size, read_through(found))

    def heads(self, upto: int) -> Iterator[RecordedHead]:
        """Walk the heads on record up to a size, in order, signed or not; a page at a time."""
        after = 0
        while True:
            with autocommit(self._pool) as connection:
                values = {"after": after, "upto": upto, "limit": _PAGE}
                rows = connection.execute(queries("tree/proofs")["heads"], values).fetchall()
            for size, root, note in rows:
                yield RecordedHead(TreeHead(size, root), note)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def root_on_record(self, size: int) -> bytes | None:
        """Return the root of the head on record of a size, signed or not; None without one."""
        with autocommit(self._pool) as connection:
            row = connection.execute(queries("tree/proofs")["root_on_record"], {"size": size}).fetchone()
        return None if row is None else row[0]

    def largest_head(self) -> int:
        """Return the size of the largest head on record, 0 without any."""
        with autocommit(self._pool) as connection:
            row = connection.execute(queries("tree/proofs")["largest_head"]).fetchone()
        return row[0] if row is not None else 0

    def checkpoints(self, *, after: int = 0, limit: int = 100) -> tuple[SignedCheckpoint, ...]:
        """Return up to `limit` checkpoints of sizes above `after`, in order."""
        with autocommit(self._pool) as connection:
            found = connection.execute(queries("tree/proofs")["checkpoints"], {"after": after, "limit": limit})
            return tuple(one for one in (SignedCheckpoint(*row) for row in found) if self._believed(one))

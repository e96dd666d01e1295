"""The integrator: hashes what is new in the log into the tiles of the tree, in one process at a time.

It believes no column: each leaf is hashed from the stored bytes and held against what the append recorded. Where they
differ the tree stands still before them, loudly, since what was hashed once is signed. It decides no hash by itself
(`domain.transparency.tiled_tree` does), and never takes a leaf back.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.transparency.merkle import leaf_hash
from provenstore.domain.transparency.tile import FULL, TileKey
from provenstore.domain.transparency.tiled_tree import Edge, edge
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.worker import Connect, Worker, win

STRETCH: Final = 4_096
"""Rows of one transaction: large enough that its commit costs little, small enough that it is soon over."""

POLL: Final = 0.5
"""Seconds between two looks at a log that had nothing new; `wake()` ends the wait."""

GATHER: Final = 0.2
"""Seconds for which a tree that has it all lets events gather: each stretch rewrites the tiles at the edge, and nobody
needs a leaf before the next checkpoint."""

TAKEOVER: Final = 0.5
"""Seconds between two attempts of a waiting integrator to take the lead."""

_CHUNK: Final = 256
"""Rows in memory at once; of the largest events these are 16 MiB."""

_LOOK_AGAIN: Final = 5.0
"""Seconds between two looks at a row that cannot be taken; one that is as it was sealed again is."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TreeState:
    """How many leaves the tree has, and before which position it stands still, if it does."""

    size: int
    parked_position: int | None
    parked_why: str | None

    def require_running(self) -> None:
        """Raise IntegrityViolated, naming the position, where the tree stands still."""
        if self.parked_position is not None:
            raise IntegrityViolated(
                f"the tree stands still before position {self.parked_position}: {self.parked_why}",
                position=self.parked_position,
            )


class Outgrown(Exception):
    """Somebody else has grown the tree meanwhile; nothing was written."""


# -- leaves --------------------------------------------------------------------------------------------------

Entry = tuple[int, bytes, bytes]
"""A row of the log: position, exact bytes, recorded leaf."""


def checked_leaves(after: int, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the leaf hash of each entry, from position `after` + 1 on without a gap.

    IntegrityViolated (position) at the first that is missing, or whose bytes are not those of its recorded leaf.
    """
    for expected, (position, state, recorded) in enumerate(entries, start=after + 1):
        if position != expected:
            raise IntegrityViolated("the event at this position is missing", position=expected)
        leaf = leaf_hash(state)
        if leaf != recorded:
            raise IntegrityViolated("the event's bytes are not those that were sealed", position=position)
        yield leaf


def whole_tree(leaves: Iterable[bytes]) -> Iterator[tuple[TileKey, bytes]]:
    """Yield every tile of the tree over `leaves` once, as wide as it is in the end: full ones as they become full."""
    growing, partial, batch = Edge(), dict[TileKey, bytes](), list[bytes]()

    def grown() -> Iterator[tuple[TileKey, bytes]]:
        for key, hashes in growing.append(batch).items():
            partial[key] = hashes
            if key.number < growing.size >> 8 * (key.level + 1):
                yield key, partial.pop(key)
        batch.clear()

    for leaf in leaves:
        batch.append(leaf)
        if len(batch) == FULL:
            yield from grown()
    yield from grown()
    yield from partial.items()


# -- tiles ---------------------------------------------------------------------------------------------------


def tree_state(connection: Connection[Any]) -> TreeState:
    """Return how far the tree has come."""
    row = connection.execute(queries("tree/integrator")["tree"]).fetchone()
    if row is None or row[0] is None:
        raise IntegrityViolated("the size of the tree is missing")
    return TreeState(*row)


def fetch_tiles(connection: Connection[Any], keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
    """Return tiles as they are by now; those that are not there are left out."""
    values = {"levels": [key.level for key in keys], "numbers": [key.number for key in keys]}
    with connection.cursor(binary=True) as cursor:
        found = cursor.execute(queries("tree/integrator")["tiles"], values)
        return {TileKey(level, number): hashes for level, number, hashes in found}


def grow(connection: Connection[Any], growing: Edge, limit: int = STRETCH) -> int:
    """Take up to `limit` events into the tree, all or none of them, and return how many there were.

    `connection` is in autocommit; `growing` stands at the tree's size and moves with it. Outgrown if that is no longer
    the size; IntegrityViolated (position) as `checked_leaves`, after the events before it were taken, or where the
    newest event that the tree has is another one in the log by now. After either, `growing` must be taken up anew.
    """
    before, leaves, fault = growing.size, list[bytes](), None
    # The last event of the tree is read once more: a log that was cut off and filled again would go on beside it.
    seam = before - 1 if growing.last is not None else before
    with closing(_entries(connection, seam, limit + before - seam)) as entries:
        try:
            for leaf in checked_leaves(seam, entries):
                leaves.append(leaf)
        except IntegrityViolated as exc:
            fault = exc
    if growing.last is not None:
        if leaves[:1] != [growing.last]:
            wrong = "not the one in the tree" if leaves else "missing"
            raise fault or IntegrityViolated(f"the event at this position is {wrong}", position=before)
        del leaves[0]
    if leaves:
        _write(connection, before, growing.size + len(leaves), growing.append(leaves))
    if fault is not None:
        raise fault
    return len(leaves)


def _entries(connection: Connection[Any], after: int, limit: int) -> Generator[Entry]:
    with connection.cursor(binary=True) as cursor:
        yield from cursor.stream(queries("tree/integrator")["entries"], {"after": after, "limit": limit}, size=_CHUNK)


def _write(connection: Connection[Any], before: int, size: int, tiles: Mapping[TileKey, bytes]) -> None:
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        # 1. The fence: whoever comes second waits here for the first, sees another size, and writes nothing.
        if not cursor.execute(queries("tree/integrator")["grow"], {"before": before, "size": size}).rowcount:
            raise Outgrown
        # 2. The tiles; a crash before the commit takes back the size with them.
        levels, numbers = zip(*tiles, strict=True)
        values = {"levels": list(levels), "numbers": list(numbers), "hashes": list(tiles.values())}
        cursor.execute(queries("tree/integrator")["write_tiles"], values)


def take_up(connection: Connection[Any]) -> Edge:
    """Return the edge of the tree as it stands; IntegrityViolated where its tiles are missing."""
    size = tree_state(connection).size
    return Edge(size, fetch_tiles(connection, edge(size)))


def catch_up(connection: Connection[Any]) -> int:
    """Take everything that is new into the tree now, whoever else does so, and return its size.

    IntegrityViolated as `grow`; then the tree is parked.
    """
    while True:
        try:
            growing = take_up(connection)
            while grow(connection, growing):
                pass
            go_on(connection)
        except Outgrown:
            continue
        except IntegrityViolated as fault:
            park(connection, fault)
            raise
        return growing.size


def park(connection: Connection[Any], fault: IntegrityViolated) -> None:
    """Record where the tree stands still, for whoever asks for its health."""
    size = tree_state(connection).size
    position = fault.details.get("position") or size + 1
    connection.execute(queries("tree/integrator")["park"], {"size": size, "position": position, "why": fault.message})


def go_on(connection: Connection[Any]) -> None:
    """Record that the tree does not stand still any more."""
    connection.execute(queries("tree/integrator")["go_on"])


# -- worker --------------------------------------------------------------------------------------------------


class Integrator(Worker):
    """Grows the tree until it is stopped. Any number of processes may run one: those that do not lead wait."""

    def __init__(
        self,
        connect: Connect,
        *,
        poll: float = POLL,
        gather: float = GATHER,
        takeover: float = TAKEOVER,
        stretch: int = STRETCH,
    ) -> None:
        """Look at the log every `poll` seconds, and for the lead every `takeover`; `wake` ends the wait."""
        super().__init__("tree", connect)
        self._poll, self._gather, self._takeover, self._stretch = poll, gather, takeover, stretch
        self._parked_at: object = None

    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Lead, or wait for it; then grow the tree."""
        while not self.stopping.is_set():
            self.news.clear()
            if win(connection, "tree"):
                self._lead(connection)
                return
            self.wait(self._takeover)

    def _lead(self, connection: psycopg.Connection[Any]) -> None:
        growing: Edge | None = None
        while not self.stopping.is_set():
            self.news.clear()
            try:
                if growing is None:
                    growing = take_up(connection)
                    grow(connection, growing, self._stretch)
                    go_on(connection)
                    self._parked_at = None
                taken = grow(connection, growing, self._stretch)
                if not taken:
                    self.wait(self._poll)
                elif taken < self._stretch:
                    self.stopping.wait(self._gather)
            except Outgrown:
                growing = None
            except IntegrityViolated as fault:
                growing = None
                self._stand_still(connection, fault)

    def _stand_still(self, connection: psycopg.Connection[Any], fault: IntegrityViolated) -> None:
        park(connection, fault)
        position = fault.details.get("position")
        if self._parked_at != position:
            self._parked_at = position
            _log.critical("tree.parked", action="tree.park", position=position, why=fault.message)
        self.stopping.wait(_LOOK_AGAIN)

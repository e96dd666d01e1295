"""The tree in tiles: where the hash of a subtree lies, and how the right edge grows.

Pure: tiles come from a function that is handed in, and what changed is handed back. Between them, merkle.py and this
module decide every hash that is ever kept or signed; nothing else computes one.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from provenstore.domain.errors import IntegrityViolated, InvalidInput
from provenstore.domain.transparency.merkle import HASH_BYTES, MAX_SIZE, Reader, Subtree, fold, root_subtrees
from provenstore.domain.transparency.tile import FULL, HEIGHT, TileKey


class Place(NamedTuple):
    """Where a subtree's hash is found: the root over `width` hashes (a power of two) of a tile from `offset` on."""

    tile: TileKey
    offset: int
    width: int


def place_of(subtree: Subtree) -> Place:
    """Return the place of a complete subtree, which the tile has as soon as the tree has the subtree."""
    level, height = divmod(subtree.level, HEIGHT)
    number, offset = divmod(subtree.number << height, FULL)
    return Place(TileKey(level, number), offset, 1 << height)


FetchTiles = Callable[[Sequence[TileKey]], Mapping[TileKey, bytes]]
"""Answers the hashes of tiles, each as wide as it is by now; one call per proof."""


def read_through(fetch: FetchTiles) -> Reader:
    """Return a reader of subtrees that reads each tile once; IntegrityViolated where a tile is missing or short."""

    def read(subtrees: Sequence[Subtree]) -> list[bytes]:
        places = [place_of(subtree) for subtree in subtrees]
        tiles = fetch(sorted({place.tile for place in places}))
        return [_hash_at(place, tiles.get(place.tile, b"")) for place in places]

    return read


def _hash_at(place: Place, hashes: bytes) -> bytes:
    begin, end = place.offset * HASH_BYTES, (place.offset + place.width) * HASH_BYTES
    if len(hashes) < end:
        level, number = place.tile
        raise IntegrityViolated(
            f"tile {level}/{number} has {len(hashes) // HASH_BYTES} hashes, fewer than the tree needs",
            level=level,
            number=number,
        )
    row = hashes[begin:end]
    return subtree_hash(row) if place.tile.level == 0 else _above_leaves(row)


def subtree_hash(hashes: bytes) -> bytes:
    """Return the root over 2^n hashes of one row, such as those of a full tile."""
    sha256 = hashlib.sha256
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
    return hashes


_above_leaves: Final = lru_cache(maxsize=1_024)(subtree_hash)
"""For rows that many proofs have in common; by what they hold, so that no other row is ever taken for one. Of 4 MiB."""


def edge(size: int) -> list[TileKey]:
    """Return the tiles at the edge of the tree of `size` leaves: the partial ones, and the one with the last leaf."""
    keys, level = [TileKey(0, size // FULL - 1)] if size and not size % FULL else [], 0
    while size:
        if size % FULL:
            keys.append(TileKey(level, size // FULL))
        level, size = level + 1, size >> HEIGHT
    return keys


class Edge:
    """The right edge of a tree: the partial tile of each level. Grows by leaves, and says which tiles changed."""

    def __init__(self, size: int = 0, tiles: Mapping[TileKey, bytes] | None = None) -> None:
        """Take up a tree of `size` leaves with the tiles of `edge(size)`, at least as wide as `size` needs them.

        IntegrityViolated where one is missing or short. What a tile has beyond `size` is forgotten.
        """
        self.size = size
        self.last = self._last(size, tiles or {})
        """The hash of the last leaf; None in the empty tree."""
        self._rows: list[bytearray] = []
        width = size
        while width:
            key = TileKey(len(self._rows), width // FULL)
            needed = width % FULL * HASH_BYTES
            row = bytearray((tiles or {}).get(key, b"")[:needed])
            if len(row) < needed:
                raise IntegrityViolated(f"tile {key.level}/{key.number} is missing or short", **key._asdict())
            self._rows.append(row)
            width >>= HEIGHT

    @staticmethod
    def _last(size: int, tiles: Mapping[TileKey, bytes]) -> bytes | None:
        if not size:
            return None
        place = place_of(Subtree(0, size - 1))
        return _hash_at(place, tiles.get(place.tile, b""))

    def append(self, leaves: Sequence[bytes]) -> dict[TileKey, bytes]:
        """Add leaf hashes; return every tile that changed with all its hashes, the lowest level first."""
        if self.size + len(leaves) > MAX_SIZE:
            raise InvalidInput("size", f"is not from 0 to {MAX_SIZE:,}", limit=MAX_SIZE)
        changed: dict[TileKey, bytes] = {}
        hashes, level, before = b"".join(leaves), 0, self.size
        if len(hashes) != len(leaves) * HASH_BYTES:
            raise InvalidInput("leaves", f"has a hash that is not {HASH_BYTES} bytes long")
        while hashes:
            hashes = self._grow(level, before // FULL, hashes, changed)
            level, before = level + 1, before >> HEIGHT
        self.size += len(leaves)
        self.last = leaves[-1] if leaves else self.last
        return changed

    def _grow(self, level: int, number: int, hashes: bytes, changed: dict[TileKey, bytes]) -> bytes:
        """Lengthen the row of a level; return what that adds to the level above: the roots of tiles now full."""
        if level == len(self._rows):
            self._rows.append(bytearray())
        row = self._rows[level]
        row += hashes
        above = []
        while len(row) >= FULL * HASH_BYTES:
            full = bytes(row[: FULL * HASH_BYTES])
            del row[: FULL * HASH_BYTES]
            changed[TileKey(level, number)] = full
            above.append(subtree_hash(full))
            number += 1
        if row:
            changed[TileKey(level, number)] = bytes(row)
        return b"".join(above)

    def root(self) -> bytes:
        """Return the root of the tree: its subtrees all lie in partial tiles."""
        places = map(place_of, root_subtrees(self.size))
        return fold([_hash_at(place, bytes(self._rows[place.tile.level])) for place in places])

"""The tree held against the log: whoever reads a log hands in its leaves, and hears where tiles and roots disagree.

Believes no hash that it is shown: every tile and every root is computed from the leaves. In memory for one tile per
level. Where a leaf is named as wrong, the tiles above it are not: they only repeat it.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from provenstore.domain.proofs.verification import MAX_FINDINGS, STEPS, Finding
from provenstore.domain.transparency.merkle import HASH_BYTES, Frontier
from provenstore.domain.transparency.tile import FULL, HEIGHT, Tile, TileKey
from provenstore.domain.transparency.tiled_tree import Edge

TREE_STEPS: Final = (
    "9 each leaf of the tree is the hash of the event at its position",
    "10 every tile is what the leaves hash to",
    "11 every checkpoint has the root of its tree, and the log is as long as it says",
    "12 every checkpoint is signed by a key of the log",
    "13 the log extends what its key last signed, and the checkpoints that were given",
)
ALL_STEPS: Final = (
    *STEPS,
    *TREE_STEPS,
    "14 stored objects have the recorded size and SHA-256, and nothing stands where the log says that it was destroyed",
    "15 what takes two persons was decided by two",
    "16 what is certified as destroyed was on record before, and what was missing was given up by two persons",
    "17 functions, triggers, grants and policies of the database are those that the migrations made",
)
LEAVES, TILES, ROOTS, SIGNATURES, EXTENDS, OBJECTS = 9, 10, 11, 12, 13, 14

FetchTile = Callable[[Tile], bytes | None]
"""Answers the hashes of a tile, at least as wide as asked; None where it is missing."""

MAX_GAP: Final = 1_000_000
"""Leaves that may be missing in a row: whoever sets a position of a row must not keep us busy for years."""

_UNKNOWN: Final = bytes(HASH_BYTES)
"""Stands for a leaf that nobody has."""


@dataclass(frozen=True, slots=True)
class Head:
    """That the log of `size` entries has this root, as `said` by somebody; which step fails if it does not."""

    size: int
    root: bytes
    said: str
    step: int = ROOTS


class TreeCheck:
    """Takes leaves in order of position, and says at the end what is wrong with the tree over them."""

    def __init__(self, fetch: FetchTile, size: int, heads: Iterable[Head]) -> None:
        """Compare with the tiles of a tree of `size`, and with `heads` in order of their sizes."""
        self._fetch, self._size = fetch, size
        self._heads = iter(heads)
        self._head = next(self._heads, None)
        self._good: tuple[int, ...] = ()
        self._edge, self._frontier = Edge(), Frontier()
        self._partial: dict[TileKey, bytes] = {}
        self._leaves: list[bytes | None] = []
        self._streams: dict[int, str] = {}
        self._findings: list[Finding] = []
        self._bad: list[int] = []

    @property
    def count(self) -> int:
        """Leaves so far."""
        return self._edge.size + len(self._leaves)

    def take(self, position: int, leaf: bytes, stream: str = "") -> None:
        """Take the leaf at a position; those between the last one and it are missing, and a second one is nothing."""
        # Behind the tree, and behind a gap that no deletion leaves, the positions themselves say what is wrong.
        if position - self.count <= MAX_GAP:
            while self.count + 1 < position and self.count < self._size:
                self._add(None, "")
        if self.count + 1 == position:
            self._add(leaf, stream)

    def _add(self, leaf: bytes | None, stream: str) -> None:
        self._streams[len(self._leaves)] = stream
        self._leaves.append(leaf)
        if len(self._leaves) == FULL:
            self._grow()

    def finish(self) -> tuple[Finding, ...]:
        """Close the check: partial tiles, and heads that the log does not reach."""
        self._grow()
        for key, hashes in self._partial.items():
            self._compare(key, hashes)
        if self.count < self._size:
            self._find(
                TILES, self.count + 1, f"the tree has {self._size:,} leaves, the log {self.count:,}: its end is gone"
            )
        while (head := self._head) is not None:
            what = f"{head.said} is of {head.size:,} entries, and the log has {self.count:,}: its end is gone"
            self._find(head.step, self.count + 1, what)
            self._head = next(self._heads, None)
        return tuple(self._findings)

    # -- tiles -----------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Compare the leaves that were gathered with their tile, and take them into the tree."""
        if not self._leaves:
            return
        leaves = self._settled(self._edge.size // FULL)
        for leaf in leaves:
            self._frontier.append(leaf)
            while self._head is not None and self._head.size <= self._frontier.size:
                self._compare_root(self._head)
                self._head = next(self._heads, None)
        for key, hashes in self._edge.append(leaves).items():
            if key.level == 0:
                continue
            self._partial[key] = hashes
            if key.number < self._edge.size >> HEIGHT * (key.level + 1):
                self._compare(key, self._partial.pop(key))
        self._leaves.clear()

    def _settled(self, number: int) -> list[bytes]:
        """Return the leaves, those that are missing as the tile has them."""
        width = min(len(self._leaves), self._size - number * FULL)
        tile = Tile(0, number, width) if width > 0 else None
        found = self._found(tile) if tile is not None else b""
        named, settled = False, []
        for at, leaf in enumerate(self._leaves):
            there = found[at * HASH_BYTES : (at + 1) * HASH_BYTES]
            settled.append(leaf or there or _UNKNOWN)
            if leaf is None or (there and leaf != there):
                if not named:  # what follows in this tile is most often its consequence
                    problem = "the event is missing" if leaf is None else "the event is not the leaf in the tile"
                    path = tile.path if tile is not None else ""
                    self._find(LEAVES, number * FULL + at + 1, problem, stream=self._streams[at], tile=path)
                named = True
        return settled

    def _compare(self, key: TileKey, hashes: bytes) -> None:
        """Compare a tile above the leaves, as far as the tree has it."""
        width = min(len(hashes) // HASH_BYTES, (self._size >> HEIGHT * key.level) - key.number * FULL)
        if width <= 0:
            return
        tile = Tile(key.level, key.number, width)
        found, below = self._found(tile), 1 << HEIGHT * key.level
        for at in range(0, len(found), HASH_BYTES):
            first = (key.number * FULL + at // HASH_BYTES) * below + 1
            repeats = any(first <= bad < first + below for bad in self._bad)
            if found[at : at + HASH_BYTES] != hashes[at : at + HASH_BYTES] and not repeats:
                problem = f"the tile's hash {at // HASH_BYTES} is not that of positions {first} to {first + below - 1}"
                self._find(TILES, first, problem, tile=tile.path)
                return

    def _found(self, tile: Tile) -> bytes:
        """Return the hashes of a tile in exactly its width; none, and it is named, where it is missing or short."""
        found = self._fetch(tile)
        if found is not None and len(found) == tile.width * HASH_BYTES:
            return found
        problem = "the tile is missing" if found is None else f"the tile does not have its {tile.width} hashes"
        self._find(TILES, (tile.number * FULL << HEIGHT * tile.level) + 1, problem, tile=tile.path)
        return b""

    # -- roots -----------------------------------------------------------------------------------------------

    def _compare_root(self, head: Head) -> None:
        if self._frontier.root() == head.root:
            self._good = (head.size, *(size for size in self._good if size < head.size))[:2]
            return
        # The largest that agreed and is smaller: somebody may have been shown another tree of the same size.
        first = max((size for size in self._good if size < head.size), default=0) + 1
        where = f"what was altered lies at positions {first} to {head.size}"
        # A leaf that was named as wrong is the place; the root over it only repeats it.
        named = min((bad for bad in self._bad if first <= bad <= head.size), default=first)
        self._find(head.step, named, f"{head.said} of {head.size:,} entries has another root: {where}")

    def _find(self, step: int, position: int, problem: str, *, stream: str = "", tile: str = "") -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(step, position, stream, "", problem, tile))
            if step == LEAVES:
                self._bad.append(position)


def in_order(*heads: Iterable[Head]) -> Iterator[Head]:
    """Merge heads, each in order of their sizes, without those of the empty tree, which say nothing."""
    return (head for head in heapq.merge(*heads, key=lambda one: one.size) if head.size)

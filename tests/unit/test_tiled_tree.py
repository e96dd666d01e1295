"""A tree kept in tiles is the tree, however it grew."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from naive_tree import MOST, TREE
from provenstore.domain.errors import IntegrityViolated, InvalidInput
from provenstore.domain.transparency.merkle import MAX_SIZE, Subtree, consistency_proof, inclusion_proof, root
from provenstore.domain.transparency.tile import FULL, TileKey, tiles_between
from provenstore.domain.transparency.tiled_tree import Edge, edge, place_of, read_through, subtree_hash


def _grown(steps: Sequence[int]) -> dict[TileKey, bytes]:
    """Return all tiles of a tree that grew in these steps, taken up anew before each."""
    tiles: dict[TileKey, bytes] = {}
    size = 0
    for step in steps:
        grown = Edge(size, {key: tiles[key] for key in edge(size)})
        tiles.update(grown.append(TREE.leaves[size : size + step]))
        size = grown.size
        assert grown.root() == TREE.root(size)
    return tiles


ALL = _grown([MOST])


def _fetch(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
    return {key: ALL[key] for key in keys}


@given(st.lists(st.integers(0, 600), max_size=6))
@example([256])
@example([255, 1, 512])
def test_steps_make_no_difference(steps: list[int]) -> None:
    """The tiles, and the root after each step, are those of the naive tree."""
    tiles = _grown(steps)
    for tile in tiles_between(0, min(sum(steps), MOST)):
        first = tile.number * FULL
        row = [Subtree(8 * tile.level, number) for number in range(first, first + tile.width)]
        assert tiles.pop(tile.key) == b"".join(TREE.read(row))
    assert not tiles


@given(st.integers(1, MOST), st.data())
def test_proofs_come_out_of_tiles(size: int, data: st.DataObject) -> None:
    """Of any size: also an older one, whose partial tiles are the beginnings of what is kept."""
    index = data.draw(st.integers(0, size - 1))
    read = read_through(_fetch)
    assert root(size, read) == TREE.root(size)
    assert inclusion_proof(index, size, read) == TREE.inclusion(index, size)
    assert consistency_proof(index + 1, size, read) == TREE.consistency(index + 1, size)


def test_each_tile_is_read_once_per_proof() -> None:
    """A proof is one query for a handful of rows."""
    calls: list[Sequence[TileKey]] = []

    def fetch(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
        calls.append(keys)
        return _fetch(keys)

    inclusion_proof(3, MOST, read_through(fetch))
    assert calls == [[TileKey(0, 0), TileKey(0, 4), TileKey(1, 0)]]


def test_edge_of_a_tree_is_its_partial_tiles_and_its_last_leaf() -> None:
    """Nothing else is needed for appending."""
    assert edge(0) == []
    assert edge(256) == [TileKey(0, 0), TileKey(1, 0)]
    assert edge(70_000) == [TileKey(0, 273), TileKey(1, 1), TileKey(2, 0)]


def test_subtrees_lie_in_the_tile_of_their_height() -> None:
    """A subtree as high as a tile is a single hash of the tile above."""
    assert place_of(Subtree(0, 300)) == (TileKey(0, 1), 44, 1)
    assert place_of(Subtree(7, 3)) == (TileKey(0, 1), 128, 128)
    assert place_of(Subtree(8, 3)) == (TileKey(1, 0), 3, 1)


@pytest.mark.parametrize("kept", [{}, {TileKey(0, 0): bytes(32 * 2)}])
def test_missing_or_short_tile_is_named(kept: dict[TileKey, bytes]) -> None:
    """In reading and in taking up."""
    with pytest.raises(IntegrityViolated, match="tile 0/0 "):
        root(3, read_through(lambda _: kept))
    with pytest.raises(IntegrityViolated, match="tile 0/0 "):
        Edge(3, kept)


def test_what_a_tile_has_beyond_the_size_is_forgotten() -> None:
    """A tile that another integrator has lengthened meanwhile does not disturb."""
    grown = Edge(1_000, {key: ALL[key] for key in edge(1_000)})
    assert grown.root() == TREE.root(1_000)
    assert grown.append(TREE.leaves[1_000:1_020])[TileKey(0, 3)] == ALL[TileKey(0, 3)][: 252 * 32]


def test_nothing_appended_changes_nothing() -> None:
    """And no row is written for it."""
    assert Edge().append([]) == {}


def test_tree_ends_at_the_greatest_size() -> None:
    """Positions end there, too."""
    tiles = {key: bytes(FULL * 32) for key in edge(MAX_SIZE)}
    with pytest.raises(InvalidInput, match="size"):
        Edge(MAX_SIZE, tiles).append([bytes(32)])


def test_leaf_of_another_length_is_refused() -> None:
    """It would shift every hash behind it."""
    with pytest.raises(InvalidInput, match="leaves"):
        Edge().append([bytes(31)])
    assert subtree_hash(bytes(32)) == bytes(32)

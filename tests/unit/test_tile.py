"""Tiles and bundles have the paths, widths and bytes of C2SP tlog-tiles, each in one spelling."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.errors import InvalidInput
from provenstore.domain.transparency.merkle import MAX_SIZE
from provenstore.domain.transparency.tile import (
    FULL,
    EntryBundle,
    Tile,
    bundles_between,
    encode_entries,
    parse_entries,
    parse_path,
    tiles_between,
)

_numbers = st.integers(0, MAX_SIZE) | st.integers(0, 2_000_000)
_widths = st.integers(1, FULL)
_tiles = st.builds(Tile, st.integers(0, 63), _numbers, _widths)
_bundles = st.builds(EntryBundle, _numbers, _widths)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("tile/0/x001/x234/067", Tile(0, 1_234_067)),
        ("tile/63/000", Tile(63, 0)),
        ("tile/1/999.p/1", Tile(1, 999, 1)),
        ("tile/0/x001/000.p/255", Tile(0, 1_000, 255)),
        ("tile/entries/x273/112.p/7", EntryBundle(273_112, 7)),
    ],
)
def test_paths_are_those_of_the_specification(path: str, named: Tile | EntryBundle) -> None:
    """Elements of three digits, and a width where the tile is partial."""
    assert parse_path(path) == named
    assert named.path == path


@given(_tiles | _bundles)
def test_every_path_reads_back(named: Tile | EntryBundle) -> None:
    """Whatever level, number and width."""
    assert parse_path(named.path) == named


@given(_tiles | _bundles, st.data())
def test_no_other_spelling_reads_as_the_same(named: Tile | EntryBundle, data: st.DataObject) -> None:
    """A cache that compares paths never holds one tile twice."""
    at = data.draw(st.integers(0, len(named.path)))
    put = data.draw(st.sampled_from(["0", "x", "/", " ", "+", "-", "\n", "x000/", ".p/", "\u0660", "%30"]))
    other = named.path[:at] + put + named.path[at:]
    with suppress(InvalidInput):
        assert parse_path(other).path == other


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("tile/00/000", "level"),
        ("tile/64/000", "level"),
        ("tile/-1/000", "level"),
        ("tile/+1/000", "level"),
        ("tile/x/000", "level"),
        ("tile//000", "level"),
        ("tile/0/", "path"),
        ("tile/0", "path"),
        ("tiles/0/000", "path"),
        ("/tile/0/000", "path"),
        ("", "path"),
        ("tile/0/" + "x001/" * 20 + "000", "path"),
        ("tile/0/00", "number"),
        ("tile/0/0000", "number"),
        ("tile/0/x000/001", "number"),
        ("tile/0/001/002", "number"),
        ("tile/0/x001", "number"),
        ("tile/0/x001/x002", "number"),
        ("tile/0/000/", "number"),
        ("tile/0/-01", "number"),
        ("tile/0/../000", "number"),
        ("tile/0/000\n", "number"),
        ("tile/0/\u0660\u0660\u0660", "number"),
        ("tile/0/x009/x223/x372/x036/x854/x775/808", "number"),
        ("tile/0/000.p/0", "width"),
        ("tile/0/000.p/256", "width"),
        ("tile/0/000.p/01", "width"),
        ("tile/0/000.p/-1", "width"),
        ("tile/0/000.p/", "width"),
        ("tile/0/000.p/1/2", "width"),
        ("tile/0/000.p/" + "9" * 30, "width"),
        ("tile/entries/0", "number"),
    ],
)
def test_hostile_path_is_refused(path: str, place: str) -> None:
    """And the refusal names the part of the path."""
    with pytest.raises(InvalidInput, match=f"^{place}: "):
        parse_path(path)


@pytest.mark.parametrize(("level", "number", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_impossible_tile_is_refused(level: int, number: int, width: int) -> None:
    """Also where it was not read from a path."""
    with pytest.raises(InvalidInput):
        Tile(level, number, width)


def test_tiles_of_the_specifications_examples() -> None:
    """The two trees that tlog-tiles counts the tiles of."""
    tiles = list(tiles_between(0, 70_000))
    assert tiles[:273] == [Tile(0, number) for number in range(273)]
    assert tiles[273:] == [Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_between(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_between(0, 0)) == []


@given(st.lists(st.integers(0, 200_000), min_size=2, max_size=6))
def test_tiles_between_are_exactly_the_new_ones(sizes: list[int]) -> None:
    """However the log grew, what is published step by step is each tile that some step needs, and none twice."""
    published: set[Tile] = set()
    for old, new in pairwise([0, *sorted(sizes)]):
        step = list(tiles_between(old, new))
        assert published.isdisjoint(step)
        published.update(step)
        needed = set(tiles_between(0, new))
        assert needed <= published
        assert all(tile.is_of(new) for tile in step)
        assert all(not tile.is_of(old) for tile in step)


def test_bundles_are_where_the_lowest_tiles_are() -> None:
    """One bundle per tile of leaves."""
    assert list(bundles_between(255, 600)) == [EntryBundle(0), EntryBundle(1), EntryBundle(2, 88)]
    assert EntryBundle(2, 88).begin == 512
    assert EntryBundle(2, 88).is_of(600)
    assert not EntryBundle(2, 88).is_of(599)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5), (0, MAX_SIZE + 1)])
def test_log_that_shrinks_has_no_tiles(old: int, new: int) -> None:
    """Sizes that cannot be are refused."""
    with pytest.raises(InvalidInput):
        list(tiles_between(old, new))


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=8), st.data())
def test_bundle_reads_back_and_not_shortened(entries: list[bytes], data: st.DataObject) -> None:
    """Entries of any bytes; a bundle cut anywhere, or with a byte more, is refused."""
    bundle = encode_entries(entries)
    assert parse_entries(bundle, len(entries)) == entries
    with pytest.raises(InvalidInput, match="bundle: ends within entry"):
        parse_entries(bundle[: data.draw(st.integers(0, len(bundle) - 1))], len(entries))
    with pytest.raises(InvalidInput, match="bundle: goes on for 1 bytes"):
        parse_entries(bundle + b"\0", len(entries))


def test_entry_of_64_kib_is_refused() -> None:
    """One byte less is the longest that there can be."""
    assert len(encode_entries([bytes(65_535)])) == 65_537
    with pytest.raises(InvalidInput, match="entries: has one of 65,536 bytes"):
        encode_entries([b"", bytes(65_536)])

"""What we publish, tools that were not written here read whole; what is tampered with, they find."""

from itertools import pairwise
from pathlib import Path

import pytest

from naive_tree import NaiveTree
from note_keys import LOG, ORIGIN
from proof_judges import Case, Judge, every, flip
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import consistency_proof, inclusion_proof
from provenstore.domain.transparency.tile import FULL, Tile, TileKey, bundles_between, encode_entries, tiles_between
from provenstore.domain.transparency.tiled_tree import Edge, read_through

SIZES = (1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 70_000, 300_000)


@every("go")
def test_tiles_of_a_tree(judge: Judge) -> None:
    """Exactly those that others expect, under the same paths."""
    paths = {size: [tile.path for tile in tiles_between(0, size)] for size in SIZES}
    judge.accept([{"check": "paths", "size": size, "paths": paths[size]} for size in SIZES])
    judge.refuse([{"check": "paths", "size": size, "paths": paths[size][1:]} for size in SIZES])
    judge.refuse([{"check": "paths", "size": size + 1, "paths": paths[size]} for size in SIZES])


class Published:
    """A log as it is published in a folder, grown in steps, with every partial tile that a step needed."""

    def __init__(self, folder: Path, sizes: tuple[int, ...]) -> None:
        self.folder = folder
        self.size = sizes[-1]
        self.entries = [f"entry {index}".encode() * (index % 5) for index in range(self.size)]
        self.kept: dict[TileKey, bytes] = {}
        tree, edge = NaiveTree(self.entries), Edge()
        for old, new in pairwise((0, *sizes)):
            self.kept.update(edge.append(tree.leaves[old:new]))
            for tile in tiles_between(old, new):
                self.write(tile.path, self.kept[tile.key][: 32 * tile.width])
            for bundle in bundles_between(old, new):
                self.write(bundle.path, encode_entries(self.entries[bundle.begin : bundle.begin + bundle.width]))
        self.root = edge.root()
        self.write("checkpoint", sign_checkpoint(Checkpoint(ORIGIN, self.size, self.root), [LOG]))

    def write(self, path: str, content: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def case(self, index: int, old: int, **changes: object) -> Case:
        read = read_through(lambda keys: {key: self.kept[key] for key in keys})
        return {
            "check": "tiles",
            "folder": str(self.folder),
            "key": str(LOG.public),
            "size": self.size,
            "root": self.root,
            "index": index,
            "proof": inclusion_proof(index, self.size, read),
            "old": old,
            "older": consistency_proof(old, self.size, read),
            **changes,
        }


@every("go", "tlog-scales")
@pytest.mark.parametrize("sizes", [(1,), (256,), (3, 255, 700), (600, 66_000)], ids=lambda sizes: str(sizes[-1]))
def test_published_log(judge: Judge, sizes: tuple[int, ...], tmp_path: Path) -> None:
    """Every hash and entry is read through the tiles, and what others prove from them is what we prove."""
    log = Published(tmp_path, sizes)
    judge.accept([log.case(log.size - 1, sizes[0]), log.case(0, log.size), log.case(log.size // 3, 1)])
    judge.refuse([log.case(0, 1, root=flip(log.root)), log.case(0, 1, proof=[bytes(32)])])


@every("go", "tlog-scales")
@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"])
def test_tampered_log(judge: Judge, path: str, tmp_path: Path) -> None:
    """One byte of any file, and a file that is missing."""
    log = Published(tmp_path, (700,))
    file = tmp_path / path
    content = file.read_bytes()
    for at in (len(content) // 2, len(content) - 2):
        file.write_bytes(flip(content, at))
        judge.refuse([log.case(0, 1)])
    file.write_bytes(content)
    judge.accept([log.case(0, 1)])
    file.unlink()
    judge.refuse([log.case(0, 1)])


def test_tile_is_as_wide_as_its_path_says(tmp_path: Path) -> None:
    """Which no judge looks at by itself."""
    Published(tmp_path, (3, 700))
    for size in (3, 700):
        for tile in tiles_between(0, size):
            assert (tmp_path / tile.path).stat().st_size == 32 * tile.width
    assert (tmp_path / Tile(0, 0, FULL).path).stat().st_size == 8_192

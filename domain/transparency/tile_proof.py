"""That the hashes of a tile are those of the tree: the path from the tile's last hash to the root covers all of them.

The siblings to the left of the last hash, within the tile, are folded from all the others, so one altered hash leads to
another root. Pure: hashes come from a function that is handed in.
"""

from collections.abc import Mapping, Sequence

from provenstore.domain.errors import InvalidProof
from provenstore.domain.transparency.checkpoint import Checkpoint
from provenstore.domain.transparency.merkle import HASH_BYTES, folded, inclusion_subtrees, verify_inclusion
from provenstore.domain.transparency.tile import FULL, HEIGHT, Tile, TileKey
from provenstore.domain.transparency.tiled_tree import FetchTiles, read_through


def verify_tile(tile: Tile, hashes: bytes, checkpoint: Checkpoint, fetch: FetchTiles) -> None:
    """Check that `hashes` are those of `tile` in the tree of `checkpoint`; InvalidProof if they are not.

    `fetch` answers the tiles above and beside it. IntegrityViolated where one of them is missing.
    """
    if len(hashes) != tile.width * HASH_BYTES or not tile.is_of(checkpoint.size):
        raise InvalidProof(tile.path, "is not of this width in the tree")

    def through(keys: Sequence[TileKey]) -> Mapping[TileKey, bytes]:
        # What the tile has by now beyond the width that is asked for stands beside it, and is read as it is.
        found = dict(fetch(keys))
        if tile.key in keys:
            found[tile.key] = hashes + found.get(tile.key, b"")[len(hashes) :]
        return found

    # The tree over the subtrees of 256^level leaves has the same shape above them; the last one may be incomplete.
    height = HEIGHT * tile.level
    last = tile.number * FULL + tile.width - 1
    above = inclusion_subtrees(((last + 1) << height) - 1, checkpoint.size)[height:]
    proof = folded(above, read_through(through))
    size = -(-checkpoint.size >> height)
    try:
        verify_inclusion(hashes[-HASH_BYTES:], last, size, proof, checkpoint.root)
    except InvalidProof as exc:
        raise InvalidProof(tile.path, exc.message) from None

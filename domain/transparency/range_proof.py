"""The proof that a range of the log is whole: all its leaves, and the nodes beside it, recompute to the root.

Whoever holds the events of a month need not hold those before and after. Nothing in between can be missing, altered or
in another order, since every leaf of the range is hashed.
"""

from collections.abc import Iterable, Sequence

from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.transparency.merkle import (
    HASH_BYTES,
    Reader,
    Subtree,
    complete_subtrees,
    folded,
    node_hash,
    require_hashes,
    require_size,
    split,
)


def range_subtrees(begin: int, end: int, size: int) -> list[list[Subtree]]:
    """Return, for each node beside the leaves from `begin` up to `end`, left to right, the subtrees to fold.

    InvalidInput for an empty range, and for one that the tree of `size` leaves does not have.
    """
    require_size("size", size)
    if not 0 <= begin < end <= size:
        raise InvalidInput("range", f"from {begin} up to {end} is not in a tree of {size}")
    return [complete_subtrees(*node) for node in _beside(begin, end, 0, size)]


def _beside(begin: int, end: int, low: int, high: int) -> list[tuple[int, int]]:
    """Return the largest nodes below the node from `low` up to `high` that have no leaf of the range."""
    if end <= low or high <= begin:
        return [(low, high)]
    if begin <= low and high <= end:
        return []
    middle = low + split(high - low)
    return _beside(begin, end, low, middle) + _beside(begin, end, middle, high)


def range_proof(begin: int, end: int, size: int, read: Reader) -> list[bytes]:
    """Return the hashes of the nodes beside the range, left to right; none for the whole tree."""
    return folded(range_subtrees(begin, end, size), read)


def verify_range(
    leaves: Iterable[bytes], begin: int, end: int, *, size: int, proof: Sequence[bytes], expected: bytes
) -> None:
    """Check that `leaves` (leaf hashes) are those from `begin` up to `end` of the tree of `size` and root `expected`.

    In memory for one hash per level, however long the range. InvalidProof where they are not.
    """
    require_hashes(proof)
    try:
        wanted = len(range_subtrees(begin, end, size))
    except InvalidInput as exc:
        raise InvalidProof("range", exc.message) from None
    if len(proof) != wanted:
        raise InvalidProof("proof", f"has {len(proof)} hashes, not the {wanted} beside this range")
    given, remaining = iter(proof), iter(leaves)

    def node(low: int, high: int) -> bytes:
        if end <= low or high <= begin:
            return next(given)
        if high - low == 1:
            return _leaf(next(remaining, None), low)
        middle = low + split(high - low)
        return node_hash(node(low, middle), node(middle, high))

    found = node(0, size)
    if next(remaining, None) is not None:
        raise InvalidProof("leaves", f"go on behind {end - 1}")
    if found != expected:
        raise InvalidProof("leaves", "lead to another root")


def _leaf(leaf: bytes | None, index: int) -> bytes:
    if leaf is None:
        raise InvalidProof("leaves", f"end before {index}")
    if len(leaf) != HASH_BYTES:
        raise InvalidProof(f"leaf {index}", f"is {len(leaf)} bytes long, not {HASH_BYTES}")
    return leaf

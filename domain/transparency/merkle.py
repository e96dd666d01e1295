"""The Merkle tree over the log: its hashes, which nodes a proof consists of, and how a proof is checked.

Pure mathematics of RFC 6962 §2.1 and RFC 9162 §2.1 with SHA-256. Nodes are read through a reader, so nothing here knows
where they are kept. A check never answers with a bool that could be overlooked: it returns, or raises InvalidProof.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 6962 §2.1)."""

MAX_SIZE = 2**63 - 1
"""Leaves that a tree may have: positions, and the sizes that other verifiers read, are signed 64-bit integers."""


class Subtree(NamedTuple):
    """A complete subtree: the `number`-th, from 0, of those of 2^`level` leaves that the tree is divided into."""

    level: int
    number: int


Reader = Callable[[Sequence[Subtree]], Sequence[bytes]]
"""Answers the hashes of complete subtrees, in the order asked. One call per proof, so that it can be one query."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# -- which nodes ---------------------------------------------------------------------------------------------


def complete_subtrees(begin: int, end: int) -> list[Subtree]:
    """Return the largest complete subtrees that together are the leaves from `begin` up to `end`, left to right.

    `begin` is a multiple of the smallest power of two that is not below `end` - `begin`, as it is for every node.
    """
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append(Subtree(level, begin >> level))
        begin += 1 << level
    return found


def root_subtrees(size: int) -> list[Subtree]:
    """Return the subtrees whose fold is the root of the tree of `size` leaves; none for the empty tree."""
    require_size("size", size)
    return complete_subtrees(0, size)


def inclusion_subtrees(index: int, size: int) -> list[list[Subtree]]:
    """Return, for each hash of the proof that leaf `index` is in the tree of `size`, what to fold (RFC 9162 §2.1.3.1).

    The leaf's sibling comes first. InvalidInput if there is no such leaf.
    """
    require_size("size", size)
    if not 0 <= index < size:
        raise InvalidInput("index", f"is not below the size of the tree, {size:,}")
    begin, end, nodes = 0, size, []
    while end - begin > 1:
        middle = begin + split(end - begin)
        if index < middle:
            nodes.append((middle, end))
            end = middle
        else:
            nodes.append((begin, middle))
            begin = middle
    return [complete_subtrees(*node) for node in reversed(nodes)]


def consistency_subtrees(old: int, new: int) -> list[list[Subtree]]:
    """Return, for each hash of the proof that the tree of `new` extends that of `old`, what to fold (§2.1.4.1).

    Nothing has to be shown where `old` is 0 or equal to `new`. InvalidInput if `old` is the larger.
    """
    require_size("new", new)
    if not 0 <= old <= new:
        raise InvalidInput("old", f"is not at most the size of the newer tree, {new:,}")
    if old in (0, new):
        return []
    begin, end, nodes = 0, new, []
    while end != old:
        middle = begin + split(end - begin)
        if old <= middle:
            nodes.append((middle, end))
            end = middle
        else:
            nodes.append((begin, middle))
            begin = middle
    if begin:  # otherwise the old tree is a subtree of the new one, and its root is known
        nodes.append((begin, end))
    return [complete_subtrees(*node) for node in reversed(nodes)]


def split(count: int) -> int:
    """Return how many of `count` leaves, at least two, are below a node's left child (RFC 6962 §2.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def require_size(field: str, size: int) -> None:
    """Refuse with InvalidInput the size of no tree."""
    if not 0 <= size <= MAX_SIZE:
        raise InvalidInput(field, f"is not from 0 to {MAX_SIZE:,}", limit=MAX_SIZE)


# -- computed from a reader ----------------------------------------------------------------------------------


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees of falling size, left to right; EMPTY_ROOT over none."""
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def root(size: int, read: Reader) -> bytes:
    """Return the root of the tree of `size` leaves."""
    return folded([root_subtrees(size)], read)[0]


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves, the leaf's sibling first."""
    return folded(inclusion_subtrees(index, size), read)


def consistency_proof(old: int, new: int, read: Reader) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with that of `old`."""
    return folded(consistency_subtrees(old, new), read)


def folded(nodes: Sequence[Sequence[Subtree]], read: Reader) -> list[bytes]:
    """Return the hashes of nodes, each given as the subtrees to fold; all are read at once.

    IntegrityViolated where the reader lacks one.
    """
    wanted = [subtree for node in nodes for subtree in node]
    hashes = list(read(wanted)) if wanted else []
    if len(hashes) != len(wanted) or any(len(one) != HASH_BYTES for one in hashes):
        raise IntegrityViolated("the tree does not have the hashes that it must have at this size")
    parts = iter(hashes)
    return [fold([next(parts) for _ in node]) for node in nodes]


# -- checked -------------------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that `leaf` (a leaf hash) is leaf `index` of the tree of `size` leaves and root `expected`.

    By the loop of RFC 9162 §2.1.3.2, whose steps are numbered. Raises InvalidProof.
    """
    require_hashes(proof)
    if len(leaf) != HASH_BYTES:
        raise InvalidProof("leaf", f"is {len(leaf)} bytes long, not {HASH_BYTES}")
    if not 0 <= index < size <= MAX_SIZE:  # 1
        raise InvalidProof("index", f"{index} is not below the size of the tree, {size}")
    fn, sn, r = index, size - 1, leaf  # 2, 3
    for at, p in enumerate(proof):  # 4
        if sn == 0:
            raise InvalidProof(f"proof[{at}]", f"is left over; the proof in a tree of {size} has {at} hashes")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:  # 5
        raise InvalidProof("proof", f"ends too early, after {len(proof)} hashes")
    if r != expected:
        raise InvalidProof("proof", "leads from the leaf to another root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `new` leaves and `new_root` begins with the tree of `old` leaves and `old_root`.

    By the loop of RFC 9162 §2.1.4.2, whose steps are numbered; every tree extends the empty one and itself, by the
    empty proof. Raises InvalidProof.
    """
    require_hashes(proof)
    if not 0 <= old <= new <= MAX_SIZE:
        raise InvalidProof("size", f"a tree of {new} does not extend one of {old}")
    if old in (0, new):
        _verify_without_proof(old_root, new_root if old else EMPTY_ROOT, proof)
        return
    if not proof:  # 1
        raise InvalidProof("proof", "is empty")
    complete = old & (old - 1) == 0
    fr, *path = [old_root, *proof] if complete else proof  # 2
    fn, sn, sr = old - 1, new - 1, fr  # 3, 5
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    for at, c in enumerate(path, start=0 if complete else 1):  # 6
        if sn == 0:
            raise InvalidProof(f"proof[{at}]", "is left over")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn:  # 7
        raise InvalidProof("proof", f"ends too early, after {len(proof)} hashes")
    if fr != old_root:
        raise InvalidProof("proof", "leads to another root of the older tree")
    if sr != new_root:
        raise InvalidProof("proof", "leads to another root of the newer tree")


def _verify_without_proof(found: bytes, expected: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise InvalidProof("proof[0]", "is left over; there is nothing to show between these sizes")
    if found != expected:
        raise InvalidProof("root", "is not the one root that the older tree can have")


def require_hashes(proof: Sequence[bytes]) -> None:
    """Refuse with InvalidProof a hash of another length: it could stand for a node and its neighbour."""
    for at, one in enumerate(proof):
        if len(one) != HASH_BYTES:
            raise InvalidProof(f"proof[{at}]", f"is {len(one)} bytes long, not {HASH_BYTES}")


# -- appended to ---------------------------------------------------------------------------------------------


class Frontier:
    """The root of a growing tree from its leaves alone, in memory for one hash per level: for those who recompute."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Begin at `size` with the hashes of `root_subtrees(size)`."""
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != len(root_subtrees(size)):
            raise InvalidInput("hashes", f"are not those of the subtrees of a tree of {size}")

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes of `root_subtrees(size)`."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash at the end."""
        size, hashes = self.size, self._hashes
        while size & 1:  # each set bit is a complete subtree that now gets its right sibling
            leaf = hashlib.sha256(b"\x01" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree so far."""
        return fold(self._hashes)

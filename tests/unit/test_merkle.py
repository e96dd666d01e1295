"""Roots and proofs are those of RFC 6962, and a check believes nothing else."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_tree import MOST, TREE, NaiveTree
from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.transparency.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    Subtree,
    consistency_proof,
    consistency_subtrees,
    inclusion_proof,
    inclusion_subtrees,
    leaf_hash,
    root,
    root_subtrees,
    verify_consistency,
    verify_inclusion,
)

# The test vectors of Certificate Transparency's reference implementation: eight entries, and the root at each size.
PUBLISHED = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
]
PUBLISHED_PATHS = {
    0: [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    5: [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}

_sizes = st.integers(0, MOST)


@st.composite
def _leaf_of_tree(drawn: st.DrawFn) -> tuple[int, int]:
    size = drawn(st.integers(1, MOST))
    return drawn(st.integers(0, size - 1)), size


@st.composite
def _two_sizes(drawn: st.DrawFn) -> tuple[int, int]:
    new = drawn(st.integers(1, MOST))
    return drawn(st.integers(1, new)), new


@pytest.fixture
def published() -> NaiveTree:
    return NaiveTree([bytes.fromhex(entry) for entry, _ in PUBLISHED])


def test_published_roots(published: NaiveTree) -> None:
    """The roots of the reference implementation at each of eight sizes, and of no entry."""
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT == root(0, published.read)
    for size, (entry, expected) in enumerate(PUBLISHED, start=1):
        frontier.append(leaf_hash(bytes.fromhex(entry)))
        assert frontier.root().hex() == expected
        assert root(size, published.read).hex() == expected


@pytest.mark.parametrize("index", PUBLISHED_PATHS)
def test_published_paths(published: NaiveTree, index: int) -> None:
    """The audit paths of the reference implementation."""
    proof = inclusion_proof(index, len(PUBLISHED), published.read)
    assert [one.hex() for one in proof] == PUBLISHED_PATHS[index]


def test_every_root_is_the_naive_one() -> None:
    """At all sizes, from subtrees and from leaves one by one."""
    frontier = Frontier()
    for size in range(MOST + 1):
        assert root(size, TREE.read) == TREE.root(size) == frontier.root()
        assert list(frontier.hashes) == TREE.read(root_subtrees(size))
        if size < MOST:
            frontier.append(TREE.leaves[size])


@given(_leaf_of_tree())
def test_inclusion_is_the_naive_proof_and_verifies(case: tuple[int, int]) -> None:
    """For any leaf of any tree."""
    index, size = case
    proof = inclusion_proof(index, size, TREE.read)
    assert proof == TREE.inclusion(index, size)
    verify_inclusion(TREE.leaves[index], index, size, proof, TREE.root(size))


@given(_two_sizes())
def test_consistency_is_the_naive_proof_and_verifies(case: tuple[int, int]) -> None:
    """For any two sizes."""
    old, new = case
    proof = consistency_proof(old, new, TREE.read)
    assert proof == TREE.consistency(old, new)
    verify_consistency(old, TREE.root(old), new, TREE.root(new), proof)


def test_every_small_proof_verifies() -> None:
    """All leaves and all pairs of sizes up to 40, so that no shape of a tree is left to chance."""
    for new in range(1, 41):
        for old in range(new + 1):
            verify_consistency(old, TREE.root(old), new, TREE.root(new), consistency_proof(old, new, TREE.read))
        for index in range(new):
            proof = inclusion_proof(index, new, TREE.read)
            verify_inclusion(TREE.leaves[index], index, new, proof, TREE.root(new))


@given(_leaf_of_tree(), st.data())
def test_altered_inclusion_is_refused(case: tuple[int, int], data: st.DataObject) -> None:
    """Another leaf, index, size or root, a hash that is altered, missing, added or moved: none of them passes."""
    index, size = case
    leaf, proof, expected = TREE.leaves[index], TREE.inclusion(index, size), TREE.root(size)
    with pytest.raises(InvalidProof, match=rf"proof\[{len(proof)}\]: is left over"):
        verify_inclusion(leaf, index, size, [*proof, bytes(32)], expected)
    with pytest.raises(InvalidProof):
        verify_inclusion(_flip(leaf, data), index, size, proof, expected)
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf, index, size, proof, _flip(expected, data))
    other = data.draw(_sizes.filter(lambda one: one != index))
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf, other, size, proof, expected)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(InvalidProof):
            verify_inclusion(leaf, index, size, _replaced(proof, at, _flip(proof[at], data)), expected)
        with pytest.raises(InvalidProof, match="proof: "):
            verify_inclusion(leaf, index, size, proof[:at] + proof[at + 1 :], expected)
        with pytest.raises(InvalidProof, match=rf"proof\[{at}\]: is 31 bytes"):
            verify_inclusion(leaf, index, size, _replaced(proof, at, proof[at][1:]), expected)


@given(_two_sizes(), st.data())
def test_altered_consistency_is_refused(case: tuple[int, int], data: st.DataObject) -> None:
    """Another root on either side, a hash that is altered, missing or added: none of them passes."""
    old, new = case
    proof, before, after = TREE.consistency(old, new), TREE.root(old), TREE.root(new)
    with pytest.raises(InvalidProof, match=rf"proof\[{len(proof)}\]: is left over"):
        verify_consistency(old, before, new, after, [*proof, bytes(32)])
    with pytest.raises(InvalidProof):
        verify_consistency(old, _flip(before, data), new, after, proof)
    with pytest.raises(InvalidProof):
        verify_consistency(old, before, new, _flip(after, data), proof)
    with pytest.raises(InvalidProof, match="size"):
        verify_consistency(new + 1, before, new, after, proof)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(InvalidProof, match="leads"):
            verify_consistency(old, before, new, after, _replaced(proof, at, _flip(proof[at], data)))
        with pytest.raises(InvalidProof):
            verify_consistency(old, before, new, after, proof[:at] + proof[at + 1 :])
        with pytest.raises(InvalidProof, match=rf"proof\[{at}\]"):
            verify_consistency(old, before, new, after, _replaced(proof, at, proof[at] + b"\0"))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (0, -1), (0, MAX_SIZE + 1)])
def test_impossible_leaf_is_refused(index: int, size: int) -> None:
    """In planning and in checking, before anything is hashed."""
    with pytest.raises(InvalidInput):
        inclusion_subtrees(index, size)
    with pytest.raises(InvalidProof, match="index"):
        verify_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5), (0, -1), (1, MAX_SIZE + 1)])
def test_impossible_sizes_are_refused(old: int, new: int) -> None:
    """In planning and in checking."""
    with pytest.raises(InvalidInput):
        consistency_subtrees(old, new)
    with pytest.raises(InvalidProof, match="size"):
        verify_consistency(old, bytes(32), new, bytes(32), [])


def test_empty_tree_is_extended_by_every_tree_but_has_one_root() -> None:
    """A rewound log cannot call itself empty under a root of its own."""
    verify_consistency(0, EMPTY_ROOT, 7, TREE.root(7), [])
    with pytest.raises(InvalidProof, match="root"):
        verify_consistency(0, TREE.root(7), 7, TREE.root(7), [])
    with pytest.raises(InvalidProof, match="root"):
        verify_consistency(7, TREE.root(6), 7, TREE.root(7), [])


def test_proof_for_a_smaller_tree_is_refused() -> None:
    """Though its hashes lead to the root: a size that nobody signed beside it proves nothing."""
    leaf, (sibling,) = TREE.leaves[0], TREE.inclusion(0, 2)
    verify_inclusion(leaf, 0, 2, [sibling], TREE.root(2))
    for size in (3, 4, 5):
        with pytest.raises(InvalidProof, match="proof: ends too early, after 1 hashes"):
            verify_inclusion(leaf, 0, size, [sibling], TREE.root(2))
        with pytest.raises(InvalidProof, match="proof: ends too early, after 1 hashes"):
            verify_consistency(1, leaf, size, TREE.root(2), [sibling])


def test_empty_proof_between_different_trees_is_refused() -> None:
    """There is always something to show."""
    with pytest.raises(InvalidProof, match="proof: is empty"):
        verify_consistency(3, TREE.root(3), 5, TREE.root(5), [])


def test_leaf_of_another_length_is_refused() -> None:
    """Also where it stands alone."""
    with pytest.raises(InvalidProof, match="leaf: is 31 bytes long"):
        verify_inclusion(bytes(31), 0, 1, [], bytes(31))


def test_greatest_tree_has_short_proofs() -> None:
    """No proof is longer than the tree is high, and a million leaves take twenty hashes."""
    assert max(len(inclusion_subtrees(index, 1_000_000)) for index in (0, 524_288, 999_999)) == 20
    assert len(inclusion_subtrees(0, MAX_SIZE)) == 63
    assert len(consistency_subtrees(MAX_SIZE - 2, MAX_SIZE)) <= 64


def test_one_proof_is_one_read() -> None:
    """The reader may be a query to a database."""
    calls = []

    def read(subtrees: Sequence[Subtree]) -> list[bytes]:
        calls.append(subtrees)
        return TREE.read(subtrees)

    inclusion_proof(3, 1_000, read)
    assert len(calls) == 1


@pytest.mark.parametrize("answer", [[], [b"short"]])
def test_reader_that_lacks_a_hash_is_not_believed(answer: list[bytes]) -> None:
    """A tree with a hole proves nothing."""
    with pytest.raises(IntegrityViolated):
        root(1, lambda _: answer)


@given(_sizes, st.integers(0, 40))
def test_frontier_goes_on_from_its_hashes(size: int, more: int) -> None:
    """Whoever kept size and hashes needs no leaf again."""
    frontier = Frontier(size, TREE.read(root_subtrees(size)))
    for leaf in TREE.leaves[size : size + more]:
        frontier.append(leaf)
    assert frontier.root() == TREE.root(min(size + more, MOST))
    with pytest.raises(InvalidInput, match="hashes"):
        Frontier(size, [*TREE.read(root_subtrees(size)), bytes(32)])


def _replaced(proof: list[bytes], at: int, one: bytes) -> list[bytes]:
    return [*proof[:at], one, *proof[at + 1 :]]


def _flip(value: bytes, data: st.DataObject) -> bytes:
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")

"""A range of the log recomputes to the root, or is not that range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_tree import MOST, TREE
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.transparency.merkle import MAX_SIZE, inclusion_proof
from provenstore.domain.transparency.range_proof import range_proof, range_subtrees, verify_range


@st.composite
def _ranges(drawn: st.DrawFn) -> tuple[int, int, int]:
    size = drawn(st.integers(1, MOST))
    end = drawn(st.integers(1, size))
    return drawn(st.integers(0, end - 1)), end, size


def _verify(begin: int, end: int, size: int) -> None:
    proof = range_proof(begin, end, size, TREE.read)
    verify_range(iter(TREE.leaves[begin:end]), begin, end, size=size, proof=proof, expected=TREE.root(size))


@given(_ranges())
def test_any_range_verifies(case: tuple[int, int, int]) -> None:
    """With the hashes beside it."""
    _verify(*case)


def test_every_range_of_small_trees_verifies() -> None:
    """So that no shape is left to chance."""
    for size in range(1, 18):
        for end in range(1, size + 1):
            for begin in range(end):
                _verify(begin, end, size)


def test_whole_tree_needs_no_hash_and_one_leaf_those_of_its_inclusion() -> None:
    """At the two ends a range is what is known already."""
    assert range_proof(0, 700, 700, TREE.read) == []
    assert sorted(range_proof(300, 301, 700, TREE.read)) == sorted(inclusion_proof(300, 700, TREE.read))


@given(_ranges(), st.data())
def test_altered_range_is_refused(case: tuple[int, int, int], data: st.DataObject) -> None:
    """A leaf missing, added, swapped or changed; a hash beside it changed, missing or added; another root or place."""
    begin, end, size = case
    leaves, proof, root = TREE.leaves[begin:end], range_proof(begin, end, size, TREE.read), TREE.root(size)
    at = data.draw(st.integers(0, len(leaves) - 1))
    with pytest.raises(InvalidProof, match=f"leaves: end before {end - 1}"):
        verify_range(leaves[:at] + leaves[at + 1 :], begin, end, size=size, proof=proof, expected=root)
    with pytest.raises(InvalidProof, match=f"leaves: go on behind {end - 1}"):
        verify_range([*leaves, leaves[at]], begin, end, size=size, proof=proof, expected=root)
    with pytest.raises(InvalidProof, match="leaves: lead to another root"):
        verify_range([*leaves[:at], bytes(32), *leaves[at + 1 :]], begin, end, size=size, proof=proof, expected=root)
    with pytest.raises(InvalidProof, match="leaves: lead to another root"):
        verify_range(leaves, begin, end, size=size, proof=proof, expected=bytes(32))
    with pytest.raises(InvalidProof, match=f"proof: has {len(proof) + 1} hashes, not the {len(proof)}"):
        verify_range(leaves, begin, end, size=size, proof=[*proof, bytes(32)], expected=root)
    if proof:
        one = data.draw(st.integers(0, len(proof) - 1))
        with pytest.raises(InvalidProof, match="leaves: lead to another root"):
            verify_range(
                leaves, begin, end, size=size, proof=[*proof[:one], bytes(32), *proof[one + 1 :]], expected=root
            )
        with pytest.raises(InvalidProof, match=rf"proof\[{one}\]: is 31 bytes"):
            verify_range(
                leaves, begin, end, size=size, proof=[*proof[:one], bytes(31), *proof[one + 1 :]], expected=root
            )


def test_swapped_leaves_are_refused() -> None:
    """The order is part of what is proven."""
    leaves = TREE.leaves[2:6]
    with pytest.raises(InvalidProof, match="another root"):
        verify_range(leaves[::-1], 2, 6, size=9, proof=range_proof(2, 6, 9, TREE.read), expected=TREE.root(9))


def test_leaf_of_another_length_is_refused() -> None:
    """It could stand for a node."""
    with pytest.raises(InvalidProof, match="leaf 0: is 64 bytes long"):
        verify_range([bytes(64)], 0, 1, size=1, proof=[], expected=bytes(64))


@pytest.mark.parametrize(
    ("begin", "end", "size"), [(0, 0, 5), (3, 2, 5), (-1, 2, 5), (0, 6, 5), (0, 0, 0), (0, 1, MAX_SIZE + 1)]
)
def test_impossible_range_is_refused(begin: int, end: int, size: int) -> None:
    """In planning and in checking."""
    with pytest.raises(InvalidInput):
        range_subtrees(begin, end, size)
    with pytest.raises(InvalidProof, match="range"):
        verify_range([], begin, end, size=size, proof=[], expected=bytes(32))

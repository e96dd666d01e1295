"""The tree as RFC 6962 §2.1 defines it, by plain recursion over all leaves: slow, and easy to believe."""

import hashlib
from collections.abc import Sequence
from functools import cache

from provenstore.domain.transparency.merkle import Subtree


class NaiveTree:
    """The tree over entries, each of which may be any bytes."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
        self._hash = cache(self._compute)

    def root(self, size: int) -> bytes:
        return self._hash(0, size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return self._path(index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        return self._subproof(old, 0, new, known=True)

    def read(self, subtrees: Sequence[Subtree]) -> list[bytes]:
        return [self._hash(number << level, (number + 1) << level) for level, number in subtrees]

    def _compute(self, begin: int, end: int) -> bytes:
        if end - begin < 2:
            return self.leaves[begin] if begin < end else hashlib.sha256(b"").digest()
        middle = begin + _power_below(end - begin)
        return hashlib.sha256(b"\1" + self._hash(begin, middle) + self._hash(middle, end)).digest()

    def _path(self, index: int, begin: int, end: int) -> list[bytes]:
        if end - begin == 1:
            return []
        middle = begin + _power_below(end - begin)
        if index < middle:
            return [*self._path(index, begin, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(begin, middle)]

    def _subproof(self, old: int, begin: int, end: int, *, known: bool) -> list[bytes]:
        if old == end:
            return [] if known else [self._hash(begin, end)]
        middle = begin + _power_below(end - begin)
        if old <= middle:
            return [*self._subproof(old, begin, middle, known=known), self._hash(middle, end)]
        return [*self._subproof(old, middle, end, known=False), self._hash(begin, middle)]


def _power_below(count: int) -> int:
    power = 1
    while 2 * power < count:
        power *= 2
    return power


MOST = 1_100
"""Leaves: more than four tiles, and a last one that is not full."""

TREE = NaiveTree([f"entry {index}".encode() for index in range(MOST)])

"""The bytes of a file that were sent: a union of ranges, in bounded memory."""

from bisect import insort

MAX_RANGES = 64
"""Maximum separate ranges; an event with all of them stays below 4 KB."""


class SentRanges:
    """A union of byte ranges. Never less than what was added; `exact` says whether it is also never more."""

    def __init__(self) -> None:
        """Start empty."""
        self._ranges: list[tuple[int, int]] = []
        self.exact = True

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """First and last byte of each range, in order and separate."""
        return tuple(self._ranges)

    def add(self, first: int, length: int) -> None:
        """Add `length` bytes from `first`; beyond MAX_RANGES the closest two are joined, with the bytes between."""
        if length <= 0:
            return
        insort(self._ranges, (first, first + length - 1))
        self._ranges = _united(self._ranges)
        if len(self._ranges) > MAX_RANGES:
            self.exact = False
            gaps = [after[0] - before[1] for before, after in zip(self._ranges, self._ranges[1:], strict=False)]
            at = gaps.index(min(gaps))
            self._ranges[at : at + 2] = [(self._ranges[at][0], self._ranges[at + 1][1])]


def _united(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order of their first bytes with those joined that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined

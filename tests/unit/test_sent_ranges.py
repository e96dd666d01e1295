"""The union of what was sent is never less than it, and never grows beyond its bound."""

from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.access.sent_ranges import MAX_RANGES, SentRanges

RANGES = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 12)), max_size=200)


def test_what_touches_is_one() -> None:
    """Ranges that overlap or touch are joined; nothing sent is no range."""
    sent = SentRanges()
    for first, length in ((10, 5), (0, 5), (5, 5), (30, 1), (31, 0)):
        sent.add(first, length)
    assert (sent.ranges, sent.exact) == (((0, 14), (30, 30)), True)


@given(RANGES)
def test_it_is_the_union_or_says_that_it_is_more(ranges: list[tuple[int, int]]) -> None:
    """Every byte that was sent is in it; while it is exact, no other is."""
    sent, plain = SentRanges(), set[int]()
    for first, length in ranges:
        sent.add(first, length)
        plain |= set(range(first, first + length))
    found = {byte for first, last in sent.ranges for byte in range(first, last + 1)}
    assert plain <= found
    assert not sent.exact or plain == found
    assert len(sent.ranges) <= MAX_RANGES
    assert all(one[1] + 1 < after[0] for one, after in zip(sent.ranges, sent.ranges[1:], strict=False))


def test_too_many_are_joined_where_the_least_is_added() -> None:
    """The smallest gap is closed."""
    sent = SentRanges()
    for number in range(MAX_RANGES):
        sent.add(number * 100, 1)
    assert sent.exact
    sent.add(103, 1)
    assert not sent.exact
    assert (100, 103) in sent.ranges

"""Marks: what keys of one workspace get in the place of positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.adapters.position_marks import PositionMarks
from provenstore.domain.errors import InvalidInput

KEY, OTHER = b"k" * 32, b"o" * 32
MARKS = PositionMarks(KEY)


@given(st.integers(0, 2**63 - 1))
def test_mark_comes_back(position: int) -> None:
    """As the position that it was made of; it has the form that the description promises."""
    mark = MARKS.position("acme", position)
    assert MARKS.read_position("after", "acme", mark) == position
    assert mark != str(position)
    assert 32 <= len(mark) <= 48


def test_mark_says_nothing_elsewhere() -> None:
    """Another workspace, another kind, another key, one changed letter, and a plain number are refused."""
    mark = MARKS.position("acme", 7)
    changed = ("A" if mark[0] != "A" else "B") + mark[1:]
    for marks, scope, text in (
        (MARKS, "other", mark),
        (PositionMarks(OTHER), "acme", mark),
        (MARKS, "acme", changed),
        (MARKS, "acme", "7"),
        (MARKS, "acme", ""),
        (MARKS, "acme", "é"),
        (MARKS, "acme", "A" * 200),
        (MARKS, None, mark),
    ):
        with pytest.raises(InvalidInput):
            marks.read_position("after", scope, text)
    with pytest.raises(InvalidInput):
        MARKS.read_cursor("acme", mark)


def test_positions_of_the_whole_ledger_are_numbers() -> None:
    """And cursors are what they were."""
    assert MARKS.position(None, 7) == "7"
    assert MARKS.read_position("after", None, "7") == 7
    assert MARKS.cursor(None, "c") == MARKS.read_cursor(None, "c") == "c"
    assert MARKS.cursor("acme", None) is None


def test_keys_may_follow_each_other() -> None:
    """What was made with an earlier key is still read."""
    mark, cursor = MARKS.position("acme", 7), MARKS.cursor("acme", "abc")
    later = PositionMarks(OTHER, (KEY,))
    assert later.read_position("after", "acme", mark) == 7
    assert later.read_cursor("acme", cursor) == "abc"
    assert later.position("acme", 7) != mark
    assert "k" * 8 not in repr(later)

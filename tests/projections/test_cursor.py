"""A cursor comes back as it was given, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.errors import InvalidInput
from provenstore.projections.engine.cursor import decode_cursor, encode_cursor


@given(st.integers(1, 2**63 - 1))
def test_a_cursor_comes_back(position: int) -> None:
    """Every position survives the way there and back."""
    assert position == decode_cursor(b"f", encode_cursor(b"f", position))


@given(st.text(max_size=20))
def test_no_other_text_is_a_cursor(text: str) -> None:
    """Whatever is taken is what was given: there is one spelling."""
    try:
        position = decode_cursor(b"f", text)
    except InvalidInput as error:
        assert error.field == "cursor"
    else:
        assert text == encode_cursor(b"f", position)


@pytest.mark.parametrize(
    "text",
    [
        *("", "é", "x"),
        *(encode_cursor(b"g", 1), encode_cursor(b"f", 0), encode_cursor(b"f", -1)),
        *(encode_cursor(b"f", 1) * 2, encode_cursor(b"f", 1) + "\n", encode_cursor(b"f", 1)[:-1]),
        encode_cursor(b"f", 1).replace("A", "!", 1),
    ],
)
def test_near_misses_are_refused(text: str) -> None:
    """Another list's cursor, positions that are none, and other spellings are the caller's fault."""
    with pytest.raises(InvalidInput):
        decode_cursor(b"f", text)


@given(position=st.integers(1, 2**63 - 1), letter=st.integers(0, 19), other=st.sampled_from("ABab09-_"))
def test_an_altered_letter_is_noticed(position: int, letter: int, other: str) -> None:
    """Also where the result would be another position."""
    cursor = encode_cursor(b"f", position)
    altered = cursor[:letter] + other + cursor[letter + 1 :]
    if altered != cursor:
        with pytest.raises(InvalidInput):
            decode_cursor(b"f", altered)

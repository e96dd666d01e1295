"""Canonical bytes equal those of any RFC 8785 implementation, and nothing else is taken."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.canonical import MAX_INTEGER, Json, canonical, parse_canonical
from provenstore.domain.errors import InvalidInput

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_KEYS = st.text(st.characters(max_codepoint=127), max_size=20)
_SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | _TEXT
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=20
)


@given(VALUES)
def test_equals_the_reference_implementation(value: Json) -> None:
    """The oracle is an independent RFC 8785 package."""
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES)
def test_reads_back_what_it_wrote(value: Json) -> None:
    """Bytes and value say the same."""
    assert parse_canonical(canonical(value)) == value


@pytest.mark.parametrize(
    "value",
    [1.5, 0.0, float("nan"), 2**53, -(2**53), "\ud800", {"é": 1}, {1: 2}, b"x", {"a": {1, 2}}],
)
def test_refuses_what_the_profile_leaves_out(value: Any) -> None:
    """Floats, big integers, lone surrogates and foreign keys would read differently elsewhere."""
    with pytest.raises(InvalidInput):
        canonical(value)


def test_refuses_deep_nesting() -> None:
    """Hostile nesting ends in an error, not in a full stack."""
    value: Any = 1
    for _ in range(17):
        value = [value]
    with pytest.raises(InvalidInput, match="16 levels"):
        canonical(value)


@pytest.mark.parametrize(
    "raw",
    [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b'"\\u00e9"', b"1.0", b"{}\n", b"\xff", b"", b"[" * 100_000],
)
def test_refuses_any_other_spelling(raw: bytes) -> None:
    """Bytes that mean the same but are not canonical are not what was sealed."""
    with pytest.raises(InvalidInput):
        parse_canonical(raw)


SPELLED = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**54), 2**54) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=SPELLED, ordered=st.booleans(), wide=st.booleans(), plain=st.booleans())
def test_bytes_are_read_exactly_where_they_are_canonical(value: object, ordered: bool, wide: bool, plain: bool) -> None:
    """However cheaply that is found out, the answer is that of writing the value anew."""
    separators = (", ", ":") if wide else (",", ":")
    raw = json.dumps(value, sort_keys=ordered, separators=separators, ensure_ascii=plain).encode()
    try:
        expected = canonical(json.loads(raw)) == raw
    except InvalidInput:
        expected = False
    if expected:
        assert parse_canonical(raw) == json.loads(raw)
    else:
        with pytest.raises(InvalidInput):
            parse_canonical(raw)


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":1}', b"1e2", b"1.0", b"-0", b"NaN", b"[" * 17 + b"]" * 17, rb'"\u007f"', rb'"\/"', rb'"\u001F"'],
)
def test_other_spellings_are_refused(raw: bytes) -> None:
    """Each is JSON to some reader, and none has the one form."""
    with pytest.raises(InvalidInput):
        parse_canonical(raw)

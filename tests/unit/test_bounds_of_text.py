"""The patterns of the description are what the domain checks: neither looser nor stricter."""

import base64
import re
from collections.abc import Callable

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis.strategies import binary, characters, from_regex, integers, text
from pydantic import ValidationError

from provenstore.api.contract.bodies import QuotaBody
from provenstore.api.http.bounds import ANY_MEDIA_TYPE, ASCII_KEY, BASE64, BOUNDS, LINE, STORABLE, TEXT, within_bytes
from provenstore.domain.canonical import MAX_INTEGER
from provenstore.domain.errors import InvalidInput
from provenstore.domain.tenants.categories import require_template
from provenstore.domain.text import (
    MEDIA_TYPE,
    require_base64,
    require_media_type,
    require_metadata,
    require_storable,
    require_text,
)

LONG = 10_000


def taken(check: Callable[[], object]) -> bool:
    """Tell whether the domain takes a value."""
    try:
        check()
    except InvalidInput:
        return False
    return True


def allows(pattern: str, value: str) -> bool:
    """Tell whether a pattern allows a value, `$` being its end as in JSON Schema."""
    return re.search(pattern.removesuffix("$") + r"\Z", value) is not None


@given(text())
@example("")
@example(" \u00a0\u3000")
@example("a\nb")
@example("a\n")
@example("\x85")
@example("\x1f")
def test_text(value: str) -> None:
    """A line, a text of several lines, and what a column can hold."""
    assert allows(LINE, value) == taken(lambda: require_text("x", value, LONG))
    assert allows(TEXT, value) == taken(lambda: require_text("x", value, LONG, lines=True))
    assert allows(STORABLE, value) == taken(lambda: require_storable("x", value, LONG))
    if len(value) <= 128:
        assert allows(ASCII_KEY, value) == taken(lambda: require_metadata({value: ""}))


@given(text(alphabet=characters(codec="utf-8"), max_size=40), integers(4, 40))
@example("a" * 40, 40)
@example("\u00fc" * 20, 40)
@example("\u20ac" * 13, 40)
@example("\U0001f600" * 10, 40)
@example("\U0001f600" * 11, 40)
@example("a" * 31 + "\u20ac", 34)
def test_lengths_in_bytes(value: str, most: int) -> None:
    """A schema counts characters and is never looser than bytes; of characters of one length it says the same."""
    allowed = jsonschema_rs.validator_for({"type": "string", **within_bytes(most)}).is_valid(value)
    within = len(value.encode()) <= most
    assert within or not allowed
    if len({len(one.encode()) for one in value}) <= 1:
        assert allowed == within


@given(from_regex(MEDIA_TYPE, fullmatch=True) | text(max_size=20))
@example("Application/PDF; charset=utf-8")
@example(" text/plain\t;")
@example("text/plain\n")
@example("text/\u212aml")
@example("\u00a0text/plain")
@example("text/plain; a=\u20ac")
def test_media_types(value: str) -> None:
    """In either case, with parameters or without."""
    for one in (value, value.upper(), f"{value}; q=1"):
        if "\x00" not in one:
            assert allows(ANY_MEDIA_TYPE, one) == taken(lambda one=one: require_media_type(one)), one  # type: ignore[misc]


@given(binary(max_size=20), text(max_size=9))
@example(b"", "QR==")
@example(b"", "QUJD\n")
def test_base64(content: bytes, value: str) -> None:
    """Only what a decoder gives back bit by bit."""
    assert allows(BASE64, base64.b64encode(content).decode())
    assert allows(BASE64, value) == taken(lambda: require_base64("x", value))


@pytest.mark.parametrize(
    "value", ["", "/", "a/", "a", "a//b/", "{system}/x/", "{System}/", "misc/", "misc-2/", "backups/x/", "a{b}/"]
)
def test_template(value: str) -> None:
    """Whole segments, and no folder of the built-in categories."""
    bounds = BOUNDS["CategoryBody.template"]
    allowed = allows(bounds["pattern"], value) and not re.search(bounds["not"]["pattern"], value)
    assert allowed == taken(lambda: require_template(value))


@pytest.mark.parametrize(("value", "size"), [(5, 5), (5.0, 5), (float(MAX_INTEGER), MAX_INTEGER)])
def test_an_integer_however_it_is_written(value: float, size: int) -> None:
    """JSON Schema has one kind of number: 5.0 is an integer."""
    assert QuotaBody(max_bytes=value).max_bytes == size


@pytest.mark.parametrize("value", [5.5, -1.0, float(MAX_INTEGER + 1), float("inf"), float("nan"), "5", "5.0", True])
def test_no_integer(value: object) -> None:
    """Nothing is rounded or read out of text."""
    with pytest.raises(ValidationError):
        QuotaBody(max_bytes=value)

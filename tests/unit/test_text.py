"""Hostile text is refused with its field and limit; ordinary text passes untouched."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain import text
from provenstore.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("x" * 4000 + ".pdf", "1,024 bytes"),
        ("é" * 513, "1,024 bytes"),
        ("a\x00.pdf", "U\\+0000"),
        ("\ud800.pdf", "surrogate"),
        ("", "empty"),
    ],
)
def test_filenames_that_cannot_be_kept_are_refused(name: str, problem: str) -> None:
    """Each says what is wrong with it, and names the field."""
    with pytest.raises(InvalidInput, match=problem) as caught:
        text.require_filename(name)
    assert caught.value.field == "filename"


@pytest.mark.parametrize(
    "name",
    [
        *("Jahresbericht 2026 (final).pdf", "日本語.epub", "مرحبا.txt", "a", ".bashrc", "x" * 1024, " ", ".."),
        *("שלום\u200f (1).pdf", "a\u200eb.txt", "report\u202efdp.exe", "C:\\Users\\bob\\a.txt", "../../etc/passwd"),
        *("a\tb.csv", "two\nlines.txt", "a\x1b[31m.pdf", "\u2028.txt"),
    ],
)
def test_filenames_are_kept_as_they_came(name: str) -> None:
    """Names of real files, in any script and of any system: a name is a value, never a path."""
    assert text.require_filename(name) == name


@given(st.text(max_size=30))
def test_what_passes_is_storable(name: str) -> None:
    """Nothing passes that a database column could misread."""
    try:
        passed = text.require_filename(name)
    except InvalidInput:
        return
    assert "\x00" not in passed
    assert passed.encode("utf-8")
    assert passed == name


@pytest.mark.parametrize("reason", ["first\nsecond\tindented", "לפי בקשה\u200f (1)", "a\u200eb"])
def test_reasons_may_have_lines_and_directions(reason: str) -> None:
    """A reason is prose, in any script."""
    assert text.require_reason(reason) == reason


def test_metadata_values_are_kept_as_they_came() -> None:
    """Among them are the paths of files, which may hold anything but U+0000."""
    assert text.require_metadata({"path": "a\tb/\x1b/ש\u200f"}) == {"path": "a\tb/\x1b/ש\u200f"}
    with pytest.raises(InvalidInput, match="U\\+0000"):
        text.require_metadata({"path": "a\x00"})


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (text.require_metadata, {str(i): "x" for i in range(65)}),
        (text.require_metadata, {"k" * 129: "x"}),
        (text.require_metadata, {"k": "v" * 2049}),
        (text.require_metadata, {"é": "v"}),
        (text.require_related, [{"type": "book", "id": "1"}] * 65),
        (text.require_related, [{"type": "Book!", "id": "1"}]),
        (text.require_related, [{"type": "book"}]),
        (text.require_related, [{"type": "book", "id": ""}]),
        (text.require_subjects, ["a", "a"]),
        (text.require_subjects, [str(i) for i in range(65)]),
        (text.require_media_type, "pdf"),
        (text.require_media_type, "text/plain\r\nX-Evil: 1"),
        (lambda value: text.require_hex("md5", value, 16), "A" * 32),
        (lambda value: text.require_hex("md5", value, 16), "a" * 31),
        (lambda value: text.require_slug("id", value), "-a"),
        (lambda value: text.require_slug("id", value), "a" * 64),
        (lambda value: text.require_slug("id", value), "a/b"),
        (lambda value: text.require_id("actor", value), "a b"),
        (lambda value: text.require_id("actor", value), "a\n"),
    ],
)
def test_limits(check: Any, value: Any) -> None:
    """Each bound holds one past its edge."""
    with pytest.raises(InvalidInput):
        check(value)


def test_media_types_are_reduced_to_their_essence() -> None:
    """Parameters and case say nothing about the type."""
    assert text.require_media_type("Text/Plain; charset=UTF-8") == "text/plain"

"""What reaches a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.api.cli.text import moment, safe, size


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
        ("a\nb\tc", "a\\u{a}b\\u{9}c"),
        ("report\u202efdp.exe", "report\\u{202e}fdp.exe"),
        ("\x9b31m", "\\u{9b}31m"),
        ("\udce9", "\\u{dce9}"),
        ("Émile's 報告 🙂.pdf", "Émile's 報告 🙂.pdf"),
        (None, "-"),
        (7, "7"),
    ],
)
def test_nothing_steers_the_terminal(value: object, shown: str) -> None:
    """What is not printable is written out, and everything else stays as it is."""
    assert shown == safe(value)


@given(st.text())
def test_any_text_becomes_one_line_without_controls(value: str) -> None:
    """Whatever a name holds, it takes one line and steers nothing."""
    shown = safe(value)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character).startswith("C") for character in shown)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (10_485_760, "10.5 MB"), (5 * 10**18, "5000.0 PB"), (None, "-")],
)
def test_sizes_are_decimal(count: int | None, shown: str) -> None:
    """A kilobyte is 1,000 bytes."""
    assert shown == size(count)


def test_times_are_shown_to_the_second_in_utc() -> None:
    """The recorded zone is said."""
    assert moment("2026-11-20T15:04:05.123456Z") == "2026-11-20 15:04:05Z"

"""What a person sees on a terminal, and a program on a pipe."""

import io
from uuid import uuid4

import pytest

from provenstore.api.cli.output import Output


class Terminal(io.StringIO):
    """A narrow terminal."""

    def isatty(self) -> bool:
        return True


def _size(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "25")  # without both, a dumb terminal has 80 columns
    monkeypatch.setenv("TERM", "dumb")


def test_an_id_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what people copy."""
    file, terminal = str(uuid4()), Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    _size(monkeypatch, 70)
    Output(as_json=False).table(("ID", "STATUS", "NAME"), [(file, "stored", "[red]\x1b[31m" + "n" * 60)])
    shown = terminal.getvalue()
    assert file in shown
    assert "[red]\\u{1b}" in shown
    assert "\x1b[31m" not in shown


def _shown(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    _size(monkeypatch, width)
    row = ("0199f4a6-0000-7000-8000-000000000000", "stored", "2026-11-21", "report-of-march.pdf")
    Output(as_json=False).table(("ID", "STATUS", "CREATED", "NAME"), [row], spare=("CREATED",))
    return [line.rstrip() for line in terminal.getvalue().splitlines()]


def test_a_narrow_terminal_gets_less_before_names_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be spared goes first; after that the free text has lines of its own, and nothing is cut."""
    head, row = _shown(monkeypatch, 120)
    assert head.split() == ["ID", "STATUS", "CREATED", "NAME"]
    assert row.endswith("2026-11-21  report-of-march.pdf")
    head, row = _shown(monkeypatch, 70)
    assert head.split() == ["ID", "STATUS", "NAME"]
    assert row.endswith("stored  report-of-march.pdf")
    assert _shown(monkeypatch, 48)[2:] == [
        "0199f4a6-0000-7000-8000-000000000000  stored",
        "    report-of-march.pdf",
    ]


def test_a_pipe_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields are separated by tabs, which none of them can hold."""
    Output(as_json=False).table(("ID", "NAME"), [("1", "a\tb\nc"), ("2", None)])
    assert capsys.readouterr().out == "1\ta\\u{9}b\\u{a}c\n2\t-\n"

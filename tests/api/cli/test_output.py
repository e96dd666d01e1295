"""What a person sees on a terminal, and a program on a pipe."""

import io
from uuid import uuid4

import pytest

from provenstore.api.cli.output import Output


class Terminal(io.StringIO):
    """A narrow terminal."""

    def isatty(self) -> bool:
        return True


def test_an_id_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what people copy."""
    file, terminal = str(uuid4()), Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("TERM", "dumb")
    Output(as_json=False).table(("ID", "STATUS", "NAME"), [(file, "stored", "[red]\x1b[31m" + "n" * 60)])
    shown = terminal.getvalue()
    assert file in shown
    assert "[red]\\u{1b}" in shown
    assert "\x1b[31m" not in shown


def test_a_pipe_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields are separated by tabs, which none of them can hold."""
    Output(as_json=False).table(("ID", "NAME"), [("1", "a\tb\nc"), ("2", None)])
    assert capsys.readouterr().out == "1\ta\\u{9}b\\u{a}c\n2\t-\n"

"""What a person sees on a terminal, and a program on a pipe."""

import csv
import io
import json
import subprocess
import sys
from uuid import uuid4

import pytest

from provenstore.api.cli.output import Output
from provenstore.api.cli.rows import Size, Table


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
    row = (file, "stored", "[red]\x1b[31m" + "n" * 60)
    Output(as_json=False).table(Table(columns=("ID", "STATUS", "NAME"), rows=[row]))
    shown = terminal.getvalue()
    assert file in shown
    assert "[red]\\u{1b}" in shown
    assert "\x1b[31m" not in shown


def _shown(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    _size(monkeypatch, width)
    row = ("0199f4a6-0000-7000-8000-000000000000", "stored", "2026-11-21", "report-of-march.pdf")
    table = Table(columns=("ID", "STATUS", "CREATED", "NAME"), rows=[row], spare=("CREATED",))
    Output(as_json=False).table(table)
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


HOSTILE = Table(
    columns=("ID", "SIZE", "NAME"),
    rows=[("1", Size(12_345), "a\tb\nc"), ("2", Size(None), None), ("3", Size(7), 'x\x1b[2J\u202e,"y"')],
)


def test_a_pipe_gets_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Under the names of the columns; fields are separated by tabs, which none of them can hold."""
    Output(as_json=False).table(HOSTILE)
    whole = capsys.readouterr().out
    assert whole == ('ID\tSIZE\tNAME\n1\t12.3 kB\ta\\u{9}b\\u{a}c\n2\t-\t-\n3\t7 B\tx\\u{1b}[2J\\u{202e},"y"\n')
    Output(as_json=False, header=False).table(HOSTILE)
    assert capsys.readouterr().out == whole.partition("\n")[2]


def test_csv_has_exact_numbers_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """A field is empty where there is no value; quotes and commas are those of RFC 4180."""
    Output(as_json=False, as_csv=True).table(HOSTILE)
    written = capsys.readouterr().out
    assert list(csv.reader(written.splitlines())) == [
        ["ID", "SIZE", "NAME"],
        ["1", "12345", "a\\u{9}b\\u{a}c"],
        ["2", "", ""],
        ["3", "7", 'x\\u{1b}[2J\\u{202e},"y"'],
    ]
    Output(as_json=False, as_csv=True, header=False).table(HOSTILE)
    assert capsys.readouterr().out == written.partition("\n")[2]


def test_a_list_in_json_is_one_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The next page is said on stderr, which a program reads as well."""
    Output(as_json=True).listing([{"a": "\u202e"}, {"a": 2}], HOSTILE, more=("--cursor", "abc"))
    ran = capsys.readouterr()
    assert ran.out == '{"a": "\\u202e"}\n{"a": 2}\n'
    assert json.loads(ran.err) == {"next": "abc"}


def test_numbers_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a column that is empty takes no room."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    _size(monkeypatch, 80)
    rows = [("a", 5, None, "x"), ("b", 1_000, None, "y")]
    Output(as_json=False).table(Table(columns=("KEY", "FILES", "FROM", "NAME"), rows=rows, spare=("FROM",)))
    assert [line.rstrip() for line in terminal.getvalue().splitlines()] == [
        "KEY  FILES  NAME",
        "a        5  x",
        "b     1000  y",
    ]


def test_rich_is_loaded_for_a_terminal_only() -> None:
    """A list on a pipe comes without it: it takes longer to load than the list to print."""
    code = (
        "import sys; from provenstore.api.cli.output import Output; from provenstore.api.cli.rows import Table; "
        "Output(as_json=False).table(Table(columns=('A',), rows=[('b',)])); print('rich' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "A\nb\nFalse\n"

"""The two streams: stdout carries the answer and nothing else, stderr what is said meanwhile.

With `json` the answer is exactly one JSON document in ASCII, so that nothing in it can steer a terminal; only what is
done to many files answers one document for each, a line each.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provenstore.api.cli.text import safe
from provenstore.domain.errors import ProvenstoreError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

Advance = Callable[[int], None]
"""Told how many more bytes or events are done."""


_GAP, _INDENT = "  ", "    "
_LEAST = 16
"""Characters of free text that are worth a column."""


class Output:
    """Where a command says things."""

    def __init__(self, *, as_json: bool) -> None:
        """Answer as JSON or as text for people."""
        self.as_json = as_json
        self.options: Mapping[str, str] = {}
        """Options of the command by the fields of the API that they fill."""

    def document(self, document: object) -> None:
        """Answer with one JSON document."""
        sys.stdout.write(json.dumps(document, indent=2) + "\n")

    def record(self, document: object) -> None:
        """Answer with one JSON document on one line, at once: one of many, which a program reads as they come."""
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    def line(self, *values: object) -> None:
        """Answer with one line, fields separated by tabs."""
        sys.stdout.write("\t".join(safe(value) for value in values) + "\n")

    def fields(self, fields: dict[str, object]) -> None:
        """Answer with names and values, one a line."""
        width = max(map(len, fields), default=0)
        for name, value in fields.items():
            sys.stdout.write(f"{name.ljust(width)}  {safe(value)}\n")

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        spare: Sequence[str] = (),
        none: str | None = None,
    ) -> None:
        """Answer with a table on a terminal; elsewhere with lines of fields separated by tabs, for other programs.

        Where there are no rows, stderr says `none`: no answer would look as if the command had failed.

        The last column is free text and takes the room that is left; all others are whole on one line. On a narrow
        terminal the columns `spare` go, one after another, and then the last column has lines of its own.
        """
        if not rows and none is not None:
            self.say(none)
            return
        if not sys.stdout.isatty():
            for row in rows:
                self.line(*row)
            return
        from rich.cells import cell_len
        from rich.console import Console
        from rich.padding import Padding
        from rich.text import Text

        console = Console(markup=False, emoji=False, highlight=False)
        shown = [[safe(value) for value in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(columns, *shown, strict=True)]
        kept, below = _layout(columns, widths, spare, console.width)
        if not below:
            console.print(_table(columns, shown, kept))
            return
        for row in [[*columns], *shown]:
            line = _GAP.join(row[one] + " " * (widths[one] - cell_len(row[one])) for one in kept[:-1])
            console.print(Text(line.rstrip(), style="bold" if row == [*columns] else ""), soft_wrap=True)
            if row[-1]:
                console.print(Padding(Text(row[-1], overflow="fold"), (0, 0, 0, len(_INDENT)), expand=False))

    def say(self, message: str) -> None:
        """Say something that is not the answer. Values from outside in `message` go through `safe` here."""
        sys.stderr.write(safe(message) + "\n")

    def problem(self, error: ProvenstoreError, further: dict[str, Any] | None = None) -> None:
        """Say what went wrong: one sentence, or with `json` the problem of the contract."""
        if not self.as_json:
            sys.stderr.write(f"provenstore: {safe(self.sentence(error))}\n")
            return
        from provenstore.api.contract.views import error_json

        sys.stderr.write(json.dumps({**error_json(error), **(further or {})}) + "\n")

    def sentence(self, error: ProvenstoreError) -> str:
        """Return what went wrong, for people: a field of the API that an option fills goes by the option's name."""
        field = str(error.details.get("field") or "")
        option = self.options.get(field)
        named = option is not None and error.message.startswith(f"{field}: ")
        return f"{option}{error.message.removeprefix(field)}" if named else error.message

    @contextmanager
    def progress(self, label: str, total: int | None, *, unit: str = "bytes") -> Iterator[Advance]:
        """Show a bar while something of `total` lasts, on a terminal only."""
        with _bar(label, total, unit) as bar:
            yield (lambda _: None) if bar is None else lambda done: bar[0].advance(bar[1], done)

    @contextmanager
    def steps(self, label: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
        """Show a bar, on a terminal only, that is told how much is done and of how much, which is known late."""
        with _bar(label, None, unit) as bar:
            if bar is None:
                yield lambda _done, _total: None
            else:
                progress, task = bar
                yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def _bar(label: str, total: int | None, unit: str) -> "Iterator[tuple[Progress, TaskID] | None]":
    """Lend a bar and its task; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar, bar.add_task(safe(label), total=total)


def _layout(columns: Sequence[str], widths: Sequence[int], spare: Sequence[str], width: int) -> tuple[list[int], bool]:
    """Return the columns that fit, and whether the last one needs lines of its own."""
    kept = list(range(len(columns)))
    wanted = min(widths[-1], _LEAST)

    def room() -> int:
        return width - sum(widths[one] + len(_GAP) for one in kept[:-1])

    for name in spare:
        if room() < wanted:
            kept.remove(columns.index(name))
    return kept, room() < wanted


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, len(_GAP), 0, 0))
    for one in kept:
        table.add_column(columns[one], no_wrap=one != len(columns) - 1, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[one]) for one in kept))
    return table


def quietly_close_stdout() -> None:
    """Let the interpreter's last flush go nowhere, after whoever read stdout has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

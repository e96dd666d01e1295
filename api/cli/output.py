"""The two streams: stdout carries the answer and nothing else, stderr what is said meanwhile.

With `json` the answer is exactly one JSON document in ASCII, so that nothing in it can steer a terminal.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from provenstore.api.cli.text import safe
from provenstore.domain.errors import ProvenstoreError

Advance = Callable[[int], None]
"""Told how many more bytes or events are done."""


class Output:
    """Where a command says things."""

    def __init__(self, *, as_json: bool) -> None:
        """Answer as JSON or as text for people."""
        self.as_json = as_json

    def document(self, document: object) -> None:
        """Answer with one JSON document."""
        sys.stdout.write(json.dumps(document, indent=2) + "\n")

    def line(self, *values: object) -> None:
        """Answer with one line, fields separated by tabs."""
        sys.stdout.write("\t".join(safe(value) for value in values) + "\n")

    def fields(self, fields: dict[str, object]) -> None:
        """Answer with names and values, one a line."""
        width = max(map(len, fields), default=0)
        for name, value in fields.items():
            sys.stdout.write(f"{name.ljust(width)}  {safe(value)}\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Answer with a table on a terminal; elsewhere with lines of fields separated by tabs, for other programs."""
        if not sys.stdout.isatty():
            for row in rows:
                self.line(*row)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", pad_edge=False)
        # The first column is what people copy: it is never cut short, however narrow the terminal.
        widest = max((len(safe(row[0])) for row in rows), default=0)
        for number, column in enumerate(columns):
            table.add_column(column, min_width=None if number else widest, overflow="fold")
        for row in rows:
            table.add_row(*(Text(safe(value)) for value in row))
        Console(markup=False, emoji=False, highlight=False).print(table)

    def say(self, message: str) -> None:
        """Say something that is not the answer. Values from outside in `message` go through `safe` here."""
        sys.stderr.write(safe(message) + "\n")

    def problem(self, error: ProvenstoreError, further: dict[str, Any] | None = None) -> None:
        """Say what went wrong: one sentence, or with `json` the problem of the contract."""
        if not self.as_json:
            sys.stderr.write(f"provenstore: {safe(error.message)}\n")
            return
        from provenstore.api.views import error_json

        sys.stderr.write(json.dumps({**error_json(error), **(further or {})}) + "\n")

    @contextmanager
    def progress(self, label: str, total: int | None, *, unit: str = "bytes") -> Iterator[Advance]:
        """Show a bar while something of `total` lasts, on a terminal only."""
        if not sys.stderr.isatty():
            yield lambda _: None
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
            task = bar.add_task(safe(label), total=total)
            yield lambda done: bar.advance(task, done)


def quietly_close_stdout() -> None:
    """Let the interpreter's last flush go nowhere, after whoever read stdout has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

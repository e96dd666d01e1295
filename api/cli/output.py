"""The two streams: stdout carries the answer and nothing else, stderr what is said meanwhile.

With `json` the answer is one JSON document in ASCII, so that nothing in it can steer a terminal. Lists answer one
document a line, and so do acts on many files.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provenstore.api.cli.rows import Table, write_csv, write_tabs, write_terminal
from provenstore.api.cli.text import safe
from provenstore.domain.errors import ProvenstoreError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Advance = Callable[[int], None]
"""Told how many more bytes or events are done."""


class Output:
    """Where a command says things."""

    def __init__(self, *, as_json: bool, as_csv: bool = False, header: bool = True) -> None:
        """Answer as JSON, as CSV or as text for people; rows with or without the names of their columns."""
        self.as_json = as_json
        self.as_csv = as_csv
        self.header = header
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

    def table(self, table: Table, *, none: str | None = None, shown: Callable[[], Table] | None = None) -> None:
        """Answer with rows: aligned on a terminal, with tabs elsewhere, or as CSV where that is asked for.

        A terminal shows the table of `shown` where that is given. Where there are no rows, stderr says `none`: no
        answer would look as if the command had failed.
        """
        if not table.rows and none is not None:
            self.say(none)
        if self.as_csv:
            write_csv(table, header=self.header)
        elif not sys.stdout.isatty():
            write_tabs(table, header=self.header)
        elif table.rows or none is None:
            write_terminal(table if shown is None else shown(), header=self.header)

    def listing(
        self,
        documents: Sequence[Mapping[str, Any]],
        table: Table,
        *,
        none: str | None = None,
        shown: Callable[[], Table] | None = None,
        more: tuple[str, str | None] = ("--cursor", None),
    ) -> None:
        """Answer with a list: rows, or with `json` one document a line.

        `more` is the option that continues it and what it takes, None at the end. stderr says so; with `json` it has
        one document with `next`.
        """
        option, following = more
        if self.as_json:
            for document in documents:
                sys.stdout.write(json.dumps(document) + "\n")
            if following is not None:
                sys.stderr.write(json.dumps({"next": following}) + "\n")
            return
        self.table(table, none=none, shown=shown)
        if following is not None:
            self.say(f"there are more: {option} {following}")

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


def quietly_close_stdout() -> None:
    """Let the interpreter's last flush go nowhere, after whoever read stdout has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

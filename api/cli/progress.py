"""Progress of many files on a terminal: a bar for each that is under way, and one for all. Nothing elsewhere.

It never holds more than what it shows: a file's bar goes when the file is done.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provenstore.api.cli import text
from provenstore.api.cli.output import Advance

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LARGE = 1 << 20
"""Bytes from which a file has a bar of its own: a smaller one is gone before it can be read."""


class Board:
    """Where the progress of several threads is shown; None shows nothing."""

    def __init__(self, bars: "Progress | None", label: str) -> None:
        """Begin with no files done."""
        self._bars = bars
        self._label = label
        self._files = 0
        self._all: TaskID | None = bars.add_task(label, total=None) if bars else None

    @contextmanager
    def file(self, label: str, size: int | None) -> Iterator[Advance]:
        """Show one file while it is under way; its bytes count for all."""
        if self._bars is None or self._all is None:
            yield lambda _: None
            return
        bars, everything = self._bars, self._all
        own = bars.add_task(text.safe(label), total=size) if size is None or size >= LARGE else None

        def advance(done: int) -> None:
            bars.advance(everything, done)
            if own is not None:
                bars.advance(own, done)

        try:
            yield advance
        finally:
            if own is not None:
                bars.remove_task(own)

    def count(self) -> None:
        """Note that one more file is done."""
        self._files += 1
        if self._bars is not None and self._all is not None:
            self._bars.update(self._all, description=f"{self._label} {text.counted(self._files, 'file')}")


@contextmanager
def board(label: str, *, quiet: bool) -> Iterator[Board]:
    """Show progress on stderr if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield Board(None, label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    # On a pipe stdout stays what it is: rich would send it to the terminal.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()) as bars:
        yield Board(bars, label)

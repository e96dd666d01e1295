"""Rows: the one place that writes lists, as a table on a terminal, with tabs on a pipe, or as CSV.

Every cell goes through `safe`: none can move the cursor, forge a line or hide a direction mark. On a pipe and as CSV
the columns are the same at every width; a terminal shows what fits. rich is loaded for a terminal only.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provenstore.api.cli import text
from provenstore.api.cli.text import safe

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_GAP, _INDENT = "  ", "    "
_LEAST = 16
"""Characters of free text that are worth a column."""


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes: in units for people, exact as CSV."""

    count: int | None

    def __str__(self) -> str:
        """Return it as `10.5 MB`."""
        return text.size(self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under the names of their columns.

    The last column is free text and takes the room that is left; all others are whole on one line. On a narrow terminal
    the columns `spare` go, one after another, and then the last column has lines of its own. One of them that is empty
    takes no room either.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    spare: Sequence[str] = ()


def write_csv(table: Table, *, header: bool) -> None:
    """Write CSV as RFC 4180 has it, with lines that end as text does here."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    if header:
        writer.writerow(table.columns)
    writer.writerows([_exact(value) for value in row] for row in table.rows)


def _exact(value: object) -> str:
    if isinstance(value, Size):
        value = value.count
    return "" if value is None else safe(value)


def write_tabs(table: Table, *, header: bool) -> None:
    """Write a line for each row, fields separated by tabs, which no cell can hold."""
    for row in [table.columns, *table.rows] if header else table.rows:
        sys.stdout.write("\t".join(map(safe, row)) + "\n")


def write_terminal(table: Table, *, header: bool) -> None:
    """Write aligned columns in the width of the terminal."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(markup=False, emoji=False, highlight=False)
    shown = [[safe(value) for value in row] for row in table.rows]
    widths = [max(map(cell_len, column)) for column in zip(table.columns, *shown, strict=True)]
    kept, below = _layout(table, widths, console.width)
    if not below:
        console.print(_aligned(table, shown, kept, header=header))
        return
    for row in [[*table.columns], *shown] if header else shown:
        line = _GAP.join(row[one] + " " * (widths[one] - cell_len(row[one])) for one in kept[:-1])
        console.print(Text(line.rstrip(), style="bold" if row == [*table.columns] else ""), soft_wrap=True)
        if row[-1]:
            console.print(Padding(Text(row[-1], overflow="fold"), (0, 0, 0, len(_INDENT)), expand=False))


def _layout(table: Table, widths: Sequence[int], width: int) -> tuple[list[int], bool]:
    """Return the columns that fit, and whether the last one needs lines of its own."""
    without = {name for name in table.spare if all(row[table.columns.index(name)] is None for row in table.rows)}
    kept = [one for one, name in enumerate(table.columns) if name not in without or not table.rows]
    wanted = min(widths[-1], _LEAST)

    def room() -> int:
        return width - sum(widths[one] + len(_GAP) for one in kept[:-1])

    for name in table.spare:
        if room() < wanted and (column := table.columns.index(name)) in kept:
            kept.remove(column)
    return kept, room() < wanted


def _aligned(table: Table, shown: Sequence[Sequence[str]], kept: Sequence[int], *, header: bool) -> "RichTable":
    from rich.table import Table as RichTable
    from rich.text import Text

    aligned = RichTable(box=None, header_style="bold", pad_edge=False, padding=(0, len(_GAP), 0, 0), show_header=header)
    for one in kept:
        last = one == len(table.columns) - 1
        aligned.add_column(
            table.columns[one], no_wrap=not last, overflow="fold", justify="right" if _numbers(table, one) else "left"
        )
    for row in shown:
        aligned.add_row(*(Text(row[one]) for one in kept))
    return aligned


def _numbers(table: Table, column: int) -> bool:
    """Tell whether a column has nothing but numbers, which are compared by their last digits."""
    cells = [row[column] for row in table.rows]
    return any(one is not None for one in cells) and all(one is None or isinstance(one, int | Size) for one in cells)

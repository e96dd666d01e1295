"""The usage: what files take up and give out, by workspace, owner, category, provider and month.

Writes its tables; `usage_query` reads them. Sums are moved by the difference between a file's row before and after a
batch, so that they are exactly the sums over all files, and nobody ever adds those up. Only the runner writes here.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from provenstore.domain.eventlog.envelope import Event
from provenstore.projections.engine.json_rows import json_rows
from provenstore.projections.engine.queries import queries
from provenstore.projections.usage.fold import UsageFold
from provenstore.projections.usage.row import FileUsage, Served, differences

_FILE: Final = tuple(name for name in FileUsage.__dataclass_fields__ if name != "served")
_MONTH: Final = tuple(Served.__dataclass_fields__)
_file, _month = attrgetter(*_FILE), attrgetter(*_MONTH)


class Usage(UsageFold):
    """The projection `usage`: the fold of files, their sums, and the tables of both."""

    name: Final = "usage"
    version: Final = 3  # tells owners apart by the reach of their keys
    tables: Final = ("usage_file", "usage_served", "usage_sum")

    def create(self, generation: int) -> Composed:
        """Return the statements that make the tables of a generation."""
        ddl = queries("usage/tables")
        return SQL("\n").join(SQL(ddl[view]).format(g=_suffix(generation)) for view in self.tables)

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, FileUsage]:
        """Return the rows of these files."""
        rows = cursor.connection.cursor(row_factory=dict_row)
        rows.execute(SQL(queries("usage/sums")["by_file"]).format(g=_suffix(generation)), {"files": list(keys)})
        return {
            row["file"]: FileUsage(**{**row, "served": tuple(Served(*month) for month in row["served"])})
            for row in rows
        }

    def save(
        self,
        cursor: Cursor[Any],
        generation: int,
        before: Mapping[str, FileUsage],
        after: Mapping[str, FileUsage | None],
    ) -> None:
        """Write the rows that differ and move the sums; a file's row never goes away."""
        changed = [row for key, row in after.items() if row is not None and row != before.get(key)]
        _write(cursor, "upsert_files", generation, (_columns(row) for row in changed if _moved(before, row)))
        _write(
            cursor,
            "upsert_served",
            generation,
            (
                {"file": row.file, "workspace": row.workspace, **dict(zip(_MONTH, _month(month), strict=True))}
                for row in changed
                for month in row.served
                if row.file not in before or month not in before[row.file].served
            ),
        )
        sums = sorted(differences(before, after).items())
        _write(cursor, "add_sums", generation, ({**group._asdict(), **change._asdict()} for group, change in sums))

    def forget(self, cursor: Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        """Do nothing: no private value is kept here."""

    def forget_early(
        self, cursor: Cursor[Any], generation: int, events: Sequence[Event], erased: Sequence[tuple[int, str]]
    ) -> None:
        """Do nothing, as `forget`."""


def _columns(row: FileUsage) -> dict[str, object]:
    return dict(zip(_FILE, _file(row), strict=True))


def _moved(before: Mapping[str, FileUsage], row: FileUsage) -> bool:
    """Tell whether the file's own row changed, and not only what was given out of it."""
    earlier = before.get(row.file)
    return earlier is None or _file(earlier) != _file(row)


def _write(cursor: Cursor[Any], name: str, generation: int, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows by one statement, as one JSON array that PostgreSQL takes apart; nothing for none."""
    if text := json_rows(rows):
        cursor.execute(SQL(queries("usage/sums")[name]).format(g=_suffix(generation)), {"rows": text})


def _suffix(generation: int) -> SQL:
    return SQL(f"_{generation:d}")

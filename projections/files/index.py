"""The file index: one row per file, for lists and for finding what is due. Writes its tables; `file_query` reads them.

Only the runner writes here, in the transaction that moves the read model's position.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed

from provenstore.domain.eventlog.envelope import Event
from provenstore.projections.engine.json_rows import json_rows
from provenstore.projections.engine.private_values import Related
from provenstore.projections.engine.queries import queries
from provenstore.projections.files.fold import FileFold, without_erased
from provenstore.projections.files.row import FileRow, Hold

_Child = dict[str, object]

_CHILDREN: Final[Mapping[str, Callable[[FileRow], Iterable[_Child]]]] = {
    "metadata": lambda row: ({"key": key, "value": value} for key, value in row.metadata),
    "related": lambda row: ({"type": one.type, "id": one.id} for one in row.related),
    "subjects": lambda row: ({"subject": subject} for subject in row.subjects),
    "legal_holds": lambda row: (asdict(hold) for hold in row.legal_holds),
}
"""Fields with tables of their own, and the rows that they become."""

_COLUMNS: Final = tuple(name for name in FileRow.__dataclass_fields__ if name not in _CHILDREN)
_values: Final = attrgetter(*_COLUMNS)


class FileIndex(FileFold):
    """The projection `file_index`: the fold of a file, and its tables."""

    name: Final = "file_index"
    version: Final = 6
    tables: Final = ("file_index", "file_index_metadata", "file_index_related", "file_index_subject", "file_index_hold")

    def create(self, generation: int) -> Composed:
        """Return the statements that make the tables of a generation."""
        ddl = queries("files/tables")
        return SQL("\n").join(SQL(ddl[view]).format(g=_suffix(generation)) for view in self.tables)

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, FileRow]:
        """Return the rows of these files."""
        rows = cursor.connection.cursor(row_factory=dict_row)
        rows.execute(select(queries("files/index")["by_id"], generation), {"ids": list(keys)})
        return {row["id"]: file_row(row) for row in rows}

    def save(
        self,
        cursor: Cursor[Any],
        generation: int,
        before: Mapping[str, FileRow],
        after: Mapping[str, FileRow | None],
    ) -> None:
        """Write the rows that differ; a file's row never goes away, and child rows only when their field changed."""
        changed = [row for key, row in after.items() if row is not None and row != before.get(key)]
        _execute(cursor, "upsert", generation, rows=json_rows(_columns(row) for row in changed))
        for field, children in _CHILDREN.items():
            touched = [row for row in changed if getattr(row, field) != getattr(before.get(row.id), field, ())]
            _execute(cursor, f"clear_{field}", generation, ids=[row.id for row in touched if row.id in before])
            _execute(
                cursor,
                f"insert_{field}",
                generation,
                rows=json_rows(
                    {"workspace": row.workspace, "file": row.id, "ordinal": ordinal, **child}
                    for row in touched
                    for ordinal, child in enumerate(children(row))
                ),
            )

    def forget(self, cursor: Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        """Do nothing: the fold takes the fields out of the file's row when it meets their erasure."""

    def forget_early(
        self, cursor: Cursor[Any], generation: int, events: Sequence[Event], erased: Sequence[tuple[int, str]]
    ) -> None:
        """Take the fields out of the files' rows: whatever they hold comes from before the erasure."""
        del erased
        found = [(key, event) for event in events for key in self.keys(event)]
        before = self.load(cursor, generation, sorted({key for key, _ in found}))
        after = dict(before)
        for key, event in found:
            if key in after:
                after[key] = without_erased(after[key], event)
        self.save(cursor, generation, before, after)


def select(conditions: str, generation: int | None = None) -> Composed:
    """Return the statement that reads whole rows under `conditions`, of a generation or of the live one."""
    statement = SQL(queries("files/index")["select"] + "\n" + conditions)
    return statement.format(g=SQL("") if generation is None else _suffix(generation))


def file_row(row: DictRow) -> FileRow:
    """Return the row read by `select` as it was folded."""
    return FileRow(
        **{
            **row,
            "metadata": tuple((key, value) for key, value in row["metadata"]),
            "related": tuple(Related(*one) for one in row["related"]),
            "subjects": tuple(row["subjects"]),
            "legal_holds": tuple(map(_hold, row["legal_holds"])),
        }
    )


def _hold(row: Sequence[Any]) -> Hold:
    """Return a hold as `select` lists it: its fields in order, the time as text."""
    hold, name, matter, placed_by, placed_at, key, reason = row
    return Hold(hold, name, matter, placed_by, datetime.fromisoformat(placed_at), key, reason)


def _columns(row: FileRow) -> dict[str, object]:
    return {**dict(zip(_COLUMNS, _values(row), strict=True)), "holds": len(row.legal_holds)}


def _execute(cursor: Cursor[Any], name: str, generation: int, **values: str | list[str]) -> None:
    """Run a statement unless there is nothing to run it on."""
    if all(values.values()):
        cursor.execute(SQL(queries("files/index")[name]).format(g=_suffix(generation)), values)


def _suffix(generation: int) -> SQL:
    return SQL(f"_{generation:d}")

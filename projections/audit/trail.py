"""The audit trail: one row per event, for officers' questions. Writes its tables; `audit_query` reads them.

Only the runner writes here, in the transaction that moves the read model's position. No row is ever changed, but for
private values that are erased.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from psycopg import Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed

from provenstore.domain.eventlog.envelope import Event
from provenstore.projections.audit.fold import TOP, AuditFold
from provenstore.projections.audit.row import AuditRow
from provenstore.projections.engine.json_rows import json_rows
from provenstore.projections.engine.private_values import related_of, subjects_of
from provenstore.projections.engine.queries import queries

_CHILDREN: Final = frozenset({"related", "subjects", "values"})
"""Fields with tables of their own."""

_FOUND_BY: Final = frozenset({"related", "subjects"})
"""Private values with a table of their own beside `audit_value`, by which files are found."""

_COLUMNS: Final = tuple(name for name in AuditRow.__dataclass_fields__ if name not in _CHILDREN)

_values: Final = attrgetter(*_COLUMNS)


class AuditTrail(AuditFold):
    """The projection `audit_trail`: every event of the log, and its tables."""

    name: Final = "audit_trail"
    version: Final = 2
    tables: Final = ("audit_trail", "audit_related", "audit_subject", "audit_value")

    def create(self, generation: int) -> Composed:
        """Return the statements that make the tables of a generation."""
        ddl = queries("audit/tables")
        return SQL("\n").join(SQL(ddl[view]).format(g=_suffix(generation)) for view in self.tables)

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, AuditRow]:
        """Return the rows of these events."""
        rows = cursor.connection.cursor(row_factory=dict_row)
        texts = queries("audit/trail")
        statement = SQL(texts["columns"] + "\n" + texts["by_position"]).format(g=_suffix(generation))
        rows.execute(statement, {"positions": list(map(int, keys))})
        return {str(row["position"]): audit_row(row) for row in rows}

    def save(
        self,
        cursor: Cursor[Any],
        generation: int,
        before: Mapping[str, AuditRow],
        after: Mapping[str, AuditRow | None],
    ) -> None:
        """Write the rows of events that are new; the others stand as they are."""
        new = [row for key, row in after.items() if row is not None and key not in before]
        _insert(cursor, "insert", generation, map(_members, new))
        _insert(
            cursor,
            "insert_related",
            generation,
            (
                {**_place(row), "ordinal": ordinal, "type": one.type, "id": one.id}
                for row in new
                for ordinal, one in enumerate(row.related)
            ),
        )
        _insert(
            cursor,
            "insert_subjects",
            generation,
            (
                {**_place(row), "ordinal": ordinal, "subject": subject}
                for row in new
                for ordinal, subject in enumerate(row.subjects)
            ),
        )
        _insert(
            cursor,
            "insert_values",
            generation,
            ({**_place(row), "field": field, **_value(value)} for row in new for field, value in row.values),
        )

    def forget(self, cursor: Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        """Empty the columns of private values that were erased: (position of the event that held it, field)."""
        positions: dict[str, list[int]] = defaultdict(list)
        for position, field in erased:
            positions[field].append(position)
        texts = queries("audit/trail")
        for field, held in sorted(positions.items()):
            names = [f"forget_{field}"] if field in TOP | _FOUND_BY else []
            if field not in TOP:
                names.append("forget_value")
            for name in names:
                statement = SQL(texts[name]).format(g=_suffix(generation))
                cursor.execute(statement, {"positions": held, "field": field})

    def forget_early(
        self, cursor: Cursor[Any], generation: int, events: Sequence[Event], erased: Sequence[tuple[int, str]]
    ) -> None:
        """Do as `forget`: a row is found by its own position, wherever the trail stands."""
        del events
        self.forget(cursor, generation, erased)


def audit_row(row: DictRow) -> AuditRow:
    """Return a row of the database as it was folded."""
    values = {field: value for field, value in row["values"] if value is not None}
    return AuditRow(
        **{
            **row,
            "related": related_of(values) if row["file"] else (),
            "subjects": subjects_of(values) if row["file"] else (),
            "values": tuple((field, value) for field, value in row["values"]),
        }
    )


def _members(row: AuditRow) -> dict[str, object]:
    """Return what the row has: most events have a third of the columns."""
    return {name: value for name, value in zip(_COLUMNS, _values(row), strict=True) if value is not None}


def _place(row: AuditRow) -> dict[str, object]:
    return {"position": row.position, "workspace": row.workspace, "file": row.file}


def _value(value: Any) -> dict[str, object]:
    """Return a private value for its columns: text by which it is found, or JSON; neither once it is erased."""
    return {"text": value} if isinstance(value, str) else {} if value is None else {"json": value}


def _insert(cursor: Cursor[Any], name: str, generation: int, rows: Iterable[Mapping[str, object]]) -> None:
    """Insert rows by one statement, as one JSON array that PostgreSQL takes apart; nothing for none."""
    if text := json_rows(rows):
        cursor.execute(SQL(queries("audit/trail")[name]).format(g=_suffix(generation)), {"rows": text})


def _suffix(generation: int) -> SQL:
    return SQL(f"_{generation:d}")

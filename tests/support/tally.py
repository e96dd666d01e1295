"""A small second read model for tests: events by workspace and by stream kind, two rows for each event."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import Cursor
from psycopg.sql import SQL, Composed

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Values


class Tally:
    """Counts events; cannot take the one at position `poison`, and cannot write a count that reaches `full`."""

    name: Final = "tally"
    version: Final = 1
    tables: Final = ("tally",)
    private: Final = False
    adds: Final = False

    def __init__(self, *, poison: int = 0, full: int = 1_000_000) -> None:
        """Fail as asked."""
        self._poison, self._full = poison, full

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return both rows of an event."""
        return (event.workspace, event.stream.partition(":")[0])

    def fold(self, key: str, row: int | None, event: Event, values: Values) -> int | None:
        """Count one more."""
        if event.position == self._poison:
            raise KeyError("a private word")
        return (row or 0) + 1

    def create(self, generation: int) -> Composed:
        """Return the table."""
        statement = (
            "CREATE TABLE provenstore_read.tally{g} (key text PRIMARY KEY, workspace text NOT NULL DEFAULT '-',"
            " events integer CHECK (events < {n}))"
        )
        return SQL(statement).format(g=SQL(f"_{generation}"), n=SQL(str(self._full)))

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, int]:
        """Return the counts."""
        table = f"provenstore_read.tally_{generation:d}"
        return dict(cursor.execute(f"SELECT key, events FROM {table} WHERE key = ANY(%s)", (list(keys),)))

    def save(
        self, cursor: Cursor[Any], generation: int, before: Mapping[str, int], after: Mapping[str, int | None]
    ) -> None:
        """Write the counts."""
        cursor.executemany(
            f"INSERT INTO provenstore_read.tally_{generation:d} (key, events) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET events = excluded.events",
            list(after.items()),
        )

    def forget(self, cursor: Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        """Do nothing: counts hold nothing private."""

    def forget_early(
        self, cursor: Cursor[Any], generation: int, events: Sequence[Event], erased: Sequence[tuple[int, str]]
    ) -> None:
        """Do nothing, as `forget`."""

"""All read models of this release behind a real log, and the plain fold in memory that they are compared with.

For many examples in one test: the tables are emptied, not made anew. Nothing is ever read from a row to expect a row.
"""

from typing import Any, Final

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from plain_usage import plainly, sums
from provenstore.api.wiring import PROJECTIONS
from provenstore.projections.engine.batch import LogReader, advance
from provenstore.projections.engine.fold import Projection, fold_events
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.status import ReadModelStatus, statuses
from provenstore.projections.files.row import FileRow

_BATCHES: Final = (3, 1_000, 1, 20)
"""Events of a batch; the read models take turns, so that they stand at different positions on their way."""

_KEYS: Final = {
    "file_index": {
        "file_index": "id",
        "file_index_metadata": "file",
        "file_index_related": "file",
        "file_index_subject": "file",
        "file_index_hold": "file",
    },
    "audit_trail": {"audit_trail": "position", "audit_related": "position", "audit_subject": "position"},
    "usage": {"usage_file": "file", "usage_served": "file"},
}
"""By read model and table, the column that says to which row of the fold a row of the table belongs."""


class Followed:
    """Brings the read models up to a log, and compares. `connection` is in autocommit, of the runner's role."""

    def __init__(self, connection: Connection[Any], log: LogReader) -> None:
        """Begin before the first event, with empty tables."""
        self._connection, self._log, self._turn = connection, log, 0
        prepare(connection, PROJECTIONS)
        assert {projection.name for projection in PROJECTIONS} == _KEYS.keys()
        for projection in PROJECTIONS:
            for view in projection.tables:
                self._connection.execute(SQL("TRUNCATE {}").format(_table(view, self._place(projection))))
        self._connection.execute("UPDATE provenstore_read.projection SET position = 0")

    def check(self) -> dict[str, FileRow]:
        """Take what is new as the runner does, see that all rows are what the events say, and return the files'."""
        self._turn += 1
        for number, projection in enumerate(PROJECTIONS, start=self._turn):
            batch = _BATCHES[number % len(_BATCHES)]
            while advance(self._connection, self._log, projection, self._place(projection), batch):
                pass
        events = self._log.read(0, 1_000_000)
        disclosures = self._log.disclosures([event.id for event in events if event.private])
        files: dict[str, FileRow] = {}
        for projection in PROJECTIONS:
            expected = {
                k: row for k, row in fold_events(projection, {}, events, disclosures).items() if row is not None
            }
            rows = self._rows(projection)
            differ = [key for key in expected.keys() | rows.keys() if expected.get(key) != rows.get(key)]
            assert not differ, f"{projection.name}: {rows.get(differ[0])} instead of {expected.get(differ[0])}"
            files |= {key: row for key, row in rows.items() if isinstance(row, FileRow)}
        assert sums(self._connection) == plainly(events)
        return files

    def _rows(self, projection: Projection[Any]) -> dict[str, Any]:
        """Return all rows as they were folded; one of a side table without its main row fails."""
        place = self._place(projection)
        keys: set[str] = set()
        for view, column in _KEYS[projection.name].items():
            statement = SQL("SELECT {}::text FROM {}").format(Identifier(column), _table(view, place))
            keys |= {key for (key,) in self._connection.execute(statement)}
        with self._connection.cursor() as cursor:
            rows = projection.load(cursor, place.generation, sorted(keys))
        assert rows.keys() == keys, f"{projection.name}: rows of {keys - rows.keys()} are left over"
        return rows

    def _place(self, projection: Projection[Any]) -> ReadModelStatus:
        return next(place for place in statuses(self._connection) if place.name == projection.name)


def _table(view: str, place: ReadModelStatus) -> Identifier:
    return Identifier("provenstore_read", f"{view}_{place.generation}")

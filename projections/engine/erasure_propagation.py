"""Erasures reach also what stands still: a read model that is stopped or parked, and a build that failed.

They do not come to the event that erased a value for as long as nobody lets them go on, and the value must not live on
in their rows until then. Moves no position, and folds nothing: what is taken out early is what a rebuild would not see.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
import structlog

from provenstore.projections.engine.batch import MAX_BATCH, EventBatch, LogReader
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.folding import LOST, POISON
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.status import ReadModelStatus, stands_still

_Where = tuple[str, int, int]
"""Name, generation and position: what has moved since is looked at anew, as it may have been given older values."""

_log: Final = structlog.get_logger(__name__)


class ErasurePropagation:
    """Follows the log for what stands still, and takes out of its rows what was erased. Memory only."""

    def __init__(self, log: LogReader, projections: Mapping[str, Projection[Any]], batch: int = MAX_BATCH) -> None:
        """Follow `log`, up to `batch` events at a time, for `projections` by name."""
        self._log = log
        self._projections = projections
        self._batch = batch
        self._seen: dict[_Where, int] = {}
        self._failed: set[_Where] = set()

    def step(self, connection: psycopg.Connection[Any], still: Sequence[ReadModelStatus]) -> bool:
        """Look at the next stretch of the log for each, and tell whether there is more to look at.

        Raises what says that the database is away. What fails otherwise is left until the read model goes on.
        """
        standing = {(place.name, place.generation, place.position): place for place in still}
        self._seen = {key: seen for key, seen in self._seen.items() if key in standing}
        self._failed &= standing.keys()
        more = False
        for key, place in standing.items():
            if key in self._failed:
                continue
            try:
                more |= self._follow(connection, key, place)
            except LOST:
                raise
            except POISON as exc:
                self._failed.add(key)
                _log.error("projections.keeps", action="projections.forget", projection=place.name, error=_name(exc))
        return more

    def _follow(self, connection: psycopg.Connection[Any], key: _Where, place: ReadModelStatus) -> bool:
        stretch = EventBatch(self._log, max(place.position, self._seen.get(key, 0)), self._batch)
        if not stretch.events:
            return False
        if stretch.erasing:
            with connection.transaction(), connection.cursor() as cursor:
                # Whoever lets it go on, or drops its tables, waits for this or is seen here.
                if not stands_still(cursor, place):
                    return False
                forget_early(cursor, self._projections[place.name], place.generation, stretch)
        self._seen[key] = stretch.events[-1].position
        return len(stretch.events) == self._batch


def erasing(log: LogReader, after: int, batch: int = MAX_BATCH) -> Iterator[EventBatch]:
    """Yield the stretches after a position in which anything was erased."""
    while (stretch := EventBatch(log, after, batch)).events:
        if stretch.erasing:
            yield stretch
        after = stretch.events[-1].position


def forget_early(
    cursor: psycopg.Cursor[Any], projection: Projection[Any], generation: int, stretch: EventBatch
) -> None:
    """Take out of the rows of a generation that stands before `stretch` what was erased there."""
    projection.forget_early(cursor, generation, stretch.erasing, stretch.erased(len(stretch.events)))
    cursor.execute(queries("engine/projection")["forget_differences"], {"name": projection.name})


def _name(error: Exception) -> str:
    return type(error).__name__  # never its words, which may quote a value

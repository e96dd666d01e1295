"""One batch of the log into one read model: read, fold in memory, write once, move the position, all or nothing.

A crash at any point leaves the read model at the position where it stood, with the rows it had there.
"""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection

from provenstore.domain.envelope import Event
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.event_log import Disclosures
from provenstore.projections.fold import Projection, Row, fold_events
from provenstore.projections.positions import Place, move
from provenstore.projections.queries import queries

MAX_BATCH = 1_000
"""Events of one batch: large enough that the commit costs little, small enough that no transaction lasts long."""


class LogReader(Protocol):
    """What a read model needs of the `EventLog`."""

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events with positions above `after`, in order and without gaps."""

    def position(self) -> int:
        """Return the newest position, 0 for an empty log."""

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        """Return the private values of these events."""


class Overtaken(Exception):
    """The read model no longer stands where this batch began; nothing was written."""


def advance(
    connection: Connection[Any], log: LogReader, projection: Projection[Row], place: Place, limit: int = MAX_BATCH
) -> int:
    """Fold up to `limit` events after `place` into `projection` and return how many there were.

    `connection` is in autocommit, of the role that owns the read models. Overtaken, and whatever reading, folding or
    writing raises: then nothing was written.
    """
    events = log.read(place.position, limit)
    if not events:
        return 0
    if [event.position for event in events] != list(range(place.position + 1, place.position + len(events) + 1)):
        raise IntegrityViolated("the log was read with a gap", position=place.position)
    keyed = [event for event in events if projection.keys(event)]
    keys = sorted({key for event in keyed for key in projection.keys(event)})
    disclosures = log.disclosures([event.id for event in keyed if event.private])
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(queries("projection")["utc"])
        # 1. Rows as they stand at `place`: nobody else writes them, and (3) fails if somebody did.
        before = projection.load(cursor, place.generation, keys) if keys else {}
        # 2. All rows at once.
        after = fold_events(projection, before, keyed, disclosures)
        if after:
            projection.save(cursor, place.generation, before, after)
        # 3. The fence: a runner that lost its lead, or a swapped generation, rolls (2) back.
        if not move(cursor, place, events[-1].position):
            raise Overtaken
    return len(events)

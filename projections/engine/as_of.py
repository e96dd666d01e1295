"""Any read model as it was at any moment, from the same folds that keep it: nothing of the live rows is used.

A private value that has been erased since is absent at every moment. What is folded here is seen by nobody else and is
gone with the transaction that it is folded in, however that ends.
"""

import re
from collections.abc import Collection, Generator, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from psycopg import Connection, Cursor, Rollback
from psycopg.sql import SQL, Identifier

from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.engine.batch import MAX_BATCH, EventBatch, LogReader, keys_of, write
from provenstore.projections.engine.fold import Keyed, Projection
from provenstore.projections.engine.queries import queries

Moment = int | datetime
"""A position, or a time with a zone."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_PAST: Final = 1_000_000_000
"""Generations from here on are made for one look; each session has its own."""


def parse_moment(text: str) -> Moment:
    """Read a position, an RFC 3339 time with a zone, or a date: its first moment in UTC. InvalidInput otherwise."""
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        sentence = "is neither a position nor a time such as 2026-11-21T08:00:00Z, nor a date"
        raise InvalidInput("at", sentence) from None
    if _DATE.fullmatch(text):
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        raise InvalidInput("at", "is a time without a zone; add Z or an offset such as +01:00")
    return moment


def position_at(log: LogReader, moment: Moment, now: datetime) -> int:
    """Return the position of the last event at `moment`: the longest prefix whose times are all at or before it.

    InvalidInput before the first event, after the last one, or in the future.
    """
    newest = log.position()
    if newest == 0:
        raise InvalidInput("at", "there is no event yet")
    if isinstance(moment, int):
        if not 1 <= moment <= newest:
            raise InvalidInput("at", f"is not a position between 1 and {newest}, the newest", newest=newest)
        return moment
    if moment > now:
        raise InvalidInput("at", f"is in the future; it is {format_time(now)}")
    first = _time(log, 1)
    if moment < first:
        raise InvalidInput("at", f"is before the first event, which was at {format_time(first)}")
    # Times never go back along the log.
    low, high = 1, newest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _time(log, middle) <= moment else (low, middle - 1)
    return low


def rows_at(
    connection: Connection[Any],
    log: LogReader,
    projection: Projection[Any],
    position: int,
    *,
    skipped: Collection[int] = (),
    keys: Collection[str] | None = None,
) -> Generator[tuple[str, dict[str, Any]], None, None]:
    """Yield (view, row) of a read model as it was at `position`, of `keys` alone where they are given.

    Takes as long as folding the log so far, and memory of a batch. `connection` is in autocommit, of the role that
    owns the read models; it is in a transaction until the end. UnknownEventType, as the runner would meet.
    """
    with connection.transaction() as transaction, connection.cursor() as cursor:
        cursor.execute(queries("engine/projection")["utc"])
        generation = _PAST + connection.info.backend_pid
        cursor.execute(projection.create(generation))
        after = 0
        while after < position:
            # What was decided to be skipped is not read: perhaps it cannot be.
            upto = min([position, after + MAX_BATCH, *(one - 1 for one in skipped if one > after)])
            if upto == after:
                after += 1
                continue
            stretch = EventBatch(log, after, upto - after)
            keyed = _wanted(keys_of(projection, stretch.events, skipped), keys)
            write(cursor, projection, generation, stretch, keyed=keyed, erased=stretch.erased(len(stretch.events)))
            after = stretch.events[-1].position
        for view in projection.tables:
            yield from _rows(connection, view, generation)
        raise Rollback(transaction)


def _wanted(keyed: Keyed, keys: Collection[str] | None) -> Keyed:
    if keys is None:
        return keyed
    found = [(event, [key for key in own if key in keys]) for event, own in keyed]
    return [(event, own) for event, own in found if own]


def _rows(connection: Connection[Any], view: str, generation: int) -> Iterator[tuple[str, dict[str, Any]]]:
    statement = SQL(queries("engine/projection")["rows"]).format(table=Identifier(f"{view}_{generation:d}"))
    found: Cursor[Any]
    with connection.cursor("as_of") as found:  # of the server: a batch of rows at a time
        found.itersize = MAX_BATCH
        found.execute(statement)
        for (row,) in found:
            yield view, row


def _time(log: LogReader, position: int) -> datetime:
    return log.read(position - 1, 1)[0].time

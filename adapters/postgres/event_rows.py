"""The log as eventsourcing sees it: a recorder whose stored events are envelopes, and the mapper that opens them.

It only reads. Writing goes through `append()` alone, and the library's own PostgreSQL module is never imported (it
silences psycopg's loggers).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, Final, LiteralString
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    JSONTranscoder,
    Mapper,
    Notification,
    StoredEvent,
    Subscription,
)

from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.queries import load_queries
from provenstore.domain.custody.event_catalog import REGISTRY
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event

QUERIES = load_queries("event_store.sql")

_NO_END = 2**62
_NEVER = "events are written by append() alone"


@dataclass(frozen=True)
class EventRow(Notification):
    """A row of the event table: `id` is its position, `topic` its type, `state` its exact bytes."""

    event_id: UUID
    workspace: str
    number: int
    time: datetime
    leaf: bytes

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "EventRow":
        """Name the columns of a row, which come in the order of the table."""
        position, event_id, stream, version, workspace, number, type_, time, leaf, state = row
        return cls(stream, version, type_, state, position, event_id, workspace, number, time, leaf)


REMEMBERED: Final = 2_048
REMEMBERED_SIZE: Final = 4_096
"""Events kept as read, and the bytes of the longest of them: a command reads its streams several times over, and
reading costs more than anything else that it does. What is stored is still compared each time, byte by byte."""


class EnvelopeMapper(Mapper[str]):
    """Reads exact bytes into events, and refuses rows whose columns say something else than their bytes."""

    def __init__(self) -> None:
        """Need no transcoder: the envelope is the stored form."""
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: object) -> StoredEvent:
        """Refuse: an event has no stored form before it was sealed."""
        raise NotImplementedError(_NEVER)

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """Return the event of a row; IntegrityViolated with its position where columns and bytes differ."""
        if not isinstance(stored_event, EventRow):
            raise TypeError("only rows of the event table carry what the check needs")
        return to_event(stored_event)


def to_event(row: EventRow) -> Event:
    """Return the event in `row`; IntegrityViolated (details: position, column) where columns and bytes differ."""
    again = len(row.state) <= REMEMBERED_SIZE
    event = _remembered(row.id, row.state) if again else Event.parse(row.id, row.state, registry=REGISTRY)
    return _checked(event, _stored(row))


def parse_row(row: tuple[Any, ...]) -> Event:
    """Return the event in a row as the table has it, like `to_event`, for whoever walks the log.

    It is not remembered: nobody asks for it again soon.
    """
    return _checked(Event.parse(row[0], row[9], registry=REGISTRY), _columns(row))


def _checked(event: Event, stored: tuple[Any, ...]) -> Event:
    sealed = _sealed(event)
    if stored != sealed:
        column = next(name for name, one, other in zip(_COLUMNS, stored, sealed, strict=True) if one != other)
        raise IntegrityViolated(f"the column {column} is not what was sealed", position=event.position, column=column)
    return event


_COLUMNS = ("leaf", "id", "stream", "version", "workspace", "number", "type", "time")
_stored = attrgetter("leaf", "event_id", "originator_id", "originator_version", "workspace", "number", "topic", "time")
_sealed = attrgetter(*_COLUMNS)
_columns = itemgetter(8, 1, 2, 3, 4, 5, 6, 7)  # the same of a row, in the order of the table


@lru_cache(maxsize=REMEMBERED)
def _remembered(position: int, state: bytes) -> Event:
    """Return the event that these exact bytes are: always the same one, and nobody can change it."""
    return Event.parse(position, state, registry=REGISTRY)


class EnvelopeRecorder(ApplicationRecorder):
    """eventsourcing's view of the log, for `Repository.get` and for reading notifications page by page."""

    def __init__(self, database: Database) -> None:
        """Read through `database`."""
        self._database = database

    def rows(self, query: str, parameters: Mapping[str, Any]) -> Sequence[EventRow]:
        """Return the rows of a named query over the event table."""
        return [EventRow.of(row) for row in self.table(query, parameters)]

    def table(self, query: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Return the same rows as tuples, their columns in the order of the table."""
        sql: LiteralString = QUERIES[query]
        with self._database.connection() as connection:
            return connection.execute(sql, parameters, binary=True).fetchall()

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return a stream's events with versions above `gt` up to `lte`."""
        query = "stream_backwards" if desc else "stream"
        upto = _NO_END if lte is None else lte
        return self.rows(query, {"stream": str(originator_id), "after": gt or 0, "upto": upto, "limit": limit})

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return up to `limit` events from position `start` up to `stop`, of the types in `topics` if there are any."""
        return self.rows(
            "notifications",
            {
                "after": (start or 0) - (1 if inclusive_of_start else 0),
                "upto": _NO_END if stop is None else stop,
                "types": list(topics),
                "limit": limit,
            },
        )

    def max_notification_id(self) -> int | None:
        """Return the newest position, None for an empty log."""
        with self._database.connection() as connection:
            row = connection.execute(QUERIES["position"]).fetchone()
        return row[0] if row else None

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Refuse: an insert here would pass by the lock, the seal and the guards."""
        raise NotImplementedError(_NEVER)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Refuse: the log is followed by `read()` from a kept position, which survives a lost connection."""
        raise NotImplementedError("follow the log with read(), page by page")

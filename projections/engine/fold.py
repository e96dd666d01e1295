"""The contract of a read model: a pure fold of the log, and the tables that hold what it folded.

The same fold runs in batches (the runner), over one stream (a single file) and up to a past position (as-of), so it
may depend on nothing but its arguments: no clock, no database, no order other than that of the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeVar
from uuid import UUID

from psycopg import Cursor
from psycopg.sql import Composed

from provenstore.domain.canonical import parse_canonical
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures, Values, disclosed

Row = TypeVar("Row")


class Fold(Protocol[Row]):
    """How events become rows. Pure: equal arguments, equal results, and nothing else happens."""

    @property
    def private(self) -> bool:
        """Whether rows take anything from private values; where not, nobody reads them, and `fold` is given none."""

    @property
    def adds(self) -> bool:
        """Whether every event makes rows of its own and changes no others: there is nothing to load before them."""

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return the keys of the rows that `event` may change; () for an event that changes none."""

    def fold(self, key: str, row: Row | None, event: Event, values: Values) -> Row | None:
        """Return row `key` after `event`; None means that there is no such row.

        `values` are the event's private values that have not been erased. An erased value is absent, also while the
        event that erased it still lies ahead: that event leads to the same row.
        """


class Projection(Fold[Row], Protocol[Row]):
    """A fold with a name, a version and tables of its own in the schema `provenstore_read`.

    No column may hold anything that differs between two folds of the same log: no serials, no clocks.
    """

    @property
    def name(self) -> str:
        """The name under which its position is kept."""

    @property
    def version(self) -> int:
        """Grows with each change of fold or tables: rows of another version are never mixed with these."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The views that readers use, main table first; generation N of `t` is the table `t_N` behind it.

        Each has a column `workspace`, by which readers are kept apart.
        """

    def create(self, generation: int) -> Composed:
        """Return the statements that make the tables and indexes of a generation, and nothing else.

        Row-level security, grants and views are made by whoever keeps generations (`projections.engine.generations`).
        """

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of `keys` that exist."""

    def save(
        self, cursor: Cursor[Any], generation: int, before: Mapping[str, Row], after: Mapping[str, Row | None]
    ) -> None:
        """Write the rows of `after`, which `before` says how they stood, in a bounded number of statements."""

    def forget(self, cursor: Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        """Null what the rows took from private values that are erased now: (position of the event, field) of each.

        Called after `save`, in its transaction, for all values that the events of the batch erased. A fold that
        leads to the same rows by the keys of the erasing event has nothing to do here.
        """

    def forget_early(
        self, cursor: Cursor[Any], generation: int, events: Sequence[Event], erased: Sequence[tuple[int, str]]
    ) -> None:
        """Take out of the rows what `events`, which lie ahead of them, erased; `erased` as for `forget`.

        The rows are then what a rebuild up to where they stand would make of a log without these values. May be done
        again, and is, when `events` are folded.
        """


Keyed = Sequence[tuple[Event, Sequence[str]]]
"""Events in log order, each with the keys that it concerns."""


def fold_keyed(
    fold: Fold[Row], rows: Mapping[str, Row], events: Keyed, values: Mapping[UUID, Values]
) -> dict[str, Row | None]:
    """Return `rows` (by key) after `events`; `values` are their private values, where there are any."""
    after: dict[str, Row | None] = dict(rows)
    for event, keys in events:
        known = values.get(event.id, _NOTHING)
        for key in keys:
            after[key] = fold.fold(key, after.get(key), event, known)
    return after


def fold_events(
    fold: Fold[Row], rows: Mapping[str, Row], events: Iterable[Event], disclosures: Disclosures
) -> dict[str, Row | None]:
    """Return `rows` (by key) after `events`, which must come in log order."""
    keyed = [(event, keys) for event in events if (keys := fold.keys(event))]
    values = {event.id: disclosed(disclosures, event.id, parse_canonical) for event, _ in keyed}
    return fold_keyed(fold, rows, keyed, values)


_NOTHING: Values = MappingProxyType({})

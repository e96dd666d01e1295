"""The contract of a read model: a pure fold of the log, and the tables that hold what it folded.

The same fold runs in batches (the runner), over one stream (a single file) and up to a past position (as-of), so it
may depend on nothing but its arguments: no clock, no database, no order other than that of the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from psycopg import Cursor
from psycopg.sql import Composed

from provenstore.domain.canonical import parse_canonical
from provenstore.domain.envelope import Event
from provenstore.domain.event_log import Disclosures, Values, disclosed

Row = TypeVar("Row")


class Fold(Protocol[Row]):
    """How events become rows. Pure: equal arguments, equal results, and nothing else happens."""

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return the keys of the rows that `event` may change; () for an event that changes none."""

    def fold(self, key: str, row: Row | None, event: Event, values: Values) -> Row | None:
        """Return row `key` after `event`; None means that there is no such row.

        `values` are the event's private values that have not been erased. An erased value is absent, also while the
        event that erased it still lies ahead: that event leads to the same row.
        """


class Projection(Fold[Row], Protocol[Row]):
    """A fold with a name, a version and tables of its own in the schema `provenstore_read`."""

    @property
    def name(self) -> str:
        """The name under which its position is kept."""

    @property
    def version(self) -> int:
        """Grows with each change of fold or tables: rows of another version are never mixed with these."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The views that readers use, main table first; generation N of `t` is the table `t_N` behind it."""

    def create(self, generation: int) -> Composed:
        """Return the statements that make the tables of a generation and point the views at them."""

    def load(self, cursor: Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, Row]:
        """Return the rows of `keys` that exist."""

    def save(
        self, cursor: Cursor[Any], generation: int, before: Mapping[str, Row], after: Mapping[str, Row | None]
    ) -> None:
        """Write the rows of `after`, which `before` says how they stood, in a bounded number of statements."""


def fold_events(
    fold: Fold[Row], rows: Mapping[str, Row], events: Iterable[Event], disclosures: Disclosures
) -> dict[str, Row | None]:
    """Return `rows` (by key) after `events`, which must come in log order."""
    after: dict[str, Row | None] = dict(rows)
    for event in events:
        keys = fold.keys(event)
        values = disclosed(disclosures, event.id, parse_canonical) if keys else {}
        for key in keys:
            after[key] = fold.fold(key, after.get(key), event, values)
    return after

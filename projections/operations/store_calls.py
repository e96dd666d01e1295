"""How the object stores do: success, durations and bytes of the calls to them, and single calls by their request.

Figures for operators, kept beside the log and never part of it: the last seconds are lost in a crash, and nothing may
be decided by them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from provenstore.domain.errors import InvalidInput
from provenstore.domain.storage.store_call import Outcome, StoreAct, StoreCall
from provenstore.projections.engine.database import Pool, transaction
from provenstore.projections.engine.queries import queries

MAX_PAGE: Final = 1_000

_PRUNED_AT_ONCE: Final = 10_000
"""Rows that one transaction removes: some tenths of a second, during which nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The calls of one kind to one store within a time."""

    provider: str
    act: StoreAct
    calls: int
    refused: int
    failed: int
    bytes: int
    p50: int  # microseconds within which half of all calls were over, whatever their outcome
    p95: int

    @property
    def success(self) -> float:
        """The share of calls at which the store did not fail; a refusal is an answer."""
        return (self.calls - self.failed) / self.calls


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a time, and how many calls in it nobody kept."""

    figures: tuple[Figure, ...]
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Which calls are meant: those that began within a time, of one store or kind."""

    since: datetime
    before: datetime
    provider: str | None = None
    act: StoreAct | None = None


class Operations:
    """The calls that were kept, through the role that owns the read models."""

    def __init__(self, pool: Pool) -> None:
        """Work through `pool`."""
        self._pool = pool

    def figures(self, asked: Calls) -> Figures:
        """Return the figures by provider and kind; InvalidInput for a time that ends before it begins."""
        with transaction(self._pool) as connection:
            rows = connection.cursor(row_factory=class_row(Figure))
            found = tuple(rows.execute(queries("operations/store_calls")["figures"], _values(asked)))
            missing = connection.execute(queries("operations/store_calls")["missing"], _values(asked)).fetchone()
        return Figures(found, 0 if missing is None else missing[0])

    def newest(
        self, asked: Calls, *, outcome: Outcome | None = None, request: str | None = None, limit: int = 100
    ) -> tuple[StoreCall, ...]:
        """Return single calls, newest first: those that ended so, or were made for one request."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
        with transaction(self._pool) as connection:
            connection.execute(queries("engine/projection")["utc"])
            rows = connection.cursor(row_factory=class_row(StoreCall))
            values = {**_values(asked), "outcome": outcome, "request": request, "limit": limit}
            return tuple(rows.execute(queries("operations/store_calls")["newest"], values))

    def prune(self, before: datetime, going: Callable[[], bool] = lambda: True) -> int:
        """Forget calls that began before a moment, as long as `going`, and return how many; DatabaseUnavailable."""
        pruned = 0
        while going():
            with transaction(self._pool) as connection:
                values = {"before": before, "limit": _PRUNED_AT_ONCE}
                found = connection.execute(queries("operations/store_calls")["prune"], values).rowcount
                connection.execute(queries("operations/store_calls")["prune_gaps"], {"before": before})
            pruned += found
            if found < _PRUNED_AT_ONCE:
                break
        return pruned


def _values(asked: Calls) -> dict[str, object]:
    if asked.before < asked.since:
        raise InvalidInput("before", "is earlier than `since`")
    return {"since": asked.since, "before": asked.before, "provider": asked.provider, "act": asked.act}


def prepare_calls(connection: Connection[Any]) -> None:
    """Make the tables if they are missing."""
    connection.execute(queries("operations/store_calls")["create"])


def keep(connection: Connection[Any], calls: Sequence[StoreCall], missing: int, now: datetime) -> None:
    """Write a batch of calls, and how many were lost before it, all or nothing."""
    with connection.transaction():
        if calls:
            columns = [
                [getattr(call, name) for call in calls]
                for name in (
                    "provider",
                    "act",
                    "started_at",
                    "microseconds",
                    "bytes",
                    "outcome",
                    "status",
                    "request",
                    "store_request",
                )
            ]
            connection.execute(queries("operations/store_calls")["keep"], columns)
        if missing:
            connection.execute(queries("operations/store_calls")["gap"], {"now": now, "calls": missing})

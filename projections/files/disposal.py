"""What disposal policies will destroy, and when: found in the file index, under the policies that the log has.

Shows and never decides: the ledger asks the log again before anything is destroyed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.tenants.disposal import Policy
from provenstore.projections.engine.cursor import decode_cursor, encode_cursor
from provenstore.projections.engine.database import Pool, transaction
from provenstore.projections.engine.queries import queries

MAX_PAGE: Final = 1_000

_CURSOR: Final = b"d"


@dataclass(frozen=True, slots=True)
class Term:
    """A disposal policy in force in a workspace; one that destroys nothing is none."""

    workspace: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Sum:
    """How much is deleted or expired under one policy."""

    category: str
    policy: str
    due_files: int  # destroyed by the next run
    due_bytes: int
    later_files: int  # destroyed later
    later_bytes: int
    kept_files: int  # kept by a hold, by a purge that somebody decides about, or as damaged
    kept_bytes: int
    next_at: datetime | None  # when the next file is destroyed


@dataclass(frozen=True, slots=True)
class Due:
    """A file that a policy destroys, and when."""

    file: str
    position: int  # of the file's first event: the order of lists
    category: str
    policy: str
    filename: str | None  # private
    size: int
    removed_at: datetime
    days_since: datetime  # from when the policy's days count: the removal, or the last rejection of a purge since
    retention_until: datetime | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some files of a list, and the cursor of the next page if there is one."""

    files: tuple[Due, ...]
    next: str | None


class Disposals:
    """Reads the file index through the role that owns the read models."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`."""
        self._pool = pool

    def categories(self, workspace: str | None = None) -> list[tuple[str, str]]:
        """Return each workspace and category in which anything is deleted or expired, in order."""
        with transaction(self._pool) as connection:
            found = connection.execute(queries("files/disposal")["categories"], {"workspace": workspace})
            return [(str(row[0]), str(row[1])) for row in found]

    def sums(self, now: datetime, terms: Sequence[Term]) -> tuple[Sum, ...]:
        """Return how much is deleted or expired under each policy."""
        return tuple(self._read("sums", Sum, terms, now=now))

    def list(
        self, terms: Sequence[Term], *, before: datetime | None = None, cursor: str | None = None, limit: int = 100
    ) -> DuePage:
        """Return a page of the files that the policies destroy, with `before` only before then; oldest files first.

        InvalidInput for a foreign cursor or a limit outside 1 to 1,000.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
        position = 0 if cursor is None else decode_cursor(_CURSOR, cursor)
        found = tuple(self._read("list", Due, terms, before=before, position=position, limit=limit + 1))
        if len(found) <= limit:
            return DuePage(found, None)
        return DuePage(found[:limit], encode_cursor(_CURSOR, found[limit - 1].position))

    def _read(self, name: str, into: type[Any], terms: Sequence[Term], **asked: Any) -> Iterable[Any]:
        texts = queries("files/disposal")
        with transaction(self._pool) as connection:
            connection.execute(queries("engine/projection")["utc"])
            rows = connection.cursor(row_factory=class_row(into))
            return rows.execute(f"{texts['removed']}\n{texts[name]}", {**asked, "terms": json_terms(terms)}).fetchall()


def json_terms(terms: Iterable[Term]) -> str:
    """Return policies as the statements take them."""
    return json.dumps(
        [
            {
                "workspace": one.workspace,
                "category": one.policy.category,
                "policy": one.policy.name,
                "days": one.policy.after_days,
                "not_before": format_time(one.policy.not_before) if one.policy.not_before else None,
            }
            for one in terms
            if one.policy.after_days is not None
        ]
    )

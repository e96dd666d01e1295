"""Questions about usage, answered from its sums: totals, and a page of groups by one of their columns.

Answers lag behind the log by as much as the read model does. On a connection of the reader's role row-level security
leaves exactly one workspace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Literal

from psycopg.sql import SQL, Composable
from psycopg.sql import Literal as Constant

from provenstore.domain.errors import InvalidInput
from provenstore.projections.engine.database import Pool, storable, transaction
from provenstore.projections.engine.queries import queries
from provenstore.projections.usage.row import NOTHING, Sums

By = Literal["workspace", "owner", "category", "provider", "month"]

MAX_PAGE: Final = 1_000
"""Groups of one page: no read transaction may last longer than a page."""


@dataclass(frozen=True, slots=True)
class Billed:
    """What a provider is paid for: bytes kept now, deleted ones included, and bytes given out in one month."""

    stored: int
    served: int


@dataclass(frozen=True, slots=True)
class Used:
    """What a group of files uses."""

    key: str
    sums: Sums = NOTHING
    billed: Mapping[str, Billed] = field(default_factory=dict)  # by provider


class Usages:
    """The usage as its readers see it. `billed` is the month whose served bytes are told apart, e.g. 2026-11."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`; its role decides what can be seen: the reader's one workspace, the runner's all."""
        self._pool = pool

    def total(self, *, billed: str, workspace: str | None = None, month: str | None = None) -> Used:
        """Return what everything uses, or one workspace, or what was stored and given out in one month."""
        found = self._select("everything", Constant(""), billed=billed, workspace=workspace, month=month)
        return found[0] if found else Used("")

    def page(
        self,
        by: By,
        *,
        billed: str,
        workspace: str | None = None,
        month: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[Used, ...]:
        """Return up to `limit` groups in order of their keys, above `after`; InvalidInput for a limit out of range."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
        if not storable(after):
            raise InvalidInput("after", "contains an invalid character")
        column = SQL(f"u.{by}")
        return self._select("page", column, billed=billed, workspace=workspace, month=month, after=after, limit=limit)

    def named(
        self, by: By, keys: Sequence[str], *, billed: str, workspace: str | None = None, month: str | None = None
    ) -> tuple[Used, ...]:
        """Return the group of each key, in their order; one that uses nothing comes, too."""
        column = SQL(f"u.{by}")
        found = self._select("named", column, billed=billed, workspace=workspace, month=month, keys=[*keys])
        by_key = {one.key: one for one in found}
        return tuple(by_key.get(key) or Used(key) for key in keys)

    def _select(
        self, source: str, by: Composable, *, workspace: str | None, month: str | None, **values: Any
    ) -> tuple[Used, ...]:
        texts = queries("usage/query")
        asked = {"workspace": workspace, "month": month}
        within = "\n".join(texts[name] for name, value in asked.items() if value is not None)
        statement = SQL("\n".join([texts["sums"], texts[source], within, texts["end"]]))
        with transaction(self._pool) as connection:
            connection.execute(texts["scope"], {"workspace": workspace or ""})
            rows = connection.execute(statement.format(by=by, within=SQL(within)), {**asked, **values}).fetchall()
        return tuple(_used(key, list(group)) for key, group in groupby(rows, key=lambda row: str(row[0])))


def _used(key: str, rows: Sequence[Sequence[Any]]) -> Used:
    """Return a group from its rows, one per provider."""
    total, billed = NOTHING, dict[str, Billed]()
    for _, provider, *numbers, served in rows:
        sums = Sums(*numbers)
        total = total.plus(sums)
        billed[provider] = Billed(sums.bytes + sums.deleted_bytes, served)
    return Used(key, total, billed)

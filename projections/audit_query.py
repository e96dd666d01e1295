"""Officers' questions of the audit trail: who, on whose behalf, what, which file, when, from where, how it ended.

Answers lag behind the log by as much as the read model does. On a connection of the reader's role row-level security
leaves exactly one workspace. Nothing here records that it was asked: whoever lets a caller ask does.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from provenstore.domain import file_events, provider_events, workspace_events  # noqa: F401  # they fill the registry
from provenstore.domain.errors import InvalidInput
from provenstore.domain.event_types import REGISTRY
from provenstore.projections.audit_row import Action, AuditRow, action_of
from provenstore.projections.audit_trail import audit_row
from provenstore.projections.cursor import decode_cursor, encode_cursor
from provenstore.projections.database import Pool, reading, storable
from provenstore.projections.queries import queries

MAX_PAGE: Final = 1_000
"""Rows of one page: no read transaction may last longer than a page."""

Outcome = Literal["ok", "denied", "failed"]

_NEWEST_FIRST, _OLDEST_FIRST = b"a", b"o"
"""Kinds of cursors: the one order cannot be gone on with in the other."""

_MODES: Final[dict[Action, tuple[str, ...]]] = {"view": ("view",), "download": ("download", "redirect")}
_FINDS_FILES: Final = {"related_id": "files_of_related", "subject": "files_of_subject"}
_NO_CONDITION: Final = frozenset({"types", "actions", "related_type", *_FINDS_FILES})
_HAS_AN_INDEX: Final = frozenset({"file", "actor", "credential", "address"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What is asked; None and () ask nothing. All conditions hold together; time ranges exclude their end."""

    workspace: str | None = None
    file: str | None = None
    actor: str | None = None
    on_behalf_of: str | None = None
    credential: str | None = None
    types: tuple[str, ...] = ()  # any of these
    actions: tuple[Action, ...] = ()  # any of these
    related_type: str | None = None
    related_id: str | None = None
    subject: str | None = None
    outcome: Outcome | None = None
    address: str | None = None
    time_from: datetime | None = None
    time_before: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse unknown types, a range that ends before it begins, text that nothing can hold, times without zone."""
        if unknown := set(self.types) - REGISTRY.names:
            raise InvalidInput("type", f"{min(unknown)!r} is not in the registry of this release")
        if "other" in self.actions:
            raise InvalidInput("action", "'other' is said of events that this release cannot read, and finds nothing")
        if self.related_type is not None and self.related_id is None:
            raise InvalidInput("related_type", "needs a related_id")
        for name, value in self.asked().items():
            texts = value if isinstance(value, tuple) else (value,)
            if any(isinstance(one, str) and not storable(one) for one in texts):
                raise InvalidInput(name, "holds a character that nothing can have here")
            if isinstance(value, datetime) and value.tzinfo is None:
                raise InvalidInput(name, "has no time zone")
        if self.time_from is not None and self.time_before is not None and self.time_before <= self.time_from:
            raise InvalidInput("time_before", "is not after time_from")

    def asked(self) -> dict[str, Any]:
        """Return what is asked, by field."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, ())}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, and what its file is called now."""

    row: AuditRow
    filename: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some rows, and the cursor of the next page if there is one."""

    entries: tuple[Entry, ...]
    next: str | None


class Audit:
    """The audit trail as its readers see it."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`; its role decides what can be seen: the reader's one workspace, the runner's all."""
        self._pool = pool

    def search(
        self, asked: AuditFilter, *, cursor: str | None = None, limit: int = 100, oldest_first: bool = False
    ) -> AuditPage:
        """Return a page, newest events first unless told otherwise.

        Every event that was there at the first page and fits comes exactly once. InvalidInput for a foreign cursor or
        a limit outside 1 to 1,000; DatabaseUnavailable.
        """
        statement, values = question(asked, cursor=cursor, limit=limit, oldest_first=oldest_first)
        with reading(self._pool) as connection:
            connection.execute(queries("audit_query")["scope"], {"workspace": asked.workspace or ""})
            rows = connection.cursor(row_factory=dict_row).execute(statement, values)
            found = [Entry(audit_row(row), filename) for row in rows for filename in (row.pop("filename"),)]
        page = tuple(found[:limit])
        kind = _OLDEST_FIRST if oldest_first else _NEWEST_FIRST
        return AuditPage(page, encode_cursor(kind, page[-1].row.position) if len(found) > limit else None)


def question(
    asked: AuditFilter, *, cursor: str | None = None, limit: int = 100, oldest_first: bool = False
) -> tuple[Composed, dict[str, Any]]:
    """Return the statement that finds a page and one row more, and its values; InvalidInput as `Audit.search`."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
    values = {"related_type": None, **asked.asked(), "limit": limit + 1}
    conditions = [name for name in asked.asked() if name not in _NO_CONDITION]
    if (types := _types(asked)) is not None:
        values["types"] = types
    if (modes := _modes(asked)) is not None:
        values["modes"] = modes
        conditions.append("modes")
    if cursor is not None:
        conditions.append(after := "newer" if oldest_first else "older")
        values[after] = decode_cursor(_OLDEST_FIRST if oldest_first else _NEWEST_FIRST, cursor)
    order = "oldest_first" if oldest_first else "newest_first"
    return SQL(_statement(asked, conditions, order, by_type=types is not None)).format(g=SQL("")), values


def _statement(asked: AuditFilter, conditions: list[str], order: str, *, by_type: bool) -> str:
    """Return the source that an index serves best, with the conditions on it and the order."""
    texts = queries("audit_query")
    finders = [texts[name] for field, name in _FINDS_FILES.items() if getattr(asked, field) is not None]
    each_type = by_type and not finders and not _HAS_AN_INDEX & set(conditions)
    if by_type and not each_type:
        conditions = [*conditions, "types"]
    source = texts["from_all"]
    if finders:
        source = texts["from_files"].format(files="\nINTERSECT\n".join(finders) if finders[1:] else _once(finders[0]))
    elif each_type:
        source = texts["from_types"]
    parts = [queries("audit_trail")["columns"], texts["filename"], source]
    parts += [*(texts[name] for name in conditions), texts[order]]
    if finders or each_type:
        parts += [") a", texts[order]]  # the newest of each, and of those the newest
    return "\n".join(parts)


def _once(finder: str) -> str:
    """Return a finder of files that names each file once."""
    return finder.replace("SELECT", "SELECT DISTINCT", 1)


def _types(asked: AuditFilter) -> list[str] | None:
    """Return the types that types and actions leave, None for all."""
    if not asked.types and not asked.actions:
        return None
    wanted = {"download" if action == "view" else action for action in asked.actions}
    within = asked.types or sorted(REGISTRY.names)
    return [name for name in dict.fromkeys(within) if not wanted or action_of(name) in wanted]


def _modes(asked: AuditFilter) -> list[str] | None:
    """Return the modes of access that the actions leave, None for all: viewing and downloading are one type."""
    if not {"view", "download"} & set(asked.actions) or {"view", "download"} <= set(asked.actions):
        return None
    return [mode for action in asked.actions for mode in _MODES.get(action, ())]

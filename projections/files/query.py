"""Lists of files for callers, from the file index; what is due there is for `projections.files.jobs`.

Answers lag behind the log by as much as the read model does; whoever must see their own write waits for its position
first (`Positions.wait_for`). On a connection of the reader's role row-level security leaves exactly one workspace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg.rows import dict_row

from provenstore.domain.canonical import MAX_INTEGER
from provenstore.domain.errors import InvalidInput
from provenstore.domain.files.file_events import RetentionMode
from provenstore.projections.engine.cursor import decode_cursor, encode_cursor
from provenstore.projections.engine.database import Pool, storable, transaction
from provenstore.projections.engine.queries import queries
from provenstore.projections.files.index import file_row, select
from provenstore.projections.files.row import FileRow

MAX_PAGE: Final = 1_000
"""Rows of one page: no read transaction may last longer than a page."""

_KIND: Final = b"f"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilter:
    """What a list is narrowed to; None asks nothing. Ranges include their lower end, and sizes their upper end."""

    workspaces: tuple[str, ...] | None = None
    category: str | None = None
    variant: str | None = None
    status: str | None = None
    filename: str | None = None
    filename_prefix: str | None = None
    filename_contains: str | None = None
    media_type: str | None = None
    min_size: int | None = None  # bytes
    max_size: int | None = None  # bytes
    owner: str | None = None
    owner_keys: tuple[str, ...] | None = None  # API keys whose files `owner` means too
    owner_without_key: tuple[str, ...] | None = None  # owners whom it means too where they acted without a key
    related_type: str | None = None
    related_id: str | None = None
    subject: str | None = None
    held: bool | None = None  # under at least one legal hold
    created_from: datetime | None = None
    created_before: datetime | None = None
    stored_from: datetime | None = None
    stored_before: datetime | None = None
    deleted_from: datetime | None = None  # deleted or expired, and not restored since
    deleted_before: datetime | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None
    retained_until: datetime | None = None  # at least until then
    unretained_at: datetime | None = None  # not retained at all, or no longer then
    retention_mode: RetentionMode | None = None
    metadata_key: str | None = None
    metadata_value: str | None = None

    def __post_init__(self) -> None:
        """Refuse a value without its key, text and numbers that no row can hold, and times without a zone."""
        if self.metadata_value is not None and self.metadata_key is None:
            raise InvalidInput("metadata_value", "needs a metadata_key")
        for name, value in self.asked().items():
            if isinstance(value, str) and not storable(value):
                raise InvalidInput(name, "holds a character that no file can have here")
            if type(value) is int and not 0 <= value <= MAX_INTEGER:
                raise InvalidInput(name, f"is not between 0 and {MAX_INTEGER}", limit=MAX_INTEGER)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise InvalidInput(name, "has no time zone")

    def asked(self) -> dict[str, Any]:
        """Return what is asked, by field."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, and the cursor of the next page if there is one."""

    rows: tuple[FileRow, ...]
    next: str | None


class Files:
    """The file index as its readers see it."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`; its role decides what can be seen: the reader's one workspace, the runner's all."""
        self._pool = pool

    def list(self, asked: FileFilter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return a page, newest files first.

        Every file that was there at the first page and still fits comes exactly once. InvalidInput for a foreign
        cursor or a limit outside 1 to 1,000; DatabaseUnavailable.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
        values = asked.asked()
        if asked.workspaces is not None:
            values["workspaces"] = [*asked.workspaces]  # psycopg sends a list as an array, a tuple as a record
        for name in ("owner_keys", "owner_without_key"):
            values[name] = [*values.get(name, ())]
        if cursor is not None:
            values["older"] = decode_cursor(_KIND, cursor)
        names = [name for name in values if not name.startswith("owner_")]
        if asked.owner_keys or asked.owner_without_key:
            names[names.index("owner")] = "owner_as_shown"
        if (end := after_prefix(asked.filename_prefix or "")) is not None:
            values["filename_prefix_end"] = end
            names.append("filename_prefix_end")
        for finer, coarser in (("related_id", "related_type"), ("metadata_value", "metadata_key")):
            if finer in names and coarser in names:
                names.remove(coarser)  # the finer condition looks at both
        if asked.held:
            names.append("under_hold")
        values = {"related_type": None, **values, "limit": limit + 1}
        scope = asked.workspaces[0] if asked.workspaces and len(asked.workspaces) == 1 else ""
        rows = self._select((*names, "page"), values, scope=scope)
        more = encode_cursor(_KIND, rows[limit - 1].created_position) if len(rows) > limit else None
        return Page(rows[:limit], more)

    def keys_of(self, owner: str, *, workspace: str | None) -> Sequence[str | None]:
        """Return the API keys that an owner began files with, None for none; of `workspace`, where it is given."""
        parts = queries("files/query")
        with transaction(self._pool) as connection:
            connection.execute(parts["scope"], {"workspace": workspace or ""})
            found = connection.execute(parts["keys_of"], {"owner": owner, "workspace": workspace})
            return tuple(key for (key,) in found)

    def _select(self, names: tuple[str, ...], values: Mapping[str, Any], scope: str = "") -> tuple[FileRow, ...]:
        parts = queries("files/query")
        statement = select("\n".join(parts[name] for name in names))
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            cursor.execute(parts["scope"], {"workspace": scope})
            cursor.execute(statement, values)
            return tuple(file_row(row) for row in cursor)


def after_prefix(prefix: str) -> str | None:
    """Return the least text above all that begin with `prefix`, in the order of code points; None if there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # surrogates are no characters

"""Officers' questions of the audit trail: who, on whose behalf, what, which file, when, from where, how it ended.

Answers lag behind the log by as much as the read model does. On a connection of the reader's role row-level security
leaves exactly one workspace. Nothing here records that it was asked: whoever lets a caller ask does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed

from provenstore.domain.custody.event_catalog import TYPE_NAMES
from provenstore.domain.errors import InvalidInput
from provenstore.domain.tenants.reach import ShownActors
from provenstore.projections.audit.filters import FILTERS, NAMES, Filter, filter_of
from provenstore.projections.audit.row import REPLACING, Entry, action_of
from provenstore.projections.audit.trail import audit_row
from provenstore.projections.audit.values import read_value
from provenstore.projections.engine.cursor import decode_cursor, encode_cursor
from provenstore.projections.engine.database import Pool, transaction
from provenstore.projections.engine.queries import queries
from provenstore.projections.files.query import after_prefix

MAX_PAGE: Final = 1_000
"""Rows of one page: no read transaction may last longer than a page."""

_NEWEST_FIRST, _OLDEST_FIRST = b"a", b"o"
"""Kinds of cursors: the one order cannot be gone on with in the other."""

_MODES: Final[Mapping[str, tuple[str, ...]]] = {"view": ("view",), "download": ("download", "redirect")}
_CASTS: Final = {"cause": "uuid"}
"""Columns that are no text."""


class AuditFilter:
    """A question: filters by the names of `audit_filters`, `not_…` for what is not to be found.

    All conditions hold together; a time range excludes its end. Of each value there is one or several, as a tuple.
    """

    def __init__(self, **asked: Any) -> None:
        """Read the values; None and () ask nothing.

        InvalidInput, by the name of the filter, for a value that nothing can have, or a range that ends before it
        begins; TypeError for a name that no filter has.
        """
        self._shown: Mapping[str, ShownActors] = {}
        if unknown := asked.keys() - set(NAMES):
            raise TypeError(f"there is no filter {min(unknown)!r}")
        given = {name: value for name, value in asked.items() if value is not None and value != ()}
        self._asked = {name: _read(name, given[name]) for name in NAMES if name in given}
        begin, end = self.one("time_from"), self.one("time_before")
        if begin is not None and end is not None and end <= begin:
            raise InvalidInput("time_before", "is not after time_from")
        if self.one("related_type") is not None and not {"related_id", "not_related_id"} & self._asked.keys():
            raise InvalidInput("related_type", "needs a related_id")

    def asked(self) -> Mapping[str, tuple[Any, ...]]:
        """Return what is asked, by name, in the spelling of the trail."""
        return self._asked

    def meaning(self, name: str, shown: ShownActors) -> "AuditFilter":
        """Return the question whose actors of `name` mean these acts too, besides those of an actor called just so."""
        found = AuditFilter(**self._asked)
        found._shown = {**self._shown, name: shown}
        return found

    def of_types(self, types: Sequence[str]) -> "AuditFilter":
        """Return the question about events of these types."""
        found = AuditFilter(**{**self._asked, "type": tuple(types)})
        found._shown = self._shown
        return found

    def shown(self, name: str) -> ShownActors | None:
        """Return which acts the actors of `name` mean too; None where they are plain ids."""
        return self._shown.get(name)

    def one(self, name: str) -> Any:
        """Return the value of a filter that takes one, None where it is not asked."""
        return next(iter(self._asked.get(name, ())), None)


def _read(name: str, value: Any) -> tuple[Any, ...]:
    asked, negated = filter_of(name)
    values = value if isinstance(value, tuple | list) else (value,)
    if len(values) > 1 and not asked.many and (not negated or asked.finds is not None):
        raise InvalidInput(name, "may be given only once")
    return tuple(dict.fromkeys(read_value(asked, name, one) for one in values))


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
        with transaction(self._pool) as connection:
            connection.execute(queries("audit/query")["scope"], {"workspace": asked.one("workspace") or ""})
            found = [_entry(row) for row in connection.cursor(row_factory=dict_row).execute(statement, values)]
        page = tuple(found[:limit])
        kind = _OLDEST_FIRST if oldest_first else _NEWEST_FIRST
        return AuditPage(page, encode_cursor(kind, page[-1].row.position) if len(found) > limit else None)

    def keys_of(self, actor: str, *, workspace: str | None) -> list[str | None]:
        """Return the API keys that an actor has acted with, None for none; of `workspace`, where it is given."""
        with transaction(self._pool) as connection:
            connection.execute(queries("audit/query")["scope"], {"workspace": workspace or ""})
            values = {"actor": actor, "workspace": workspace}
            return [found for (found,) in connection.execute(queries("audit/query")["keys_of"], values)]

    def ids(self, name: str, digits: str, *, workspace: str | None, file: str | None = None) -> list[str]:
        """Return the ids in a column that begin with these hexadecimal digits; two at most, in whichever spelling.

        Of `workspace` and of `file`, where they are given. ValueError for a column that holds no ids.
        """
        if name not in _IDS:
            raise ValueError(f"{name} holds no ids")
        values = {"prefixes": sorted({digits, _dashed(digits)}), "workspace": workspace, "file": file}
        statement = SQL(queries("audit/query")["ids"].format(column=name))
        with transaction(self._pool) as connection:
            connection.execute(queries("audit/query")["scope"], {"workspace": workspace or ""})
            return [found for (found,) in connection.execute(statement, values)]


_IDS: Final = frozenset({"link", "hold", "purge", "request"})
"""Columns of ids that the log does not find by themselves."""

_DASHES: Final = (8, 12, 16, 20)
"""Digits of a UUID before each of its dashes."""


def _dashed(digits: str) -> str:
    """Return the beginning of a UUID as UUIDs are spelled."""
    return "".join(f"-{one}" if at in _DASHES else one for at, one in enumerate(digits))


def _entry(row: DictRow) -> Entry:
    beside = {name: row.pop(name) for name in ("filename", "filename_then", "was", "held")}
    return Entry(audit_row(row), beside["filename"], beside["filename_then"], beside["was"] or {}, beside["held"] or {})


def question(
    asked: AuditFilter, *, cursor: str | None = None, limit: int = 100, oldest_first: bool = False
) -> tuple[Composed, dict[str, Any]]:
    """Return the statement that finds a page and one row more, and its values; InvalidInput as `Audit.search`."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput("limit", f"is not between 1 and {MAX_PAGE:,}", limit=MAX_PAGE)
    texts, values = queries("audit/query"), _values(asked)
    conditions = [_condition(name, asked.shown(name)) for name in asked.asked() if name not in _IN_THE_SOURCE]
    if (modes := _modes(asked.asked().get("action", ()))) is not None:
        values["modes"] = modes
        conditions.append(texts["modes"])
    if cursor is not None:
        after = "newer" if oldest_first else "older"
        values[after] = decode_cursor(_OLDEST_FIRST if oldest_first else _NEWEST_FIRST, cursor)
        conditions.append(texts[after])
    values |= {"limit": limit + 1, "replacing": sorted(REPLACING)}
    order = texts["oldest_first" if oldest_first else "newest_first"]
    return SQL(_statement(asked, conditions, order, values)).format(g=SQL("")), values


def _statement(asked: AuditFilter, conditions: Sequence[str], order: str, values: dict[str, Any]) -> str:
    """Return the source that an index serves best, with the conditions on it and the order."""
    texts = queries("audit/query")
    named = [filter_of(name) for name in asked.asked()]
    finders = [texts[one.finds] for one, negated in named if one.finds and not negated]
    ordered = any((one.column and one.indexed) or one.name in _ORDERED for one, negated in named if not negated)
    types = _types(asked)
    each_type = types is not None and not finders and not ordered
    if types is not None:
        values["types"] = types
        conditions = conditions if each_type else [*conditions, texts["types"]]
    source = texts["from_all"]
    if finders:
        source = texts["from_files"].format(files="\nINTERSECT\n".join(finders) if finders[1:] else _once(finders[0]))
    elif each_type:
        source = texts["from_types"]
    parts = [queries("audit/trail")["columns"], texts["beside"], source, *conditions, order]
    if finders or each_type:
        parts += [") a", order]  # the newest of each, and of those the newest
    return "\n".join(parts)


_ORDERED: Final = frozenset({"outcome", "decision", "address", "link"})
"""Filters with SQL of their own that an index serves."""

_IN_THE_SOURCE: Final = frozenset(
    {"type", "action", "related_type", *(one.name for one in FILTERS if one.finds is not None)}
)


def _condition(name: str, shown: ShownActors | None) -> str:
    """Return the condition of one filter; `shown` is what its actors mean besides their ids."""
    texts, (asked, negated) = queries("audit/query"), filter_of(name)
    if shown is not None:
        return texts["differs_from_actors" if negated else "of_actors"].format(name=name)
    if asked.column is not None:
        template = texts["differs" if negated else "equals"]
        return template.format(column=asked.column, name=name, kind=_CASTS.get(asked.column, "text"))
    if asked.finds is not None:
        return texts["not_of_files"].format(finder=_excluding(asked))
    return texts[name]


def _excluding(asked: Filter) -> str:
    """Return the finder of files that are to be left out."""
    finder = queries("audit/query")[str(asked.finds)]
    for name in (asked.name, f"{asked.name}_end"):
        finder = finder.replace(f"%({name})s", f"%(not_{name})s")
    return finder


def _once(finder: str) -> str:
    """Return a finder of files that names each file once."""
    return finder.replace("SELECT", "SELECT DISTINCT", 1)


def _values(asked: AuditFilter) -> dict[str, Any]:
    """Return the values of the conditions: one, or a list where several may be given."""
    values: dict[str, Any] = {"related_type": None, "workspace": None}
    for name, given in asked.asked().items():
        found, negated = filter_of(name)
        values[name] = [*given] if negated and found.finds is None else given[0]
        if name.endswith("_prefix"):
            values[f"{name}_end"] = after_prefix(given[0])
    for name in ("actor", "not_actor"):
        if (shown := asked.shown(name)) is not None:
            values[name] = [*asked.asked()[name]]
            values |= {f"{name}_keys": [*shown.keys], f"{name}_without_key": [*shown.without_key]}
    for name in ("decision", "not_decision"):
        given = asked.asked().get(name, ())
        whole, rules = [one for one in given if "/" in one], [one for one in given if "/" not in one]
        if name == "decision" and given:
            values |= {"rule": given[0].partition("/")[0], "version": whole[0] if whole else None}
        elif given:
            values |= {"not_rules": rules, "not_versions": whole}
    if actions := asked.asked().get("not_action"):
        values["not_action"] = [one for one in TYPE_NAMES if action_of(one) in _wanted(actions)]
        values["not_modes"] = _modes(actions) or [mode for modes in _MODES.values() for mode in modes]
    return values


def _wanted(actions: Sequence[str]) -> set[str]:
    return {"download" if action == "view" else action for action in actions}


def _types(asked: AuditFilter) -> list[str] | None:
    """Return the types that types and actions leave, None for all."""
    types, actions = asked.asked().get("type", ()), asked.asked().get("action", ())
    if not types and not actions:
        return None
    within = types or TYPE_NAMES
    return [name for name in within if not actions or action_of(name) in _wanted(actions)]


def _modes(actions: Sequence[str]) -> list[str] | None:
    """Return the modes of access that actions name, None for all: viewing and downloading are one type."""
    if not {"view", "download"} & set(actions) or {"view", "download"} <= set(actions):
        return None
    return [mode for action in actions for mode in _MODES.get(action, ())]

"""`audit`: who did what, to which file, when, from where, and how it ended; that it was asked is itself recorded."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args
from uuid import UUID

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.event_lines import all_details, mattering, plain, what_happened
from provenstore.api.cli.options import Full, file_id, instant, key_id, one_of, pair, part_id, whole_event_id
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command
from provenstore.projections.audit.filters import FILTERS, Action, Filter, Outcome, filter_of

_PAGE = 1_000

_METAVARS = {
    "file": "ID", "uuid": "ID", "credential": "ID", "time": "TIME", "type": "TYPE", "action": "ACTION",
    "related_id": "TYPE:ID", "request": "ID",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""

    def audit(
        ledger: Session,  # there is a filter of the name that this has elsewhere
        /,
        *,
        oldest_first: Annotated[bool, typer.Option("--oldest-first", help="List the oldest events first.")] = False,
        storage_log: Annotated[
            bool, typer.Option("--storage-log", help="Use the storage-audit-log JSON format.")
        ] = False,
        full: Full = False,
        fresh: Annotated[
            bool, typer.Option("--fresh/--no-fresh", help="Wait until the list includes every recorded event.")
        ] = True,
        limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="Maximum number of events.")] = 100,
        cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="List every page.")] = False,
        **given: Any,
    ) -> None:
        asked = _asked(given)
        asked |= {"order": "oldest"} if oldest_first else {}
        asked |= {"format": "storage-log"} if storage_log else {}
        page = _pages(ledger, asked, cursor, limit, fresh=fresh, everything=everything)
        _answer(ledger, page, full=full, storage_log=storage_log)

    audit.__doc__ = """Search the audit trail (the access is logged).

    The newest events come first. Every filter except the times has a negation, for example --not-actor. Negations of
    filters on events may be repeated.
    """
    first, *rest = (one for one in inspect.signature(audit).parameters.values() if one.kind is not one.VAR_KEYWORD)
    audit.__signature__ = inspect.Signature([first.replace(kind=first.POSITIONAL_OR_KEYWORD), *_options(), *rest])  # type: ignore[attr-defined]
    command(app, "audit", lists=True)(audit)


def _options() -> list[inspect.Parameter]:
    """Return an option for each filter, and one for its negation, which the help does not list."""
    shown, hidden = list[inspect.Parameter](), list[inspect.Parameter]()
    for one in FILTERS:
        if one.name == "related_type":
            continue
        option, metavar = _option(one), _METAVARS.get(one.name) or _METAVARS.get(one.kind)
        values = f": {', '.join(get_args(Action))}" if one.kind == "action" else ""
        how: dict[str, Any] = {"metavar": metavar, "show_default": False, "parser": _parser(one)}
        info = typer.Option(option, help=f"{one.help}{values}.", **how)
        shown.append(_parameter(one.name, one, info, many=one.many))
        if one.negatable:
            info = typer.Option(
                f"--not-{option[2:]}", hidden=True, help=f"Leave out events that {option} finds.", **how
            )
            hidden.append(_parameter(one.negation, one, info, many=one.finds is None))
    return [*shown, *hidden]


def _option(one: Filter) -> str:
    return one.option or f"--{one.name.replace('_', '-')}"


def _parser(one: Filter) -> Callable[[str], Any] | None:
    """Return what reads an id: of an API key only its id goes on, and the first digits of an id will do."""
    match one.name:
        case "cause":
            return whole_event_id
        case "link" | "hold" | "purge":
            return part_id(one.name)
        case "request":
            return part_id(one.name, as_text=True)
    return {"file": file_id, "credential": key_id}.get(one.kind)


def _parameter(name: str, one: Filter, info: Any, *, many: bool) -> inspect.Parameter:
    as_text = _parser(one) is None or one.name == "request"
    kind: Any = Outcome if one.kind == "outcome" and not many else str if as_text else UUID
    annotation = Annotated[list[kind] | None, info] if many else Annotated[kind | None, info]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filters that are given, read as far as this side can tell: of an API key only its id goes on."""
    asked: dict[str, Any] = {}
    for name, value in given.items():
        if value in (None, []):
            continue
        one, negated = filter_of(name)
        if one.name == "related_id":
            pairs = [pair("--related", each, ":") for each in ([value] if isinstance(value, str) else value)]
            if len({kind for kind, _ in pairs} | ({asked["related_type"]} if "related_type" in asked else set())) > 1:
                raise typer.BadParameter(
                    "has another type than another --related or --not-related", param_hint="--not-related"
                )
            asked["related_type"], found = pairs[0][0], [of for _, of in pairs]
            asked[name] = found if negated else found[0]
            continue
        asked[name] = [_read(one, each) for each in value] if isinstance(value, list) else _read(one, value)
    return asked


def _read(one: Filter, value: Any) -> Any:
    match one.kind:
        case "action":
            return one_of(_option(one), [value], get_args(Action))[0]
        case "time":
            return instant(_option(one), value)
    return str(value)


def _pages(
    session: Session, asked: dict[str, Any], cursor: str | None, limit: int, *, fresh: bool, everything: bool
) -> Document:
    """Return a page, or all of them as one."""
    first = {**asked, "fresh": fresh and cursor is None}
    page = session.custody.audit(first, cursor=cursor, limit=_PAGE if everything else limit)
    entries = page["entries"]
    while everything and page["next"] is not None:
        page = session.custody.audit(asked, cursor=page["next"], limit=_PAGE)
        entries += page["entries"]
    return {"entries": entries, "next": page["next"]}


_COLUMNS = ("POSITION", "TIME", "EVENT", "BY", "FOR", "FILE", "FROM", "OUTCOME", "DETAILS")


def _answer(session: Session, page: Document, *, full: bool, storage_log: bool) -> None:
    entries = page["entries"]
    if storage_log:
        session.out.as_json = True
    table = Table(columns=_COLUMNS, rows=[] if storage_log else [_row(one) for one in entries])
    session.out.listing(
        entries,
        table,
        none="no events match",
        shown=lambda: _full(entries) if full else _in_words(entries),
        more=("--cursor", page["next"]),
    )


def _row(one: Document) -> tuple[object, ...]:
    return (
        one["position"],
        text.moment(one["time"]),
        one["type"],
        _by(one),
        one["on_behalf_of"],
        one["file_id"],
        one["address"],
        one["outcome"],
        _details(one),
    )


def _details(one: Document) -> str:
    return all_details(
        {
            **one["details"],
            "file_name": one["filename_then"],
            "reason": one["reason"],
            "decision": one["decision"],
            "key": one["actor"]["credential"],
        }
    )


def _by(one: Document) -> str:
    return text.actor(one["actor"], one["actor"]["reach"], one["workspace"])


def _in_words(entries: Sequence[Document]) -> Table:
    """Return what a person reads first: when, what, who, from where, which file, and why."""
    rows = [
        (
            text.moment(one["time"]),
            what_happened(one["type"], one["details"]),
            _by(one),
            plain(one["address"]),
            one["file_id"],
            "; ".join(filter(None, (plain(one["filename_then"]), mattering(one["type"], _said(one))))),
        )
        for one in entries
    ]
    columns = ("TIME", "WHAT HAPPENED", "BY", "FROM", "FILE", "DETAILS")
    return Table(columns=columns, rows=rows, spare=("FILE", "FROM"))


def _said(one: Document) -> Document:
    return {**one["details"], "reason": one["reason"]}


def _full(entries: Sequence[Document]) -> Table:
    rows = [
        (
            one["position"],
            text.moment(one["time"]),
            what_happened(one["type"], one["details"]),
            _by(one),
            one["on_behalf_of"],
            plain(one["address"]),
            one["file_id"],
            f"{one['type']} {one['outcome']} {_details(one)}",
        )
        for one in entries
    ]
    columns = ("POSITION", "TIME", "WHAT HAPPENED", "BY", "FOR", "FROM", "FILE", "DETAILS")
    return Table(columns=columns, rows=rows)

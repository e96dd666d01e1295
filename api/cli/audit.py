"""`audit`: who did what, to which file, when, from where, and how it ended; that it was asked is itself recorded."""

from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import typer

from provenstore.api.cli import text
from provenstore.api.cli.custody import Document
from provenstore.api.cli.options import instant, one_of, pair
from provenstore.api.cli.session import Session, command

# As the domain has them, which is not imported here: help must come at once. A test compares.
Action = Literal[
    "upload", "view", "download", "edit", "delete", "link", "hold", "retention", "purge", "verify", "refuse", "erase",
    "administer", "audit",
]  # fmt: skip
Outcome = Literal["ok", "denied", "failed"]
_PAGE = 1_000
_ACTIONS = ", ".join(get_args(Action))

OnlyFile = Annotated[UUID | None, typer.Option("--file", metavar="ID", help="Only this file, all its streams.")]
Actions = Annotated[list[str] | None, typer.Option("--action", help=f"Any of: {_ACTIONS}.", show_default=False)]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Any of these event types, e.g. file.stored.v1.", show_default=False)
]
About = Annotated[str | None, typer.Option("--subject", help="Only files that were ever about this person.")]
Related = Annotated[
    str | None, typer.Option("--related", metavar="TYPE:ID", help="Only files that ever were of this business object.")
]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Recorded then or later.")]
Before = Annotated[str | None, typer.Option("--before", metavar="TIME", help="Recorded before.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "audit")
    def audit(
        session: Session,
        *,
        file: OnlyFile = None,
        actor: Annotated[str | None, typer.Option(help="Only what this actor did.")] = None,
        on_behalf_of: Annotated[str | None, typer.Option(help="Only what was done for this person.")] = None,
        credential: Annotated[str | None, typer.Option(help="Only what was done with this key.")] = None,
        type_: Types = None,
        action: Actions = None,
        related: Related = None,
        subject: About = None,
        outcome: Annotated[Outcome | None, typer.Option(help="ok, denied or failed.")] = None,
        address: Annotated[str | None, typer.Option(help="Only what came from this address.")] = None,
        from_: From = None,
        before: Before = None,
        workspace: Annotated[str | None, typer.Option(help="Only this workspace.")] = None,
        oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Oldest first.")] = False,
        storage_log: Annotated[
            bool, typer.Option("--storage-log", help="Answer JSON in the words of an ordinary storage audit log.")
        ] = False,
        fresh: Annotated[
            bool, typer.Option("--fresh/--no-fresh", help="Wait until it has seen all that was recorded before.")
        ] = True,
        limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="Events of one page.")] = 100,
        cursor: Annotated[str | None, typer.Option(help="Go on where a page ended.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="All pages, as one answer.")] = False,
    ) -> None:
        """Search the audit trail, newest first."""
        asked: dict[str, Any] = {
            "file": None if file is None else str(file),
            "actor": actor,
            "on_behalf_of": on_behalf_of,
            "credential": credential,
            "type": type_ or None,
            "action": one_of("--action", action, get_args(Action)) if action else None,
            "subject": subject,
            "outcome": outcome,
            "address": address,
            "time_from": instant("--from", from_),
            "time_before": instant("--before", before),
            "workspace": workspace,
            "order": "oldest" if oldest_first else None,
            "format": "storage-log" if storage_log else None,
        }
        if related is not None:
            asked["related_type"], asked["related_id"] = pair("--related", related, ":")
        given = {name: value for name, value in asked.items() if value is not None}
        _answer(session, _pages(session, given, cursor, limit, fresh=fresh, everything=everything), storage_log)


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


def _answer(session: Session, page: Document, storage_log: bool) -> None:
    if session.out.as_json or storage_log:
        session.out.document(page)
        return
    columns = ("POSITION", "TIME", "EVENT", "BY", "FOR", "FILE", "FROM", "OUTCOME", "DETAILS")
    session.out.table(columns, [_row(one) for one in page["entries"]], spare=("FOR", "FROM", "FILE"))
    if page["next"] is not None:
        session.out.say(f"there are more: --cursor {page['next']}")


def _row(one: Document) -> tuple[object, ...]:
    details = {**one["details"], "name": one["filename"], "reason": one["reason"], "key": one["actor"]["credential"]}
    return (
        one["position"],
        text.moment(one["time"]),
        one["type"],
        one["actor"]["id"],
        one["on_behalf_of"],
        one["file_id"],
        one["address"],
        one["outcome"],
        " ".join(f"{name}={value}" for name, value in details.items() if value is not None),
    )

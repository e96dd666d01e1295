"""`ls`, `show`, `history`, `rm` and `restore`: what is there, what happened to it, and taking it out of reach."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.event_lines import all_details, erased, mattering, plain, what_happened
from provenstore.api.cli.filters import (
    AboutPerson,
    CreatedBefore,
    CreatedFrom,
    DeletedBefore,
    DeletedFrom,
    ExpiresBefore,
    ExpiresFrom,
    InCategory,
    InWorkspace,
    Named,
    OfOwner,
    OfType,
    OfVariant,
    RelatedTo,
    RetainedUntil,
    RetentionModeOf,
    StoredBefore,
    StoredFrom,
    UnretainedAt,
    WithEntry,
    conditions,
)
from provenstore.api.cli.options import At, FileId, Full, Reason, RequiredReason, Status
from provenstore.api.cli.rows import Size, Table
from provenstore.api.cli.session import Session, command

_PAGE = 1_000


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app, "ls", lists=True)
    def ls(
        session: Session,
        *,
        workspace: InWorkspace = None,
        category: InCategory = None,
        variant: OfVariant = None,
        status: Annotated[
            Status | None,
            typer.Option(help="Only this status: initiated, stored, soft_deleted, purged, aborted or expired."),
        ] = None,
        name: Named = None,
        media_type: OfType = None,
        owner: OfOwner = None,
        subject: AboutPerson = None,
        related: RelatedTo = None,
        metadata: WithEntry = None,
        held: Annotated[
            bool | None, typer.Option("--held/--not-held", help="Only files with, or without, a legal hold.")
        ] = None,
        min_size: Annotated[int | None, typer.Option(min=0, help="Minimum size in bytes.")] = None,
        max_size: Annotated[int | None, typer.Option(min=0, help="Maximum size in bytes.")] = None,
        created_from: CreatedFrom = None,
        created_before: CreatedBefore = None,
        stored_from: StoredFrom = None,
        stored_before: StoredBefore = None,
        deleted_from: DeletedFrom = None,
        deleted_before: DeletedBefore = None,
        expires_from: ExpiresFrom = None,
        expires_before: ExpiresBefore = None,
        retained_until: RetainedUntil = None,
        unretained_at: UnretainedAt = None,
        retention_mode: RetentionModeOf = None,
        min_position: Annotated[
            str | None, typer.Option(help="Wait until the list includes this `Provenstore-Position`.")
        ] = None,
        fresh: Annotated[
            bool, typer.Option("--fresh/--no-fresh", help="Wait until the list includes every recorded event.")
        ] = True,
        limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of files.")] = 100,
        cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
        everything: Annotated[bool, typer.Option("--all", help="List every page.")] = False,
    ) -> None:
        """List files, newest first."""
        given = conditions(
            workspace=workspace,
            category=category,
            variant=variant,
            status=status,
            filename_contains=name,
            media_type=media_type,
            owner=owner,
            subject=subject,
            related=related,
            metadata=metadata,
            held=held,
            min_position=min_position,
            min_size=min_size,
            max_size=max_size,
            created_from=created_from,
            created_before=created_before,
            stored_from=stored_from,
            stored_before=stored_before,
            deleted_from=deleted_from,
            deleted_before=deleted_before,
            expires_from=expires_from,
            expires_before=expires_before,
            retained_until=retained_until,
            unretained_at=unretained_at,
            retention_mode=retention_mode,
        )
        asked = {**given, "fresh": fresh and cursor is None}
        page = session.custody.files(asked, cursor=cursor, limit=_PAGE if everything else limit)
        while everything and page["next"] is not None:
            more = session.custody.files(given, cursor=page["next"], limit=_PAGE)
            page = {"files": [*page["files"], *more["files"]], "next": more["next"]}
        _list(session, page)

    @command(app, "show")
    def show(session: Session, file_id: FileId, at: At = None) -> None:
        """Show all details of a file, now or at an earlier time.

        The details are computed from the file's own events.
        """
        _show(session, session.custody.file(str(file_id), full=True, at=at))

    @command(app, "history", lists=True)
    def history(session: Session, file_id: FileId, *, full: Full = False) -> None:
        """Show a file's event history (the access is logged).

        Events are listed in the order of the log, oldest first.
        """
        events: list[Document] = []
        after: int | None = 0
        while after is not None:
            page = session.custody.history(str(file_id), after=after, limit=_PAGE)
            events += page["events"]
            after = page["next"]
        table = Table(
            columns=("POSITION", "TIME", "EVENT", "BY", "OUTCOME", "DETAILS"), rows=[_row(one) for one in events]
        )
        session.out.listing(events, table, shown=lambda: _full(events) if full else _in_words(events))

    @command(app, "rm")
    def rm(session: Session, file_id: FileId, reason: RequiredReason) -> None:
        """Soft-delete a file (can be restored).

        The content can no longer be read; its bytes stay in the store. `provenstore restore` undoes this.
        """
        done(session, session.custody.soft_delete(str(file_id), reason), "deleted")

    @command(app, "restore")
    def restore(session: Session, file_id: FileId, reason: Reason = None) -> None:
        """Restore a deleted or expired file."""
        done(session, session.custody.restore(str(file_id), reason), "restored")


def _list(session: Session, page: Document) -> None:
    rows = [
        (
            one["id"],
            one["status"],
            Size(one["size"]),
            text.moment(one["created_at"]),
            one["category"],
            one["filename"],
        )
        for one in page["files"]
    ]
    columns = ("ID", "STATUS", "SIZE", "CREATED", "CATEGORY", "NAME")
    table = Table(columns=columns, rows=rows, spare=("CATEGORY", "CREATED"))
    session.out.listing(page["files"], table, none="no files match", more=("--cursor", page["next"]))


def _show(session: Session, file: Document) -> None:
    if session.out.as_json:
        session.out.document(file)
        return
    session.out.fields({name: _as_text(name, value, file["workspace"]) for name, value in file.items()})


def _as_text(name: str, value: Any, workspace: str) -> object:
    """Return what is said of a file as one line for people."""
    if isinstance(value, dict) and value.keys() == {"erased_by"}:
        return "(erased)"
    if name == "retention" and value is not None:
        return _retention(value, workspace)
    if isinstance(value, dict):
        return " ".join(f"{key}={text.safe(_as_text('', one, workspace))}" for key, one in value.items()) or None
    if isinstance(value, list):
        return ", ".join(text.safe(_as_text("", one, workspace)) for one in value) or None
    return value


def _retention(retention: Document, workspace: str) -> str:
    """Return until when a file is kept, by whom and why, and what waits for a second person."""
    parts = []
    if retention["until"] is not None:
        by = text.named(retention["set_by"], retention["set_by_reach"], workspace)
        what = f"{retention['mode']} until {text.moment(retention['until'])}"
        parts.append(f"{what}, set by {by} at {text.moment(retention['set_at'])}{_because(retention)}")
    if (pending := retention["pending"]) is not None:
        parts.append(f"{wish(pending, workspace)}; a second person must agree")
    return "; ".join(parts)


def wish(pending: Document, workspace: str) -> str:
    """Return who asked for which retention, when and why."""
    by = text.named(pending["requested_by"], pending["requested_by_reach"], workspace)
    what = f"{pending['mode']} until {text.moment(pending['until'])}"
    return f"{by} asked at {text.moment(pending['requested_at'])} for {what}{_because(pending)}"


def _because(said: Document) -> str:
    return "" if said.get("reason") is None else f" ({said['reason']})"


def done(session: Session, file: Document, what: str) -> None:
    """Answer an act on a file: its id, or with --json all of it."""
    if session.out.as_json:
        session.out.document(file)
        return
    session.out.line(file["id"])
    session.out.say(f"{what} {file['filename'] or file['id']}")


def _row(one: Document) -> tuple[object, ...]:
    event = one["event"]
    return (
        _place(one),
        text.moment(event["time"]),
        event["type"],
        _by(one),
        event["outcome"],
        _details(one),
    )


def _place(one: Document) -> object:
    return one["position"] or f"#{one['event']['number']}"  # of the workspace, for its keys


def _by(one: Document) -> str:
    return text.actor(one["event"]["actor"], one["actor_reach"], one["event"]["workspace"])


def _details(one: Document) -> str:
    return all_details({**one["details"], **_beside(one["disclosures"]), "decision": one["decision"]})


def _beside(disclosures: Document) -> Document:
    """Return the private values that stand beside the details, and those that were erased."""
    beside = ("reason", "address", "user_agent")
    return {name: value for name, value in disclosures.items() if name in beside or erased(value)}


def _values(one: Document) -> Document:
    return {**one["event"]["data"], **one["disclosures"], **one["details"]}


def _in_words(events: Sequence[Document]) -> Table:
    """Return what a person reads first: when, what, who, from where, and why."""
    rows = [
        (
            text.moment(one["event"]["time"]),
            what_happened(one["event"]["type"], _values(one)),
            _by(one),
            plain(one["disclosures"].get("address")),
            mattering(one["event"]["type"], _values(one)),
        )
        for one in events
    ]
    return Table(columns=("TIME", "WHAT HAPPENED", "BY", "FROM", "DETAILS"), rows=rows, spare=("FROM",))


def _full(events: Sequence[Document]) -> Table:
    rows = [
        (
            _place(one),
            text.moment(one["event"]["time"]),
            what_happened(one["event"]["type"], _values(one)),
            _by(one),
            plain(one["disclosures"].get("address")),
            f"{one['event']['type']} {one['event']['outcome']} {_details(one)}",
        )
        for one in events
    ]
    return Table(columns=("POSITION", "TIME", "WHAT HAPPENED", "BY", "FROM", "DETAILS"), rows=rows)

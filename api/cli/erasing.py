"""`erase`: forgetting what names a person, in one file or everywhere, by two persons and without breaking a proof."""

from typing import Annotated, Any
from uuid import UUID

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.help_pages import Group
from provenstore.api.cli.options import FileId, Reason, RequiredReason, one_of, part_id
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command

ERASABLE = (
    "filename", "related", "subjects", "metadata", "reason", "name", "matter", "address", "client_request",
    "purpose", "recipient", "user_agent",
)  # fmt: skip

ErasureId = Annotated[
    UUID,
    typer.Argument(metavar="ERASURE", help="ID of the erasure request.", show_default=False, parser=part_id("erasure")),
]
Subject = Annotated[
    str | None,
    typer.Option(help="A name, address or other value, exactly as it was given.", show_default=False),
]
ActorId = Annotated[
    str | None,
    typer.Option("--actor", help="Actor (full ID) whose registration and addresses are erased.", show_default=False),
]
Fields = Annotated[list[str] | None, typer.Option("--field", help="Only values of this name.", show_default=False)]
Within = Annotated[str | None, typer.Option("--workspace", help="Only in this workspace (default: the whole ledger).")]


class _FileUnlessNamed(Group):
    """`erase FILE` asks for one file; `erase --subject` is short for `erase request`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's own context
        """Read `FILE …` as `file FILE …`, and options as those of `request`."""
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["request" if _asks_widely(args) else "file", *args]
        return super().parse_args(ctx, args)


def _asks_widely(args: list[str]) -> bool:
    return any(one.partition("=")[0] in {"--subject", "--actor"} for one in args)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    erase = typer.Typer(cls=_FileUnlessNamed, no_args_is_help=True)
    app.add_typer(erase, name="erase", help="Erase private values about a person (two persons decide).")

    @command(erase, "file")
    def of_file(
        session: Session,
        file_id: FileId,
        field: Annotated[list[str], typer.Option(help=f"Values to erase: {', '.join(ERASABLE)}.", show_default=False)],
        reason: RequiredReason,
    ) -> None:
        """Request erasure of private values of one file.

        `provenstore erase FILE` is short for this. A second person approves the request. The reason is kept: it must
        not repeat the erased values.
        """
        fields = sorted(set(one_of("--field", field, ERASABLE)))
        _asked(session, session.custody.erase(str(file_id), fields=fields, reason=reason))

    @command(erase, "preview", lists=True)
    def preview(
        session: Session,
        *,
        subject: Subject = None,
        actor: ActorId = None,
        field: Fields = None,
        workspace: Within = None,
    ) -> None:
        """Preview which values an erasure would erase.

        The preview is recorded.
        """
        _counts(session, session.custody.preview_erasure(_wanted(subject, actor, field, workspace)))

    @command(erase, "request")
    def request(
        session: Session,
        *,
        subject: Subject = None,
        actor: ActorId = None,
        field: Fields = None,
        workspace: Within = None,
        reason: RequiredReason,
    ) -> None:
        """Request erasure of everything recorded about a person.

        `provenstore erase --subject VALUE` is short for this. A second person approves the request within seven days.
        Values that are recorded after the request are not erased. The reason is kept: it must not name the person.
        """
        wanted = _wanted(subject, actor, field, workspace)
        _asked(session, session.custody.request_erasure({**wanted, "reason": reason}))

    @command(erase, "list", lists=True)
    def list_requests(session: Session) -> None:
        """List requests and their status, oldest first."""
        found: list[Document] = []
        after: str | None = None
        while True:
            page = session.custody.erasures(after=after)
            found += page["erasures"]
            if (after := page["next"]) is None:
                break
        rows = [
            (
                one["id"],
                one["status"],
                text.named(one["requested_by"], one["requested_by_reach"], one["workspace"]),
                text.moment(one["requested_at"]),
                _values(one),
                one["reason"],
            )
            for one in found
        ]
        columns = ("ERASURE", "STATUS", "BY", "REQUESTED", "VALUES", "REASON")
        table = Table(columns=columns, rows=rows, spare=("VALUES", "BY"))
        session.out.listing(found, table, none="no erasures were requested")

    @command(erase, "show", lists=True)
    def show(session: Session, erasure: ErasureId) -> None:
        """Show a request and its report."""
        found = session.custody.erasure(str(erasure))
        if not session.out.as_json:
            session.out.say(_sentence(found))
            for line in _persons(found):
                session.out.say(line)
        _counts(session, found)

    @command(erase, "approve")
    def approve(session: Session, erasure: ErasureId, reason: Reason = None) -> None:
        """Approve a request as the second person; erases the values."""
        _told(session, session.custody.decide_erasure(str(erasure), "approve", reason))

    @command(erase, "reject")
    def reject(session: Session, erasure: ErasureId, reason: Reason = None) -> None:
        """Reject a request, or withdraw your own."""
        _told(session, session.custody.decide_erasure(str(erasure), "reject", reason))


def _wanted(subject: str | None, actor: str | None, fields: list[str] | None, workspace: str | None) -> Document:
    said: dict[str, Any] = {"subject": subject, "actor": actor, "workspace": workspace, "fields": fields or None}
    return {name: value for name, value in said.items() if value is not None}


def _asked(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    session.out.line(found["id"])
    asked = text.counted(_values(found), "value")
    session.out.say(f"asked for {asked}; another person approves it: provenstore erase approve {found['id']}")


def _told(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    session.out.line(found["id"])
    session.out.say(_sentence(found))


def _sentence(found: Document) -> str:
    report = found["report"]
    if report is None:
        count = _values(found)
        return f"{found['status']}: {text.counted(count, 'value')} {_was(count)} found at the request"
    held, count = report["files_held"], report["values"]
    keeps = "is under a legal hold and keeps its own" if held == 1 else "are under a legal hold and keep theirs"
    kept = f"; {text.counted(held, 'file')} {keeps}" if held else ""
    return f"{found['status']}: {text.counted(count, 'value')} {_was(count)} erased{kept}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _persons(found: Document) -> list[str]:
    """Return who did what, when and why, a line each, and what keeps the file that it is limited to."""
    lines = []
    for act, why in (("requested", "reason"), ("approved", "approval_reason"), ("ended", "end_reason")):
        if found[f"{act}_by"] is not None:
            by = text.named(found[f"{act}_by"], found[f"{act}_by_reach"], found["workspace"])
            because = f": {found[why]}" if found[why] is not None else ""
            lines.append(f"{act} by {by} at {text.moment(found[f'{act}_at'])}{because}")
    if found["file_id"] is not None:
        holds = ", ".join(one["name"] or one["id"] for one in found["legal_holds"])
        lines.append(
            f"file {found['filename'] or found['file_id']}" + (f", under legal hold: {holds}" if holds else "")
        )
    return lines


def _values(found: Document) -> int:
    return sum(one["values"] for one in found["found"])


def _counts(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    rows = [(one["kind"], one["field"], one["values"]) for one in found["found"]]
    session.out.table(Table(columns=("STREAM", "FIELD", "VALUES"), rows=rows))
    session.out.say(f"{text.counted(_values(found), 'value')}, of {text.counted(found['files'], 'file')}")

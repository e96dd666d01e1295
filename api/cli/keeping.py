"""`purge`, `hold` and `retention`: destroying bytes with a second person, and keeping them from being destroyed."""

from typing import Annotated, Literal

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Decision, Document
from provenstore.api.cli.files import wish
from provenstore.api.cli.options import FileId, Reason, RequiredReason, instant, part_id
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command

HoldId = Annotated[
    str,
    typer.Argument(
        metavar="HOLD",
        help="ID of the legal hold.",
        show_default=False,
        parser=part_id("hold", within="file_id", as_text=True),
    ),
]

_DECISIONS: tuple[tuple[Decision, str], ...] = (
    ("withdraw", "Withdraw a purge request."),
    ("approve", "Approve a purge as the second person; destroys the content."),
    ("reject", "Reject a purge request.\n\nThe days of a disposal policy start again."),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    purge, hold, retention = (typer.Typer(no_args_is_help=True) for _ in range(3))
    app.add_typer(purge, name="purge", help="Destroy a deleted file's content (two persons decide).")
    app.add_typer(hold, name="hold", help="Manage legal holds.")
    app.add_typer(retention, name="retention", help="Manage how long a file must be kept.")
    _register_purge(purge)
    _register_holds(hold)

    @command(retention, "set")
    def set_retention(
        session: Session,
        file_id: FileId,
        until: Annotated[str, typer.Option(metavar="TIME", help="End of the retention period.", show_default=False)],
        reason: RequiredReason,
        mode: Annotated[
            Literal["compliance", "governance"],
            typer.Option(help="compliance can only be lengthened; governance can be shortened by two persons."),
        ] = "governance",
    ) -> None:
        """Set or lengthen a retention, or request to shorten it."""
        moment = str(instant("--until", until))
        file = session.custody.set_retention(str(file_id), until=moment, mode=mode, reason=reason)
        if session.out.as_json:
            session.out.document(file)
        else:
            session.out.line(file["id"], text.moment(file["retention_until"]))
            pending = (file["retention"] or {}).get("pending")
            if pending is not None:
                session.out.say(f"{text.moment(pending['until'])} waits for a second person, who asks for the same")
                if pending["replaced"] is not None:
                    session.out.say(f"it replaces a request: {wish(pending['replaced'], file['workspace'])}")


def _register_purge(app: typer.Typer) -> None:
    @command(app, "request")
    def request(
        session: Session,
        file_id: FileId,
        *,
        reason: Reason = None,
        missing: Annotated[
            bool, typer.Option("--missing", help="Purge a file whose object is missing from the store.")
        ] = False,
    ) -> None:
        """Request destruction of a deleted file's content.

        A second person approves the request.
        """
        asked = session.custody.request_purge(str(file_id), reason, missing=missing)
        _purge(session, asked)
        if asked["status"] == "requested" and not session.out.as_json:
            session.out.say(f"another person decides, with: provenstore purge approve {file_id}")

    def add(decision: Decision, description: str) -> None:
        def decide(session: Session, file_id: FileId, reason: Reason = None) -> None:
            _purge(session, session.custody.decide_purge(str(file_id), decision, reason))

        decide.__doc__ = description
        command(app, decision)(decide)

    for decision, description in _DECISIONS:
        add(decision, description)

    @command(app, "show")
    def show(session: Session, file_id: FileId) -> None:
        """Show a file's latest purge (the access is logged)."""
        found = session.custody.purge(str(file_id))
        if session.out.as_json:
            session.out.document(found)
        else:
            session.out.fields(_described(found))

    @command(app, "certificate")
    def certificate(session: Session, file_id: FileId) -> None:
        """Show the destruction certificate (the access is logged)."""
        session.out.document(session.custody.certificate(str(file_id)))


def _register_holds(app: typer.Typer) -> None:
    @command(app, "place")
    def place(
        session: Session,
        file_id: FileId,
        name: Annotated[str, typer.Option(help="Name of the legal hold.", show_default=False)],
        reason: RequiredReason,
        matter: Annotated[str | None, typer.Option(help="Legal matter that the hold belongs to.")] = None,
    ) -> None:
        """Place a legal hold on a file and print its ID."""
        placed = session.custody.place_hold(str(file_id), name=name, matter=matter, reason=reason)
        if session.out.as_json:
            session.out.document(placed)
        else:
            session.out.line(placed["id"])
            session.out.say("held; another person releases it, with the id of the hold")

    @command(app, "release")
    def release(
        session: Session,
        file_id: FileId,
        hold: HoldId,
        reason: Reason = None,
    ) -> None:
        """Release a legal hold as the second person.

        The person who placed the hold cannot release it.
        """
        file = session.custody.release_hold(str(file_id), hold, reason)
        if session.out.as_json:
            session.out.document(file)
        else:
            session.out.say("released")

    @command(app, "list", lists=True)
    def list_holds(session: Session, file_id: FileId) -> None:
        """List the legal holds on a file (the access is logged)."""
        found = session.custody.holds(str(file_id))
        rows = [
            (
                one["id"],
                one["name"],
                one["matter"],
                text.named(one["placed_by"], one["placed_by_reach"]),
                text.moment(one["placed_at"]),
                one["reason"],
            )
            for one in found["legal_holds"]
        ]
        table = Table(columns=("ID", "NAME", "MATTER", "BY", "SINCE", "REASON"), rows=rows, spare=("SINCE", "MATTER"))
        session.out.listing(found["legal_holds"], table, none="no legal holds")


def _described(purge: Document) -> dict[str, object]:
    """Return a purge for people: actors with their reach, times to the second."""
    retention = purge["retention"]
    found: dict[str, object] = {"purge": purge["id"], "file": purge["file_id"], "name": purge["filename"]}
    found |= {"status": purge["status"], "policy": purge["policy"]}
    for act, why in (("requested", "reason"), ("approved", "approval_reason"), ("ended", "end_reason")):
        found[f"{act} by"] = text.named(purge[f"{act}_by"], purge[f"{act}_by_reach"])
        found[f"{act} at"] = text.moment(purge[f"{act}_at"])
        found[f"{act} because"] = purge[why]
    found["retained until"] = text.moment(retention["until"]) if retention else "-"
    found["legal holds"] = ", ".join(one["name"] or one["id"] for one in purge["legal_holds"]) or "-"
    return found


def _purge(session: Session, purge: Document) -> None:
    if session.out.as_json:
        session.out.document(purge)
    else:
        session.out.line(purge["id"], purge["status"])

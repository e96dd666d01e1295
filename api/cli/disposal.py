"""`disposal`: what is destroyed without a request for each file, after how long, and by whose decision."""

from typing import Annotated

import typer

from provenstore.api.cli import text
from provenstore.api.cli.administration import WorkspaceId
from provenstore.api.cli.backend import DisposalDecision, Document
from provenstore.api.cli.options import Reason, RequiredReason, instant, part_id
from provenstore.api.cli.rows import Size, Table
from provenstore.api.cli.session import Session, command

DEFAULT_DAYS = 90  # a test compares it with the domain's, which is too heavy to load for a help text

CategoryName = Annotated[str, typer.Argument(metavar="CATEGORY", help="Name of the category.", show_default=False)]
RequestId = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST",
        help="ID of the request.",
        show_default=False,
        parser=part_id("disposal", within="workspace", as_text=True),
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of results.")]

_DECISIONS: tuple[tuple[DisposalDecision, str], ...] = (
    ("approve", "Approve a policy as the second person (starts in 7 days)."),
    ("reject", "Reject a requested policy, or withdraw your own request."),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    disposal = typer.Typer(no_args_is_help=True)
    app.add_typer(disposal, name="disposal", help="Destroy deleted and expired files by policy.")
    _register_policies(disposal)
    _register_reports(disposal)


def _register_policies(app: typer.Typer) -> None:
    @command(app, "list", lists=True)
    def list_policies(session: Session, workspace: WorkspaceId) -> None:
        """List policies and requests that wait for approval."""
        _policies(session, session.custody.disposal_policies(workspace))

    @command(app, "request")
    def request(
        session: Session,
        workspace: WorkspaceId,
        category: CategoryName,
        *,
        days: Annotated[int, typer.Option(min=1, help="Days from deletion or expiry to destruction.")] = DEFAULT_DAYS,
        never: Annotated[bool, typer.Option("--never", help="Never destroy files of this category by policy.")] = False,
        reason: RequiredReason,
    ) -> None:
        """Request a disposal policy; a second person approves it."""
        new: Document = {"category": category, "after_days": None if never else days, "reason": reason}
        asked = session.custody.request_disposal_policy(workspace, new)
        if session.out.as_json:
            session.out.document(asked)
            return
        session.out.line(asked["id"])
        session.out.say(f"another person decides, with: provenstore disposal approve {workspace} {asked['id']}")

    def add(decision: DisposalDecision, description: str) -> None:
        def decide(session: Session, workspace: WorkspaceId, request: RequestId, reason: Reason = None) -> None:
            _policies(session, session.custody.decide_disposal_policy(workspace, request, decision, reason))

        decide.__doc__ = description
        command(app, decision, lists=True)(decide)

    for decision, description in _DECISIONS:
        add(decision, description)


def _register_reports(app: typer.Typer) -> None:
    @command(app, "due", lists=True)
    def due(
        session: Session,
        workspace: WorkspaceId,
        *,
        category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
        days: Annotated[int | None, typer.Option(min=1, help="Preview policies with this number of days.")] = None,
        before: Annotated[
            str | None, typer.Option(metavar="TIME", help="Only files that are due before this time.")
        ] = None,
        limit: Limit = 100,
        cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    ) -> None:
        """Preview what policies will destroy, and when."""
        until = None if before is None else str(instant("--before", before))
        asked = {"category": category, "after_days": days, "before": until, "cursor": cursor, "limit": limit}
        found = session.custody.disposal_due(workspace, {name: one for name, one in asked.items() if one is not None})
        if session.out.as_json:
            session.out.document(found)
            return
        for one in found["policies"]:
            session.out.say(_summary(one))
        rows = [
            (
                one["file_id"],
                one["policy"],
                Size(one["size"]),
                text.moment(one["days_since"]),
                text.moment(one["due_at"]),
                one["filename"],
            )
            for one in found["files"]
        ]
        columns = ("FILE", "POLICY", "SIZE", "DAYS SINCE", "DESTROYED", "NAME")
        table = Table(columns=columns, rows=rows, spare=("SIZE",))
        session.out.table(table, none="no files are due or will be")
        if found["next"] is not None:
            session.out.say(f"there are more: --cursor {found['next']}")

    @command(app, "runs", lists=True)
    def runs(
        session: Session,
        workspace: WorkspaceId,
        *,
        limit: Limit = 100,
        after: Annotated[str, typer.Option(help="Continue after the previous page.")] = "0",
    ) -> None:
        """List reports of past runs, oldest first."""
        found = session.custody.disposal_runs(workspace, after=after, limit=limit)
        rows = [
            (
                text.moment(one["ended_at"]),
                one["files"],
                Size(one["bytes"]),
                one["failed"],
                " ".join(one["policies"]),
            )
            for one in found["runs"]
        ]
        table = Table(columns=("ENDED", "FILES", "SIZE", "FAILED", "POLICIES"), rows=rows)
        session.out.listing(found["runs"], table, none="no runs", more=("--after", found["next"]))


def _policies(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    rows = [
        (
            one["category"],
            _days(one["after_days"]),
            one["policy"],
            text.named(one["approved_by"], one["approved_by_reach"]),
            text.moment(one["not_before"]),
            one["reason"],
        )
        for one in found["policies"]
    ]
    columns = ("CATEGORY", "DESTROYED", "POLICY", "APPROVED BY", "NOT BEFORE", "REASON")
    session.out.table(Table(columns=columns, rows=rows, spare=("NOT BEFORE", "APPROVED BY")))
    for one in found["requests"]:
        by = text.named(one["requested_by"], one["requested_by_reach"])
        asked = (
            f"{one['category']}: {_days(one['after_days'])}, requested by {by} at {text.moment(one['requested_at'])}"
        )
        session.out.say(f"{asked} ({one['reason'] or 'no reason shown'}), waits for a second person: {one['id']}")


def _days(days: int | None) -> str:
    return "never" if days is None else f"after {days} days"


def _summary(one: Document) -> str:
    due, later, kept = (
        f"{one[f'{what}_files']} ({text.size(one[f'{what}_bytes'])})" for what in ("due", "later", "kept")
    )
    return f"{one['policy']}: {due} due, {later} later, {kept} kept by a hold, a purge request or damage"

"""`usage`: what files take up and give out, how full a quota is, and about what a month costs."""

from typing import Annotated, Any, Literal

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.rows import Size, Table
from provenstore.api.cli.session import Session, command

By = Literal["workspace", "owner", "category", "provider", "month"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "usage", lists=True)
    def usage(
        session: Session,
        *,
        workspace: Annotated[str | None, typer.Option(help="Only this workspace (default: the whole ledger).")] = None,
        by: Annotated[
            By | None,
            typer.Option(help="Group by owner, category, provider or month; for the ledger also by workspace."),
        ] = None,
        month: Annotated[
            str | None, typer.Option(metavar="YYYY-MM", help="Only files stored and downloaded in this month (UTC).")
        ] = None,
        fresh: Annotated[
            bool, typer.Option("--fresh/--no-fresh", help="Wait until the figures include every recorded event.")
        ] = True,
        limit: Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of groups.")] = 100,
        after: Annotated[str | None, typer.Option(help="Start after this group.")] = None,
    ) -> None:
        """Show storage and download usage."""
        if workspace is not None and by == "workspace":
            raise typer.BadParameter("--by workspace is for the whole ledger")
        asked: dict[str, Any] = {"by": by, "month": month, "after": after, "limit": limit, "fresh": fresh}
        given = {name: value for name, value in asked.items() if value is not None}
        _answer(session, session.custody.usage(workspace, given))


def _answer(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    if found["by"] is None:
        session.out.fields(_fields(found["usage"], found["quota"]))
        return
    columns = ("KEY", "FILES", "BYTES", "DELETED", "NEW", "DOWNLOADS", "SERVED", "QUOTA", "COST")
    rows = [_row(one) for one in (*found["groups"], {"key": "total", **found})]
    session.out.table(Table(columns=columns, rows=rows, spare=("NEW", "DOWNLOADS")))
    if found["next"] is not None:
        session.out.say(f"there are more: --after {found['next']}")


def _fields(sums: Document, quota: Document | None) -> dict[str, object]:
    fields: dict[str, object] = {
        "files": sums["files"],
        "bytes": text.size(sums["bytes"]),
        "deleted, not purged": f"{sums['deleted_files']}, {text.size(sums['deleted_bytes'])}",
        "ever stored": f"{sums['new_files']}, {text.size(sums['new_bytes'])}",
        "downloads": sums["downloads"],
        "views": sums["views"],
        "redirects": sums["redirects"],
        "served": text.size(sums["served_bytes"]),
    }
    if quota is not None:
        fields["quota"] = _quota(quota)
    if sums["cost"] is not None:
        fields[f"estimated cost, {sums['cost']['month']}"] = _dollars(sums["cost"])
    return fields


def _row(one: Document) -> tuple[object, ...]:
    sums = one["usage"]
    return (
        one["key"],
        sums["files"],
        Size(sums["bytes"]),
        Size(sums["deleted_bytes"]),
        sums["new_files"],
        sums["downloads"],
        Size(sums["served_bytes"]),
        _quota(one["quota"]),
        _dollars(sums["cost"]),
    )


def _quota(quota: Document | None) -> str | None:
    """Return the level, and how full it is where there is a limit."""
    if quota is None:
        return None
    return quota["level"] if quota["percent"] is None else f"{quota['level']} ({quota['percent']} %)"


def _dollars(cost: Document | None) -> str | None:
    """Return the cost to a hundredth of a cent: one file costs less than a cent."""
    if cost is None:
        return None
    hundredths = (cost["total_micros"] + 50) // 100
    return f"{hundredths // 10_000}.{hundredths % 10_000:04d} {cost['currency']}"

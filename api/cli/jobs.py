"""`jobs`: the background work that finishes, clears, expires, purges and looks again, seen and helped by operators."""

from typing import Annotated, Any, get_args

import typer

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document
from provenstore.api.cli.batch import to_each
from provenstore.api.cli.options import FileIds, Kind, one_of
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command

_PAGE = 1_000

Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help=f"Only this kind: {', '.join(get_args(Kind))}.", show_default=False)
]
Within = Annotated[str | None, typer.Option(help="Only this workspace.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    jobs = typer.Typer(no_args_is_help=True)
    app.add_typer(jobs, name="jobs", help="List, run and retry background jobs.")

    @command(jobs, "list", lists=True)
    def list_jobs(
        session: Session,
        *,
        kind: Kinds = None,
        workspace: Within = None,
        upcoming: Annotated[bool, typer.Option("--upcoming", help="Include jobs that are not due yet.")] = False,
        limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="Maximum number of jobs.")] = 100,
        cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    ) -> None:
        """List jobs that are due, oldest files first.

        Shows since when each job is due, how often it failed and when it is tried next.
        """
        page = session.custody.jobs(_asked(kind, workspace, upcoming=upcoming), cursor=cursor, limit=limit)
        table = Table(
            columns=("FILE", "KIND", "WORKSPACE", "DUE", "FAILED", "NEXT", "LAST"),
            rows=[_row(job) for job in page["jobs"]],
            spare=("WORKSPACE", "DUE"),
        )
        session.out.listing(page["jobs"], table, none="no jobs", more=("--cursor", page["next"]))

    @command(jobs, "run")
    def run(session: Session, workspace: Within = None) -> None:
        """Run all due jobs once now.

        Jobs that failed and wait for their next attempt are left out.
        """
        found = session.custody.run_jobs(workspace)
        if session.out.as_json:
            session.out.document(found)
            return
        session.out.line(f"{found['done']} done, {found['failed']} failed")
        if found["failed"]:
            session.out.say("what failed is tried again by itself: provenstore jobs list")
        if found["stopped"]:
            session.out.say("there was more than fits into one round; run it again")

    @command(jobs, "retry")
    def retry(
        session: Session,
        file_ids: FileIds = None,
        *,
        everything: Annotated[bool, typer.Option("--all", help="All files whose last attempt failed.")] = False,
        kind: Kinds = None,
        workspace: Within = None,
    ) -> None:
        """Retry pending jobs for these files now."""
        if everything == bool(file_ids):
            raise typer.BadParameter("name files, or say --all")
        if not everything and (kind or workspace):
            raise typer.BadParameter("--kind and --workspace narrow --all")
        ids = [str(one) for one in file_ids or ()]
        if everything:
            asked = _asked(kind, workspace, upcoming=False)
            ids = list(dict.fromkeys(job["file_id"] for job in every_job(session, asked) if job["attempts"]))
        found = to_each(session, "retrying", ids, session.custody.retry_job)
        if session.out.as_json:
            session.out.document({"files": found.answers, "failed": found.failures_json(), "left": found.left})
        else:
            for one in found.answers:
                session.out.line(one["file_id"], one["status"], " ".join(job["kind"] for job in one["jobs"]) or None)
            found.say_failures(session.out)
        if found.code:
            raise typer.Exit(found.code)


def every_job(session: Session, asked: dict[str, Any]) -> list[Document]:
    """Return all pages of a list of jobs."""
    page = session.custody.jobs(asked, cursor=None, limit=_PAGE)
    found: list[Document] = page["jobs"]
    while page["next"] is not None:
        page = session.custody.jobs(asked, cursor=page["next"], limit=_PAGE)
        found = [*found, *page["jobs"]]
    return found


def _asked(kinds: list[str] | None, workspace: str | None, *, upcoming: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"upcoming": upcoming}
    if kinds:
        asked["kind"] = one_of("--kind", kinds, get_args(Kind))
    if workspace is not None:
        asked["workspace"] = workspace
    return asked


def _row(job: Document) -> tuple[object, ...]:
    return (
        job["file_id"],
        job["kind"],
        job["workspace"],
        text.moment(job["due_at"]),
        job["attempts"],
        text.moment(job["next_at"]),
        job["last_code"],
    )

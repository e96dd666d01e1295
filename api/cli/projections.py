"""`projections`: where the read models stand, stopping and building them anew, and their rows at any moment."""

import json
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from provenstore.api.cli import exits, text
from provenstore.api.cli.backend import Document, ProjectionAct
from provenstore.api.cli.options import RequiredReason
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, command

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the read model, for example file_index.", show_default=False)
]

_LOOK_EVERY: Final = 0.25
"""Seconds between two looks at how far a build has come."""

_MAX_ROWS: Final = 10_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    projections = typer.Typer(no_args_is_help=True)
    app.add_typer(projections, name="projections", help="Show and rebuild read models.")

    @command(projections, "list", lists=True)
    def list_projections(session: Session) -> None:
        """List read models with their status and lag."""
        _list(session, session.custody.projections())

    @command(projections, "status", lists=True)
    def status(
        session: Session,
        name: Annotated[
            str | None, typer.Argument(metavar="NAME", help="Only this read model.", show_default=False)
        ] = None,
    ) -> None:
        """Show the status of all read models, or details of one.

        The details include the event that a stopped read model cannot process.
        """
        if name is None:
            _list(session, session.custody.projections())
        else:
            _show(session, session.custody.projection(name))

    @command(projections, "rebuild", lists=True)
    def rebuild(
        session: Session,
        name: Name,
        *,
        compare: Annotated[
            bool, typer.Option("--compare", help="Only compare with the live rows; normally there are no differences.")
        ] = False,
        wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the rebuild has ended.")] = True,
    ) -> None:
        """Rebuild a read model beside its live rows.

        The new rows replace the live ones when they have caught up with the log.
        """
        found = session.custody.rebuild_projection(name, compare=compare)
        if wait:
            found = _follow(session, name, found)
        build = found["build"]
        if build["status"] == "failed":
            session.out.say(
                f"{name} cannot take event {build['error_position']}: provenstore projections status {name}"
            )
        if compare and build["status"] == "done":
            _say_differences(session, name, build)
        else:
            _show(session, found)
        if build["status"] == "failed" or build["differences"]:
            raise typer.Exit(exits.INTEGRITY if build["differences"] else exits.REFUSED)

    @command(projections, "cancel")
    def cancel(session: Session, name: Name) -> None:
        """Cancel a rebuild; the live rows stay."""
        _show(session, session.custody.cancel_rebuild(name))

    @command(projections, "skip")
    def skip(session: Session, name: Name, reason: RequiredReason) -> None:
        """Skip the event a stopped read model cannot process.

        The decision is recorded, and every rebuild skips the event too.
        """
        _show(session, session.custody.skip_event(name, reason))

    @command(projections, "rows", lists=True)
    def rows(
        session: Session,
        name: Name,
        *,
        at: Annotated[
            str,
            typer.Option(
                metavar="WHEN", help="Log position, or a time with a zone: 2026-11-21T08:00:00Z.", show_default=False
            ),
        ],
        key: Annotated[
            list[str] | None, typer.Option(help="Only rows of this key, for example a file's full ID.")
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=_MAX_ROWS, help="Maximum number of rows.")] = 1_000,
    ) -> None:
        """Show the rows of a read model as of a position or time.

        The rows are computed from the log, which takes as long as a rebuild up to that moment.
        """
        found = session.custody.rows(name, at=at, keys=key or (), limit=limit)
        if session.out.as_json:
            session.out.document(found)
            return
        listed = [(one["view"], json.dumps(one["row"], ensure_ascii=False)) for one in found["rows"]]
        session.out.table(Table(columns=("VIEW", "ROW"), rows=listed), none="no rows")
        if found["more"]:
            session.out.say("there are more: --limit")

    _acts(projections)


def _acts(projections: typer.Typer) -> None:
    acts: dict[ProjectionAct, str] = {
        "pause": "Pause a read model.\n\nIts rows stay readable.",
        "resume": "Resume a paused read model.",
        "park": "Stop a read model until it is retried.\n\nRequests that need it are refused at once.",
        "retry": "Retry a stopped read model or a failed rebuild.\n\nIt continues at the event where it stopped.",
    }
    for act, purpose in acts.items():
        command(projections, act)(_act(act, purpose))


def _act(act: ProjectionAct, purpose: str) -> Callable[[Session, str], None]:
    def run(session: Session, name: Name) -> None:
        _show(session, session.custody.act_on_projection(name, act))

    run.__doc__ = purpose
    return run


def _follow(session: Session, name: str, found: Document) -> Document:
    """Show how a build comes on until it is over."""
    generation, done = found["build"]["generation"], 0
    with session.out.progress(f"building {name}", found["build"]["left"], unit="events") as advance:
        while found["build"]["status"] == "building" and found["build"]["generation"] == generation:
            advance(found["build"]["position"] - done)
            done = found["build"]["position"]
            time.sleep(_LOOK_EVERY)
            found = session.custody.projection(name)
    return found


def _say_differences(session: Session, name: str, build: Document) -> None:
    found = session.custody.differences(name)
    if session.out.as_json:
        session.out.document({"name": name, "position": build["position"], **found})
        return
    table = Table(
        columns=("VIEW", "KEY", "COLUMN", "LIVE", "REBUILT"),
        rows=[
            (one["view"], _plain(one["key"]), one["column"], _plain(one.get("live")), _plain(one.get("rebuilt")))
            for one in found["differences"]
        ],
    )
    session.out.table(table)
    session.out.say(f"{text.counted(found['count'], 'difference')} at position {build['position']}")


def _list(session: Session, found: Document) -> None:
    table = Table(
        columns=("NAME", "STATUS", "POSITION", "BEHIND", "SECONDS", "VERSION", "BUILDING"),
        rows=[
            (
                one["name"],
                one["status"],
                one["position"],
                one["lag"]["events"],
                one["lag"]["seconds"],
                one["version"],
                _building(one["build"]),
            )
            for one in found["projections"]
        ],
        spare=("VERSION",),
    )
    session.out.listing(found["projections"], table)


def _building(build: Document | None) -> str | None:
    if build is None or build["status"] not in {"building", "failed"}:
        return None
    if build["status"] == "failed":
        return f"{build['purpose']} failed at {build['error_position']}: {build['error']}"
    eta = "" if build["eta_seconds"] is None else f", {build['eta_seconds']} s left"
    return f"{build['purpose']} at {build['position']}, {build['rate']} events/s{eta}"


def _show(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    lag, build, event = found["lag"], found["build"], found["event"]
    fields = {name: value for name, value in found.items() if name not in {"lag", "build", "event", "since"}}
    fields |= {
        "since": text.moment(found["since"]),
        "behind": f"{text.counted(lag['events'], 'event')}, {text.counted(lag['seconds'], 'second')}",
    }
    fields |= {f"build {name}": value for name, value in (build or {}).items()}
    fields |= {f"event {name}": value for name, value in (event or {}).items()}
    session.out.fields(fields)


def _plain(value: Any) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

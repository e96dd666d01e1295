"""`projections`: where the read models stand, stopping and building them anew, and their rows at any moment."""

import json
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from provenstore.api.cli import exits, text
from provenstore.api.cli.custody import Document, ProjectionAct
from provenstore.api.cli.options import RequiredReason
from provenstore.api.cli.session import Session, command

Name = Annotated[str, typer.Argument(metavar="NAME", help="The read model, e.g. file_index.", show_default=False)]

_LOOK_EVERY: Final = 0.25
"""Seconds between two looks at how far a build has come."""

_MAX_ROWS: Final = 10_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    projections = typer.Typer(no_args_is_help=True)
    app.add_typer(projections, name="projections", help="Read models: where they stand, and building them anew.")

    @command(projections, "list")
    def list_projections(session: Session) -> None:
        """List the read models: how far behind the log they are, and what is being built."""
        _list(session, session.custody.projections())

    @command(projections, "status")
    def status(
        session: Session,
        name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one.", show_default=False)] = None,
    ) -> None:
        """Say where all stand, or all about one, with the event that it could not take."""
        if name is None:
            _list(session, session.custody.projections())
        else:
            _show(session, session.custody.projection(name))

    @command(projections, "rebuild")
    def rebuild(
        session: Session,
        name: Name,
        *,
        compare: Annotated[
            bool, typer.Option("--compare", help="Only compare with the live rows, which stay; none differs normally.")
        ] = False,
        wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")] = True,
    ) -> None:
        """Build one anew beside the live rows, and put it in their place when it has caught up."""
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
        """Give up building one; the live rows stay."""
        _show(session, session.custody.cancel_rebuild(name))

    @command(projections, "skip")
    def skip(session: Session, name: Name, reason: RequiredReason) -> None:
        """Let a parked one go on without the event that it cannot take; recorded, and honoured by every rebuild."""
        _show(session, session.custody.skip_event(name, reason))

    @command(projections, "rows")
    def rows(
        session: Session,
        name: Name,
        *,
        at: Annotated[
            str,
            typer.Option(
                metavar="WHEN", help="A position, or a time with a zone: 2026-11-21T08:00:00Z.", show_default=False
            ),
        ],
        key: Annotated[list[str] | None, typer.Option(help="Only rows of this key, e.g. a file's whole id.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=_MAX_ROWS, help="So many at most.")] = 1_000,
    ) -> None:
        """Show rows as they were at any moment, each on a line; takes as long as folding the log so far."""
        found = session.custody.rows(name, at=at, keys=key or (), limit=limit)
        if session.out.as_json:
            session.out.document(found)
            return
        for one in found["rows"]:
            session.out.line(one["view"], json.dumps(one["row"], ensure_ascii=False))
        if not found["rows"]:
            session.out.say("no rows")
        if found["more"]:
            session.out.say("there are more: --limit")

    _acts(projections)


def _acts(projections: typer.Typer) -> None:
    acts: dict[ProjectionAct, str] = {
        "pause": "Fold nothing into one until it is resumed; what it has stays readable.",
        "resume": "Let a paused one go on.",
        "park": "Take one out of service until it is tried again: whoever waits for it is refused at once.",
        "retry": "Try a parked one, or a rebuild that failed, again at the event where it stands.",
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
    session.out.table(
        ("VIEW", "KEY", "COLUMN", "LIVE", "REBUILT"),
        [
            (one["view"], _plain(one["key"]), one["column"], _plain(one.get("live")), _plain(one.get("rebuilt")))
            for one in found["differences"]
        ],
    )
    session.out.say(f"{text.counted(found['count'], 'difference')} at position {build['position']}")


def _list(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.document(found)
        return
    session.out.table(
        ("NAME", "STATUS", "POSITION", "BEHIND", "SECONDS", "VERSION", "BUILDING"),
        [
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

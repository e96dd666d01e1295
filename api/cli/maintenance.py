"""`verify` and `db`: checking the whole log against itself, and bringing a database up to this release."""

from typing import TYPE_CHECKING, Any

import typer

from provenstore.api.cli import exits
from provenstore.api.cli.session import Session, local_command

if TYPE_CHECKING:
    from provenstore.domain.verification import Report


def register(app: typer.Typer) -> None:
    """Add the commands."""
    db = typer.Typer(no_args_is_help=True)

    @local_command(app, "verify")
    def verify(session: Session) -> None:
        """Check that the whole log is what was sealed; exit code 7 and the first bad event if it is not.

        Reads the database itself, so it runs where the data directory is, or with PROVENSTORE_DATABASE_URL.
        """
        report = _check(session)
        if session.out.as_json:
            session.out.document(_document(report))
        elif report.ok:
            for step in report.steps:
                session.out.line(f"ok  {step}")
            session.out.line(f"checked {report.checked:,} events: everything is as it was sealed")
        first = report.first
        if first is None:
            return
        if not session.out.as_json:
            for finding in sorted(report.findings, key=lambda one: (one.position, one.step)):
                session.out.line(finding.position, finding.stream, finding.event_id, finding.problem)
        session.out.say(
            f"integrity violated: first at position {first.position}, stream {first.stream or '-'}, "
            f"event {first.event_id or '-'}: {first.problem}"
        )
        raise typer.Exit(exits.INTEGRITY)

    app.add_typer(db, name="db", help="The database's schema.")

    @local_command(db, "migrate")
    def migrate(session: Session) -> None:
        """Bring the schema up to this release, as the database's owner. Doing it again changes nothing."""
        from provenstore.api.settings import load_settings
        from provenstore.api.wiring import migrate

        done = migrate(load_settings(data_dir=session.data_dir))
        if session.out.as_json:
            session.out.document({"migrations": done})
        else:
            session.out.say(f"{done} migrations done" if done else "the schema is up to date")


def _check(session: Session) -> "Report":
    from provenstore.adapters.event_store import PostgresEventLog
    from provenstore.api.settings import load_settings
    from provenstore.api.wiring import open_log
    from provenstore.domain.verification import verify_log

    with open_log(load_settings(data_dir=session.data_dir)) as database:
        log, before = PostgresEventLog(database), 0
        with session.out.progress("verifying", log.position(), unit="events") as advance:

            def on_progress(done: int, _newest: int) -> None:
                nonlocal before
                advance(done - before)
                before = done

            return verify_log(log, on_progress)


def _document(report: "Report") -> dict[str, Any]:
    findings = [
        {
            "step": one.step,
            "position": one.position,
            "stream": one.stream,
            "event": one.event_id,
            "problem": one.problem,
        }
        for one in sorted(report.findings, key=lambda one: (one.position, one.step))
    ]
    return {"ok": report.ok, "checked": report.checked, "steps": list(report.steps), "findings": findings}

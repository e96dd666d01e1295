"""`db`: bringing a database up to this release."""

import typer

from provenstore.api.cli import text
from provenstore.api.cli.session import Session, local_command


def register(app: typer.Typer) -> None:
    """Add the commands."""
    db = typer.Typer(no_args_is_help=True)
    app.add_typer(db, name="db", help="Upgrade the database schema.")

    @local_command(db, "migrate")
    def migrate(session: Session) -> None:
        """Upgrade the database schema to this release.

        Run it as the owner of the database. Running it again changes nothing.
        """
        from provenstore.api.settings import load_settings
        from provenstore.api.wiring import migrate

        done = migrate(load_settings(data_dir=session.data_dir))
        if session.out.as_json:
            session.out.document({"migrations": done})
        else:
            session.out.say(f"{text.counted(done, 'migration')} done" if done else "the schema is up to date")

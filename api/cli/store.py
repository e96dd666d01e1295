"""`store`: which object store the log was written with, and recording one whose marker was lost."""

from typing import TYPE_CHECKING, Annotated

import typer

from provenstore.api.cli.session import Session, local_command

if TYPE_CHECKING:
    from provenstore.domain.custody.store_identity import Identities


def register(app: typer.Typer) -> None:
    """Add the commands."""
    store = typer.Typer(no_args_is_help=True)
    app.add_typer(store, name="store", help="Show or record which object store belongs to the log.")

    @local_command(store, "show")
    def show(session: Session) -> None:
        """Show the recorded identity and the store's marker."""
        from provenstore.api.maintenance.store_identity import show_identities

        _show(session, show_identities(session.data_dir))

    @local_command(store, "identify")
    def identify(
        session: Session,
        *,
        reason: Annotated[str, typer.Option(help="Reason, recorded with the event.")],
        although_missing: Annotated[
            bool, typer.Option("--although-missing", help="Accept a store that lacks some of the log's objects.")
        ] = False,
        although_empty: Annotated[
            bool, typer.Option("--although-empty", help="Accept a store that has no object of the log.")
        ] = False,
    ) -> None:
        """Record the configured store as the store of the log."""
        from provenstore.api.maintenance.store_identity import record_identity

        found = record_identity(
            session.data_dir, reason, although_missing=although_missing, although_empty=although_empty
        )
        _show(session, found)


def _show(session: Session, found: "Identities") -> None:
    if session.out.as_json:
        session.out.document({"recorded": found.recorded, "marker": found.marker})
        return
    session.out.line("recorded", found.recorded)
    session.out.line("marker", found.marker)

"""`change`: what is said about a file."""

from typing import Annotated

import typer

from provenstore.api.cli.backend import Document
from provenstore.api.cli.files import done
from provenstore.api.cli.options import AccessLevel, FileId, instant, one_of, pair
from provenstore.api.cli.session import Session, command

_NEVER = "never"

CLEARABLE = ("metadata", "related", "subjects")


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app, "change")
    def change(
        session: Session,
        file_id: FileId,
        *,
        name: Annotated[str | None, typer.Option(help="New file name (the storage path does not change).")] = None,
        access: Annotated[AccessLevel | None, typer.Option(help="New access level: private or workspace.")] = None,
        metadata: Annotated[
            list[str] | None,
            typer.Option(metavar="KEY=VALUE", help="Metadata entry; the given entries replace all others."),
        ] = None,
        related: Annotated[
            list[str] | None,
            typer.Option(metavar="TYPE:ID", help="Business object; the given ones replace all others."),
        ] = None,
        subject: Annotated[
            list[str] | None,
            typer.Option(help="ID of a person whom the file is about; the given ones replace all others."),
        ] = None,
        clear: Annotated[
            list[str] | None, typer.Option(help=f"Remove all values of this field: {', '.join(CLEARABLE)}.")
        ] = None,
        expires_at: Annotated[
            str | None, typer.Option(metavar="TIME", help="New expiry time; `never` removes the expiry.")
        ] = None,
    ) -> None:
        """Update file metadata, access level or expiry (atomic).

        Either all given changes apply or none. Earlier values stay in the file's history.
        """
        changes: Document = {one: {} if one == "metadata" else [] for one in one_of("--clear", clear or [], CLEARABLE)}
        given: Document = {"filename": name, "access": access, "subjects": subject or None}
        if metadata:
            given["metadata"] = dict(pair("--metadata", one, "=") for one in metadata)
        if related:
            given["related"] = [dict(zip(("type", "id"), pair("--related", one, ":"), strict=True)) for one in related]
        given = {field: value for field, value in given.items() if value is not None}
        if both := changes.keys() & given.keys():
            raise typer.BadParameter(f"{min(both)} cannot be given and cleared at once", param_hint="--clear")
        changes |= given
        if expires_at is not None:
            changes["expires_at"] = None if expires_at == _NEVER else instant("--expires-at", expires_at)
        if not changes:
            raise typer.BadParameter("says nothing to change")
        done(session, session.custody.change(str(file_id), changes), "changed")

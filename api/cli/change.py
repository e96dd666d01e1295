"""`change`: what is said about a file."""

from typing import Annotated

import typer

from provenstore.api.cli.custody import Document
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
        name: Annotated[str | None, typer.Option(help="Call it so; its path stays.")] = None,
        access: Annotated[AccessLevel | None, typer.Option(help="private or workspace.")] = None,
        metadata: Annotated[
            list[str] | None, typer.Option(metavar="KEY=VALUE", help="A metadata entry; those given replace all.")
        ] = None,
        related: Annotated[
            list[str] | None, typer.Option(metavar="TYPE:ID", help="A business object; those given replace all.")
        ] = None,
        subject: Annotated[
            list[str] | None, typer.Option(help="Id of a person whom it is about; those given replace all.")
        ] = None,
        clear: Annotated[list[str] | None, typer.Option(help=f"Leave no {', '.join(CLEARABLE)}.")] = None,
        expires_at: Annotated[
            str | None, typer.Option(metavar="TIME", help="When it may expire; `never` takes an expiry away.")
        ] = None,
    ) -> None:
        """Change what is said about a file: all that is named, or nothing. What it said before stays in its history."""
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

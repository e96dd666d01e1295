"""`change` and `erase`: what is said about a file, and forgetting it without breaking a proof."""

from typing import Annotated

import typer

from provenstore.api.cli.custody import Document
from provenstore.api.cli.files import done
from provenstore.api.cli.options import AccessLevel, FileId, RequiredReason, instant, one_of, pair
from provenstore.api.cli.session import Session, command

_NEVER = "never"

CLEARABLE = ("metadata", "related", "subjects")
ERASABLE = (
    "filename", "related", "subjects", "metadata", "reason", "name", "matter", "address", "client_request",
    "purpose", "recipient", "user_agent",
)  # fmt: skip


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

    @command(app, "erase")
    def erase(
        session: Session,
        file_id: FileId,
        field: Annotated[list[str], typer.Option(help=f"What to forget: {', '.join(ERASABLE)}.", show_default=False)],
        reason: RequiredReason,
    ) -> None:
        """Erase private values from all events of a file, for good; every proof stays valid, the content stays.

        The reason given here is kept: it must not name what is erased.
        """
        fields = sorted(set(one_of("--field", field, ERASABLE)))
        done(
            session, session.custody.erase(str(file_id), fields=fields, reason=reason), f"erased {', '.join(fields)} of"
        )

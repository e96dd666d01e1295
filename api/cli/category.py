"""`category`: what a workspace takes, by category: the built-in ones, and its own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from provenstore.api.cli.administration import WorkspaceId
from provenstore.api.cli.backend import Document
from provenstore.api.cli.rows import Size, Table
from provenstore.api.cli.session import Session, command

CategoryName = Annotated[str, typer.Argument(metavar="CATEGORY", help="Name of the category.", show_default=False)]
Extensions = Annotated[
    list[str] | None,
    typer.Option("--extension", help="Allowed extension, for example pdf; '*' allows every type."),
]
MaxSize = Annotated[int | None, typer.Option(min=0, help="Maximum file size in bytes.")]
ExpiresAfter = Annotated[int | None, typer.Option(min=0, help="Lifetime of files in seconds; 0 means no expiry.")]
AllowEmpty = Annotated[
    bool | None, typer.Option("--allow-empty/--refuse-empty", help="Whether empty files are accepted.")
]
Reserve = Annotated[int | None, typer.Option(min=0, help="Bytes reserved for an upload of undeclared size.")]
DirectLinks = Annotated[
    bool | None,
    typer.Option("--direct-links/--no-direct-links", help="Allow links whose uses are not recorded."),
]
LinkTtl = Annotated[int | None, typer.Option(min=1, help="Maximum lifetime of a link in seconds.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    category = typer.Typer(no_args_is_help=True)
    app.add_typer(category, name="category", help="Manage file categories and their limits.")

    @command(category, "list", lists=True)
    def list_categories(session: Session, workspace: WorkspaceId) -> None:
        """List the categories of a workspace with their limits."""
        _show(session, session.custody.workspace(workspace)["categories"])

    @command(category, "add", lists=True)
    def add(
        session: Session,
        workspace: WorkspaceId,
        name: CategoryName,
        *,
        template: Annotated[str, typer.Option(help="Folder for its objects, e.g. scans/{year}/.", show_default=False)],
        extensions: Extensions = None,
        max_size: MaxSize = None,
        expires_after: ExpiresAfter = None,
        allow_empty: AllowEmpty = None,
        reserve: Reserve = None,
        link_ttl: LinkTtl = None,
        direct_links: DirectLinks = None,
    ) -> None:
        """Add a category to a workspace.

        Without --extension it takes every type.
        """
        limits = _given(
            extensions=extensions or None,
            max_size=max_size,
            expires_after=expires_after,
            allow_empty=allow_empty,
            reserve=reserve,
            link_ttl=link_ttl,
            direct_links=direct_links,
        )
        new: Document = {"category": name, "template": template, "limits": limits}
        _show(session, _only(session.custody.register_category(workspace, new), name))

    @command(category, "limit", lists=True)
    def limit(
        session: Session,
        workspace: WorkspaceId,
        name: CategoryName,
        *,
        extensions: Extensions = None,
        max_size: MaxSize = None,
        expires_after: ExpiresAfter = None,
        allow_empty: AllowEmpty = None,
        reserve: Reserve = None,
        link_ttl: LinkTtl = None,
        direct_links: DirectLinks = None,
    ) -> None:
        """Replace the limits of a category.

        Limits that are not given return to their defaults.
        """
        limits = _given(
            extensions=extensions or None,
            max_size=max_size,
            expires_after=expires_after,
            allow_empty=allow_empty,
            reserve=reserve,
            link_ttl=link_ttl,
            direct_links=direct_links,
        )
        _show(session, _only(session.custody.set_limits(workspace, name, limits), name))


def _given(**limits: object) -> Document:
    return {name: value for name, value in limits.items() if value is not None}


def _only(workspace: Document, name: str) -> list[Document]:
    return [one for one in workspace["categories"] if one["category"] == name]


def _show(session: Session, categories: Sequence[Document]) -> None:
    rows = [
        (
            one["category"],
            Size(one["max_size"]),
            "never" if one["expires_after"] is None else f"{one['expires_after']} s",
            "yes" if one["allow_empty"] else "no",
            one["template"],
            "every type" if one["extensions"] == ["*"] else " ".join(one["extensions"]),
        )
        for one in categories
    ]
    columns = ("CATEGORY", "LARGEST", "EXPIRES", "EMPTY", "TEMPLATE", "TYPES")
    session.out.listing(categories, Table(columns=columns, rows=rows, spare=("EMPTY", "TEMPLATE")))

"""Options that narrow a list of files, shared by the commands that list."""

from typing import Annotated, Any

import typer

from provenstore.api.cli.options import Variant, instant, pair

InWorkspace = Annotated[str | None, typer.Option("--workspace", help="Only this workspace.")]
InCategory = Annotated[str | None, typer.Option("--category", help="Only this category.")]
OfVariant = Annotated[Variant | None, typer.Option("--variant", help="Only this variant.")]
Named = Annotated[str | None, typer.Option("--name", help="Only names that contain this.")]
OfType = Annotated[str | None, typer.Option("--media-type", help="Only this media type.")]
OfOwner = Annotated[str | None, typer.Option("--owner", help="Only files of this actor.")]
AboutPerson = Annotated[str | None, typer.Option("--subject", help="Only files about this person.")]
RelatedTo = Annotated[str | None, typer.Option("--related", metavar="TYPE:ID", help="Only of this business object.")]
WithEntry = Annotated[str | None, typer.Option("--metadata", metavar="KEY=VALUE", help="Only with this entry.")]
CreatedFrom = Annotated[str | None, typer.Option("--created-from", metavar="TIME", help="Created then or later.")]
CreatedBefore = Annotated[str | None, typer.Option("--created-before", metavar="TIME", help="Created before.")]


def conditions(
    *, related: str | None, metadata: str | None, created_from: str | None, created_before: str | None, **plain: Any
) -> dict[str, Any]:
    """Return the conditions of the API's query that are given; a usage error for one that is not of its form."""
    asked = {
        **plain,
        "created_from": instant("--created-from", created_from),
        "created_before": instant("--created-before", created_before),
    }
    if related is not None:
        asked["related_type"], asked["related_id"] = pair("--related", related, ":")
    if metadata is not None:
        asked["metadata_key"], asked["metadata_value"] = pair("--metadata", metadata, "=")
    return {name: value for name, value in asked.items() if value is not None}

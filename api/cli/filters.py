"""Options that narrow a list of files, shared by the commands that list."""

from typing import Annotated, Any

import typer

from provenstore.api.cli.options import RetentionMode, Variant, instant, pair

InWorkspace = Annotated[str | None, typer.Option("--workspace", help="Only this workspace.")]
InCategory = Annotated[str | None, typer.Option("--category", help="Only this category.")]
OfVariant = Annotated[Variant | None, typer.Option("--variant", help="Only this variant.")]
Named = Annotated[str | None, typer.Option("--name", help="Only names that contain this text.")]
OfType = Annotated[str | None, typer.Option("--media-type", help="Only this media type.")]
OfOwner = Annotated[
    str | None, typer.Option("--owner", help="Only files of this actor (full ID, or as shown: bob@system).")
]
AboutPerson = Annotated[str | None, typer.Option("--subject", help="Only files about this person (full ID).")]
RelatedTo = Annotated[
    str | None, typer.Option("--related", metavar="TYPE:ID", help="Only files of this business object (full ID).")
]
WithEntry = Annotated[
    str | None,
    typer.Option("--metadata", metavar="KEY[=VALUE]", help="Only files with this metadata entry, or with this key."),
]
CreatedFrom = Annotated[
    str | None, typer.Option("--created-from", metavar="TIME", help="Created at or after this time.")
]
CreatedBefore = Annotated[
    str | None, typer.Option("--created-before", metavar="TIME", help="Created before this time.")
]

StoredFrom = Annotated[str | None, typer.Option("--stored-from", metavar="TIME", help="Stored at or after this time.")]
StoredBefore = Annotated[str | None, typer.Option("--stored-before", metavar="TIME", help="Stored before this time.")]
DeletedFrom = Annotated[
    str | None, typer.Option("--deleted-from", metavar="TIME", help="Deleted at or after this time.")
]
DeletedBefore = Annotated[
    str | None, typer.Option("--deleted-before", metavar="TIME", help="Deleted before this time.")
]
ExpiresFrom = Annotated[
    str | None, typer.Option("--expires-from", metavar="TIME", help="Expires at or after this time.")
]
ExpiresBefore = Annotated[
    str | None, typer.Option("--expires-before", metavar="TIME", help="Expires before this time.")
]
RetainedUntil = Annotated[
    str | None, typer.Option("--retained-until", metavar="TIME", help="Retained at least until this time.")
]
UnretainedAt = Annotated[str | None, typer.Option("--unretained-at", metavar="TIME", help="Not retained at this time.")]
RetentionModeOf = Annotated[
    RetentionMode | None, typer.Option("--retention-mode", help="Only files with this retention mode.")
]


def conditions(*, related: str | None, metadata: str | None, **given: Any) -> dict[str, Any]:
    """Return the conditions of the API's query that are given; a usage error for one that is not of its form."""
    asked = {name: _instant(name, value) if name in _TIMES else value for name, value in given.items()}
    if related is not None:
        asked["related_type"], asked["related_id"] = pair("--related", related, ":")
    if metadata is not None:
        asked["metadata_key"], given_value, value = metadata.partition("=")
        asked["metadata_value"] = value if given_value else None
    return {name: value for name, value in asked.items() if value is not None}


_TIMES = frozenset(
    {"retained_until", "unretained_at"}
    | {f"{what}_{end}" for what in ("created", "stored", "deleted", "expires") for end in ("from", "before")}
)


def _instant(name: str, value: str | None) -> str | None:
    return instant(f"--{name.replace('_', '-')}", value)

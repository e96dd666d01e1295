"""Options that several commands share, and how they are read."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

FileId = Annotated[UUID, typer.Argument(metavar="ID", help="The file's id.", show_default=False)]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the event as an erasable private value.")]
RequiredReason = Annotated[
    str, typer.Option(help="Why; kept with the event as an erasable private value.", show_default=False)
]
Workspace = Annotated[str, typer.Option(help="The workspace (tenant).")]


def instant(option: str, value: str | None) -> str | None:
    """Return an RFC 3339 time, or a date (its first moment in UTC), as the contract writes it; a usage error else."""
    from provenstore.domain.event_types import format_time

    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(value) > len("2026-11-20")):
        raise typer.BadParameter("is not a time such as 2026-11-20T15:04:05Z, or a date", param_hint=option)
    return format_time(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))


def pair(option: str, value: str, separator: str) -> tuple[str, str]:
    """Return the two halves of `a=b` or `a:b`; a usage error where there is no separator."""
    first, found, second = value.partition(separator)
    if not found or not first:
        raise typer.BadParameter(f"{value!r} is not of the form name{separator}value", param_hint=option)
    return first, second

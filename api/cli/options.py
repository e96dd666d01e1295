"""Options that several commands share, and how they are read."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import typer


@dataclass(frozen=True, slots=True)
class ShortId:
    """The first digits of an id, which the ledger completes before the command begins."""

    kind: Literal["file", "key", "event", "erasure", "link", "hold", "purge", "disposal", "request"]
    digits: str
    within: str | None = None
    """The command's argument that names the file or workspace to look in; None for all within reach."""
    as_text: bool = False
    """Whether the command takes the id as text."""


BEGINNING = re.compile(r"[0-9a-fA-F-]{8,35}")
"""The first digits of an id, with or without dashes."""


def file_id(value: str) -> UUID | ShortId:
    """Return an id; a usage error that says where ids come from, since people try names first."""
    try:
        return UUID(value)
    except ValueError:
        if BEGINNING.fullmatch(value):
            return ShortId("file", value)
        raise typer.BadParameter(
            f"{_repeatable(value)} is no id such as 01a1fc12-1b93-7471-b42e-6c593dc77969, nor 8 or more of its first "
            "digits; `provenstore ls` lists files with theirs"
        ) from None


def key_id(value: str) -> UUID | ShortId:
    """Return the id of an API key, given by itself or in the key; the secret half goes nowhere and is never shown."""
    found = _KEY.fullmatch(value)
    try:
        return UUID(found[1] if found else value)
    except ValueError:
        if BEGINNING.fullmatch(value):
            return ShortId("key", value)
        raise typer.BadParameter(
            "this is neither an API key nor the id of one, nor 8 or more of its first digits; `provenstore keys list` "
            "shows the ids of keys"
        ) from None


_KEY = re.compile(r"pvs_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


def _repeatable(value: str) -> str:
    """Return a value as a message may repeat it: nothing of what looks like an API key."""
    return "an API key" if "pvs_" in value else repr(value)


def whole_event_id(value: str) -> UUID | ShortId:
    """Return the id of an event, or its first digits."""
    try:
        return UUID(value)
    except ValueError:
        if BEGINNING.fullmatch(value):
            return ShortId("event", value)
        raise typer.BadParameter(
            "is not the id of an event, as `provenstore history --json` shows them, nor 8 or more of its first digits"
        ) from None


def part_id(
    kind: Literal["erasure", "link", "hold", "purge", "disposal", "request"],
    *,
    within: str | None = None,
    as_text: bool = False,
) -> Callable[[str], UUID | str | ShortId]:
    """Return what reads an id of a kind, or its first digits, which are completed `within` another argument."""

    def read(value: str) -> UUID | str | ShortId:
        with suppress(ValueError):
            found = UUID(value)
            # A request keeps the spelling that it has in the log.
            return value if kind == "request" else str(found) if as_text else found
        if BEGINNING.fullmatch(value):
            return ShortId(kind, value, within, as_text)
        named = "requested policy" if kind == "disposal" else kind
        raise typer.BadParameter(f"{_repeatable(value)} is no id of a {named}, nor 8 or more of its first digits")

    read.__name__ = f"{kind}_id"
    return read


FileId = Annotated[UUID, typer.Argument(metavar="ID", help="ID of the file.", show_default=False, parser=file_id)]
FileIds = Annotated[
    list[UUID] | None, typer.Argument(metavar="ID", help="IDs of the files.", show_default=False, parser=file_id)
]
KeyId = Annotated[
    UUID, typer.Argument(metavar="ID", help="ID of the API key, or the API key.", show_default=False, parser=key_id)
]
EventId = Annotated[
    UUID | None,
    typer.Option(metavar="ID", help="Event of the file (default: the latest).", parser=whole_event_id),
]
Reason = Annotated[str | None, typer.Option(help="Reason, kept as an erasable private value.")]
RequiredReason = Annotated[str, typer.Option(help="Reason, kept as an erasable private value.", show_default=False)]
At = Annotated[str | None, typer.Option(metavar="WHEN", help="Log position, time (2026-11-21T08:00:00Z) or date.")]
# As the domain has them, which is not imported here: help must come at once. A test compares.
AccessLevel = Literal["private", "workspace", "public"]
Status = Literal["initiated", "stored", "soft_deleted", "purged", "aborted", "expired"]
Kind = Literal["complete", "clear", "purge", "expire", "look_again", "verify", "dispose"]
StoreAct = Literal[
    "put",
    "get",
    "head",
    "copy",
    "versions",
    "delete",
    "list",
    "create_multipart",
    "put_part",
    "list_parts",
    "complete_multipart",
    "abort_multipart",
    "list_multiparts",
]
Outcome = Literal["ok", "refused", "failed"]
RetentionMode = Literal["compliance", "governance"]
Variant = Literal["original", "processed", "chunk", "thumbnail"]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Number of files at a time.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only print errors.")]
Full = Annotated[bool, typer.Option("--full", help="Show all details of each event on a terminal.")]
Workspace = Annotated[str, typer.Option(help="Workspace to store into.")]


def instant(option: str, value: str | None) -> str | None:
    """Return an RFC 3339 time, or a date (its first moment in UTC), as the contract writes it; a usage error else."""
    from provenstore.domain.eventlog.event_types import format_time

    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(value) > len("2026-11-20")):
        raise typer.BadParameter("is not a time such as 2026-11-20T15:04:05Z, or a date", param_hint=option)
    return format_time(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))


def one_of(option: str, given: list[str], known: Sequence[str]) -> list[str]:
    """Return what is given if all of it is known; a usage error that lists what is otherwise."""
    if unknown := set(given) - set(known):
        raise typer.BadParameter(f"{min(unknown)!r} is none of {', '.join(known)}", param_hint=option)
    return given


def pair(option: str, value: str, separator: str) -> tuple[str, str]:
    """Return the two halves of `a=b` or `a:b`; a usage error where there is no separator."""
    first, found, second = value.partition(separator)
    if not found or not first:
        raise typer.BadParameter(f"{value!r} is not of the form name{separator}value", param_hint=option)
    return first, second

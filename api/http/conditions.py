"""Conditional requests and ranges (RFC 9110 §13, §14)."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request

from provenstore.domain.errors import InvalidInput, RangeNotSatisfiable

_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*")
_VERSION = re.compile(r'"v(\d{1,15})"')


def matches(header: str | None, etag: str) -> bool:
    """Tell whether If-None-Match names the current state (weak comparison, §8.8.3.2)."""
    if header is None:
        return False
    return header.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in header.split(",")}


def unchanged(if_none_match: str | None, if_modified_since: str | None, etag: str | None, modified: datetime) -> bool:
    """Tell whether 304 is the answer (§13.2.2: If-Modified-Since counts only without If-None-Match)."""
    if if_none_match is not None:
        return etag is not None and matches(if_none_match, etag)
    since = _date(if_modified_since)
    return since is not None and modified.replace(microsecond=0) <= since


def required_version(header: str | None) -> int | None:
    """Return the version that If-Match asks for, None for any; InvalidInput for what is no version of a file."""
    if header is None or header.strip() == "*":
        return None
    found = _VERSION.fullmatch(header.strip())
    if found is None:
        raise InvalidInput("If-Match", 'is not one version such as "v3"')
    return int(found[1])


async def refuse_unheeded(request: Request) -> None:
    """Refuse If-Match with InvalidInput where it would not be heeded: nothing may be done in spite of a condition."""
    if request.method in {"GET", "HEAD"} or "if-match" not in request.headers:
        return
    if not any(one.alias == "if-match" for one in request.scope["route"].dependant.header_params):
        raise InvalidInput("If-Match", "is taken by PATCH and DELETE of a file alone")


def byte_range(header: str | None, size: int) -> tuple[int, int | None] | None:
    """Return first and last byte (None: to the end) of a single range; None for the whole.

    Several ranges, and what is no range, are ignored as §14.2 allows. RangeNotSatisfiable for one outside the content.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    if not found[1]:
        length = int(found[2])
        if length == 0 or size == 0:
            raise RangeNotSatisfiable(size=size)
        return max(0, size - length), None
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable(size=size)
    return first, last


def range_wanted(if_range: str | None, etag: str | None, modified: datetime) -> bool:
    """Tell whether Range counts (§13.1.5): only if the content is the one that the client has a part of."""
    if if_range is None:
        return True
    if if_range.strip().startswith('"'):
        return if_range.strip() == etag
    since = _date(if_range)
    return since is not None and modified.replace(microsecond=0) == since


def http_date(moment: datetime) -> str:
    """Return a time as HTTP writes it, to the second."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _date(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):  # the latter for years and offsets that no machine counts
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

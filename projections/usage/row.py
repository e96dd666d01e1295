"""What one file uses, month by month, and how files add up: the sums are contributions of rows and nothing else.

Pure. No money here, and no quota: prices are settings, and what a quota refuses is decided by the log's own counters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import add, sub
from typing import Final, Literal, NamedTuple

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_log import QuotaUse

State = Literal["open", "stored", "deleted", "purged"]
Level = Literal["normal", "high", "warning", "over_quota"]

HIGH: Final = 80
WARNING: Final = 90
"""Percent of a quota above which its use is called so."""


@dataclass(frozen=True, slots=True)
class Served:
    """What was given out of a file in one month."""

    month: str  # of the event's time in UTC, e.g. 2026-11
    downloads: int = 0
    views: int = 0
    redirects: int = 0
    bytes: int = 0  # sent; of accesses whose end is not recorded, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUsage:
    """One file. Owner (`NAME@REACH`), category and provider never change."""

    file: str
    workspace: str
    owner: str
    category: str
    provider: str
    state: State
    bytes: int  # 0 until stored
    month: str | None  # in which it was first stored
    served: tuple[Served, ...] = ()  # in order of months


class Sums(NamedTuple):
    """What files add up to."""

    new_files: int = 0  # stored in this month, whatever became of them
    new_bytes: int = 0
    files: int = 0  # of these, readable now
    bytes: int = 0
    deleted_files: int = 0  # of these, deleted or expired, and not purged yet
    deleted_bytes: int = 0
    downloads: int = 0  # in this month, as all below
    views: int = 0
    redirects: int = 0
    served_bytes: int = 0  # sent; of accesses whose end is not recorded, at most

    def plus(self, other: "Sums") -> "Sums":
        """Add what two groups of files use."""
        return Sums(*map(add, self, other))

    def minus(self, other: "Sums") -> "Sums":
        """Return the difference, whose parts may be negative."""
        return Sums(*map(sub, self, other))


NOTHING: Final = Sums()


class Group(NamedTuple):
    """What sums are kept for: the finest group that anybody asks for."""

    workspace: str
    owner: str
    category: str
    provider: str
    month: str


def contributions(row: FileUsage | None) -> dict[Group, Sums]:
    """Return what a file adds to each group; nothing before it is stored or read."""
    if row is None:
        return {}

    def group(month: str) -> Group:
        return Group(row.workspace, row.owner, row.category, row.provider, month)

    found: dict[Group, Sums] = {}
    if row.month is not None:
        here, there = row.state == "stored", row.state == "deleted"
        found[group(row.month)] = Sums(1, row.bytes, int(here), row.bytes * here, int(there), row.bytes * there)
    for one in row.served:
        served = Sums(0, 0, 0, 0, 0, 0, one.downloads, one.views, one.redirects, one.bytes)
        found[group(one.month)] = found.get(group(one.month), NOTHING).plus(served)
    return found


def differences(before: Mapping[str, FileUsage], after: Mapping[str, FileUsage | None]) -> dict[Group, Sums]:
    """Return by how much the sums of a batch's groups change; groups that do not are absent."""
    found: dict[Group, Sums] = {}
    for key, row in after.items():
        if row == before.get(key):
            continue
        for group, sums in contributions(row).items():
            found[group] = found.get(group, NOTHING).plus(sums)
        for group, sums in contributions(before.get(key)).items():
            found[group] = found.get(group, NOTHING).minus(sums)
    return {group: sums for group, sums in found.items() if sums != NOTHING}


def percent(used: int, limit: int | None) -> int | None:
    """Return how much of a limit is used, rounded down; None without one; of a limit of 0 none or all."""
    if limit is None:
        return None
    return used * 100 // limit if limit else 100 * min(used, 1)


def quota_level(use: QuotaUse) -> Level:
    """Return what the use of a quota is called, by the fuller of bytes and files; exactly full is not over."""
    limits = [(use.bytes, use.max_bytes), (use.files, use.max_files)]
    used = [(part, limit) for part, limit in limits if limit is not None]
    if any(part > limit for part, limit in used):
        return "over_quota"
    if any(part * 100 > limit * WARNING for part, limit in used):
        return "warning"
    return "high" if any(part * 100 > limit * HIGH for part, limit in used) else "normal"


def quota_json(use: QuotaUse) -> dict[str, Json]:
    """Return a quota and its use: what is reserved, stored, or deleted and not purged yet."""
    shares = [percent(use.bytes, use.max_bytes), percent(use.files, use.max_files)]
    known = [share for share in shares if share is not None]
    return {
        "level": quota_level(use),
        "percent": max(known) if known else None,
        "bytes": use.bytes,
        "files": use.files,
        "max_bytes": use.max_bytes,
        "max_files": use.max_files,
    }

"""How events change the quota counters: each event type defines its change, so that the counters fold the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenstore.domain.eventlog.event_types import EventData

UNLIMITED = -1
"""Marks a counter row as without limit; None would keep the old limit."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """Signed changes to one counter of a workspace, or new limits for it.

    A positive change is refused if it would exceed a limit; a negative one is always applied. `max_*` set the limits
    (which may be below the current use) before the change; None keeps them, -1 removes the limit.
    """

    workspace: str
    counter: str = "workspace"
    bytes: int = 0
    files: int = 0
    max_bytes: int | None = None
    max_files: int | None = None


def quota_changes(workspace: str, facts: "Iterable[EventData]") -> tuple[QuotaChange, ...]:
    """Return the quota changes of one command's events, in order."""
    return tuple(change for data in facts if (change := data.quota_change(workspace)) is not None)


def new_limits(workspace: str, max_bytes: int | None, max_files: int | None) -> QuotaChange:
    """Return the change that sets these limits; None means no limit."""
    return QuotaChange(workspace, max_bytes=_limit(max_bytes), max_files=_limit(max_files))


def _limit(value: int | None) -> int:
    return UNLIMITED if value is None else value

"""How events move the quota counters: each type of event says it itself, so that the counters are a fold of the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenstore.domain.eventlog.event_types import EventData

UNLIMITED = -1
"""How a counter row says that there is no limit, where None would leave the old limit alone."""


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """Signed changes to one counter of a workspace, or new limits for it.

    A positive change is refused when it would exceed a limit; a negative one is always taken. `max_*` set the limits
    (which may be below what is used) before the change; None leaves them alone, -1 takes the limit away.
    """

    workspace: str
    counter: str = "workspace"
    bytes: int = 0
    files: int = 0
    max_bytes: int | None = None
    max_files: int | None = None


def quota_changes(workspace: str, facts: "Iterable[EventData]") -> tuple[QuotaChange, ...]:
    """Return what the events of one command do, in their order."""
    return tuple(change for data in facts if (change := data.quota_change(workspace)) is not None)


def new_limits(workspace: str, max_bytes: int | None, max_files: int | None) -> QuotaChange:
    """Return the change to these limits; None is no limit."""
    return QuotaChange(workspace, max_bytes=_limit(max_bytes), max_files=_limit(max_files))


def _limit(value: int | None) -> int:
    return UNLIMITED if value is None else value

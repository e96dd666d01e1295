"""How events move the quota counters: a pure function of the event, so that the counters are a fold of the log."""

from collections.abc import Iterable

from provenstore.domain import file_events as f
from provenstore.domain import workspace_events as w
from provenstore.domain.event_log import QuotaChange
from provenstore.domain.event_types import EventData

UNLIMITED = -1
"""How a counter row says that there is no limit, where None would leave the old limit alone."""


_COUNTED = (
    *(f.UploadInitiated, f.CompletionRequested, f.Stored, f.UploadCleared, f.Purged),
    *(w.WorkspaceCreated, w.QuotaSet),
)


def quota_change(workspace: str, data: EventData) -> QuotaChange | None:
    """Return what one event does to its workspace's counter, or None."""
    if not isinstance(data, _COUNTED):  # most events, and the comparisons below take longer
        return None
    match data:
        case f.UploadInitiated():
            return QuotaChange(workspace, bytes=data.reserved, files=1)
        case f.CompletionRequested() | f.Stored():
            return QuotaChange(workspace, bytes=data.quota_bytes) if data.quota_bytes else None
        case f.UploadCleared() | f.Purged():
            return QuotaChange(workspace, bytes=data.quota_bytes, files=data.quota_files)
        case w.WorkspaceCreated() | w.QuotaSet():
            return QuotaChange(workspace, max_bytes=_limit(data.max_bytes), max_files=_limit(data.max_files))
    return None


def quota_changes(workspace: str, facts: Iterable[EventData]) -> tuple[QuotaChange, ...]:
    """Return what the events of one command do, in their order."""
    return tuple(change for data in facts if (change := quota_change(workspace, data)) is not None)


def _limit(value: int | None) -> int:
    return UNLIMITED if value is None else value

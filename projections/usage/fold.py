"""How the events of a file become what it uses.

An event that does not fit the row (an access before the file exists) changes nothing: the fold records what the log
says and never judges it. Nothing private is kept, so erasure concerns no row.
"""

from dataclasses import replace
from typing import Final

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Values
from provenstore.domain.files import file_events as events
from provenstore.projections.usage.row import FileUsage, Served

_COUNTED: Final = (
    events.Accessed,
    events.AccessEnded,
    events.UploadInitiated,
    events.Stored,
    events.SoftDeleted,
    events.FileExpired,
    events.Restored,
    events.Purged,
)


class UsageFold:
    """The fold of files into what they use, keyed by the file's id."""

    private: Final = False
    adds: Final = False

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return the id of the file that the event begins, stores, gives out, deletes, restores or destroys."""
        return (event.stream.partition(":")[2],) if isinstance(event.data, _COUNTED) else ()

    def fold(self, key: str, row: FileUsage | None, event: Event, values: Values) -> FileUsage | None:
        """Return what the file uses after `event`."""
        del values
        data = event.data
        if isinstance(data, events.UploadInitiated):
            return FileUsage(
                file=key,
                workspace=event.workspace,
                owner=_owner(data),
                category=data.category,
                provider=data.provider,
                state="open",
                bytes=0,
                month=None,
            )
        if row is None:
            return None
        match data:
            case events.Accessed():
                return replace(row, served=_served(row.served, event.time.isoformat()[:7], data))
            case events.AccessEnded():
                return replace(row, served=_corrected(row.served, data))
            case events.Stored():
                return replace(row, state="stored", bytes=data.size, month=row.month or event.time.isoformat()[:7])
            case events.SoftDeleted() | events.FileExpired() if row.state == "stored":
                return replace(row, state="deleted")
            case events.Restored() if row.state == "deleted":
                return replace(row, state="stored")
            case events.Purged():
                return replace(row, state="purged")
        return row


def _owner(data: events.UploadInitiated) -> str:
    """Return the owner with the reach of its key: in two workspaces one name means two owners. Old events lack it."""
    return data.owner if data.owner_reach is None else f"{data.owner}@{data.owner_reach}"


def _served(months: tuple[Served, ...], month: str, data: events.Accessed) -> tuple[Served, ...]:
    """Return the months with one more access; times never go back, so it belongs to the last or a new one."""
    last = months[-1] if months and months[-1].month == month else Served(month)
    more = Served(
        month,
        last.downloads + (data.mode == "download"),
        last.views + (data.mode == "view"),
        last.redirects + (data.mode == "redirect"),
        last.bytes + data.size,
    )
    return (*(one for one in months if one.month != month), more)


def _corrected(months: tuple[Served, ...], data: events.AccessEnded) -> tuple[Served, ...]:
    """Return the months with what was really sent of an access instead of what it said at most, in its own month."""
    month, more = data.began.isoformat()[:7], data.size - data.granted
    return tuple(replace(one, bytes=one.bytes + more) if one.month == month else one for one in months)

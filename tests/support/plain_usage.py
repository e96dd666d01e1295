"""What files use, counted plainly from events, and the sums as the read model keeps them."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files import file_events as f
from provenstore.projections.usage.row import Group, Sums


def plainly(events: Sequence[Event]) -> dict[Group, dict[str, int]]:
    """Count what the log says, event by event, knowing nothing of rows: the plain model of the sums."""
    found: dict[Group, dict[str, int]] = {}
    about: dict[str, f.UploadInitiated] = {}
    read = set[tuple[str, str]]()
    size, month, state = dict[str, int](), dict[str, str](), dict[str, str]()

    def add(file: str, when: str, workspace: str, **more: int) -> None:
        data = about[file]
        group = Group(workspace, _owner(data), data.category, data.provider, when)
        sums = found.setdefault(group, dict.fromkeys(Sums._fields, 0))
        for name, count in more.items():
            sums[name] += count

    for event in events:
        file, data, now = event.stream.partition(":")[2], event.data, event.time.isoformat()[:7]
        if isinstance(data, f.UploadInitiated):
            about[file] = data
        elif file not in about:
            continue
        elif isinstance(data, f.Accessed):
            read.add((file, now))
            add(file, now, event.workspace, **{f"{data.mode}s": 1, "served_bytes": data.size})
        elif isinstance(data, f.AccessEnded) and (file, data.began.isoformat()[:7]) in read:
            add(file, data.began.isoformat()[:7], event.workspace, served_bytes=data.size - data.granted)
        elif isinstance(data, f.Stored):
            size[file], state[file] = data.size, "stored"
            month.setdefault(file, now)
        elif state.get(file) == "stored" and isinstance(data, f.SoftDeleted | f.FileExpired):
            state[file] = "deleted"
        elif state.get(file) == "deleted" and isinstance(data, f.Restored):
            state[file] = "stored"
        elif isinstance(data, f.Purged):
            state[file] = "purged"
    workspaces = {event.stream.partition(":")[2]: event.workspace for event in events}
    for file, when in month.items():
        counted = {"new_files": 1, "new_bytes": size[file]}
        if state[file] != "purged":
            prefix = "" if state[file] == "stored" else "deleted_"
            counted |= {f"{prefix}files": 1, f"{prefix}bytes": size[file]}
        add(file, when, workspaces[file], **counted)
    return found


def _owner(data: f.UploadInitiated) -> str:
    return "@".join(filter(None, (data.owner, data.owner_reach)))


def sums(connection: Connection[Any]) -> dict[Group, dict[str, int]]:
    """Return the sums as the table has them."""
    rows = connection.execute("SELECT * FROM provenstore_read.usage_sum")
    return {Group(*row[:5]): dict(zip(Sums._fields, row[5:], strict=True)) for row in rows}

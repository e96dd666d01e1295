"""How commands cross to the sealing function `append()` in the database, and how its answer comes back.

Pure translation: it decides nothing, and touches no connection.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from provenstore.adapters.postgres.arrays import Bigints, Bytes, Column, Texts, Uuids
from provenstore.domain.errors import Conflict, IntegrityViolated, KeyReused, QuotaExceeded
from provenstore.domain.eventlog.envelope import Draft
from provenstore.domain.eventlog.event_log import Append, Appended, Sealed
from provenstore.domain.eventlog.quota import QuotaChange

Name = TypeVar("Name", bound=Hashable)
Row = tuple[Any, ...]
"""A row of `append()`, in the order of the query `append`."""


class Batch:
    """Commands as the columns that `append()` takes; streams, workspaces, counters and keys are numbered from 1."""

    def __init__(self, commands: Sequence[Append]) -> None:
        """Lay out `commands`: each has at least one draft, and no event id stands twice."""
        self.commands = commands
        self._drafts: list[Draft] = []
        self._streams: dict[str, int] = {}
        self._workspaces: dict[str, int] = {}
        self._counters: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._columns: dict[str, Any] = {name: column() for name, column in _COLUMNS.items()}
        for number, command in enumerate(commands, start=1):
            self._add(number, command)

    def parameters(self) -> dict[str, Column]:
        """Return the query's parameters."""
        return {
            **self._columns,
            "streams": Texts.of(self._streams),
            "workspaces": Texts.of(self._workspaces),
            "counter_workspaces": Texts.of(workspace for workspace, _ in self._counters),
            "counter_names": Texts.of(counter for _, counter in self._counters),
            "key_principals": Texts.of(principal for principal, _ in self._keys),
            "key_names": Texts.of(key for _, key in self._keys),
        }

    def _add(self, number: int, command: Append) -> None:
        columns = self._columns
        for draft in command.drafts:
            self._add_draft(draft)
        for guard in (*command.expected, *command.reads):
            columns["guard_stream"].add(_number(self._streams, guard.stream))
            columns["guard_version"].add(guard.version)
        for change in command.quota:
            self._add_change(change)
        for erasure in command.erase:
            columns["erase_command"].add(number)
            columns["erase_event"].add(erasure.event_id)
            columns["erase_field"].add(erasure.field.encode())
        key = command.key
        columns["command_key"].add(_number(self._keys, (key.principal, key.key)) if key else 0)
        columns["command_fingerprint"].add(key.fingerprint if key else b"")
        columns["draft_end"].add(len(self._drafts))
        columns["guard_end"].add(len(columns["guard_stream"]))
        columns["change_end"].add(len(columns["change_counter"]))

    def _add_draft(self, draft: Draft) -> None:
        columns = self._columns
        self._drafts.append(draft)
        columns["draft_id"].add(draft.id)
        columns["draft_type"].add(draft.type.encode())
        columns["draft_stream"].add(_number(self._streams, draft.stream))
        columns["draft_workspace"].add(_number(self._workspaces, draft.workspace))
        columns["draft_head_of"].add(_number(self._streams, draft.head_of) if draft.head_of else 0)
        for name, fragment in zip(_FRAGMENTS, draft.fragments, strict=True):
            columns[name].add(fragment)
        for value in draft.private:
            columns["private_draft"].add(len(self._drafts))
            columns["private_field"].add(value.field.encode())
            columns["private_salt"].add(value.salt)
            columns["private_bytes"].add(value.value)

    def _add_change(self, change: QuotaChange) -> None:
        columns = self._columns
        columns["change_counter"].add(_number(self._counters, (change.workspace, change.counter)))
        columns["change_bytes"].add(change.bytes)
        columns["change_files"].add(change.files)
        columns["change_max_bytes"].add(change.max_bytes)
        columns["change_max_files"].add(change.max_files)

    def answers(self, rows: Iterable[Row]) -> list[Appended | Exception]:
        """Return what became of each command."""
        sealed: defaultdict[int, list[Sealed]] = defaultdict(list)
        replayed: set[int] = set()
        refused: dict[int, Exception] = {}
        for number, outcome, subject, wanted, found, allowed, *event in rows:
            if outcome in ("sealed", "replayed"):
                sealed[number].append(Sealed(*event))
                if outcome == "replayed":
                    replayed.add(number)
            else:
                refused[number] = self._refusal(outcome, subject, wanted, found, allowed)
        return [
            refused.get(number) or self._appended(command, sealed[number], number in replayed)
            for number, command in enumerate(self.commands, start=1)
        ]

    @staticmethod
    def _appended(command: Append, events: list[Sealed], replayed: bool) -> Appended | Exception:
        """Return what was recorded, if it is what was asked for; a replay is what an earlier command recorded."""
        events.sort(key=lambda event: event.position)
        asked = [draft.id for draft in command.drafts]
        if not events or (not replayed and [event.id for event in events] != asked):
            return IntegrityViolated("the log answered a command with other events than were asked for")
        return Appended(tuple(events), replayed)

    def _refusal(self, outcome: str, subject: int, wanted: int, found: int, allowed: int) -> Exception:
        if outcome == "key":
            return KeyReused()
        if outcome == "conflict":
            return Conflict(stream=list(self._streams)[subject - 1], expected=wanted, actual=found)
        workspace, counter = list(self._counters)[subject - 1]
        return QuotaExceeded(
            f"the quota allows {allowed} {outcome}: {found} are used, {wanted} more were asked for",
            workspace=workspace,
            counter=counter,
            limit=outcome,
            maximum=allowed,
            used=found,
            asked=wanted,
        )


_FRAGMENTS = ("before_head", "before_number", "before_prev", "before_time", "before_version", "before_workspace_prev")
"""Each named by the sealed field that it stands before."""

_COLUMNS: Mapping[str, type[Column]] = {
    **dict.fromkeys(("draft_end", "guard_end", "change_end", "command_key"), Bigints),
    "command_fingerprint": Bytes,
    "draft_id": Uuids,
    "draft_type": Texts,
    **dict.fromkeys(("draft_stream", "draft_workspace", "draft_head_of"), Bigints),
    **dict.fromkeys(_FRAGMENTS, Texts),
    **dict.fromkeys(("guard_stream", "guard_version"), Bigints),
    **dict.fromkeys(
        ("change_counter", "change_bytes", "change_files", "change_max_bytes", "change_max_files"), Bigints
    ),
    "private_draft": Bigints,
    "private_field": Texts,
    **dict.fromkeys(("private_salt", "private_bytes"), Bytes),
    "erase_command": Bigints,
    "erase_event": Uuids,
    "erase_field": Texts,
}


def _number(numbers: dict[Name, int], name: Name) -> int:
    return numbers.setdefault(name, len(numbers) + 1)

"""How commands cross to the sealing function `append()` in the database, and how its answer comes back.

Pure translation: it decides nothing, and touches no connection.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from provenstore.domain.envelope import Draft
from provenstore.domain.errors import Conflict, IntegrityViolated, KeyReused, QuotaExceeded
from provenstore.domain.event_log import Append, Appended, QuotaChange, Sealed

Name = TypeVar("Name", bound=Hashable)
Row = tuple[Any, ...]
"""A row of `append()`, in the order of the query `append`."""


class Batch:
    """Commands as the columns that `append()` takes; streams, workspaces, counters and keys are numbered from 1."""

    def __init__(self, commands: Sequence[Append]) -> None:
        """Lay out `commands`: each has at least one draft, and no event id stands twice."""
        self._commands = commands
        self._streams: dict[str, int] = {}
        self._workspaces: dict[str, int] = {}
        self._counters: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._columns: defaultdict[str, list[Any]] = defaultdict(list)
        for number, command in enumerate(commands, start=1):
            self._add(number, command)

    def parameters(self) -> dict[str, Any]:
        """Return the query's parameters."""
        return {
            **{name: self._columns[name] for name in _COLUMNS},
            "streams": list(self._streams),
            "workspaces": list(self._workspaces),
            "counter_workspaces": [workspace for workspace, _ in self._counters],
            "counter_names": [counter for _, counter in self._counters],
            "key_principals": [principal for principal, _ in self._keys],
            "key_names": [key for _, key in self._keys],
        }

    def _add(self, number: int, command: Append) -> None:
        columns = self._columns
        for draft in command.drafts:
            self._add_draft(draft)
        for guard in (*command.expected, *command.reads):
            columns["guard_stream"].append(_number(self._streams, guard.stream))
            columns["guard_version"].append(guard.version)
        for change in command.quota:
            self._add_change(change)
        for erasure in command.erase:
            columns["erase_command"].append(number)
            columns["erase_event"].append(erasure.event_id)
            columns["erase_field"].append(erasure.field)
        key = command.key
        columns["command_key"].append(_number(self._keys, (key.principal, key.key)) if key else None)
        columns["command_fingerprint"].append(key.fingerprint if key else None)
        columns["draft_end"].append(len(columns["draft_id"]))
        columns["guard_end"].append(len(columns["guard_stream"]))
        columns["change_end"].append(len(columns["change_counter"]))

    def _add_draft(self, draft: Draft) -> None:
        columns = self._columns
        columns["draft_id"].append(draft.id)
        columns["draft_type"].append(draft.type)
        columns["draft_stream"].append(_number(self._streams, draft.stream))
        columns["draft_workspace"].append(_number(self._workspaces, draft.workspace))
        columns["draft_head_of"].append(_number(self._streams, draft.head_of) if draft.head_of else None)
        columns["fragments"].extend(fragment.decode() for fragment in draft.fragments)
        for value in draft.private:
            columns["private_draft"].append(len(columns["draft_id"]))
            columns["private_field"].append(value.field)
            columns["private_salt"].append(value.salt)
            columns["private_bytes"].append(value.value)

    def _add_change(self, change: QuotaChange) -> None:
        columns = self._columns
        columns["change_counter"].append(_number(self._counters, (change.workspace, change.counter)))
        columns["change_bytes"].append(change.bytes)
        columns["change_files"].append(change.files)
        columns["change_max_bytes"].append(change.max_bytes)
        columns["change_max_files"].append(change.max_files)

    def answers(self, rows: Iterable[Row]) -> list[Appended | Exception]:
        """Return what became of each command."""
        sealed: defaultdict[int, list[Sealed]] = defaultdict(list)
        replayed: set[int] = set()
        refused: dict[int, Exception] = {}
        for number, outcome, subject, wanted, found, allowed, *event in rows:
            if outcome in ("sealed", "replayed"):
                event_id, position, stream, version, count, time, leaf = event
                sealed[number].append(Sealed(event_id, position, stream, version, count, time, leaf))
                if outcome == "replayed":
                    replayed.add(number)
            else:
                refused[number] = self._refusal(outcome, subject, wanted, found, allowed)
        return [
            refused.get(number) or self._appended(sealed[number], number in replayed)
            for number in range(1, len(self._commands) + 1)
        ]

    @staticmethod
    def _appended(events: list[Sealed], replayed: bool) -> Appended | Exception:
        if not events:
            return IntegrityViolated("the log answered a command with no events")
        return Appended(tuple(sorted(events, key=lambda event: event.position)), replayed)

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


_COLUMNS = (
    *("draft_end", "guard_end", "change_end", "command_key", "command_fingerprint"),
    *("draft_id", "draft_type", "draft_stream", "draft_workspace", "draft_head_of", "fragments"),
    *("guard_stream", "guard_version"),
    *("change_counter", "change_bytes", "change_files", "change_max_bytes", "change_max_files"),
    *("private_draft", "private_field", "private_salt", "private_bytes"),
    *("erase_command", "erase_event", "erase_field"),
)


def _number(numbers: dict[Name, int], name: Name) -> int:
    return numbers.setdefault(name, len(numbers) + 1)

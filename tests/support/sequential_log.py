"""The append said plainly: one command after the other on lists and dictionaries, as the database must behave.

It seals no bytes; the tests read those back and check them by themselves.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from uuid import UUID

from provenstore.domain.errors import Conflict, KeyReused, ProvenstoreError, QuotaExceeded
from provenstore.domain.eventlog.envelope import Draft
from provenstore.domain.eventlog.event_log import Append, Appended, QuotaUse

Answer = tuple[object, ...]
"""('sealed' | 'replayed', (position, stream, version, number)...), or (name of the error, details...)."""


@dataclass
class SequentialLog:
    """A log in memory."""

    events: list[Draft] = field(default_factory=list)
    private: dict[tuple[UUID, str], UUID | None] = field(default_factory=dict)
    """Which private values there are, and what erased them."""
    quotas: dict[tuple[str, str], QuotaUse] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[bytes, range]] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    """By position: the version of the other stream that the event sealed."""

    def copy(self) -> "SequentialLog":
        """Return a model that goes its own way from here."""
        return SequentialLog(
            list(self.events), dict(self.private), dict(self.quotas), dict(self.keys), dict(self.heads)
        )

    def version(self, stream: str) -> int:
        """Return a stream's newest version."""
        return sum(event.stream == stream for event in self.events)

    def recorded(self, command: Append) -> int | None:
        """Return where this very command stands in the log already."""
        ids = [event.id for event in self.events]
        if command.drafts[0].id not in ids:
            return None
        first = ids.index(command.drafts[0].id)
        stored = self.events[first : first + len(command.drafts)]
        same = [(event.id, event.fragments) for event in stored] == [(d.id, d.fragments) for d in command.drafts]
        return first + 1 if same else None

    def append(self, command: Append) -> Answer:
        """Carry out one command, or nothing of it."""
        before = deepcopy((self.private, self.quotas, self.keys, self.heads)), len(self.events)
        answer = self._append(command)
        if answer[0] not in ("sealed", "replayed"):
            (self.private, self.quotas, self.keys, self.heads), length = before
            del self.events[length:]
        return answer

    def _append(self, command: Append) -> Answer:
        if (position := self.recorded(command)) is not None:
            return self._answer("sealed", range(position, position + len(command.drafts)))
        if command.key and (known := self.keys.get((command.key.principal, command.key.key))):
            fingerprint, positions = known
            return self._answer("replayed", positions) if fingerprint == command.key.fingerprint else ("KeyReused",)
        for guard in (*command.expected, *command.reads):
            if self.version(guard.stream) != guard.version:
                return ("Conflict", guard.stream, guard.version, self.version(guard.stream))
        if refusal := self._change_quota(command):
            return refusal
        first = len(self.events) + 1
        for draft in command.drafts:
            if draft.id in {event.id for event in self.events}:
                return ("InvalidInput",)
            if draft.head_of:
                self.heads[len(self.events) + 1] = self.version(draft.head_of)
            self.events.append(draft)
            self.private |= {(draft.id, value.field): None for value in draft.private}
        for erasure in command.erase:
            target = (erasure.event_id, erasure.field)
            if target in self.private and self.private[target] is None:
                self.private[target] = command.drafts[0].id
        positions = range(first, len(self.events) + 1)
        if command.key:
            self.keys[command.key.principal, command.key.key] = command.key.fingerprint, positions
        return self._answer("sealed", positions)

    def _change_quota(self, command: Append) -> Answer | None:
        for change in command.quota:
            name = change.workspace, change.counter
            old = self.quotas.get(name, QuotaUse(0, 0, None, None))
            limits = []
            for wanted, limit in ((change.max_bytes, old.max_bytes), (change.max_files, old.max_files)):
                limits.append(limit if wanted is None else None if wanted == -1 else wanted)
            for what, asked, used, limit in (
                ("bytes", change.bytes, old.bytes, limits[0]),
                ("files", change.files, old.files, limits[1]),
            ):
                if asked > 0 and limit is not None and used + asked > limit:
                    return ("QuotaExceeded", change.workspace, change.counter, what, limit, used, asked)
            use = QuotaUse(old.bytes + change.bytes, old.files + change.files, *limits)
            if min(use.bytes, use.files, *(limit for limit in limits if limit is not None)) < 0:
                return ("InvalidInput",)
            self.quotas[name] = use
        return None

    def _answer(self, outcome: str, positions: range) -> Answer:
        return (outcome, *((position, *self.place(position)) for position in positions))

    def place(self, position: int) -> tuple[str, int, int]:
        """Return stream, version and number of the event at `position`."""
        event, before = self.events[position - 1], self.events[: position - 1]
        return (
            event.stream,
            sum(other.stream == event.stream for other in before) + 1,
            sum(other.workspace == event.workspace for other in before) + 1,
        )


def run(log: SequentialLog, commands: Sequence[Append]) -> list[Answer]:
    """Carry out commands one after the other."""
    return [log.append(command) for command in commands]


def answer(given: Appended | Exception) -> Answer:
    """Say an answer of the log in the words of the model."""
    match given:
        case Appended(events, replayed):
            places = ((event.position, event.stream, event.version, event.number) for event in events)
            return ("replayed" if replayed else "sealed", *places)
        case Conflict() | QuotaExceeded() | KeyReused():
            return (type(given).__name__, *given.details.values())
        case ProvenstoreError():
            return (type(given).__name__,)
    raise given

"""The port to the log: what a command hands to the writer, what it gets back, and how the log is read.

The contract of `EventLog.append`: on return the events are durable, in commit order, with dense positions; a refusal
has recorded nothing of its command. It is safe to call again with the same event ids after a lost reply.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import Draft, Event
from provenstore.domain.eventlog.quota import QuotaChange

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Guard:
    """A stream must still be at `version` (0: must not exist) when the command is sealed."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """A private value to be erased together with its salt, in the transaction that records why."""

    event_id: UUID
    field: str


class Replay:
    """Whether a request turned out to be one that had been carried out before; told while it is answered."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.seen = False


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's own name for a request: same principal, key and fingerprint means the same request."""

    principal: str
    key: str
    fingerprint: bytes
    replay: Replay = field(default_factory=Replay, compare=False, repr=False)
    """Of the one request that this object was made for."""


@dataclass(frozen=True, slots=True)
class Append:
    """One command's wish: sealed whole or refused whole.

    `expected`: exact versions of streams that the drafts extend; a stream in `drafts` without one is ANY.
    `reads`: streams that the decision saw and that must not have moved.
    """

    drafts: Sequence[Draft]
    expected: Sequence[Guard] = ()
    reads: Sequence[Guard] = ()
    quota: Sequence[QuotaChange] = ()
    erase: Sequence[Erasure] = ()
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the log added to a draft, and the exact bytes that it became."""

    id: UUID
    position: int
    stream: str
    version: int
    number: int
    time: datetime
    leaf: bytes
    state: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """The sealed events of one command; `replayed` if its idempotency key had recorded them before."""

    events: tuple[Sealed, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A private value as stored: salt and canonical bytes, or the id of the event that erased it."""

    salt: bytes | None
    value: bytes | None
    erased_by: UUID | None = None

    def __repr__(self) -> str:
        """Hide salt and value."""
        return f"Disclosure(erased_by={self.erased_by})"


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of the log as the database holds it, unchecked: the exact bytes, and the columns that repeat them."""

    position: int
    state: bytes
    leaf: bytes
    id: UUID
    type: str
    stream: str
    version: int
    workspace: str
    number: int
    time: datetime


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """A counter's limits and use; None is no limit."""

    bytes: int
    files: int
    max_bytes: int | None
    max_files: int | None


Disclosures = Mapping[UUID, Mapping[str, Disclosure]]
"""Private values by event id and field."""

Erased = Mapping[UUID, Sequence[tuple[int, str]]]
"""By the event that erased them: (position of the event that held the value, its field) of private values, in order."""

Values = Mapping[str, Json]
"""Disclosed private values of one event; an erased field is absent."""


class EventLog(Protocol):
    """The append-only log of one ledger."""

    def append(self, command: Append) -> Appended:
        """Seal one command.

        Conflict (a guard failed; details: stream, expected, actual), QuotaExceeded (details: counter, limit, used,
        asked), KeyReused, EventTooLarge or InvalidInput: nothing of it was recorded. DatabaseUnavailable: nothing was
        recorded, try later. Busy: so was nothing, as too much waits. AppendOutcomeUnknown: the database stayed away for
        longer than we waited.
        """

    def append_batch(self, commands: Sequence[Append]) -> Sequence[Appended | Exception]:
        """Seal many commands in one exchange, as if one after the other; a refusal harms only its own command."""

    def recall(self, key: IdempotencyKey) -> Appended | None:
        """Return what this key recorded before, or None; KeyReused if it was for a different request."""

    def load(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Return a stream as `project` folds it, with all that is recorded by now; NotFound if it has no events."""

    def recent(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Return what `load` last returned or `keep` was last given, where it is remembered; otherwise load.

        Only for decisions whose append is guarded by the state's version, and that ask `load` before they refuse.
        """

    def keep(
        self, project: Callable[[State | None, Iterable[Event]], State | None], state: State, newest: Event
    ) -> None:
        """Remember `state` as what `project` folds of the stream up to its event `newest`."""

    def events(self, streams: Sequence[str], *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the events of these streams merged in log order, positions above `after`."""

    def events_with_private_values(self, stream: str) -> tuple[Sequence[Event], Disclosures]:
        """Return the events of a stream with their private values, as both were at one moment; none for no stream."""

    def told_each(self, streams: Sequence[str]) -> Mapping[str, "Lifecycle"]:
        """Return several streams with their private values, in one exchange. An empty or damaged one is absent.

        While neither events nor private values of a stream have changed, it may be the same object each time.
        """

    def workspaces(self, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Return the ids of up to `limit` workspaces that were created, in order of their bytes, above `after`."""

    def ids(self, kind: str | None, first: UUID, last: UUID, *, workspace: str | None, limit: int) -> Sequence[UUID]:
        """Return up to `limit` ids from `first` to `last`: of events, or with `kind` of the streams `<kind>:<id>`.

        Only those of `workspace`, where that is given.
        """

    def head(self, stream: str) -> tuple[int, bytes] | None:
        """Return the version and leaf hash of a stream's newest event."""

    def versions(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest version of each of these streams at one moment; one without events is absent."""

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events with positions above `after`, in order and without gaps."""

    def rows(self, after: int, limit: int) -> Sequence[StoredRow]:
        """Return up to `limit` rows above `after` as they are stored, whatever is wrong with them."""

    def numbered(self, workspace: str, *, after: int, upto: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events of a workspace in order, numbers above `after`, positions up to `upto`."""

    def last_number(self, workspace: str, *, upto: int) -> tuple[int, int] | None:
        """Return number and position of a workspace's newest event at a position up to `upto`."""

    def find(self, event_id: UUID) -> Event:
        """Return one event by id, or raise NotFound."""

    def position(self) -> int:
        """Return the newest position, 0 for an empty log."""

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        """Return the private values of these events."""

    def erased(self, event_ids: Sequence[UUID]) -> Erased:
        """Return which private values these events erased; an event that erased none is absent."""

    def counters(self) -> tuple[int, Mapping[tuple[str, str], QuotaUse]]:
        """Return the newest position, and all quota counters by workspace and name as they were at it."""

    def quota(self, workspace: str, counter: str = "workspace") -> QuotaUse | None:
        """Return a counter, or None if there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Lifecycle:
    """A stream's events with their private values as both were at one moment."""

    events: Sequence[Event]
    disclosures: Disclosures


def disclosed(disclosures: Disclosures, event_id: UUID, parse: Callable[[bytes], Json]) -> Values:
    """Return the private values of one event that have not been erased."""
    found = disclosures.get(event_id, {})
    return {name: parse(one.value) for name, one in found.items() if one.value is not None}


def in_pages(log: EventLog, *, after: int = 0, page: int = 1000) -> Iterator[Event]:
    """Walk the log in order from `after`, one short read at a time."""
    while batch := log.read(after, page):
        yield from batch
        after = batch[-1].position

"""The port to the log: what a command hands to the writer, what it gets back, and how the log is read.

The contract of `EventLog.append`: on return the events are durable, in commit order, with dense positions. A refused
command records nothing. After a lost reply, calling again with the same event ids is safe.
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
    """A private value to erase together with its salt, in the transaction that records the reason."""

    event_id: UUID
    field: str


class Replay:
    """Whether a request repeats one that was carried out before; set while the request is answered."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        """Start as not seen."""
        self.seen = False


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's idempotency key: the same principal, key and fingerprint mean the same request."""

    principal: str
    key: str
    fingerprint: bytes
    replay: Replay = field(default_factory=Replay, compare=False, repr=False)
    """Belongs to the one request that this object was made for."""


@dataclass(frozen=True, slots=True)
class Append:
    """The events of one command, appended atomically: all of them or none.

    `expected`: exact versions of streams that the drafts extend; a stream in `drafts` without one may be at any.
    `reads`: streams that the decision read and that must not have moved.
    """

    drafts: Sequence[Draft]
    expected: Sequence[Guard] = ()
    reads: Sequence[Guard] = ()
    quota: Sequence[QuotaChange] = ()
    erase: Sequence[Erasure] = ()
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """The fields that the log added to a draft, and the exact bytes of the event."""

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
    """The sealed events of one command; `replayed` if an earlier request with its idempotency key recorded them."""

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
    """One row of the log as stored, unchecked: the exact bytes, and the columns that repeat their fields."""

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
    """A counter's use and limits; None means no limit."""

    bytes: int
    files: int
    max_bytes: int | None
    max_files: int | None


Disclosures = Mapping[UUID, Mapping[str, Disclosure]]
"""Private values by event id and field."""

Erased = Mapping[UUID, Sequence[tuple[int, str]]]
"""Erased private values by erasing event: (position of the event that held the value, field), in order."""

Values = Mapping[str, Json]
"""Disclosed private values of one event; an erased field is absent."""


class EventLog(Protocol):
    """The append-only log of one ledger."""

    def append(self, command: Append) -> Appended:
        """Seal one command.

        Nothing was recorded after Conflict (a guard failed; details: stream, expected, actual), QuotaExceeded (details:
        counter, limit, used, asked), KeyReused, EventTooLarge or InvalidInput; nor after DatabaseUnavailable (retry
        later) or Busy (too many commands wait). AppendOutcomeUnknown: the database did not answer within our timeout,
        so the events may have been recorded.
        """

    def append_batch(self, commands: Sequence[Append]) -> Sequence[Appended | Exception]:
        """Seal many commands in one exchange, as if one after the other; a refusal affects only its own command."""

    def recall(self, key: IdempotencyKey) -> Appended | None:
        """Return the events recorded under this key, or None; KeyReused if they belong to a different request."""

    def load(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Return a stream's current state as `project` folds it; NotFound if it has no events."""

    def recent(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Return the cached state from the last `load` or `keep`; without one, load it.

        Use only for decisions whose append is guarded by the state's version, and that call `load` before they refuse.
        """

    def keep(
        self, project: Callable[[State | None, Iterable[Event]], State | None], state: State, newest: Event
    ) -> None:
        """Cache `state` as the stream folded by `project` up to its event `newest`."""

    def events(self, streams: Sequence[str], *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the events of these streams merged in log order, positions above `after`."""

    def events_with_private_values(self, stream: str) -> tuple[Sequence[Event], Disclosures]:
        """Return a stream's events and their private values, read at the same moment; empty if it does not exist."""

    def lifecycles(self, streams: Sequence[str]) -> Mapping[str, "Lifecycle"]:
        """Return events with private values of several streams, in one exchange; empty and damaged ones are absent.

        While neither events nor private values of a stream change, the same object may be returned each time.
        """

    def workspaces(self, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Return up to `limit` ids above `after` of created workspaces, in byte order."""

    def ids(self, kind: str | None, first: UUID, last: UUID, *, workspace: str | None, limit: int) -> Sequence[UUID]:
        """Return up to `limit` ids from `first` to `last`: of events, or with `kind` of the streams `<kind>:<id>`.

        With `workspace`, return only the ids of that workspace.
        """

    def head(self, stream: str) -> tuple[int, bytes] | None:
        """Return the version and leaf hash of a stream's newest event."""

    def versions(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest version of each of these streams at one moment; streams without events are absent."""

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events with positions above `after`, in order and without gaps."""

    def rows(self, after: int, limit: int) -> Sequence[StoredRow]:
        """Return up to `limit` rows above `after` as they are stored, including damaged ones."""

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
        """Return the private values that these events erased; events that erased none are absent."""

    def counters(self) -> tuple[int, Mapping[tuple[str, str], QuotaUse]]:
        """Return the newest position, and all quota counters at that position by workspace and name."""

    def quota(self, workspace: str, counter: str = "workspace") -> QuotaUse | None:
        """Return a counter, or None if it does not exist."""


@dataclass(frozen=True, slots=True, eq=False)
class Lifecycle:
    """A stream's events and their private values, read at the same moment."""

    events: Sequence[Event]
    disclosures: Disclosures


def disclosed(disclosures: Disclosures, event_id: UUID, parse: Callable[[bytes], Json]) -> Values:
    """Return the private values of one event that have not been erased."""
    found = disclosures.get(event_id, {})
    return {name: parse(one.value) for name, one in found.items() if one.value is not None}


def in_pages(log: EventLog, *, after: int = 0, page: int = 1000) -> Iterator[Event]:
    """Yield the log's events in order from `after`, reading `page` events at a time."""
    while batch := log.read(after, page):
        yield from batch
        after = batch[-1].position

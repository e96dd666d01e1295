"""The event log on PostgreSQL: the port `EventLog`, safe for many threads and many processes on one ledger.

It never inserts an event itself, never guesses the outcome of an append, and never hands out an event whose columns
contradict its bytes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Final, Self, cast
from uuid import UUID

import stamina
from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import EventStore

from provenstore.adapters.postgres.database import ConnectionLost, Database
from provenstore.adapters.postgres.event_rows import (
    QUERIES,
    EnvelopeMapper,
    EnvelopeRecorder,
    EventRow,
    parse_row,
    to_event,
)
from provenstore.adapters.postgres.opened import OpenedStreams, chained, opened
from provenstore.adapters.postgres.prepared import Prepared
from provenstore.adapters.postgres.sealing import Batch
from provenstore.adapters.postgres.state_cache import MAX_STATES, CachedState, StateCache
from provenstore.adapters.postgres.writer import Writer
from provenstore.domain.errors import (
    AppendOutcomeUnknown,
    DatabaseUnavailable,
    IntegrityViolated,
    InvalidInput,
    KeyReused,
    NotFound,
    ProvenstoreError,
    Refused,
    StorageFull,
)
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import (
    Append,
    Appended,
    Disclosure,
    Disclosures,
    Erased,
    IdempotencyKey,
    Lifecycle,
    QuotaUse,
    Sealed,
    State,
    StoredRow,
)

APPEND: Final = Prepared("provenstore_append", QUERIES["append"])


class PostgresEventLog:
    """The append-only log of one ledger, through the role provenstore_writer.

    A context manager: closing takes no more commands and waits until those that were taken are recorded.
    """

    def __init__(
        self,
        database: Database,
        *,
        patience: float = 8,
        remember: int = MAX_STATES,
        announce: Callable[[Sequence[Append]], None] | None = None,
    ) -> None:
        """Use an open `database`; ask for at most `patience` seconds what became of an append without a reply.

        At most `remember` states of streams are kept in memory. `announce` is called after each commit with the
        commands that were sent, of which some may have been refused; it returns at once.
        """
        self._announce = announce
        self._database = database
        self._writer = Writer(self.append_batch)
        self._states = StateCache(remember)
        self._opened = OpenedStreams()
        self._patience = patience
        self._recorder = EnvelopeRecorder(database)
        self._repository: Repository[str] = Repository(EventStore(EnvelopeMapper(), self._recorder))

    def __enter__(self) -> Self:
        """Be ready."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Take no more commands, and return when those that were taken are recorded or refused."""
        self._writer.close()

    @property
    def database(self) -> Database:
        """The connections that it uses."""
        return self._database

    @property
    def recorder(self) -> EnvelopeRecorder:
        """The log as eventsourcing sees it."""
        return self._recorder

    # -- writing -------------------------------------------------------------------------------------------

    def append(self, command: Append) -> Appended:
        """Seal one command, together with those of other threads; see the port."""
        if not command.drafts:
            raise InvalidInput("drafts", "are none")
        return self._writer.append(command)

    def append_batch(self, commands: Sequence[Append]) -> Sequence[Appended | Exception]:
        """Seal many commands, as if one after the other; each answer is its own command's, errors included."""
        answers: list[Appended | Exception] = [InvalidInput("drafts", "are none")] * len(commands)
        whole = [index for index, command in enumerate(commands) if command.drafts]
        for index, answer in zip(whole, self._seal([commands[index] for index in whole]), strict=True):
            answers[index] = answer
        return answers

    def _seal(self, commands: Sequence[Append]) -> Sequence[Appended | Exception]:
        """Send commands together; where the data of one makes the database refuse all, one by one."""
        if not commands:
            return []
        ids = [draft.id for command in commands for draft in command.drafts]
        if len(set(ids)) < len(ids):
            return [self._seal_alone(command) for command in commands]
        try:
            return self._settle(Batch(commands))
        except (Refused, StorageFull):
            return [self._seal_alone(command) for command in commands]
        except ProvenstoreError as exc:
            # One for each: their threads raise them at the same time.
            return [type(exc)(exc.message, **exc.details) for _ in commands]

    def _seal_alone(self, command: Append) -> Appended | Exception:
        try:
            return self._settle(Batch([command]))[0]
        except ProvenstoreError as exc:
            return exc

    def _settle(self, batch: Batch) -> Sequence[Appended | Exception]:
        """Send a batch until its outcome is known.

        A lost reply is settled by sending the same ids again: the function waits for the lock, which waits out the
        lost transaction, and then finds these ids in the log or seals them now.
        """
        try:
            return self._send(batch, prune=False)
        except ConnectionLost:
            ask = stamina.RetryingCaller(attempts=None, timeout=self._patience, wait_initial=0.02, wait_max=1)
            return ask(AppendOutcomeUnknown, self._send_again, batch)

    def _send_again(self, batch: Batch) -> Sequence[Appended | Exception]:
        try:
            return self._send(batch, prune=True)
        except DatabaseUnavailable as exc:
            raise AppendOutcomeUnknown from exc

    def _send(self, batch: Batch, *, prune: bool) -> Sequence[Appended | Exception]:
        if prune:
            self._database.prune()
        with self._database.connection() as connection:
            rows = APPEND.rows(connection, batch.parameters())
        if self._announce is not None:
            self._announce(batch.commands)
        return batch.answers(rows)

    def recall(self, key: IdempotencyKey) -> Appended | None:
        """Return what this key recorded before, or None; KeyReused if it was for a different request."""
        with self._database.connection() as connection:
            parameters = {"principal": key.principal, "key": key.key}
            rows = connection.execute(QUERIES["recall"], parameters, binary=True).fetchall()
        if not rows:
            return None
        if rows[0][0] != key.fingerprint:
            raise KeyReused
        return Appended(tuple(Sealed(*event) for _, *event in rows), replayed=True)

    # -- reading -------------------------------------------------------------------------------------------

    def load(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Fold a stream through `project`; NotFound if it has no events, IntegrityViolated if its chain is broken."""
        known = self._states.get(stream, project)
        if known is None:
            known = self._fold(stream, project)
        elif news := self._recorder.select_events(stream, gt=known.version):
            events = [to_event(cast(EventRow, row)) for row in news]
            state = project(known.state, chained(events, known.version, known.leaf))
            known = CachedState(events[-1].version, events[-1].leaf.hex(), state)
        self._states.keep(stream, project, known)
        return cast(State, known.state)

    def recent(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> State:
        """Return a stream's state as this process last saw it, otherwise as `load` does."""
        known = self._states.get(stream, project)
        return self.load(stream, project) if known is None else cast(State, known.state)

    def keep(
        self, project: Callable[[State | None, Iterable[Event]], State | None], state: State, newest: Event
    ) -> None:
        """Remember the state of a stream after its event `newest`."""
        self._states.keep(newest.stream, project, CachedState(newest.version, newest.leaf.hex(), state))

    def _fold(self, stream: str, project: Callable[[State | None, Iterable[Event]], State | None]) -> CachedState:
        newest: list[Event] = []

        def whole(start: State | None, events: Iterable[Event]) -> State | None:
            found = list(chained(events))
            newest.extend(found[-1:])
            return project(start, found)

        try:
            state = self._repository.get(stream, projector_func=cast(Any, whole))
        except AggregateNotFoundError as exc:
            raise NotFound(stream=stream) from exc
        if not newest:
            raise NotFound(stream=stream)
        return CachedState(newest[0].version, newest[0].leaf.hex(), state)

    def events(self, streams: Sequence[str], *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the events of these streams merged in log order, positions above `after`."""
        parameters = {"streams": list(dict.fromkeys(streams)), "after": after, "limit": limit}
        return [to_event(row) for row in self._recorder.rows("streams", parameters)]

    def events_with_private_values(self, stream: str) -> tuple[Sequence[Event], Disclosures]:
        """Return a stream's events with their private values, in one exchange and one snapshot; none without a stream.

        IntegrityViolated where the stream's chain is broken.
        """
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["told"], {"stream": stream}, binary=True).fetchall()
        found = opened(rows)
        return found.events, found.disclosures

    def lifecycles(self, streams: Sequence[str]) -> Mapping[str, Lifecycle]:
        """Return several streams with their private values, in one exchange; an empty or damaged one is absent."""
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["lifecycles"], {"streams": list(streams)}, binary=True).fetchall()
        found: dict[str, Lifecycle] = {}
        for stream, of_stream in groupby(rows, key=itemgetter(2)):
            with suppress(IntegrityViolated):  # reading it by itself says what is wrong
                found[stream] = self._opened.of(stream, list(of_stream))
        return found

    def head(self, stream: str) -> tuple[int, bytes] | None:
        """Return the version and leaf hash of a stream's newest event."""
        row = self._row("head", {"stream": stream})
        return None if row is None else (row[0], row[1])

    def versions(self, streams: Sequence[str]) -> Mapping[str, int]:
        """Return the newest version of each of these streams at one moment; one without events is absent."""
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["versions"], {"streams": list(streams)}, binary=True).fetchall()
        return dict(rows)

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events above `after`; IntegrityViolated at the first position that is missing."""
        events = [parse_row(row) for row in self._recorder.table("log", {"after": after, "limit": limit})]
        for position, event in enumerate(events, start=after + 1):
            if event.position != position:
                raise IntegrityViolated("an event is missing from the log", position=position)
        return events

    def rows(self, after: int, limit: int) -> Sequence[StoredRow]:
        """Return up to `limit` rows above `after` as they are stored, whatever is wrong with them."""
        return [
            StoredRow(
                position=row.id,
                state=_exact(row.state),
                leaf=_exact(row.leaf),
                id=row.event_id,
                type=row.topic,
                stream=str(row.originator_id),
                version=row.originator_version,
                workspace=row.workspace,
                number=row.number,
                time=row.time,
            )
            for row in self._recorder.rows("log", {"after": after, "limit": limit})
        ]

    def numbered(self, workspace: str, *, after: int, upto: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events of a workspace, numbers above `after`; IntegrityViolated where one is missing."""
        parameters = {"workspace": workspace, "after": after, "upto": upto, "limit": limit}
        events = [to_event(row) for row in self._recorder.rows("numbered", parameters)]
        for number, event in enumerate(events, start=after + 1):
            if event.number != number:
                raise IntegrityViolated("an event is missing from the workspace", workspace=workspace, number=number)
        return events

    def last_number(self, workspace: str, *, upto: int) -> tuple[int, int] | None:
        """Return number and position of a workspace's newest event at a position up to `upto`."""
        row = self._row("last_number", {"workspace": workspace, "upto": upto})
        return None if row is None else (row[0], row[1])

    def find(self, event_id: UUID) -> Event:
        """Return one event by id, or raise NotFound."""
        rows = self._recorder.rows("by_id", {"id": event_id})
        if not rows:
            raise NotFound(event=str(event_id))
        return to_event(rows[0])

    def position(self) -> int:
        """Return the newest position, 0 for an empty log."""
        return self._recorder.max_notification_id() or 0

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        """Return the private values of these events; an event without any is absent."""
        found: dict[UUID, dict[str, Disclosure]] = {}
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["disclosures"], {"ids": list(event_ids)}, binary=True).fetchall()
        for event_id, field, salt, value, erased_by in rows:
            found.setdefault(event_id, {})[field] = Disclosure(salt, value, erased_by)
        return found

    def erased(self, event_ids: Sequence[UUID]) -> Erased:
        """Return which private values these events erased; an event that erased none is absent."""
        found: dict[UUID, list[tuple[int, str]]] = {}
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["erased"], {"ids": list(event_ids)}, binary=True).fetchall()
        for event_id, position, field in rows:
            found.setdefault(event_id, []).append((position, field))
        return found

    def quota(self, workspace: str, counter: str = "workspace") -> QuotaUse | None:
        """Return a counter, or None if there is none."""
        row = self._row("quota", {"workspace": workspace, "counter": counter})
        return None if row is None else QuotaUse(*row)

    def counters(self) -> tuple[int, Mapping[tuple[str, str], QuotaUse]]:
        """Return the newest position, and all quota counters by workspace and name as they were at it."""
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["counters"], binary=True).fetchall()
        counted = {(workspace, counter): QuotaUse(*use) for _, workspace, counter, *use in rows if counter is not None}
        return rows[0][0], counted

    def workspaces(self, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """Return the ids of up to `limit` workspaces above `after`: each has had its counter since its creation."""
        with self._database.connection() as connection:
            rows = connection.execute(QUERIES["workspaces"], {"after": after, "limit": limit}).fetchall()
        return [workspace for (workspace,) in rows]

    def ids(self, kind: str | None, first: UUID, last: UUID, *, workspace: str | None, limit: int) -> Sequence[UUID]:
        """Return ids by their range, of events or of the streams of a kind."""
        ends = (first, last) if kind is None else (f"{kind}:{first}", f"{kind}:{last}")
        asked = {"first": ends[0], "last": ends[1], "workspace": workspace, "limit": limit}
        with self._database.connection() as connection:
            query = QUERIES["event_ids" if kind is None else "stream_ids"]
            return [found for (found,) in connection.execute(query, asked).fetchall()]

    def _row(self, query: str, parameters: dict[str, Any]) -> Any:
        with self._database.connection() as connection:
            return connection.execute(QUERIES[query], parameters, binary=True).fetchone()


def _exact(value: object) -> bytes:
    """Return the bytes of a column; none for what its owner let it be instead, and that is no event's."""
    return value if isinstance(value, bytes) else b""

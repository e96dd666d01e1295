"""What comes next is read while what is at hand is folded, and nobody can tell by what is read."""

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from memory_log import MemoryLog, add_file, story
from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.prefetch import MISSES, Prefetch
from provenstore.projections.usage.sums import Usage
from read_models import place, running, until

Connection = psycopg.Connection[Any]


class Watched(MemoryLog):
    """A log that notes who asks it for what, and is away where it is told to be."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(0.0, log.events, log.private)
        self.reads: list[tuple[int, int]] = []
        self.disclosed: list[int] = []
        self.away: set[int] = set()

    def read(self, after: int, limit: int) -> Sequence[Event]:
        self.reads.append((after, threading.get_ident()))
        if after in self.away:
            raise DatabaseUnavailable
        return super().read(after, limit)

    def disclosures(self, event_ids: Sequence[UUID]) -> Disclosures:
        self.disclosed.append(threading.get_ident())
        return super().disclosures(event_ids)

    def asked(self, after: int) -> list[int]:
        """Return the threads that asked for what comes after a position."""
        return [thread for at, thread in self.reads if at == after]


@pytest.fixture
def log() -> Watched:
    """Return a log of 24 events or more."""
    return Watched(story(6))


@pytest.fixture
def ahead(log: Watched) -> Iterator[Prefetch]:
    """Return what reads it."""
    reader = Prefetch(log)
    yield reader
    reader.close()


def positions(ahead: Prefetch, after: int, limit: int) -> list[int]:
    """Return the positions of a stretch."""
    return [event.position for event in ahead.stretch(after, limit, private=True).events]


def test_the_next_stretch_is_there_when_it_is_asked_for(log: Watched, ahead: Prefetch) -> None:
    """Another thread reads it, private values included, and nobody reads it again."""
    me = threading.get_ident()
    assert positions(ahead, 0, 5) == [1, 2, 3, 4, 5]
    assert positions(ahead, 5, 5) == [6, 7, 8, 9, 10]
    assert log.asked(0) == [me]
    assert len(log.asked(5)) == 1
    assert log.asked(5) != [me]
    assert set(log.disclosed[1:]) == {log.asked(5)[0]}


def test_what_was_the_end_of_the_log_is_read_again(log: Watched, ahead: Prefetch) -> None:
    """Beyond it nothing is read, and what has come meanwhile is not missed."""
    end = log.position()
    assert len(positions(ahead, 0, end - 2)) == end - 2
    until(lambda: bool(log.asked(end - 2)))
    add_file(log, "late")
    assert positions(ahead, end - 2, 20) == [*range(end - 1, log.position() + 1)]
    assert not log.asked(log.position())


def test_what_failed_ahead_fails_when_it_is_asked_for(log: Watched, ahead: Prefetch) -> None:
    """As if it had been read then; and only once, as the database may be back."""
    log.away.add(5)
    assert positions(ahead, 0, 5) == [1, 2, 3, 4, 5]
    until(lambda: bool(log.asked(5)))
    log.away.clear()
    with pytest.raises(DatabaseUnavailable):
        ahead.stretch(5, 5, private=True)
    assert positions(ahead, 5, 5) == [6, 7, 8, 9, 10]


def test_two_readers_do_not_take_each_others_turn(log: Watched, ahead: Prefetch) -> None:
    """What was read for one is kept while the other reads, unless nobody ever comes for it."""
    positions(ahead, 0, 5)
    assert positions(ahead, 12, 3) == [13, 14, 15]
    assert positions(ahead, 5, 5) == [6, 7, 8, 9, 10]
    assert len(log.asked(5)) == 1
    for _ in range(MISSES):
        positions(ahead, 12, 3)
    until(lambda: bool(log.asked(15)))


def test_the_end_of_the_process_is_no_error(log: Watched, ahead: Prefetch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read ahead any more; what is asked for is read."""
    monkeypatch.setattr("concurrent.futures.thread._shutdown", True)
    assert positions(ahead, 0, 5) == [1, 2, 3, 4, 5]
    assert positions(ahead, 5, 5) == [6, 7, 8, 9, 10]


def test_private_values_are_read_only_for_those_who_look_at_them(
    connect: Callable[[], Connection], connection: Connection
) -> None:
    """Nobody asks the log for what no row takes anything from."""
    for model, asked in ((Usage(), False), (AuditTrail(), True)):
        prepare(connection, [model])
        log = Watched(story(3))
        with running(log, connect, model, batch=4):
            until(partial(_stands, connection, model.name, log.position()))
        assert bool(log.disclosed) == asked


class Added(AuditTrail):
    """An audit trail that says when its rows are loaded."""

    def load(self, cursor: psycopg.Cursor[Any], generation: int, keys: Sequence[str]) -> Any:
        raise LookupError("there is nothing to load")


def test_nothing_is_loaded_where_rows_are_only_added(connect: Callable[[], Connection], connection: Connection) -> None:
    """A row of the audit trail cannot be there before its event."""
    log = story(3)
    prepare(connection, [Added()])
    with running(log, connect, Added(), batch=4):
        until(partial(_stands, connection, "audit_trail", log.position()))


def _stands(connection: Connection, name: str, position: int) -> bool:
    return place(connection, name).position == position

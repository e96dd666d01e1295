"""Calls are written in batches, never wait, and are counted where they are lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from memory_log import START
from provenstore.adapters.clock import SystemClock
from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.storage.store_call import StoreCall
from provenstore.projections.engine.positions import prepare
from provenstore.projections.operations import call_writer
from provenstore.projections.operations.call_writer import CallWriter
from provenstore.projections.operations.store_calls import prepare_calls

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]

CALL = StoreCall("local", "head", START, 100, 0, "ok", "ok", None, None)
NEVER = 60.0


@pytest.fixture
def made(connection: Connection) -> Connection:
    """A connection to a database with the tables."""
    prepare(connection, [], beside=[prepare_calls])
    return connection


@contextmanager
def writing(connect: Connect, **options: Any) -> Iterator[CallWriter]:
    writer = CallWriter(connect, SystemClock(), **options)
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def _kept(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT microseconds FROM provenstore_read.store_call ORDER BY microseconds")
    return [row[0] for row in rows]


def _missing(connection: Connection) -> int:
    found = connection.execute("SELECT coalesce(sum(calls), 0) FROM provenstore_read.store_call_gap").fetchone()
    assert found is not None
    return int(found[0])


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_end_writes_what_waits(made: Connection, connect: Connect) -> None:
    """Once each, from however many threads they came."""
    with writing(connect, every=NEVER) as writer:

        def taking(first: int) -> None:
            for number in range(first, first + 100):
                writer.take(replace(CALL, microseconds=number))

        threads = [threading.Thread(target=taking, args=(first,)) for first in range(0, 800, 100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert _kept(made) == list(range(800))
    assert _missing(made) == 0


def test_calls_are_written_after_a_while_or_when_there_are_many(made: Connection, connect: Connect) -> None:
    """Whichever comes first."""
    with writing(connect, every=0.01) as writer:
        writer.take(CALL)
        _until(lambda: _kept(made) == [100])
    with writing(connect, every=NEVER) as writer:
        for _ in range(call_writer.BATCH):
            writer.take(CALL)
        _until(lambda: len(_kept(made)) == 1 + call_writer.BATCH)


def test_a_database_that_is_away_costs_the_oldest(made: Connection, connect: Connect) -> None:
    """Taking goes on at once; when it is back the newest are written, and how many are missing."""
    back = threading.Event()
    tried = threading.Semaphore(0)

    def connecting() -> Connection:
        if back.is_set():
            return connect()
        tried.release()
        raise DatabaseUnavailable

    with writing(connecting, every=0.01, room=10) as writer:
        for number in range(25):
            writer.take(replace(CALL, microseconds=number))
        assert tried.acquire(timeout=20)
        assert tried.acquire(timeout=20)
        assert writer.dropped == 15
        back.set()
        _until(lambda: _missing(made) == 15)
    assert _kept(made) == list(range(15, 25))


def test_a_writing_that_fails_is_said_to_be_missing(made: Connection, connect: Connect) -> None:
    """Whether it was written nobody knows; the next one goes on, on a new connection."""
    opened: list[Connection] = []

    def connecting() -> Connection:
        opened.append(connect())
        if len(opened) == 1:
            opened[0].close()
            return _Broken(opened[0])  # type: ignore[return-value]  # a connection that breaks when it is used
        return opened[-1]

    with writing(connecting, every=0.01) as writer:
        writer.take(CALL)
        _until(lambda: _missing(made) == 1)
        writer.take(replace(CALL, microseconds=7))
        _until(lambda: _kept(made) == [7])
    assert all(one.closed for one in opened)


class _Broken:
    """A connection whose server has gone unnoticed."""

    closed = False
    autocommit = False

    def __init__(self, gone: Connection) -> None:
        self._gone = gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gone, name)


def test_an_end_without_a_database_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one whose database never answers."""
    monkeypatch.setattr(call_writer, "PATIENCE", 0.05)
    hanging = threading.Event()

    def connecting() -> Connection:
        hanging.wait(20)
        raise DatabaseUnavailable

    with writing(connecting, every=NEVER) as writer:
        writer.take(CALL)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    hanging.set()

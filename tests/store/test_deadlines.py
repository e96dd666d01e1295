"""Every command has an answer within 30 seconds, whatever the database does: it waits, or it is stopped."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from provenstore.adapters import database as limits
from provenstore.adapters.data_directory import DataDirectory
from provenstore.adapters.database import Database
from provenstore.adapters.embedded_postgres import EmbeddedPostgres
from provenstore.adapters.event_store import PostgresEventLog
from provenstore.adapters.migrations import migrate
from provenstore.adapters.running_postgres import OWNER
from provenstore.adapters.writer import MAX_SECONDS, Writer
from provenstore.domain.errors import AppendOutcomeUnknown, Busy, DatabaseUnavailable, Unavailable
from provenstore.domain.event_log import Append, Appended, IdempotencyKey
from store_commands import command, happened
from store_database import WRITER, ScratchDatabase

LOCK_SECONDS = 9


def test_a_lock_that_another_session_holds(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """The command is refused in time, is not done later, and the next one is recorded once the lock is gone."""
    with database.connect() as holder:
        holder.execute("begin; select from provenstore.head for update")
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable) as refused:
            log.append(command(happened("file:1")))
        assert LOCK_SECONDS - 1 < time.monotonic() - begun < 2 * LOCK_SECONDS
        assert refused.value.code == "database-unavailable"
        holder.execute("rollback")
    assert log.position() == 0
    assert log.append(command(happened("file:1"))).events[0].position == 1


def test_who_waits_too_long_for_a_turn_is_not_done_later() -> None:
    """Busy; and the queue goes on without that command."""
    gate, sealed = threading.Event(), list[Append]()

    def seal(commands: object) -> list[Appended]:
        batch: list[Append] = list(commands)  # type: ignore[call-overload]  # a sequence of them
        sealed.extend(batch)
        assert gate.wait(10)
        return [Appended(())] * len(batch)

    writer = Writer(seal, patience=0.2)
    first, late = command(happened("file:1")), command(happened("file:2"))
    with ThreadPoolExecutor(2) as pool:
        leading = pool.submit(writer.append, first)
        while not sealed:
            time.sleep(0.01)
        with pytest.raises(Busy):
            pool.submit(writer.append, late).result(10)
        gate.set()
        leading.result(10)
        writer.append(first)
    assert late not in sealed


def test_what_was_handed_over_is_waited_for() -> None:
    """Its outcome is the database's to say, however long that takes beyond the wait in the queue."""
    reached, gate = threading.Event(), threading.Event()

    def seal(commands: object) -> list[Appended]:
        reached.set()
        assert gate.wait(10)
        return [Appended(())] * len(list(commands))  # type: ignore[call-overload]  # a sequence of them

    writer = Writer(seal, patience=0.05)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(writer.append, command(happened("file:1")))
        assert reached.wait(10)
        time.sleep(0.2)
        gate.set()
        assert isinstance(answer.result(10), Appended)


def test_the_limits_add_up() -> None:
    """Queue, exchange and the wait for the outcome, whose last attempt may wait for a connection."""
    assert MAX_SECONDS + limits.EXCHANGE_SECONDS + 10 <= 30


@contextmanager
def stopped(directory: DataDirectory) -> Iterator[None]:
    """Stop every process of the server for the length of a block."""
    server = psutil.Process(int((directory.postgres / "postmaster.pid").read_text().split()[0]))
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


def test_a_server_that_is_stopped(tmp_path: Path) -> None:
    """Reads and appends have their answers; what was handed over is what the idempotency key says afterwards."""
    directory = DataDirectory(tmp_path / "data")
    with EmbeddedPostgres(directory, durable=False) as running:
        running.bootstrap()
        migrate(running.conninfo(OWNER))
        with (
            Database(running.conninfo(WRITER), timeout=1, limit=2) as connections,
            PostgresEventLog(connections, patience=1) as log,
        ):
            log.append(command(happened("file:1")))
            key = IdempotencyKey("p", "k", b"f")
            wish = command(happened("file:1"), key=key)
            with stopped(directory):
                begun = time.monotonic()
                with pytest.raises(AppendOutcomeUnknown):
                    log.append(wish)
                with pytest.raises(Unavailable):
                    log.position()
                assert time.monotonic() - begun < 15
            again = eventually(log, wish)
            assert [event.id for event in again.events] == [wish.drafts[0].id]
            assert log.position() == 2


def eventually(log: PostgresEventLog, wish: Append) -> Appended:
    for _ in range(50):
        try:
            return log.append(wish)
        except Unavailable:
            time.sleep(0.1)
    return log.append(wish)

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
import psycopg
import pytest

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres import database as limits
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from provenstore.adapters.postgres.writer import MAX_SECONDS, Writer
from provenstore.domain.errors import AppendOutcomeUnknown, Busy, DatabaseUnavailable, Unavailable
from provenstore.domain.eventlog.deadline import Deadline, require_time, within
from provenstore.domain.eventlog.event_log import Append, Appended, IdempotencyKey
from provenstore.domain.eventlog.on_record import recording
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


def passed() -> Deadline:
    return Deadline(0, time.monotonic)


def test_after_its_deadline_a_command_does_nothing_more(log: PostgresEventLog) -> None:
    """command-deadline: it neither reads nor appends, and nothing is recorded later."""
    with within(passed()):
        for act in (log.position, lambda: log.append(command(happened("file:1")))):
            with pytest.raises(DatabaseUnavailable, match="took too long"):
                act()
    assert log.position() == 0


def test_what_is_on_record_goes_on(log: PostgresEventLog) -> None:
    """command-deadline: a command that has recorded something is carried on to its end."""
    with recording() as scope, within(passed()):
        scope.asked = True
        log.append(command(happened("file:1")))
        assert log.position() == 1


def test_what_is_only_read_has_a_deadline_in_any_case(database: ScratchDatabase) -> None:
    """command-deadline: a reading that is on record ends with the deadline, too: it changes nothing."""
    with limits.reading_pool(database.conninfo(WRITER)) as pool, recording() as scope:
        scope.asked = True
        with within(Deadline(1, time.monotonic)):
            begun = time.monotonic()
            with pytest.raises(psycopg.OperationalError), pool.connection() as connection:
                connection.execute("select pg_sleep(9)")
            assert time.monotonic() - begun < 6
            with pytest.raises(DatabaseUnavailable), pool.connection():
                pass


def test_an_exchange_ends_with_the_deadline(database: ScratchDatabase) -> None:
    """command-deadline: what the database does not answer in time is waited for no longer."""
    with Database(database.conninfo(WRITER)) as connections, within(Deadline(1, time.monotonic)):
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable), connections.connection() as connection:
            connection.execute("select pg_sleep(9)")
        assert time.monotonic() - begun < 6


def test_a_batch_has_no_deadline() -> None:
    """command-deadline: one command's deadline does not end the others that are written with it."""
    found: list[float | None] = []

    def seal(commands: object) -> list[Appended]:
        found.append(require_time())
        return [Appended(())] * len(list(commands))  # type: ignore[call-overload]  # a sequence of them

    with within(Deadline(30, time.monotonic)):
        Writer(seal).append(command(happened("file:1")))
    assert found == [None]


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

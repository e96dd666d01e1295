"""An append whose reply is lost is settled by asking the log, never by guessing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from cutting_proxy import CuttingProxy
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import AppendOutcomeUnknown, DatabaseUnavailable
from provenstore.domain.eventlog.event_log import Append, Guard
from store_commands import command, happened
from store_database import WRITER, ScratchDatabase

FIRST = Guard("file:1", 0)


@pytest.fixture
def proxy(database: ScratchDatabase, tmp_path: Path) -> Iterator[CuttingProxy]:
    """The proxy in front of the server."""
    with CuttingProxy(database.server.folder, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def log(database: ScratchDatabase, proxy: CuttingProxy) -> Iterator[PostgresEventLog]:
    """The log through the proxy, with the statement prepared, so that one request is one append."""
    conninfo = make_conninfo(database.conninfo(WRITER), host=str(proxy.folder))
    with Database(conninfo, size=1, timeout=2) as connections:
        log = PostgresEventLog(connections, patience=5)
        log.append(command(happened("file:0"), expected=[Guard("file:0", 0)]))
        log.append(command(happened("file:0"), expected=[Guard("file:0", 1)]))
        yield log


def test_a_lost_reply_is_answered_from_the_log(log: PostgresEventLog, proxy: CuttingProxy) -> None:
    """The caller gets what was recorded, once, and no conflict with itself."""
    proxy.cut = "after-reply"
    sealed = log.append(command(happened("file:1"), expected=[FIRST])).events[0]
    assert proxy.forwarded.is_set()
    assert (sealed.position, sealed.version) == (3, 1)
    assert [event.id for event in log.events(["file:1"])] == [sealed.id]


def test_a_retry_waits_for_the_transaction_that_still_commits(
    database: ScratchDatabase, log: PostgresEventLog, proxy: CuttingProxy
) -> None:
    """While the old backend has not ended, nothing is answered; then its events are found, not doubled."""
    answers: list[object] = []
    wish = command(happened("file:1"), expected=[FIRST])
    caller = threading.Thread(target=lambda: answers.extend(log.append_batch([wish])))
    with database.connect() as holder:
        holder.execute("begin; select from provenstore.head for update")
        proxy.cut = "at-once"
        caller.start()
        assert proxy.forwarded.wait(5)
        wait_for_waiters(database, 2)
        assert answers == []
        holder.execute("commit")
    caller.join()
    assert [event.id for event in log.events(["file:1"])] == [wish.drafts[0].id]
    assert log.position() == 3
    assert getattr(answers[0], "replayed", None) is False


def wait_for_waiters(database: ScratchDatabase, count: int) -> None:
    """Wait until so many backends wait for a lock."""
    query = "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    pause = threading.Event()
    with database.connect() as connection:
        for _ in range(500):
            row = connection.execute(query, (database.name,)).fetchone()
            if row is not None and row[0] >= count:
                return
            pause.wait(0.01)
    raise AssertionError("nobody waits")


def test_an_absent_event_is_sealed_by_the_retry(
    database: ScratchDatabase, log: PostgresEventLog, proxy: CuttingProxy
) -> None:
    """Where the old backend was ended before it committed, the same ids are appended again."""
    wish = command(happened("file:1"), expected=[FIRST])
    ended = threading.Event()

    def end_backend() -> None:
        wait_for_waiters(database, 1)
        with database.connect() as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where wait_event_type = 'Lock' and datname = %s",
                (database.name,),
            )
            ended.set()

    with database.connect() as holder:
        holder.execute("begin; select from provenstore.head for update")
        killer = threading.Thread(target=end_backend)
        killer.start()
        release = threading.Thread(target=lambda: (ended.wait(5), holder.execute("commit")))
        release.start()
        sealed = log.append(wish).events[0]
        killer.join()
        release.join()
    assert [event.id for event in log.events(["file:1"])] == [sealed.id]


def test_an_append_that_was_never_sent_is_unavailable(tmp_path: Path) -> None:
    """Without a connection nothing can have been recorded, and the error says so."""
    nowhere = Database(f"host={tmp_path} user={WRITER} dbname=none", timeout=0.2)
    with nowhere as connections, pytest.raises(DatabaseUnavailable):
        PostgresEventLog(connections).append(command(happened("file:1")))


def test_an_outcome_that_cannot_be_asked_for_is_unknown(database: ScratchDatabase, tmp_path: Path) -> None:
    """When the database stays away after an append was sent, the answer is that nobody knows."""
    with CuttingProxy(database.server.folder, tmp_path) as proxy:
        conninfo = make_conninfo(database.conninfo(WRITER), host=str(proxy.folder))
        with Database(conninfo, size=1, timeout=0.2) as connections:
            log = PostgresEventLog(connections, patience=0.5)
            wish: Append = command(happened("file:1"))
            log.append(command(happened("file:0")))
            proxy.cut = "after-reply"
            (tmp_path / ".s.PGSQL.5432").unlink()
            with pytest.raises(AppendOutcomeUnknown):
                log.append(wish)

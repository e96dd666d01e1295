"""One runner at a time folds every event exactly once, whatever is cut off, and parks what it cannot fold."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

import index_leader
from memory_log import MemoryLog, add_file, story
from provenstore.adapters.postgres.notifier import Notifier
from provenstore.domain.errors import DatabaseUnavailable, Unavailable
from provenstore.domain.eventlog.event_log import Disclosures
from provenstore.domain.eventlog.event_types import RawData
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.builds import begin
from provenstore.projections.engine.folding import Folding
from provenstore.projections.engine.listener import Listener
from provenstore.projections.engine.positions import Positions, prepare
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.runner import FEW, Runner
from provenstore.projections.engine.skips import no_skips
from provenstore.projections.engine.status import statuses
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.row import FileRow
from read_models import PATIENCE, build, building, ended, place, running, until
from shelf import found, one_by_one, rows
from tally import Tally

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]
Pool = ConnectionPool[Any]
LEADER = Path(index_leader.__file__)


def test_events_are_folded_as_they_come(connect: Connect, runner_pool: Pool) -> None:
    """What was there is folded at the start, and what comes later soon after it is durable."""
    log = story(5)
    positions = Positions(runner_pool)
    with running(log, connect) as runner:
        until(lambda: runner.leading)
        positions.wait_for("file_index", log.position(), PATIENCE)
        add_file(log, "new")
        positions.wait_for("file_index", log.position(), PATIENCE)
        assert found(runner_pool)[0] == "new"
        assert runner.alive
    assert not (runner.alive or runner.leading)


def test_events_that_come_singly_are_folded_together(connect: Connect, runner_pool: Pool) -> None:
    """After a small batch the next one waits for company, whatever is hinted; a reader who waits has it at once."""
    log = story(1)
    positions = Positions(runner_pool)
    with running(log, connect, poll=0.01, gather=3600) as runner:
        until(lambda: runner.leading)
        positions.wait_for("file_index", log.position(), PATIENCE)
        add_file(log, "new")
        runner.hint()
        with pytest.raises(Unavailable):
            positions.wait_for("file_index", log.position(), 0.2)
        runner.wake()
        positions.wait_for("file_index", log.position(), PATIENCE)


def test_the_order_of_the_read_models_is_kept(connect: Connect) -> None:
    """A row of the second may show what the first has made of the same events."""
    log, models = story(1), (Tally(), FileIndex())
    with connect() as connection:
        connection.autocommit = True
        prepare(connection, models)
        folding = Folding(log, {model.name: model for model in models}, no_skips, 10)
        moved = folding.step(connection, statuses(connection))
        folding.close()
    assert list(moved.items()) == [("tally", log.position()), ("file_index", log.position())]


def test_a_backlog_is_not_waited_for(connect: Connect, runner_pool: Pool) -> None:
    """Batches that were worth their cost follow each other at once."""
    log = story(FEW * 2)
    with running(log, connect, gather=3600, batch=FEW):
        Positions(runner_pool).wait_for("file_index", log.position() // FEW * FEW, PATIENCE)


def test_waking_ends_the_wait(connect: Connect, runner_pool: Pool) -> None:
    """A runner that looks once an hour looks at once when it is told to."""
    log = story(1)
    positions = Positions(runner_pool)
    with running(log, connect, poll=3600) as runner:
        until(lambda: runner.leading)
        positions.wait_for("file_index", log.position(), PATIENCE)
        add_file(log, "new")
        runner.wake()
        positions.wait_for("file_index", log.position(), PATIENCE)


def test_a_position_that_is_not_reached_in_time_is_refused(connect: Connect, runner_pool: Pool) -> None:
    """Whoever waits for their own write is told to come back, not shown an older list."""
    log = story(1)
    with running(log, connect):
        positions = Positions(runner_pool)
        positions.wait_for("file_index", log.position(), PATIENCE)
        with pytest.raises(Unavailable, match="has not reached"):
            positions.wait_for("file_index", log.position() + 1, 0.05)
        with pytest.raises(Unavailable, match="has not reached"):
            positions.wait_for("unknown", 1, 0)


def test_a_killed_leader_is_followed_within_seconds(
    conninfo: Callable[[str], str], connect: Connect, connection: Connection
) -> None:
    """A second runner waits while the first lives, takes over when it is killed, and folds nothing twice."""
    log = story(20)
    leader = subprocess.Popen([sys.executable, LEADER, conninfo("runner"), "20", "0.05"])
    try:
        prepare(connection, [FileIndex()])
        until(lambda: place(connection, "file_index").position > 10)
        with running(log, connect) as second:
            until(lambda: place(connection, "file_index").position > 20)
            assert not second.leading
            leader.kill()
            until(lambda: second.leading)
            until(lambda: place(connection, "file_index").position == log.position())
    finally:
        leader.kill()
        leader.wait(PATIENCE)
    assert one_by_one(log) == rows(connection)


def test_a_leader_that_is_cut_off_leads_no_more(
    conninfo: Callable[[str], str], connect: Connect, connection: Connection
) -> None:
    """When its connection goes, its lock goes; whoever takes over goes on where it stood."""
    log = story(20)
    log.delay = 0.005

    def moved_from(position: int) -> bool:
        return place(connection, "file_index").position > position

    with running(log, connect, batch=3) as one, running(log, connect, batch=3) as other:
        until(lambda: one.leading or other.leading)
        assert not (one.leading and other.leading)
        with psycopg.connect(conninfo("super"), autocommit=True) as operator:
            for _ in range(3):
                before = place(connection, "file_index").position
                operator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                until(partial(moved_from, before))
        until(lambda: place(connection, "file_index").position == log.position())
    assert one_by_one(log) == rows(connection)


class CutOff(FileIndex):
    """A file index that loses its connection after it wrote rows, before the position moves; as often as asked."""

    def __init__(self, times: int) -> None:
        self.left = times

    def save(
        self,
        cursor: psycopg.Cursor[Any],
        generation: int,
        before: Mapping[str, FileRow],
        after: Mapping[str, FileRow | None],
    ) -> None:
        super().save(cursor, generation, before, after)
        if self.left:
            self.left -= 1
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_rows_without_their_position_are_not_kept(connect: Connect, connection: Connection) -> None:
    """A crash between rows and position leaves neither; the batch is folded again, once."""
    log, index = story(4), CutOff(2)
    with running(log, connect, index, batch=7):
        until(lambda: places_or_none(connection) and place(connection, "file_index").position == log.position())
    assert index.left == 0
    assert one_by_one(log) == rows(connection)


def places_or_none(connection: Connection) -> bool:
    """Return whether there is a table of statuses yet."""
    return connection.execute("SELECT to_regclass('provenstore_read.projection') IS NOT NULL").fetchone() == (True,)


class Away(MemoryLog):
    """A log whose database does not answer the first few times."""

    def disclosures(self, event_ids: Sequence[Any]) -> Disclosures:
        if self.delay:
            self.delay -= 1
            raise DatabaseUnavailable
        return super().disclosures(event_ids)


def test_a_log_that_is_away_is_asked_again(connect: Connect, connection: Connection) -> None:
    """That the log cannot be read for a while parks nothing."""
    known = story(2)
    log = Away(events=known.events, private=known.private)
    prepare(connection, [FileIndex()])
    log.delay, log.read = 2, known.read  # type: ignore[method-assign]  # only one of its answers fails
    with running(log, connect):
        until(lambda: place(connection, "file_index").position == log.position())
    assert one_by_one(known) == rows(connection)


@pytest.mark.parametrize(
    ("tally", "error"),
    [(Tally(poison=17), "KeyError"), (Tally(full=17), "CheckViolation")],
    ids=["fold", "write"],
)
def test_poison_parks_one_read_model(
    connect: Connect, connection: Connection, runner_pool: Pool, tally: Tally, error: str
) -> None:
    """It stops right before the event, says what class of error it met, and the others go on."""
    log = story(10)
    with running(log, connect, tally, FileIndex()):
        until(lambda: places_or_none(connection) and place(connection, "tally").status == "parked")
        until(lambda: place(connection, "file_index").position == log.position())
        add_file(log, "after")
        until(lambda: place(connection, "file_index").position == log.position())
        parked = place(connection, "tally")
        with pytest.raises(Unavailable, match="is parked at position 16"):
            Positions(runner_pool).wait_for("tally", 17, PATIENCE)
        Positions(runner_pool).wait_for("tally", 16, 0)
    assert (parked.position, parked.error, parked.error_position) == (16, error, 17)
    assert parked.parked_at is not None
    assert place(connection, "file_index").status == "running"
    assert connection.execute("SELECT events FROM provenstore_read.tally_1 WHERE key = 'acme'").fetchone() == (16,)


def test_a_mended_fold_goes_on(connect: Connect, connection: Connection) -> None:
    """A runner that takes the lead tries parked read models again, from where they stood."""
    log = story(10)
    with running(log, connect, Tally(poison=17)):
        until(lambda: places_or_none(connection) and place(connection, "tally").status == "parked")
    with running(log, connect, Tally()):
        until(lambda: place(connection, "tally").position == log.position())
    mended = place(connection, "tally")
    assert (mended.lag(log.position()), mended.lag(log.position() + 3), mended.lag(0)) == (0, 3, 0)
    assert (mended.status, mended.error, mended.parked_at) == ("running", None, None)
    counts = connection.execute("SELECT sum(events) FROM provenstore_read.tally_1").fetchone()
    assert counts == (2 * log.position(),)


def test_rows_of_another_version_stop_the_runner(connect: Connect, connection: Connection) -> None:
    """It neither mixes rows of two versions nor tries for ever."""
    prepare(connection, [FileIndex()])
    connection.execute("UPDATE provenstore_read.projection SET version = 99")
    with running(story(1), connect) as runner:
        until(lambda: not runner.alive)
    assert place(connection, "file_index").position == 0


def test_a_runner_without_its_rights_stops(conninfo: Callable[[str], str]) -> None:
    """A role that may not make the tables is a fault of the set-up, which waiting does not mend."""
    with running(story(1), lambda: psycopg.connect(conninfo("reader"))) as runner:
        until(lambda: not runner.alive)


def test_a_runner_that_never_started_can_be_stopped(connect: Connect) -> None:
    """Whoever cleans up need not know how far it came."""
    Runner(MemoryLog(), connect, [FileIndex()]).stop()


def test_an_event_of_an_unknown_type_parks_what_reads_it(connect: Connect, connection: Connection) -> None:
    """What it says is not passed over, not even by a fold that would ignore it; a build stops at it, too."""
    log = story(3)
    strange = replace(log.add("file:f0", f.Restored()), type="file.invented.v9", data=RawData(fields={"x": 1}))
    log.events[-1] = strange
    add_file(log, "after")
    with running(log, connect):
        until(lambda: places_or_none(connection) and place(connection, "file_index").status == "parked")
        begin(connection, FileIndex(), "rebuild", "ann")
        with building(log, connect):
            until(ended(connection, "file_index"))
    parked, failed = place(connection, "file_index"), build(connection, "file_index")
    assert (parked.position, parked.error) == (strange.position - 1, "UnknownEventType")
    assert (failed.status, failed.position, failed.error) == ("failed", strange.position - 1, "UnknownEventType")


def test_what_was_decided_to_be_skipped_is_left_out(connect: Connect, connection: Connection) -> None:
    """By the runner once it may go on, and by every build; a version that takes the event is not bound by it."""
    log, decided = story(3), dict[tuple[str, int], frozenset[int]]()
    tally = Tally(poison=17)
    with running(log, connect, tally, decided=lambda: decided), building(log, connect, tally, decided=lambda: decided):
        until(lambda: places_or_none(connection) and place(connection, "tally").status == "parked")
        decided["tally", 2] = frozenset({17})
        let_go(connection)
        until(lambda: place(connection, "tally").status == "parked")
        decided["tally", 1] = frozenset({17})
        let_go(connection)
        until(lambda: place(connection, "tally").position == log.position())
        begin(connection, tally, "compare", "ann")
        until(ended(connection, "tally"))
    assert (build(connection, "tally").status, build(connection, "tally").differences) == ("done", 0)
    counts = connection.execute("SELECT sum(events) FROM provenstore_read.tally").fetchone()
    assert counts == (2 * (log.position() - 1),)


def let_go(connection: Connection) -> None:
    """Let the tally go on, and return once a runner has seen it."""
    parked_at = place(connection, "tally").parked_at
    connection.execute(queries("engine/projection")["resume"], {"name": "tally", "from": ["parked"]})
    until(lambda: place(connection, "tally").parked_at != parked_at)


@pytest.mark.parametrize("status", ["paused", "parked"])
def test_what_is_stopped_by_hand_stays_stopped(
    connect: Connect, connection: Connection, runner_pool: Pool, status: str
) -> None:
    """Also when another runner takes the lead; whoever waits for it is told at once."""
    log = story(3)
    stop = {"name": "file_index", "status": status, "by": "ann"}
    with running(log, connect):
        Positions(runner_pool).wait_for("file_index", log.position(), PATIENCE)
        stood = log.position()
        connection.execute(queries("engine/projection")["pause"], stop)
        add_file(log, "after")
        with pytest.raises(Unavailable, match=f"is {status} at position {stood}"):
            Positions(runner_pool).wait_for("file_index", log.position(), PATIENCE)
    with running(log, connect, Tally(), FileIndex()):
        Positions(runner_pool).wait_for("tally", log.position(), PATIENCE)
        stopped = place(connection, "file_index")
        assert (stopped.status, stopped.position, stopped.stopped_by) == (status, stood, "ann")
        connection.execute(queries("engine/projection")["resume"], {"name": "file_index", "from": [status]})
        Positions(runner_pool).wait_for("file_index", log.position(), PATIENCE)


def test_a_killed_runner_leaves_what_a_rebuild_finds(
    conninfo: Callable[[str], str], connect: Connect, connection: Connection
) -> None:
    """Killed in the middle of batches, wherever that was, again and again: a comparison finds no difference."""
    log = story(20)
    prepare(connection, [FileIndex()])
    for upto in (20, 40, 60):
        leader = subprocess.Popen([sys.executable, LEADER, conninfo("runner"), "20", "0"])
        try:
            until(partial(_beyond, connection, upto))
        finally:
            leader.kill()
            leader.wait(PATIENCE)
    stood = place(connection, "file_index").position
    begin(connection, FileIndex(), "compare", "ann")
    with building(log, connect):
        until(ended(connection, "file_index"))
    over = build(connection, "file_index")
    assert (over.position, over.differences) == (stood, 0)


def _beyond(connection: Connection, position: int) -> bool:
    return place(connection, "file_index").position > position


def test_hints_wake_and_their_loss_stops_nothing(
    conninfo: Callable[[str], str], connect: Connect, connection: Connection, runner_pool: Pool
) -> None:
    """A runner that looks once an hour hears of an append; with its listener cut off, one that polls goes on."""
    log, positions = story(1), Positions(runner_pool)

    def cut_off() -> None:
        with psycopg.connect(conninfo("super"), autocommit=True) as operator:
            listening = "query LIKE 'LISTEN%' AND datname = current_database()"
            until(lambda: operator.execute(f"SELECT FROM pg_stat_activity WHERE {listening}").rowcount)
            operator.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}")
            until(lambda: not operator.execute(f"SELECT FROM pg_stat_activity WHERE {listening}").rowcount)

    with running(log, connect, poll=3600) as runner, Notifier(conninfo("writer")) as notifier:
        positions.wait_for("file_index", log.position(), PATIENCE)
        listener = Listener(connect, runner.wake, reconnect=0.01)
        listener.start()
        for number in range(2):
            add_file(log, f"heard{number}")
            notifier.announce()
            positions.wait_for("file_index", log.position(), PATIENCE)
            if number == 0:
                cut_off()
        listener.stop()
    with running(log, connect) as runner:
        listener = Listener(connect, runner.wake, reconnect=3600)
        listener.start()
        cut_off()
        add_file(log, "unheard")
        positions.wait_for("file_index", log.position(), PATIENCE)
        listener.stop()


def test_two_processes_start_on_an_empty_database(conninfo: Callable[[str], str], connection: Connection) -> None:
    """Both make what is missing, one of them leads, and both stay alive."""
    leaders = [subprocess.Popen([sys.executable, LEADER, conninfo("runner"), "5", "0.01"]) for _ in range(2)]
    try:
        until(lambda: places_or_none(connection) and place(connection, "file_index").position == story(5).position())
        assert [leader.poll() for leader in leaders] == [None, None]
    finally:
        for leader in leaders:
            leader.kill()
            leader.wait(PATIENCE)
    assert rows(connection) == one_by_one(story(5))

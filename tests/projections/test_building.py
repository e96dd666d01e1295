"""A generation is built beside the live one, which goes on, and takes its place at once and whole."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from memory_log import MemoryLog, accessed, add_file, story
from provenstore.domain.errors import Misconfigured, Refused
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.engine import builds, generations
from provenstore.projections.engine.builds import BuildUnderWay
from provenstore.projections.engine.folding import Folding
from provenstore.projections.engine.positions import prepare
from provenstore.projections.files.index import FileIndex
from read_models import build, building, ended, place, running, until
from shelf import index, one_by_one, rows
from tally import Tally

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]
ConnInfo = Callable[[str], str]


class Renamed(FileIndex):
    """The file index as a later release has it: of a version of its own, with its columns in another order."""

    version = FileIndex.version + 1  # type: ignore[misc]  # as a later release would say

    def create(self, generation: int) -> Composed:
        moved = "ALTER TABLE provenstore_read.file_index{g} DROP COLUMN damage, ADD COLUMN damage text;"
        return super().create(generation) + SQL(moved).format(g=SQL(f"_{generation}"))


def tables(connection: Connection, view: str) -> tuple[int, ...]:
    """Return the generations of a table, in order."""
    return tuple(sorted(generations.made(connection, view)))


def test_a_rebuild_takes_the_place_of_the_live_rows(connect: Connect, connection: Connection) -> None:
    """What was wrong is right afterwards, what was recorded meanwhile is there, and the old tables go."""
    log = story(12)
    index(connection, log)
    connection.execute("UPDATE provenstore_read.file_index SET downloads = 77")
    with running(log, connect), building(log, connect, batch=7):
        builds.begin(connection, FileIndex(), "rebuild", "ann")
        for number in range(20):
            add_file(log, f"later{number}")
            log.add("access:f0", accessed())
        until(ended(connection, "file_index"))
        until(lambda: place(connection, "file_index").position == log.position())
        until(lambda: tables(connection, "file_index") == (2,))
    assert build(connection, "file_index").status == "done"
    assert place(connection, "file_index").generation == 2
    assert rows(connection) == one_by_one(log)
    assert tables(connection, "file_index_metadata") == (2,)


def test_readers_stay_apart_after_a_swap(conninfo: ConnInfo, connect: Connect, connection: Connection) -> None:
    """Row-level security holds on the tables that the views show now: a reader sees the workspace of its session."""
    log = MemoryLog()
    add_file(log, "mine", workspace="acme", metadata={"k": "v"})
    add_file(log, "theirs", workspace="other", metadata={"k": "w"})
    index(connection, log)
    builds.begin(connection, FileIndex(), "rebuild", "ann")
    with building(log, connect):
        until(ended(connection, "file_index"))
    assert place(connection, "file_index").generation == 2
    with psycopg.connect(conninfo("reader"), autocommit=True) as reader:
        for view, column in (("file_index", "id"), ("file_index_metadata", "file")):
            assert reader.execute(f"SELECT {column} FROM provenstore_read.{view}").fetchall() == []
            reader.execute("SET provenstore.workspace = 'acme'")
            for table in (view, f"{view}_2"):
                found = reader.execute(f"SELECT {column} FROM provenstore_read.{table}").fetchall()
                assert found == [("mine",)], table
            reader.execute("RESET provenstore.workspace")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM provenstore_read.file_index")


def test_a_build_goes_on_where_it_was_cut_off(conninfo: ConnInfo, connect: Connect, connection: Connection) -> None:
    """Whoever takes it up folds no event again, and its rate counts from there."""
    log = story(30)
    log.delay = 0.01
    index(connection, log)
    began = builds.begin(connection, FileIndex(), "rebuild", "ann")
    with building(log, connect, batch=3):
        until(lambda: build(connection, "file_index").position > 20)
    stood = build(connection, "file_index")
    assert (stood.status, stood.generation) == ("building", began.generation)
    with building(log, connect, batch=3):
        until(lambda: build(connection, "file_index").resumed_position >= stood.position)
        with psycopg.connect(conninfo("super"), autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        until(ended(connection, "file_index"))
    over = build(connection, "file_index")
    assert (over.status, over.generation, over.rate > 0) == ("done", began.generation, True)
    assert rows(connection) == one_by_one(log)


def test_a_second_build_is_refused_with_who_and_since_when(connection: Connection) -> None:
    """One at a time for each read model; after it was given up there may be another."""
    prepare(connection, [FileIndex(), Tally()])
    began = builds.begin(connection, FileIndex(), "rebuild", "ann")
    with pytest.raises(BuildUnderWay, match=f"by ann since {format_time(began.started_at)}") as refused:
        builds.begin(connection, FileIndex(), "compare", "bob")
    assert refused.value.details == {"by": "ann", "since": format_time(began.started_at)}
    builds.begin(connection, Tally(), "rebuild", "bob")
    assert builds.cancel(connection, "file_index")
    assert not builds.cancel(connection, "file_index")
    assert tables(connection, "file_index") == (1,)
    assert builds.begin(connection, FileIndex(), "compare", "bob").generation == 3


def test_a_reader_in_the_way_is_not_interrupted(connect: Connect, connection: Connection) -> None:
    """The swap waits for it, but nobody waits behind the swap for long."""
    log = story(3)
    index(connection, log)
    with connect() as reader, building(log, connect):
        with reader.transaction():
            reader.execute("SELECT count(*) FROM provenstore_read.file_index")
            builds.begin(connection, FileIndex(), "rebuild", "ann")
            until(lambda: build(connection, "file_index").position == log.position())
            threading.Event().wait(0.5)
            assert not ended(connection, "file_index")()
            assert connection.execute("SELECT count(*) FROM provenstore_read.file_index").fetchone() == (3,)
        until(ended(connection, "file_index"))
    assert place(connection, "file_index").generation == 2


def test_a_throttled_build_takes_its_time(connect: Connect, connection: Connection) -> None:
    """No more events a second than the setting says."""
    log = story(10)
    index(connection, log)
    builds.begin(connection, FileIndex(), "rebuild", "ann")
    with building(log, connect, batch=10, rate=100):
        until(ended(connection, "file_index"))
    over = build(connection, "file_index")
    assert (over.updated_at - over.started_at).total_seconds() > (log.position() - 20) / 100


@pytest.fixture
def swapped(connect: Connect, connection: Connection) -> Iterator[MemoryLog]:
    """A log whose file index a newer release has just built beside the old one."""
    log = story(6)
    with running(log, connect):
        until(lambda: _exists(connection) and place(connection, "file_index").position == log.position())
        # The old process goes on while the new one is started and builds.
        prepare(connection, [Renamed()])
        found = build(connection, "file_index")
        assert (found.purpose, found.version, found.started_by) == ("version", Renamed.version, None)
        add_file(log, "meanwhile")
        until(lambda: place(connection, "file_index").position == log.position())
        assert "meanwhile" in rows(connection)
        with running(log, connect, Renamed()) as new, building(log, connect, Renamed()):
            until(ended(connection, "file_index"))
            add_file(log, "after")
            until(lambda: place(connection, "file_index").position == log.position())
            assert new.leading
            yield log


def _exists(connection: Connection) -> bool:
    found = connection.execute("SELECT to_regclass('provenstore_read.projection') IS NOT NULL").fetchone()
    return found == (True,)


def test_a_newer_version_takes_over_when_it_has_caught_up(swapped: MemoryLog, connection: Connection) -> None:
    """Until then the old one serves, kept up to date by the old process; then that one leaves it alone."""
    live = place(connection, "file_index")
    assert (live.version, live.generation, live.status) == (Renamed.version, 2, "running")
    assert rows(connection) == one_by_one(swapped)
    with pytest.raises(Misconfigured, match="a newer release has been here"):
        prepare(connection, [FileIndex()])
    with pytest.raises(Misconfigured, match="a newer release has been here"):
        builds.begin(connection, FileIndex(), "rebuild", "ann")


def test_a_newer_version_replaces_what_an_older_one_builds(connection: Connection) -> None:
    """Its release may come while something is being built; a comparison of two versions means nothing."""
    prepare(connection, [FileIndex()])
    builds.begin(connection, FileIndex(), "rebuild", "ann")
    prepare(connection, [Renamed()])
    assert (build(connection, "file_index").version, build(connection, "file_index").generation) == (Renamed.version, 3)
    assert tables(connection, "file_index") == (1, 3)
    prepare(connection, [Renamed()])
    assert build(connection, "file_index").generation == 3
    assert builds.cancel(connection, "file_index")
    with pytest.raises(Refused, match="does not fold"):
        builds.begin(connection, Renamed(), "compare", "ann")


def test_what_a_build_cannot_take_stops_it_alone(connect: Connect, connection: Connection) -> None:
    """The live rows go on; tried again it goes on where it stood."""
    log = story(4)
    with running(log, connect, Tally()):
        until(lambda: _exists(connection) and place(connection, "tally").position == log.position())
        builds.begin(connection, Tally(), "rebuild", "ann")
        with building(log, connect, Tally(poison=9)):
            until(ended(connection, "tally"))
        failed = build(connection, "tally")
        assert (failed.status, failed.position, failed.error, failed.error_position) == ("failed", 8, "KeyError", 9)
        assert place(connection, "tally").status == "running"
        assert builds.again(connection, "tally")
        with building(log, connect, Tally()):
            until(ended(connection, "tally"))
    assert place(connection, "tally").generation == 2
    counts = connection.execute("SELECT sum(events) FROM provenstore_read.tally").fetchone()
    assert counts == (2 * log.position(),)


def test_a_build_learns_of_a_skip_that_came_after_it_began(connection: Connection) -> None:
    """What operators decided about the live rows holds for what is built beside them, however long that takes."""
    log, decided, tally = story(4), dict[tuple[str, int], frozenset[int]](), Tally(poison=9)
    prepare(connection, [tally])
    builds.begin(connection, tally, "rebuild", "ann")
    folding = Folding(log, {"tally": tally}, lambda: dict(decided), 100)
    folding.begin_anew("tally")
    decided["tally", 1] = frozenset({9})
    for _ in range(100):
        if folding.step(connection, [build(connection, "tally").place]) == {"tally": log.position()}:
            break
    folding.close()
    over = build(connection, "tally")
    assert (over.status, over.error, over.position) == ("building", None, log.position())


def test_a_rebuild_mends_what_is_parked(connect: Connect, connection: Connection) -> None:
    """A live generation that cannot go on is overtaken by a build that can."""
    log = story(4)
    with running(log, connect, Tally(poison=9)):
        until(lambda: _exists(connection) and place(connection, "tally").status == "parked")
        builds.begin(connection, Tally(), "rebuild", "ann")
        with building(log, connect, Tally()):
            until(ended(connection, "tally"))
        assert place(connection, "tally").status == "running"
        assert place(connection, "tally").position == log.position()

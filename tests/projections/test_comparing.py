"""A comparison finds every difference between the live rows and what the log says, and normally none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psycopg
import pytest
from psycopg.sql import SQL, Composed

from memory_log import MemoryLog, story
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Values
from provenstore.projections.engine import builds, generations
from provenstore.projections.engine.builds import Build, Difference
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.positions import prepare
from provenstore.projections.files.index import FileIndex
from read_models import build, building, ended, place, running, until
from shelf import index

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]


class Names:
    """A read model with a row for each event, which holds the file's name: rows that only `forget` can change."""

    name: Final = "names"
    version: Final = 1
    tables: Final = ("names",)
    private: Final = True
    adds: Final = True

    def keys(self, event: Event) -> tuple[str, ...]:
        return (str(event.position),)

    def fold(self, key: str, row: str | None, event: Event, values: Values) -> str | None:
        return f"{event.workspace}/{values.get('filename', '')}"

    def create(self, generation: int) -> Composed:
        statement = "CREATE TABLE provenstore_read.names{g} (position bigint, workspace text, filename text)"
        return SQL(statement).format(g=SQL(f"_{generation}"))

    def load(self, cursor: psycopg.Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, str]:
        return {}

    def save(
        self,
        cursor: psycopg.Cursor[Any],
        generation: int,
        before: Mapping[str, str],
        after: Mapping[str, str | None],
    ) -> None:
        rows = [(int(key), *str(row).split("/", 1)) for key, row in after.items()]
        cursor.executemany(f"INSERT INTO provenstore_read.names_{generation} VALUES (%s, %s, nullif(%s, ''))", rows)

    def forget(self, cursor: psycopg.Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        positions = [position for position, field in erased if field == "filename"]
        statement = f"UPDATE provenstore_read.names_{generation} SET filename = NULL WHERE position = ANY(%s)"
        cursor.execute(statement, (positions,))

    def forget_early(
        self,
        cursor: psycopg.Cursor[Any],
        generation: int,
        events: Sequence[Event],
        erased: Sequence[tuple[int, str]],
    ) -> None:
        self.forget(cursor, generation, erased)


def compared(connect: Connect, connection: Connection, log: MemoryLog, *models: Projection[Any]) -> list[Build]:
    """Compare these read models with the log."""
    for model in models:
        builds.begin(connection, model, "compare", "ann")
    with building(log, connect, *models, batch=11):
        for model in models:
            until(ended(connection, model.name))
    return [build(connection, model.name) for model in models]


def test_no_difference_is_normal(connect: Connect, connection: Connection) -> None:
    """Beside a runner that goes on; afterwards the live tables are the only ones."""
    log = story(12)
    with running(log, connect, batch=5):
        until(lambda: _stands(connection, log))
        (found,) = compared(connect, connection, log, FileIndex())
    assert (found.status, found.differences) == ("done", 0)
    assert builds.differences(connection, "file_index") == ()
    assert generations.made(connection, "file_index") == (1,)
    assert place(connection, "file_index").generation == 1


def _stands(connection: Connection, log: MemoryLog) -> bool:
    there = connection.execute("SELECT to_regclass('provenstore_read.projection') IS NOT NULL").fetchone() == (True,)
    return there and place(connection, "file_index").position == log.position()


def test_what_was_planted_is_found(connect: Connect, connection: Connection) -> None:
    """By view, key and column, with both values; rows that are only on one side, whole. The live rows stay."""
    log = story(4)
    index(connection, log)
    connection.execute("UPDATE provenstore_read.file_index SET downloads = 99 WHERE id = 'f0'")
    connection.execute("DELETE FROM provenstore_read.file_index WHERE id = 'f1'")
    connection.execute("UPDATE provenstore_read.file_index_metadata SET value = 'planted' WHERE file = 'f2'")
    (found,) = compared(connect, connection, log, FileIndex())
    kept = builds.differences(connection, "file_index")
    assert (found.differences, len(kept)) == (4, 4)
    assert Difference("file_index", {"id": "f0"}, "downloads", 99, 2) in kept
    (missing,) = [one for one in kept if one.key == {"id": "f1"}]
    assert (missing.column, missing.live, missing.rebuilt["id"]) == (None, None, "f1")
    live, rebuilt = [one for one in kept if one.view == "file_index_metadata"]
    assert {(live.live or live.rebuilt)["value"], (rebuilt.live or rebuilt.rebuilt)["value"]} == {"planted", "moved"}
    counted = connection.execute("SELECT downloads FROM provenstore_read.file_index WHERE id = 'f0'").fetchone()
    assert counted == (99,)


def test_only_the_first_differences_are_kept(
    connect: Connect, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are counted, over all tables."""
    monkeypatch.setattr("provenstore.projections.engine.comparing.MAX_DIFFERENCES", 3)
    log = story(4)
    index(connection, log)
    connection.execute("UPDATE provenstore_read.file_index SET downloads = 99, size = 1")
    connection.execute("DELETE FROM provenstore_read.file_index_metadata")
    (found,) = compared(connect, connection, log, FileIndex())
    assert (found.differences, len(builds.differences(connection, "file_index"))) == (12, 3)


def test_nothing_differs_after_an_erasure(connect: Connect, connection: Connection) -> None:
    """Values that were folded before they were erased are forgotten, in rows that the erasing event has no key of."""
    log = story(6)
    with running(log, connect, FileIndex(), Names(), batch=4):
        until(lambda: _stands(connection, log) and place(connection, "names").position == log.position())
        named = "SELECT count(*) FROM provenstore_read.names WHERE filename IS NOT NULL"
        assert connection.execute(named).fetchone() == (4,)
        log.erase("f0", "filename")
        until(lambda: _stands(connection, log) and place(connection, "names").position == log.position())
        assert connection.execute(named).fetchone() == (3,)
        found = compared(connect, connection, log, FileIndex(), Names())
    assert [one.differences for one in found] == [0, 0]


def test_what_a_comparison_found_is_forgotten_at_an_erasure(connect: Connect, connection: Connection) -> None:
    """It may quote what must be erased."""
    log = story(2)
    index(connection, log)
    connection.execute("UPDATE provenstore_read.file_index SET filename = 'planted' WHERE id = 'f0'")
    compared(connect, connection, log, FileIndex())
    (kept,) = builds.differences(connection, "file_index")
    assert (kept.live, kept.rebuilt) == ("planted", "f0.pdf")
    log.erase("f0", "filename")
    with running(log, connect):
        until(lambda: _stands(connection, log))
    (kept,) = builds.differences(connection, "file_index")
    assert (kept.key, kept.column, kept.live, kept.rebuilt) == ({"id": "f0"}, "filename", None, None)


def test_a_model_that_was_never_folded_equals_an_empty_log(connect: Connect, connection: Connection) -> None:
    """There is nothing to compare, and nothing differs."""
    prepare(connection, [FileIndex()])
    (found,) = compared(connect, connection, MemoryLog(), FileIndex())
    assert found.differences == 0

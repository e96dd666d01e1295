"""Rows come back as they were folded, page by page, and what is due or left over is found."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from memory_log import START, MemoryLog, accessed, add_file, initiated
from provenstore.domain.errors import DatabaseUnavailable, InvalidInput, Unavailable
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.positions import Positions
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.query import FileFilter, Files
from shelf import LONG, found, index, two_files

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Any]


@pytest.fixture
def shelf(connection: Connection) -> MemoryLog:
    """Return the log of the two files, indexed."""
    log = two_files()
    index(connection, log)
    return log


def test_rows_come_back_as_they_were_folded(connection: Connection, runner_pool: Pool, shelf: MemoryLog) -> None:
    """Every column survives the tables, to the microsecond, also where a later batch changed it."""
    last = START + timedelta(days=3, microseconds=1)
    shelf.add("file:special", f.RetentionSet(until=last, mode="compliance"))
    shelf.add("file:special", f.LegalHoldPlaced(hold="h2"), name="lawsuit", matter="m")
    shelf.add("file:special", f.PurgeRequested(purge="p", four_eyes=False))
    shelf.add("file:special", f.PurgeStarted(purge="p", sha256=None, versions=()))
    shelf.add("access:special", accessed())
    deadline = datetime.fromisoformat("9999-12-31T23:59:59.999999Z")
    shelf.add("file:open", initiated(expires_at=deadline, write_until=last), filename="a\n\u202e\"'{},\\")
    index(connection, shelf)
    shelf.add("file:open", f.AccessLevelChanged(access="public"))
    index(connection, shelf)
    for row in Files(runner_pool).list(FileFilter()).rows:
        history = [event for event in shelf.events if event.stream.partition(":")[2] == row.id]
        assert row == fold_file(history, shelf.private)


def test_erasure_nulls_the_columns(connection: Connection, runner_pool: Pool, shelf: MemoryLog) -> None:
    """After it no table of the index holds the erased values, and no search finds the file by them."""
    shelf.erase("special", "filename", "related", "subjects", "metadata", "name")
    index(connection, shelf)
    assert found(runner_pool, filename="a%_b.PDF") == []
    assert found(runner_pool, subject="ann") == []
    assert found(runner_pool, metadata_key="shelf") == []
    assert found(runner_pool, related_id="7") == []
    everything = [connection.execute(f"SELECT t::text FROM provenstore_read.{table}_1 t") for table in FileIndex.tables]
    texts = [str(row) for table in everything for row in table]
    assert [text for text in texts if LONG in text or "a%_b" in text or "audit" in text] == []
    assert any("special" in text for text in texts)


@pytest.mark.parametrize("prefix", ["\ud7ff", "\U0010ffff", "z\U0010ffff"])
def test_a_prefix_may_end_at_the_last_letter(connection: Connection, runner_pool: Pool, prefix: str) -> None:
    """A range over code points has no upper end there, or steps over the surrogates."""
    log = MemoryLog()
    add_file(log, "yes", filename=prefix + "\U0010ffff")
    add_file(log, "no", filename="y")
    index(connection, log)
    assert found(runner_pool, filename_prefix=prefix) == ["yes"]


def test_pages_are_stable_while_files_come(connection: Connection, runner_pool: Pool) -> None:
    """Every file that was there at the first page comes exactly once, in order, while others come and go."""
    log = MemoryLog()
    for number in range(10):
        add_file(log, f"f{number}")
    index(connection, log)
    files, seen, cursor = Files(runner_pool), [], None
    while True:
        page = files.list(FileFilter(), cursor=cursor, limit=3)
        seen += [row.id for row in page.rows]
        if page.next is None:
            break
        cursor = page.next
        add_file(log, f"late{len(seen)}")
        log.add("file:f0", f.SoftDeleted())
        index(connection, log)
    assert seen == [f"f{number}" for number in reversed(range(10))]


def test_a_last_page_that_is_full_has_no_next(connection: Connection, runner_pool: Pool) -> None:
    """A cursor is given only if a row follows."""
    log = MemoryLog()
    add_file(log, "a")
    add_file(log, "b")
    index(connection, log)
    page = Files(runner_pool).list(FileFilter(), limit=2)
    assert (len(page.rows), page.next) == (2, None)
    with pytest.raises(InvalidInput, match="cursor"):
        Files(runner_pool).list(FileFilter(), cursor="AAAA")


def test_reading_before_anything_was_made_can_be_tried_again(conninfo: Any, runner_pool: Pool) -> None:
    """Readers that start before the first runner are told to come back."""
    with pytest.raises(DatabaseUnavailable, match="being built"):
        Files(runner_pool).list(FileFilter())
    with pytest.raises(Unavailable):
        Positions(runner_pool).wait_for("file_index", 1, timeout=0)

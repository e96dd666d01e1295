"""Two files that differ in all that can be asked for, and how to index files and find them."""

from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from memory_log import MemoryLog, add_file, at
from provenstore.domain.canonical import parse_canonical
from provenstore.domain.eventlog.event_log import disclosed
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.batch import advance
from provenstore.projections.engine.positions import prepare, statuses
from provenstore.projections.files.fold import FileFold
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.jobs import prepare_attempts
from provenstore.projections.files.query import FileFilter, Files
from provenstore.projections.files.row import FileRow

LONG = "x" * 5_000  # more than a B-tree entry may hold


def two_files() -> MemoryLog:
    """Return the log of a `plain` file and a `special` one."""
    log = MemoryLog()
    add_file(log, "plain", filename="b%_c.pdf")
    add_file(
        log,
        "special",
        category="book_cover",
        variant="thumbnail",
        filename="a%_b.PDF",
        media_type="image/png",
        declared_size=7,
        owner="ann",
        related=[{"type": "order", "id": "7"}, {"type": "book", "id": LONG}],
        subjects=["ann", LONG],
        metadata={"shelf": "7", "long": LONG},
    )
    log.add("file:special", f.LegalHoldPlaced(hold="h1"), name="audit")
    log.add("file:plain", f.SoftDeleted())
    log.add("file:special", f.RetentionSet(until=at(100), mode="governance"), reason="law")
    log.add("file:special", f.ExpirySet(expires_at=at(50)))
    return log


def index(connection: psycopg.Connection[Any], log: MemoryLog) -> None:
    """Bring the file index to the end of `log`."""
    prepare(connection, [FileIndex()], beside=[prepare_attempts])
    while advance(connection, log, FileIndex(), statuses(connection)[0]):
        pass


def found(pool: ConnectionPool[Any], **asked: Any) -> list[str]:
    """Return the ids that a list finds, newest first."""
    return [row.id for row in Files(pool).list(FileFilter(**asked)).rows]


def one_by_one(log: MemoryLog) -> dict[str, FileRow]:
    """Return the rows after each event by itself: the plain model of the read model."""
    fold, rows = FileFold(), dict[str, FileRow]()
    for event in log.events:
        values = disclosed(log.private, event.id, parse_canonical)
        for key in fold.keys(event):
            row = fold.fold(key, rows.get(key), event, values)
            if row is not None:
                rows[key] = row
    return rows


def rows(connection: psycopg.Connection[Any]) -> dict[str, FileRow]:
    """Return all rows of the live file index."""
    with connection.cursor() as cursor:
        ids = [row[0] for row in cursor.execute("SELECT id FROM provenstore_read.file_index")]
        return FileIndex().load(cursor, statuses(connection)[0].generation, ids)

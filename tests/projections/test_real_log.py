"""The file index over the log in PostgreSQL, through the adapters that serve it."""

from collections.abc import Callable
from uuid import uuid4

import psycopg

from memory_log import CLERK, accessed, initiated, stored
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import SALT_BYTES, draft
from provenstore.domain.eventlog.event_log import Append
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.projections.engine.positions import Positions
from provenstore.projections.engine.runner import Runner
from provenstore.projections.files.fold import fold_file
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.query import FileFilter, Files


def append(log: PostgresEventLog, stream: str, data: EventData, **private: Json) -> int:
    """Append one event and return its position."""
    salts = dict.fromkeys(private, bytes(SALT_BYTES))
    head_of = data.HEAD and f"parts:{stream}"
    fact = Fact(data, private)
    one = draft(fact, event_id=uuid4(), stream=stream, workspace="acme", origin=CLERK, salts=salts, head_of=head_of)
    return log.append(Append([one])).events[-1].position


def test_a_caller_sees_its_own_write(conninfo: Callable[[str], str]) -> None:
    """What the writer appended is in the reader's list once its position is reached, equal to the folded stream."""
    with (
        Database(conninfo("writer"), size=2) as writing,
        Database(conninfo("runner"), size=2) as running,
        Database(conninfo("reader"), size=2) as reading,
    ):
        log = PostgresEventLog(writing)
        runner = Runner(PostgresEventLog(running), lambda: psycopg.connect(conninfo("runner")), [FileIndex()])
        runner.start()
        try:
            append(log, "file:a", initiated(), filename="a.pdf", subjects=["ann"], metadata={"k": "v"})
            append(log, "file:a", stored())
            position = append(log, "access:a", accessed())
            runner.wake()
            Positions(reading).wait_for("file_index", position, 10)
        finally:
            runner.stop()
        page = Files(reading).list(FileFilter(workspaces=("acme",), subject="ann", filename_prefix="a"))
        history = log.events(["file:a", "access:a"])
        assert page.rows == (fold_file(history, log.disclosures([event.id for event in history])),)
        assert page.rows[0].downloads == 1

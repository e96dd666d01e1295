"""An erasure does not wait for what stands still: stopped by hand, parked by an event, or a build that failed."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from memory_log import MemoryLog, add_file
from provenstore.domain.files import file_events as f
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.engine import builds
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.queries import queries
from provenstore.projections.files.index import FileIndex
from read_models import build, building, ended, place, running, until
from shelf import one_by_one, rows

Connection = psycopg.Connection[Any]
Connect = Callable[[], Connection]

HELD = """
    SELECT filename FROM provenstore_read.file_index{g}
    UNION ALL SELECT subject FROM provenstore_read.file_index_subject{g}
    UNION ALL SELECT value FROM provenstore_read.file_index_metadata{g}
    UNION ALL SELECT name FROM provenstore_read.file_index_hold{g}
"""
FIELDS = ("filename", "subjects", "metadata", "name", "reason")


class Stuck(FileIndex):
    """A file index that cannot take one event, until it is mended."""

    def __init__(self, poison: int) -> None:
        self.poison = poison

    def fold(self, key: str, row: Any, event: Any, values: Any) -> Any:
        if event.position == self.poison:
            raise KeyError("a private word")
        return super().fold(key, row, event, values)


@pytest.fixture
def log() -> MemoryLog:
    """A log of one file that says something private in every way, and of another one that keeps it."""
    log = MemoryLog()
    for name in ("f0", "kept"):
        add_file(log, name, subjects=["person"], metadata={"shelf": "secret"})
        log.add(f"file:{name}", f.LegalHoldPlaced(hold="h"), name="matter of ann", matter=None, reason="ann said so")
    return log


def held(connection: Connection, generation: str = "") -> list[str]:
    """Return the private values in the file index, in order."""
    return sorted(value for (value,) in connection.execute(HELD.format(g=generation)) if value is not None)


def reasons(connection: Connection) -> list[str]:
    """Return the reasons in the audit trail."""
    told = "SELECT reason FROM provenstore_read.audit_trail WHERE reason IS NOT NULL"
    return [reason for (reason,) in connection.execute(told)]


def stands(connection: Connection, name: str, position: int) -> Callable[[], bool]:
    """Return what tells whether a read model has come so far."""
    return lambda: place(connection, name).position == position


ALL = ["kept.pdf", "matter of ann", "person", "secret"]


@pytest.mark.parametrize("status", ["paused", "parked"])
def test_what_is_stopped_by_hand_forgets(connect: Connect, connection: Connection, log: MemoryLog, status: str) -> None:
    """Without moving; beyond a batch of other events, too, and the same rows come of it once it goes on."""
    models: tuple[Projection[Any], ...] = (FileIndex(), AuditTrail())
    prepare(connection, models)
    with running(log, connect, *models, batch=4):
        for model in models:
            until(stands(connection, model.name, log.position()))
            stop = {"name": model.name, "status": status, "by": "ann"}
            connection.execute(queries("engine/projection")["pause"], stop)
        stood = log.position()
        assert held(connection) == sorted([*ALL, "f0.pdf", *ALL[1:]])
        for number in range(5):
            add_file(log, f"more{number}")
        log.erase("f0", *FIELDS)
        until(lambda: held(connection) == ALL)
        until(lambda: reasons(connection) == ["ann said so"])
        assert [place(connection, model.name).position for model in models] == [stood, stood]
        resume = {"name": "file_index", "from": [status]}
        connection.execute(queries("engine/projection")["resume"], resume)
        until(stands(connection, "file_index", log.position()))
    assert rows(connection) == one_by_one(log)


def test_what_an_event_has_parked_forgets(connect: Connect, connection: Connection, log: MemoryLog) -> None:
    """Also what another runner had parked: it is tried first, and forgets then."""
    stuck = Stuck(log.position() + 1)
    prepare(connection, [stuck])
    with running(log, connect, stuck):
        add_file(log, "poison")
        until(lambda: place(connection, "file_index").status == "parked")
    log.erase("f0", *FIELDS)
    assert "f0.pdf" in held(connection)
    with running(log, connect, stuck):
        until(lambda: held(connection) == ALL)
    assert place(connection, "file_index").position == stuck.poison - 1


def test_a_build_that_failed_forgets(connect: Connect, connection: Connection, log: MemoryLog) -> None:
    """Its tables stay, as it may be tried again; another process looks after them once the first has ended."""
    stuck = Stuck(log.position() + 1)
    prepare(connection, [stuck])
    add_file(log, "poison")
    builds.begin(connection, stuck, "rebuild", "ann")
    with building(log, connect, stuck):
        until(ended(connection, "file_index"))
    assert build(connection, "file_index").status == "failed"
    log.erase("f0", *FIELDS)
    assert "f0.pdf" in held(connection, "_2")
    with building(log, connect, stuck):
        until(lambda: held(connection, "_2") == ALL)
        stuck.poison = 0
        assert builds.again(connection, "file_index")
        until(ended(connection, "file_index"))
    assert build(connection, "file_index").status == "done"
    assert rows(connection) == one_by_one(log)


def test_an_erasure_that_is_not_folded_yet_is_no_difference(
    connect: Connect, connection: Connection, log: MemoryLog
) -> None:
    """What is built anew never sees the value; that is no fault of the rows, which lose it on this occasion."""
    prepare(connection, [FileIndex()])
    with running(log, connect):
        until(stands(connection, "file_index", log.position()))
    log.erase("f0", *FIELDS)
    builds.begin(connection, FileIndex(), "compare", "ann")
    with building(log, connect):
        until(ended(connection, "file_index"))
    assert build(connection, "file_index").differences == 0
    assert held(connection) == ALL


def test_what_cannot_be_read_stops_nobody(connect: Connect, connection: Connection, log: MemoryLog) -> None:
    """A log that was tampered with behind a stopped read model leaves the runner at work, and is complained of once."""
    prepare(connection, [FileIndex()])
    connection.execute(queries("engine/projection")["pause"], {"name": "file_index", "status": "paused", "by": "ann"})
    del log.events[1]
    with capture_logs() as told, running(log, connect) as runner:
        until(lambda: any(one["action"] == "projections.forget" for one in told))
        until(lambda: runner.leading)
        assert runner.alive
    assert [one["error"] for one in told if one["action"] == "projections.forget"] == ["IntegrityViolated"]

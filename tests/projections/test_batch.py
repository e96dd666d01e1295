"""Batches of any size lead to the rows that one event after the other leads to."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from memory_log import MemoryLog, accessed, add_file, initiated, stored, story
from provenstore.domain.canonical import Json
from provenstore.domain.errors import IntegrityViolated, Misconfigured
from provenstore.domain.eventlog.event_types import EventData
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.batch import Overtaken, advance
from provenstore.projections.engine.builds import builds
from provenstore.projections.engine.positions import prepare, statuses
from provenstore.projections.files.index import FileIndex
from shelf import one_by_one, rows

Connection = psycopg.Connection[Any]

STEPS: Sequence[EventData] = (
    stored(),
    accessed(),
    f.MetadataChanged(changed=("metadata", "subjects")),
    f.MetadataChanged(changed=("filename", "related")),
    f.LegalHoldPlaced(hold="h"),
    f.LegalHoldReleased(hold="h"),
    f.SoftDeleted(),
    f.Restored(),
    f.PurgeRequested(purge="p", four_eyes=True),
    f.PurgeStarted(purge="p", sha256=None, versions=()),
    f.PersonalDataErased(fields=("filename", "subjects", "name"), events=1),
)
PRIVATE: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {
        "filename": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
        "related": st.lists(st.just({"type": "t", "id": "1"}), max_size=2),
        "subjects": st.lists(st.sampled_from("ab"), max_size=2),
        "metadata": st.dictionaries(st.sampled_from("kl"), st.sampled_from("vw"), max_size=2),
    }
)


@st.composite
def logs(draw: st.DrawFn) -> MemoryLog:
    """Draw a log of three files whose events come in any order that a fold might meet."""
    log, seen = MemoryLog(), set()
    for file, step, private in draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STEPS), PRIVATE), min_size=1, max_size=25)
    ):
        if file not in seen:
            seen.add(file)
            log.add(f"file:{file}", initiated(), workspace="acme", **private)
        stream = "access" if isinstance(step, f.Accessed) else "file"
        log.add(
            f"{stream}:{file}",
            step,
            workspace="acme",
            **{name: private[name] for name in step.PRIVATE & private.keys()},
        )
    return log


@settings(max_examples=examples(10, 25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=logs(), data=st.data())
def test_batches_of_any_size_make_the_same_rows(connection: Connection, log: MemoryLog, data: st.DataObject) -> None:
    """However the log is cut into batches, the tables hold what folding event by event gives."""
    prepare(connection, [FileIndex()])
    tables = ", ".join(f"provenstore_read.{table}_1" for table in FileIndex.tables)
    connection.execute(f"TRUNCATE {tables}; UPDATE provenstore_read.projection SET position = 0")
    while advance(connection, log, FileIndex(), statuses(connection)[0], data.draw(st.integers(1, 30))):
        pass
    assert one_by_one(log) == rows(connection)
    assert statuses(connection)[0].position == log.position()


def test_a_place_that_moved_fences_the_batch(connection: Connection) -> None:
    """A batch that began at another position or generation writes nothing, neither rows nor position."""
    log = story(3)
    prepare(connection, [FileIndex()])
    stale = statuses(connection)[0]
    advance(connection, log, FileIndex(), stale, 8)
    before = rows(connection)
    with pytest.raises(Overtaken):
        advance(connection, log, FileIndex(), stale, 20)
    connection.execute("UPDATE provenstore_read.projection SET position = 0, generation = 2")
    with pytest.raises(psycopg.errors.UndefinedTable):
        advance(connection, log, FileIndex(), statuses(connection)[0], 20)
    with pytest.raises(Overtaken):
        advance(connection, log, FileIndex(), stale, 20)
    connection.execute("UPDATE provenstore_read.projection SET generation = 1")
    assert before == rows(connection)


def test_a_gap_is_refused(connection: Connection) -> None:
    """A log that is read with a gap is not folded over."""
    log = story(2)
    del log.events[1]
    prepare(connection, [FileIndex()])
    with pytest.raises(IntegrityViolated, match="gap"):
        advance(connection, log, FileIndex(), statuses(connection)[0])
    assert statuses(connection)[0].position == 0


def test_unrelated_events_move_the_position(connection: Connection) -> None:
    """A read model that an event does not concern is still up to date after it."""
    log = MemoryLog()
    log.add("parts:a", f.ChunkUploaded(upload="u", number=1, first=0, size=1, etag="e", md5=None, sha256=None))
    prepare(connection, [FileIndex()])
    assert advance(connection, log, FileIndex(), statuses(connection)[0]) == 1
    assert statuses(connection)[0].position == 1


def test_preparing_again_changes_nothing(connection: Connection) -> None:
    """Any process may prepare at any time; rows of another version are kept, and those of a newer one are refused."""
    log = MemoryLog()
    add_file(log, "a")
    prepare(connection, [FileIndex()])
    advance(connection, log, FileIndex(), statuses(connection)[0])
    prepare(connection, [FileIndex()])
    assert statuses(connection)[0].position == 2
    assert list(rows(connection)) == ["a"]
    connection.execute("UPDATE provenstore_read.projection SET version = 0")
    prepare(connection, [FileIndex()])
    prepare(connection, [FileIndex()])
    assert [(place.version, place.generation, place.position) for place in statuses(connection)] == [(0, 1, 2)]
    assert [(one.version, one.generation, one.position) for one in builds(connection)] == [(FileIndex.version, 2, 0)]
    assert list(rows(connection)) == ["a"]
    connection.execute("UPDATE provenstore_read.projection SET version = 99")
    with pytest.raises(Misconfigured, match="a newer release has been here"):
        prepare(connection, [FileIndex()])


def test_tables_of_before_are_folded_anew(connection: Connection) -> None:
    """A data directory of an earlier checkout is taken as it is; what was tried in vain is kept."""
    connection.execute(
        "CREATE TABLE provenstore_read.projection (name text PRIMARY KEY, version integer, generation integer,"
        " position bigint, status text);"
        "INSERT INTO provenstore_read.projection VALUES ('file_index', 3, 2, 7, 'running');"
        "CREATE TABLE provenstore_read.file_index_2 (id text);"
        "CREATE VIEW provenstore_read.file_index AS SELECT * FROM provenstore_read.file_index_2;"
        "CREATE TABLE provenstore_read.job_attempt (file text, kind text)"
    )
    log = MemoryLog()
    add_file(log, "a")
    prepare(connection, [FileIndex()])
    advance(connection, log, FileIndex(), statuses(connection)[0])
    assert list(rows(connection)) == ["a"]
    assert connection.execute("SELECT to_regclass('provenstore_read.file_index_2') IS NULL").fetchone() == (True,)

"""Usage adds up: what the tables hold is what the events say, however the log is cut into batches."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from audited import catch_up
from examples import examples
from memory_log import MemoryLog, accessed, initiated, stored
from plain_usage import plainly, sums
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.event_log import QuotaUse
from provenstore.domain.eventlog.event_types import EventData
from provenstore.domain.files import file_events as f
from provenstore.projections.engine.positions import prepare
from provenstore.projections.usage.query import Billed, Usages
from provenstore.projections.usage.row import FileUsage, Group, Sums, contributions, quota_json, quota_level
from provenstore.projections.usage.sums import Usage

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Any]
NOVEMBER = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
PURGED = f.Purged(
    purge="p", provider="local", path="x", size=120, sha256=None, versions=(), quota_bytes=-120, quota_files=-1
)
STEPS: tuple[EventData, ...] = (
    stored(size=120),
    stored(size=7),
    accessed("download"),
    accessed("view"),
    accessed("redirect"),
    f.AccessEnded(mode="download", link=None, ranges=(), exact=True, count=3, size=5, granted=120, began=NOVEMBER),
    f.SoftDeleted(),
    f.FileExpired(expires_at=NOVEMBER),
    f.Restored(),
    f.UploadAborted(),
    f.AccessLevelChanged(access="public"),
    PURGED,
)


@st.composite
def logs(draw: st.DrawFn) -> MemoryLog:
    """Draw a log of three files over a few months, whose events come in any order that a fold might meet."""
    log, now, begun = MemoryLog(), NOVEMBER, set[str]()
    places = {"a": ("acme", "local"), "b": ("acme", "spaces"), "c": ("other", "local")}
    steps = st.tuples(st.sampled_from("aabc"), st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 9))
    for file, step, days, chance in draw(st.lists(steps, min_size=1, max_size=25)):
        workspace, provider = places[file]
        now += timedelta(days=days)
        if file not in begun and chance:  # now and then something comes before the file does
            begun.add(file)
            owner = draw(st.sampled_from(("ann", "bob")))
            reach = draw(st.sampled_from((None, workspace, "system")))
            about = initiated(owner=owner, owner_reach=reach, provider=provider)
            log.seal(f"file:{file}", about, workspace=workspace, when=now)
        stream = "access" if isinstance(step, f.Accessed | f.AccessEnded) else "file"
        log.seal(f"{stream}:{file}", step, workspace=workspace, when=now)
    return log


def grouped(connection: Connection) -> Mapping[Group, dict[str, int]]:
    """Return the sums as adding up all rows of files gives them."""
    with connection.cursor() as cursor:
        files = [row[0] for row in cursor.execute("SELECT file FROM provenstore_read.usage_file")]
        found: dict[Group, Sums] = {}
        for row in Usage().load(cursor, 1, files).values():
            for group, one in contributions(row).items():
                found[group] = found.get(group, Sums()).plus(one)
    return {group: one._asdict() for group, one in found.items()}


@settings(max_examples=examples(10, 30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=logs(), batch=st.integers(1, 8))
def test_sums_are_what_the_events_say(connection: Connection, log: MemoryLog, batch: int) -> None:
    """Over any log, in batches of any size, they equal a plain count, and adding up all files."""
    prepare(connection, [Usage()])
    tables = ", ".join(f"provenstore_read.{table}_1" for table in Usage.tables)
    connection.execute(f"TRUNCATE {tables}; UPDATE provenstore_read.projection SET position = 0")
    catch_up(connection, log, Usage(), batch)
    assert sums(connection) == plainly(log.events)
    assert sums(connection) == grouped(connection)


def test_deletions_and_restorations_add_up(connection: Connection) -> None:
    """One event at a time, of two files in one group; what is destroyed does not come back."""
    log = MemoryLog()
    for name in "xy":
        log.seal(f"file:{name}", initiated(), when=NOVEMBER)
        log.seal(f"file:{name}", stored(size=10), when=NOVEMBER)
    for name, step in (
        ("x", f.SoftDeleted()),
        ("y", f.FileExpired(expires_at=NOVEMBER)),
        ("x", f.Restored()),
        ("x", f.SoftDeleted()),
        ("x", PURGED),
        ("x", f.Restored()),
    ):
        log.seal(f"file:{name}", step, when=NOVEMBER)
    catch_up(connection, log, Usage(), batch=1)
    assert list(sums(connection).values()) == [Sums(2, 20, 0, 0, 1, 10)._asdict()]
    assert sums(connection) == plainly(log.events) == grouped(connection)


def test_what_was_sent_counts_in_the_month_of_the_access(connection: Connection) -> None:
    """An access says how much at most; its end, a month later, says what it was, and is no access itself."""
    log = MemoryLog()
    log.seal("file:x", initiated(), when=NOVEMBER)
    log.seal("file:x", stored(size=120), when=NOVEMBER)
    access = log.seal("access:x", accessed(), when=NOVEMBER)
    end = {"mode": "download", "link": None, "ranges": (), "exact": True, "count": 9}
    log.seal(
        "access:x",
        f.AccessEnded(**end, size=1_000, granted=120, began=access.time),  # type: ignore[arg-type]
        when=NOVEMBER + timedelta(days=1),
    )
    catch_up(connection, log, Usage(), batch=1)
    ((group, found),) = sums(connection).items()
    assert (group.month, found["downloads"], found["served_bytes"]) == ("2026-11", 1, 1_000)


@pytest.fixture
def log() -> MemoryLog:
    """Return the log of a life over two months in two workspaces."""
    log, december = MemoryLog(), NOVEMBER + timedelta(days=1)
    for name, workspace, about in (
        ("a", "acme", {"owner": "ann", "category": "book", "provider": "spaces"}),
        ("b", "acme", {"owner": "bob", "category": "misc", "provider": "spaces"}),
        ("c", "acme", {"owner": "ann", "category": "misc", "provider": "local"}),
        ("d", "other", {"owner": "ann", "category": "misc", "provider": "local"}),
    ):
        log.seal(f"file:{name}", initiated(**about), workspace=workspace, when=NOVEMBER)
        if name != "b":
            log.seal(f"file:{name}", stored(size=100), workspace=workspace, when=NOVEMBER)
    log.seal("access:a", accessed(), when=NOVEMBER)
    log.seal("file:b", stored(size=50), when=december)
    log.seal("access:a", accessed(), when=december)
    log.seal("access:a", accessed("view"), when=december)
    log.seal("file:c", f.SoftDeleted(), when=december)
    return log


@pytest.fixture
def usages(connection: Connection, log: MemoryLog, runner_pool: Pool) -> Iterator[Usages]:
    """Return the usage of that log, for a role that sees every workspace."""
    catch_up(connection, log, Usage())
    yield Usages(runner_pool)


def test_totals(usages: Usages) -> None:
    """Of everything, of one workspace, of one month; of a workspace without files there is nothing, once."""
    everything = usages.total(billed="2026-12")
    assert everything.sums == Sums(4, 350, 3, 250, 1, 100, 2, 1, 0, 360)
    assert everything.billed == {"spaces": Billed(150, 240), "local": Billed(200, 0)}
    assert usages.total(billed="2026-12", workspace="acme").sums == Sums(3, 250, 2, 150, 1, 100, 2, 1, 0, 360)
    assert usages.total(billed="2026-12", month="2026-11").sums == Sums(3, 300, 2, 200, 1, 100, 1, 0, 0, 120)
    assert usages.total(billed="2026-12", workspace="empty") == usages.named("owner", [""], billed="2026-12")[0]
    assert usages.total(billed="2026-12", workspace="empty").sums == Sums()


def test_groups(usages: Usages) -> None:
    """By each column, page by page, each group once."""
    found = {one.key: one.sums for one in usages.page("owner", billed="2026-12")}
    assert found == {"ann": Sums(3, 300, 2, 200, 1, 100, 2, 1, 0, 360), "bob": Sums(1, 50, 1, 50)}
    months = usages.page("month", billed="2026-12", workspace="acme")
    assert [(one.key, one.sums.new_files, one.sums.downloads) for one in months] == [
        ("2026-11", 2, 1),
        ("2026-12", 1, 1),
    ]
    assert [one.key for one in usages.page("category", billed="x", after="book")] == ["misc"]
    assert [one.key for one in usages.page("category", billed="x", workspace="other", limit=1)] == ["misc"]
    assert [one.key for one in usages.page("provider", billed="x", limit=1)] == ["local"]
    assert [one.key for one in usages.page("workspace", billed="x", month="2026-12")] == ["acme"]
    named = usages.named("workspace", ["other", "empty", "acme"], billed="2026-12")
    assert [(one.key, one.sums.new_files) for one in named] == [("other", 1), ("empty", 0), ("acme", 3)]


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1_001}, {"after": "\0"}, {"after": "\ud800"}])
def test_bad_pages_are_refused(usages: Usages, asked: dict[str, Any]) -> None:
    """With the name of what is wrong."""
    with pytest.raises(InvalidInput) as error:
        usages.page("owner", billed="2026-12", **asked)
    assert error.value.field == next(iter(asked))


def test_a_reader_sees_one_workspace(usages: Usages, reader_pool: Pool) -> None:
    """Row-level security holds for every table."""
    assert Usages(reader_pool).total(billed="x", workspace="acme").sums.new_files == 3
    assert Usages(reader_pool).total(billed="x").sums == Sums()
    with reader_pool.connection() as reader:
        for table in Usage.tables:
            reader.execute("SELECT set_config('provenstore.workspace', 'other', true)")
            rows = reader.execute(f"SELECT DISTINCT workspace FROM provenstore_read.{table}").fetchall()
            assert rows == ([] if table == "usage_served" else [("other",)])


def test_rows_come_back_as_they_were_folded(connection: Connection, usages: Usages) -> None:
    """Every column survives the tables."""
    with connection.cursor() as cursor:
        row = Usage().load(cursor, 1, ["a", "nobody"])
    assert list(row) == ["a"]
    assert [astuple(month) for month in row["a"].served] == [("2026-11", 1, 0, 0, 120), ("2026-12", 1, 1, 0, 240)]
    assert isinstance(row["a"], FileUsage)


@pytest.mark.parametrize(
    ("used", "limit", "level", "percent"),
    [
        (0, None, "normal", None),
        (0, 0, "normal", 0),
        (1, 0, "over_quota", 100),
        (80, 100, "normal", 80),
        (81, 100, "high", 81),
        (801, 1000, "high", 80),
        (90, 100, "high", 90),
        (91, 100, "warning", 91),
        (100, 100, "warning", 100),
        (101, 100, "over_quota", 101),
    ],
)
def test_levels_of_a_quota(used: int, limit: int | None, level: str, percent: int | None) -> None:
    """Above 80 and 90 percent it is called so, of bytes as of files; exactly full is not over."""
    for use in (QuotaUse(used, 0, limit, None), QuotaUse(0, used, 10**9, limit)):
        assert quota_level(use) == level
        assert quota_json(use)["percent"] == (percent if limit is not None else quota_json(use)["percent"])
    assert quota_json(QuotaUse(used, 0, limit, None))["percent"] == percent

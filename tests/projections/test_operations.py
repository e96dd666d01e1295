"""Figures of calls to object stores: right by provider and kind, within a time, and forgotten when they are old."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from memory_log import START
from provenstore.domain.errors import InvalidInput
from provenstore.domain.storage.store_call import StoreCall
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.queries import queries
from provenstore.projections.operations.store_calls import Calls, Figure, Operations, keep, prepare_calls

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Any]

HOUR = timedelta(hours=1)
CALL = StoreCall("local", "head", START, 100, 0, "ok", "ok", None, None)
ALL = Calls(since=START, before=START + HOUR)


@pytest.fixture
def operations(connection: Connection, runner_pool: Pool) -> Operations:
    prepare(connection, [], beside=[prepare_calls])
    return Operations(runner_pool)


def _keep(connection: Connection, *calls: StoreCall, missing: int = 0, now: datetime = START) -> None:
    keep(connection, calls, missing, now)


def test_figures_by_provider_and_kind(connection: Connection, operations: Operations) -> None:
    """Percentiles are durations that occurred; only failures lower the success, and a time has its first moment."""
    assert operations.figures(ALL).figures == ()
    gets = [replace(CALL, act="get", microseconds=10 * n, bytes=n) for n in range(20, 0, -1)]
    gets[3] = replace(gets[3], outcome="failed", status="store-unavailable")
    gets[7] = replace(gets[7], outcome="refused", status="abandoned")
    outside = [replace(CALL, started_at=START - timedelta(microseconds=1)), replace(CALL, started_at=START + HOUR)]
    _keep(connection, *gets, CALL, replace(CALL, provider="spaces", microseconds=7), *outside)
    found = operations.figures(ALL).figures
    assert found == (
        Figure("local", "get", 20, 1, 1, 210, 100, 190),
        Figure("local", "head", 1, 0, 0, 0, 100, 100),
        Figure("spaces", "head", 1, 0, 0, 0, 7, 7),
    )
    assert [one.success for one in found] == [0.95, 1.0, 1.0]
    assert operations.figures(replace(ALL, provider="spaces")).figures == found[2:]
    assert operations.figures(replace(ALL, act="get")).figures == found[:1]
    assert operations.figures(replace(ALL, provider="spaces", act="get")).figures == ()


def test_calls_that_were_not_kept_are_counted(connection: Connection, operations: Operations) -> None:
    """In the time in which that was noticed."""
    _keep(connection, missing=3)
    _keep(connection, missing=4)
    _keep(connection, CALL, missing=5, now=START + HOUR)
    assert operations.figures(ALL).missing == 7
    assert operations.figures(replace(ALL, before=START + 2 * HOUR)).missing == 12


def test_single_calls(connection: Connection, operations: Operations) -> None:
    """Newest first, whole as they were told, and narrowed by each of their marks."""
    moments = [START + timedelta(seconds=n) for n in range(4)]
    calls = [
        replace(CALL, started_at=moment, request=f"r{n}", store_request=f"tx{n}") for n, moment in enumerate(moments)
    ]
    calls[1] = replace(calls[1], outcome="failed", status="storage-full", act="put", provider="spaces")
    _keep(connection, *calls)
    assert operations.newest(ALL) == tuple(reversed(calls))
    assert operations.newest(ALL, limit=1) == (calls[3],)
    assert operations.newest(replace(ALL, before=calls[2].started_at)) == (calls[1], calls[0])
    for narrowed in (
        operations.newest(ALL, outcome="failed"),
        operations.newest(ALL, request="r1"),
        operations.newest(replace(ALL, act="put")),
        operations.newest(replace(ALL, provider="spaces")),
    ):
        assert narrowed == (calls[1],)
    for limit in (0, 1_001):
        with pytest.raises(InvalidInput):
            operations.newest(ALL, limit=limit)
    for asked in (operations.newest, operations.figures):
        with pytest.raises(InvalidInput, match="before"):
            asked(Calls(since=START, before=START - HOUR))


def test_old_calls_are_forgotten(
    connection: Connection, operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at a time, for as long as whoever does it leads, and nothing that is not old."""
    monkeypatch.setattr("provenstore.projections.operations.store_calls._PRUNED_AT_ONCE", 2)
    moments = [START + timedelta(minutes=n) for n in range(7)]
    _keep(connection, *(replace(CALL, started_at=moment) for moment in moments), missing=1)
    going = iter([True, False])
    assert operations.prune(moments[5], lambda: next(going)) == 2
    assert operations.prune(moments[5]) == 3
    assert [call.started_at for call in operations.newest(ALL)] == [moments[6], moments[5]]
    assert operations.figures(ALL).missing == 0
    assert operations.prune(moments[5]) == 0


def test_figures_are_read_from_the_index(connection: Connection, operations: Operations) -> None:
    """Each pair's time by itself, however many calls of other times, kinds and stores there are."""
    many = [replace(CALL, started_at=START + timedelta(seconds=n), microseconds=n) for n in range(3_000)]
    _keep(connection, *many, *(replace(call, act="get") for call in many))
    connection.execute("VACUUM ANALYZE provenstore_read.store_call")
    values = {"since": START + 0.9 * HOUR / 2, "before": START + HOUR / 2, "provider": None, "act": None}
    plan = connection.execute(
        f"EXPLAIN (FORMAT text) {queries('operations/store_calls')['figures']}", values
    ).fetchall()
    shown = "\n".join(row[0] for row in plan)
    assert shown.count("store_call_figures") == 3  # the first pair, the next one, and the time of a pair
    assert "(act = pair.act) AND (started_at >= " in shown
    assert "Seq Scan" not in shown

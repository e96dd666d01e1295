"""Group `query`: what an officer waits for, at a tenth of a log and at all of it.

Two ledgers on one server are written by `bench.query_log`; the audit trail and the file index are folded from each by
the runner, and analysed as autovacuum would have by then. Each question is asked of somebody or something drawn by lot,
of both ledgers in turn, so that whatever else the machine does slows both.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from bench.__main__ import Result, Scale
from bench.query_log import QueryLog
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from provenstore.api.wiring import RUNNER, WRITER
from provenstore.projections.audit.query import Audit, AuditFilter
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.positions import Positions
from provenstore.projections.engine.runner import Runner
from provenstore.projections.files.index import FileIndex

QUESTIONS = 400
"""Of each kind: the 95th percentile is the twentieth from the top."""

MODELS: tuple[Projection[Any], ...] = (AuditTrail(), FileIndex())
PATIENCE = 3_600.0


def run(scale: Scale) -> Iterator[Result]:
    """Measure at a tenth of the events and at all of them, on throw-away ledgers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        running = stack.enter_context(EmbeddedPostgres(DataDirectory(Path(name) / "data")))
        sizes = (scale.events // 10, scale.events)
        tenth, whole = (_ledger(stack, running, f"log_{events}", events) for events in sizes)
        for question in tenth:
            small, large = _p95(tenth[question], whole[question])
            yield Result("query", f"{question}, p95 at {sizes[0]:,} events", small, "ms")
            yield Result(
                "query",
                f"{question}, p95 at {sizes[1]:,} events",
                large,
                "ms",
                f"at {sizes[0]:,}",
                small,
                large / small,
            )


def _ledger(stack: ExitStack, running: RunningPostgres, name: str, events: int) -> Mapping[str, Callable[[], object]]:
    """Write a ledger of its own, let the runner fold it, and return the questions to it."""
    running.bootstrap(name)
    migrate(running.conninfo(OWNER, name))
    log = PostgresEventLog(stack.enter_context(Database(running.conninfo(WRITER, name))))
    runner = running.conninfo(RUNNER, name)
    pool = stack.enter_context(ConnectionPool(runner, min_size=1, max_size=2))
    mixed = QueryLog(log)
    begun = time.perf_counter()
    mixed.write(events)
    written = time.perf_counter()
    _catch_up(runner, pool, log)
    folded = time.perf_counter()
    print(f"    {events:,} events: written in {written - begun:.0f} s, folded in {folded - written:.0f} s", flush=True)
    return _questions(Audit(pool), log, mixed)


def _catch_up(conninfo: str, pool: ConnectionPool[Any], log: PostgresEventLog) -> None:
    runner = Runner(log, lambda: psycopg.connect(conninfo), MODELS)
    runner.start()
    positions, newest = Positions(pool), log.position()
    give_up = time.monotonic() + PATIENCE
    while len([place for place in positions.all() if place.position == newest]) < len(MODELS):
        if time.monotonic() > give_up:
            raise SystemExit("it takes too long")
        time.sleep(0.1)
    runner.stop()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for view in [view for model in MODELS for view in model.tables]:
            connection.execute(f"ANALYZE provenstore_read.{view}_1")


def _questions(audit: Audit, log: PostgresEventLog, mixed: QueryLog) -> Mapping[str, Callable[[], object]]:
    """Return the questions by name, each asked anew of somebody else at each call."""
    chance = random.Random(7)
    begin, end = log.read(0, 1)[0].time, log.read(log.position() - 1, 1)[0].time

    def moments() -> tuple[datetime, datetime]:
        """Draw a tenth of the time that the log covers."""
        start = begin + (end - begin) * chance.random() * 0.9
        return start, start + (end - begin) * 0.1

    def officer() -> object:
        time_from, time_before = moments()
        actor = chance.choice(mixed.actors).id
        asked = AuditFilter(workspace="bench", actor=actor, time_from=time_from, time_before=time_before)
        return audit.search(asked, limit=50)

    def person() -> object:
        return audit.search(AuditFilter(workspace="bench", subject=f"person-{chance.randrange(5_000)}"), limit=50)

    def trail() -> object:
        return audit.search(AuditFilter(file=str(chance.choice(mixed.files))), limit=100, oldest_first=True)

    def history() -> object:
        file = chance.choice(mixed.files)
        events = log.events([f"{kind}:{file}" for kind in ("file", "parts", "access")], limit=101)
        return log.disclosures([event.id for event in events])

    return {
        "officer search (actor and time range, newest 50)": officer,
        "everything about one person, newest 50": person,
        "one file's history from the audit trail": trail,
        "one file's history from the log": history,
    }


def _p95(*asks: Callable[[], object]) -> list[float]:
    """Return the 95th percentiles in milliseconds of asking in turn, after a tenth as many to warm up."""
    taken: list[list[float]] = [[] for _ in asks]
    for _ in range(QUESTIONS + QUESTIONS // 10):
        for ask, times in zip(asks, taken, strict=True):
            begun = time.perf_counter()
            ask()
            times.append((time.perf_counter() - begun) * 1_000)
    return [statistics.quantiles(times[QUESTIONS // 10 :], n=20)[-1] for times in taken]

"""Group `query`: what an officer waits for, at a tenth of a log and at all of it.

The log is written by `bench.query_log`; the audit trail and the file index are folded from it as the runner does, and
analysed as autovacuum would have by then. Each question is asked of somebody or something drawn by lot.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from bench.__main__ import Result, Scale
from bench.query_log import QueryLog
from provenstore.adapters.data_directory import DataDirectory
from provenstore.adapters.database import Database
from provenstore.adapters.embedded_postgres import EmbeddedPostgres
from provenstore.adapters.event_store import PostgresEventLog
from provenstore.adapters.migrations import migrate
from provenstore.adapters.running_postgres import OWNER
from provenstore.projections.audit_query import Audit, AuditFilter
from provenstore.projections.audit_trail import AuditTrail
from provenstore.projections.batch import advance
from provenstore.projections.file_index import FileIndex
from provenstore.projections.fold import Projection
from provenstore.projections.positions import Positions, prepare

QUESTIONS = 400
"""Of each kind: the 95th percentile is the twentieth from the top."""

MODELS: tuple[Projection[Any], ...] = (AuditTrail(), FileIndex())


def run(scale: Scale) -> Iterator[Result]:
    """Measure at a tenth of the events and at all of them, on a throw-away ledger."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        EmbeddedPostgres(DataDirectory(Path(name) / "data")) as running,
    ):
        running.bootstrap()
        migrate(running.conninfo(OWNER))
        runner = running.conninfo("provenstore_runner")
        with (
            Database(running.conninfo("provenstore_writer")) as database,
            ConnectionPool(runner, min_size=1, max_size=2) as pool,
            psycopg.connect(runner, autocommit=True) as connection,
        ):
            log = PostgresEventLog(database)
            mixed, before = QueryLog(log), dict[str, float]()
            for events in (scale.events // 10, scale.events):
                mixed.write(events)
                _catch_up(connection, pool, log)
                for question, ask in _questions(Audit(pool), log, mixed).items():
                    p95 = _p95(ask)
                    figure = f"{question}, p95 at {events:,} events"
                    if question in before:
                        peer = f"at {scale.events // 10:,}"
                        yield Result("query", figure, p95, "ms", peer, before[question], p95 / before[question])
                    else:
                        yield Result("query", figure, p95, "ms")
                    before[question] = p95


def _catch_up(connection: psycopg.Connection[Any], pool: ConnectionPool[Any], log: PostgresEventLog) -> None:
    prepare(connection, MODELS)
    for model in MODELS:
        begun, folded = time.perf_counter(), 0
        while moved := advance(connection, log, model, _place(pool, model.name)):
            folded += moved
        print(f"    {model.name}: {folded:,} events folded in {time.perf_counter() - begun:.1f} s")
        for view in model.tables:
            connection.execute(f"ANALYZE provenstore_read.{view}_1")


def _place(pool: ConnectionPool[Any], name: str) -> Any:
    return next(place for place in Positions(pool).all() if place.name == name)


def _questions(audit: Audit, log: PostgresEventLog, mixed: QueryLog) -> dict[str, Callable[[], object]]:
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


def _p95(ask: Callable[[], object]) -> float:
    """Return the 95th percentile in milliseconds, after a tenth as many to warm up."""
    for _ in range(QUESTIONS // 10):
        ask()
    taken = []
    for _ in range(QUESTIONS):
        begun = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - begun) * 1_000)
    return statistics.quantiles(taken, n=20)[-1]

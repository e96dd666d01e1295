"""Group `proofs`, the tree: events into tiles, inclusion proofs read from them, and how soon a checkpoint is there."""

import logging
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool

from bench.__main__ import Result, Scale, alternate
from bench.ledgers import ADMIN, running_postgres
from bench.mixed_log import fill
from provenstore.adapters.embedded.running import SUPERUSER, RunningPostgres
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.api.log_output import log_to_stderr
from provenstore.api.settings import load_settings
from provenstore.api.wiring import RUNNER, WRITER, open_services
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.transparency.merkle import verify_inclusion
from provenstore.projections.engine.queries import queries
from provenstore.projections.tree.integrator import catch_up
from provenstore.projections.tree.proofs import Proofs

QUESTIONS: Final = 2_000
APPENDS: Final = 10

_EMPTY: Final = """
begin;
alter table provenstore.tile disable trigger user;
alter table provenstore.tree disable trigger user;
truncate provenstore.tile;
update provenstore.tree set size = 0;
alter table provenstore.tile enable trigger user;
alter table provenstore.tree enable trigger user;
commit;
"""


def run(scale: Scale) -> Iterator[Result]:
    """Measure on a log of its own."""
    log_to_stderr(logging.WARNING)
    with running_postgres() as running:
        with Database(running.conninfo(WRITER), size=2) as database:
            fill(PostgresEventLog(database), scale.events)
        medians = alternate({"into tiles": lambda: scale.events / _grown(running, scale.events)}, scale.rounds)
        yield Result("proofs", "events into tree and tiles", medians["into tiles"], "events/s")
        medians = alternate({"inclusion": lambda: _inclusion(running, scale.events)}, scale.rounds)
        yield Result("proofs", f"inclusion proof at {scale.events:,}, p50", medians["inclusion"], "ms")
    yield Result("proofs", "from append to checkpoint, p50", _under_checkpoint(), "s")


def _grown(running: RunningPostgres, events: int) -> float:
    """Return the seconds that the whole log takes into an empty tree."""
    with psycopg.connect(running.conninfo(SUPERUSER), autocommit=True) as operator:
        operator.execute(_EMPTY)
    with psycopg.connect(running.conninfo(RUNNER), autocommit=True) as connection:
        connection.execute(queries("engine/projection")["session"])
        begun = time.perf_counter()
        grown = catch_up(connection)
        seconds = time.perf_counter() - begun
    if grown != events:
        raise SystemExit(f"the tree has {grown} of {events}")
    return seconds


def _inclusion(running: RunningPostgres, events: int) -> float:
    """Return the median time of a proof, in milliseconds; the last one is checked."""
    took, chance = [], random.Random(5)
    pool: ConnectionPool[Any]
    with ConnectionPool(running.conninfo(RUNNER), min_size=1, max_size=1) as pool:
        proofs = Proofs(pool)
        for _ in range(QUESTIONS):
            index = chance.randrange(events)
            begun = time.perf_counter()
            proof = proofs.inclusion(index, events)
            took.append(time.perf_counter() - begun)
        with pool.connection() as connection:
            query = "SELECT leaf FROM provenstore.event WHERE position = %s"
            (leaf,) = connection.execute(query, (index + 1,)).fetchone() or (b"",)
        verify_inclusion(leaf, index, events, proof, proofs.root(events))
    return statistics.median(took) * 1_000


def _under_checkpoint() -> float:
    """Return the median seconds from an append until a checkpoint covers it, at the interval that is set by default."""
    took, chance = [], random.Random(5)
    with (
        TemporaryDirectory(prefix="bench-") as name,
        open_services(load_settings(data_dir=Path(name) / "data")) as services,
    ):
        for number in range(APPENDS):
            time.sleep(chance.random() * services.settings.checkpoint_interval)
            services.ledger.create_workspace(ADMIN, CreateWorkspace(id=f"workspace-{number}"))
            position, begun = services.ledger.log.position(), time.perf_counter()
            while (newest := services.proofs.newest()) is None or newest.size < position:
                time.sleep(0.01)
            took.append(time.perf_counter() - begun)
    return statistics.median(took)

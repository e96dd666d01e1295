"""Group `project`: the library's own example view, which counts created and subsequent events, by both runners.

Each counts the events of a log of its own in the same PostgreSQL: ours in batches, over envelopes with all that is
checked when they are read, theirs with one transaction for each event.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import ProjectionRunner
from eventsourcing.tests.projection import AggregateEventCountersProjection, EventCountersView
from psycopg.sql import SQL, Composed, Identifier

from bench.__main__ import Result, Scale, alternate, compared
from bench.mixed_log import fill
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from provenstore.api.wiring import RUNNER, WRITER
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Values
from provenstore.projections.engine.positions import prepare
from provenstore.projections.engine.runner import Runner

SHARE: Final = 10
"""Of our events to theirs: their rate does not depend on how many there are, and takes long to measure."""

LIBRARY: Final = "library"
PATIENCE: Final = 3_600.0


class EventCounters:
    """The example view as a read model of ours: one row for created events and one for subsequent ones."""

    name: Final = "event_counters"
    version: Final = 1
    tables: Final = ("event_counters",)
    private: Final = False
    adds: Final = False

    def keys(self, event: Event) -> tuple[str, ...]:
        return ("created",) if event.version == 1 else ("subsequent",)

    def fold(self, key: str, row: int | None, event: Event, values: Values) -> int | None:  # noqa: ARG002
        return (row or 0) + 1

    def create(self, generation: int) -> Composed:
        statement = (
            "CREATE TABLE provenstore_read.event_counters{g} (name text PRIMARY KEY, workspace text, events bigint)"
        )
        return SQL(statement).format(g=SQL(f"_{generation}"))

    def load(self, cursor: psycopg.Cursor[Any], generation: int, keys: Sequence[str]) -> dict[str, int]:  # noqa: ARG002
        return dict(cursor.execute(f"SELECT name, events FROM provenstore_read.event_counters_{generation}"))

    def save(
        self,
        cursor: psycopg.Cursor[Any],
        generation: int,
        before: Mapping[str, int],  # noqa: ARG002
        after: Mapping[str, int | None],
    ) -> None:
        cursor.execute(
            f"INSERT INTO provenstore_read.event_counters_{generation} (name, events)"
            " SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT (name) DO UPDATE SET events = excluded.events",
            (list(after), list(after.values())),
        )

    def forget(self, cursor: psycopg.Cursor[Any], generation: int, erased: Sequence[tuple[int, str]]) -> None:
        pass

    def forget_early(
        self,
        cursor: psycopg.Cursor[Any],
        generation: int,
        events: Sequence[Event],
        erased: Sequence[tuple[int, str]],
    ) -> None:
        pass


class PostgresCounters(PostgresTrackingRecorder, EventCountersView):
    """Where the library's example keeps its counts: in a table beside the library's own record of where it stands."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self._table = SQL("{}.{}").format(Identifier(datastore.schema), Identifier(f"{self.tracking_table_name}_seen"))
        create = SQL("CREATE TABLE IF NOT EXISTS {} (kind text PRIMARY KEY, seen bigint NOT NULL)").format(self._table)
        self.sql_create_statements.append(create)

    def get_created_event_counter(self) -> int:
        return self._seen("created")

    def get_subsequent_event_counter(self) -> int:
        return self._seen("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._add("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._add("subsequent", tracking)

    def _seen(self, kind: str) -> int:
        question = SQL("SELECT coalesce(sum(seen), 0) AS seen FROM {} WHERE kind = %s").format(self._table)
        with self.datastore.get_connection() as connection, connection.cursor() as cursor:
            row = cursor.execute(question, (kind,)).fetchone()
        return int(row["seen"]) if row else 0

    def _add(self, kind: str, tracking: Tracking) -> None:
        count = SQL("INSERT INTO {} AS c VALUES (%s, 1) ON CONFLICT (kind) DO UPDATE SET seen = c.seen + 1")
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(count.format(self._table), (kind,))


def run(scale: Scale) -> Iterator[Result]:
    """Measure both on one server, in turn."""
    with TemporaryDirectory(prefix="bench-") as name, EmbeddedPostgres(DataDirectory(Path(name) / "data")) as running:
        running.bootstrap()
        migrate(running.conninfo(OWNER))
        with Database(running.conninfo(WRITER), size=2) as database:
            fill(PostgresEventLog(database), scale.events // 10)
        theirs = max(1_000, scale.events // 10 // SHARE)
        env = _library(running)
        _fill_library(env, theirs)
        contenders = {
            "ours": lambda: scale.events // 10 / _ours(running, scale.events // 10),
            "the library's runner": lambda: theirs / _theirs(running, env, theirs),
        }
        medians = alternate(contenders, scale.rounds)
    yield from compared("project", "event counters caught up", "events/s", medians)


def _ours(running: RunningPostgres, events: int) -> float:
    """Return the seconds that our runner takes from its start to the end of the log."""
    conninfo = running.conninfo(RUNNER)
    with Database(conninfo, size=2) as database, psycopg.connect(conninfo, autocommit=True) as connection:
        prepare(connection, [EventCounters()])
        connection.execute("TRUNCATE provenstore_read.event_counters_1")
        connection.execute("UPDATE provenstore_read.projection SET position = 0")
        runner = Runner(PostgresEventLog(database), lambda: psycopg.connect(conninfo), [EventCounters()])
        begun = time.perf_counter()
        runner.start()
        _until(connection, "SELECT position FROM provenstore_read.projection", events)
        seconds = time.perf_counter() - begun
        runner.stop()
        counted = connection.execute("SELECT sum(events) FROM provenstore_read.event_counters").fetchone()
    if counted != (events,):
        raise SystemExit(f"counted {counted} of {events}")
    return seconds


def _theirs(running: RunningPostgres, env: dict[str, str], events: int) -> float:
    """Return the seconds that the library's runner takes for its own log."""
    with psycopg.connect(running.conninfo(OWNER, LIBRARY), autocommit=True) as connection:
        for (table,) in connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ 'tracking'"
        ).fetchall():
            connection.execute(SQL("DROP TABLE {}").format(Identifier(table)))
        begun = time.perf_counter()
        with ProjectionRunner(
            application_class=Application[UUID],
            projection_class=AggregateEventCountersProjection,
            view_class=PostgresCounters,
            env=env,
        ) as runner:
            runner.wait(events, timeout=PATIENCE)
            seconds = time.perf_counter() - begun
            counted = runner.view.get_created_event_counter() + runner.view.get_subsequent_event_counter()
    if counted != events:
        raise SystemExit(f"the library counted {counted} of {events}")
    return seconds


def _library(running: RunningPostgres) -> dict[str, str]:
    """Return the library's settings for a database of its own on the same server."""
    running.bootstrap(LIBRARY)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": LIBRARY,
        "POSTGRES_HOST": str(running.socket_folder),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": OWNER,
        "POSTGRES_PASSWORD": "",
        "POSTGRES_SCHEMA": "public",
    }


def _fill_library(env: dict[str, str], events: int) -> None:
    app = Application[UUID](env=env)
    aggregate = Aggregate()
    for number in range(1, events):
        aggregate.trigger_event(event_class=Aggregate.Event)
        if number % 500 == 0:
            app.save(aggregate)
            aggregate = app.repository.get(aggregate.id)
    app.save(aggregate)
    app.close()


def _until(connection: psycopg.Connection[Any], question: str, position: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while connection.execute(question.encode()).fetchone() != (position,):
        if time.monotonic() > give_up:
            raise SystemExit("it takes too long")
        time.sleep(0.005)

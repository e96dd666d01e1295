"""Group `append`: commands a second through the ledger, beside the library's own `save` and the raw limit.

Every contender writes to the same embedded PostgreSQL, with fsync on. The library's is `Application.save` of
eventsourcing with its PostgreSQL recorder, one new aggregate of one event each. Raw are the very rows that the ledger
has written, inserted again by plain multi-row inserts in batches of the mean size that was observed, into a table with
the same indexes. At the end the whole log is verified.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from psycopg.conninfo import conninfo_to_dict

from bench.__main__ import Result, Scale, alternate
from bench.ledgers import Bench, bench_ledger, run_threads, running_postgres
from provenstore.adapters.embedded.running import OWNER, SUPERUSER, RunningPostgres
from provenstore.domain.proofs.verification import verify_log

WRITER = "provenstore_writer"
THREADS = 64
COMMANDS: tuple[tuple[str, str], ...] = (
    ("part recorded", "part"),
    ("access to one hot file", "access"),
    ("initiate", "initiate"),
)


def run(scale: Scale) -> Iterator[Result]:
    """Measure for `scale.seconds` each."""
    with running_postgres() as running, library(running) as save:
        with bench_ledger(running.conninfo(WRITER)) as bench:
            yield from _together(running, bench, save, scale)
            yield from _alone(bench, save, scale, "")
            with _slow_commits(running):
                yield from _alone(bench, save, scale, ", commits slowed by 1 ms")
                yield from _threads(bench, save, scale, ", commits slowed by 1 ms")
        with bench_ledger(running.conninfo(WRITER), remember=0) as cold:
            yield from _threads(cold, save, scale, ", from cold state")
        yield from _two_processes(running.conninfo(WRITER), scale)
        with bench_ledger(running.conninfo(WRITER)) as bench:
            yield from _hot_and_long(bench, scale)
            report = verify_log(bench.log)
        yield Result("append", "findings of verify", float(len(report.findings)), f"in {report.checked:,} events")


@contextmanager
def library(running: RunningPostgres) -> Iterator[Callable[[], int]]:
    """Yield the library's `save` of a new aggregate, on its default recorder in a schema of its own."""
    with psycopg.connect(running.conninfo(OWNER), autocommit=True) as owner:
        owner.execute("CREATE SCHEMA IF NOT EXISTS library")
    where = conninfo_to_dict(running.conninfo(OWNER))
    app: Application[Any] = Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(where["dbname"]),
            "POSTGRES_HOST": str(where["host"]),
            "POSTGRES_PORT": str(where.get("port") or "5432"),
            "POSTGRES_USER": OWNER,
            "POSTGRES_PASSWORD": "none",
            "POSTGRES_SCHEMA": "library",
            "POSTGRES_POOL_SIZE": "16",
        }
    )

    def save() -> int:
        app.save(Aggregate())
        return 1

    try:
        yield save
    finally:
        app.close()


def _together(running: RunningPostgres, bench: Bench, save: Callable[[], int], scale: Scale) -> Iterator[Result]:
    """64 threads: beside the library, and beside the raw limit at the mean batch."""
    for name, command in (*COMMANDS, ("ten events a command", "ten")):
        batches: list[int] = []
        with _counted(bench, batches):
            medians = alternate(
                {
                    "ours": partial(_rate, getattr(bench, command), scale.seconds),
                    "library": partial(_rate, save, scale.seconds),
                },
                scale.rounds,
            )
        mean = max(1, round(sum(batches) / len(batches)))
        raw = _raw(running, mean, scale)
        yield _beside(name, medians["ours"], "save of the library", medians["library"])
        yield _beside(f"{name}, mean batch {mean}", medians["ours"], "raw insert", raw)


@contextmanager
def _counted(bench: Bench, batches: list[int]) -> Iterator[None]:
    """Note the number of events of each batch that is sent."""
    seal = bench.log.append_batch
    writer = bench.log._writer  # what it sends together shows nowhere else

    def counting(commands: Any) -> Any:
        batches.append(sum(len(command.drafts) for command in commands))
        return seal(commands)

    writer._seal = counting
    try:
        yield
    finally:
        writer._seal = seal


def _raw(running: RunningPostgres, batch: int, scale: Scale) -> float:
    """Return rows a second of the newest rows of the log, inserted again in batches."""
    with psycopg.connect(running.conninfo(OWNER), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS library.raw")
        connection.execute("CREATE TABLE library.raw (LIKE provenstore.event INCLUDING ALL)")
        rows = connection.execute(
            "SELECT position, id, stream, version, workspace, number, type, time, leaf, state "
            "FROM provenstore.event ORDER BY position DESC LIMIT 20000",
            binary=True,
        ).fetchall()
        columns = [
            [list(column) for column in zip(*rows[start : start + batch], strict=True)]
            for start in range(0, len(rows), batch)
        ]
        insert = (
            "INSERT INTO library.raw SELECT * FROM unnest(%b::bigint[], %b::uuid[], %b::text[], %b::bigint[], "
            "%b::text[], %b::bigint[], %b::text[], %b::timestamptz[], %b::bytea[], %b::bytea[])"
        )

        def once() -> float:
            connection.execute("TRUNCATE library.raw")
            place = iter(columns)

            def command() -> int:
                found = next(place, None)
                if found is None:
                    return 0
                connection.execute(insert, found)
                return len(found[0])

            begun = time.perf_counter()
            written = sum(iter(command, 0))
            return written / (time.perf_counter() - begun)

        return alternate({f"raw insert of {batch}": once}, scale.rounds)[f"raw insert of {batch}"]


def _alone(bench: Bench, save: Callable[[], int], scale: Scale, how: str) -> Iterator[Result]:
    """One thread: the median time of a command, beside the library's."""
    medians = alternate(
        {
            "ours": lambda: run_threads(1, bench.access, scale.seconds).median * 1000,
            "library": lambda: run_threads(1, save, scale.seconds).median * 1000,
        },
        scale.rounds,
    )
    ours, theirs = medians["ours"], medians["library"]
    yield Result("append", f"lone writer, p50{how}", ours, "ms", "save of the library", theirs, ours / theirs)


def _threads(bench: Bench, save: Callable[[], int], scale: Scale, how: str) -> Iterator[Result]:
    for name, command in COMMANDS:
        medians = alternate(
            {
                "ours": partial(_rate, getattr(bench, command), scale.seconds),
                "library": partial(_rate, save, scale.seconds),
            },
            scale.rounds,
        )
        yield _beside(name + how, medians["ours"], "save of the library", medians["library"])


@contextmanager
def _slow_commits(running: RunningPostgres) -> Iterator[None]:
    """Let every commit wait for 1 ms before it is flushed, also where nobody else is active."""
    with psycopg.connect(running.conninfo(SUPERUSER), autocommit=True) as superuser:
        superuser.execute("ALTER SYSTEM SET commit_delay = 1000")
        superuser.execute("ALTER SYSTEM SET commit_siblings = 0")
        superuser.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        try:
            yield
        finally:
            superuser.execute("ALTER SYSTEM RESET commit_delay")
            superuser.execute("ALTER SYSTEM RESET commit_siblings")
            superuser.execute("SELECT pg_reload_conf()")
            time.sleep(0.5)


def _two_processes(conninfo: str, scale: Scale) -> Iterator[Result]:
    """Two processes of 32 threads beside one of 64, all of them processes of their own."""

    def processes(count: int, command: str) -> float:
        program = [sys.executable, "-m", "bench.append_worker", conninfo, command]
        program += [str(THREADS // count), str(scale.seconds)]
        pipe = subprocess.PIPE
        running = [subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        return sum(float(one.communicate()[0]) for one in running)

    for name, command in COMMANDS:
        medians = alternate(
            {
                "two": partial(processes, 2, command),
                "one": partial(processes, 1, command),
            },
            scale.rounds,
        )
        yield _beside(f"{name}, two processes of 32 threads", medians["two"], "one of 64", medians["one"])


def _hot_and_long(bench: Bench, scale: Scale) -> Iterator[Result]:
    """What history costs: a file read 100,000 times, and an upload of 10,000 parts, beside ones without a past."""

    def median(command: Callable[[], int]) -> float:
        return run_threads(1, command, scale.seconds).median * 1000

    first = alternate({"access to a new file": lambda: median(bench.access)}, scale.rounds)
    upload = alternate({"part of a new upload": lambda: median(bench.part)}, scale.rounds)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: bench.access(), range(100_000)))
        list(pool.map(lambda _: bench.ten(), range(1_000)))
    later = alternate({"access after 100,000": lambda: median(bench.access)}, scale.rounds)
    long = alternate({"part after 10,000": lambda: median(bench.part)}, scale.rounds)
    for name, (before,), (after,) in (
        ("recording an access after 100,000", first.values(), later.values()),
        ("recording a part after 10,000", upload.values(), long.values()),
    ):
        yield Result("append", name, after, "ms", "the first", before, after / before)


def _rate(command: Callable[[], int], seconds: float) -> float:
    return run_threads(THREADS, command, seconds).rate


def _beside(name: str, value: float, peer: str, peer_value: float) -> Result:
    return Result("append", name, value, "events/s", peer, peer_value, value / peer_value)

"""Group `rebuild`: all read models at once from a log of mixed events, through the very builder that `serve` runs."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.__main__ import Result, Scale
from bench.mixed_log import fill
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from provenstore.api.wiring import PROJECTIONS, RUNNER, WRITER
from provenstore.domain.proofs.verification import verify_log
from provenstore.projections.engine.building import Builder
from provenstore.projections.engine.builds import begin, builds
from provenstore.projections.engine.positions import prepare


def run(scale: Scale) -> Iterator[Result]:
    """Measure on a log of its own, in a process of its own, whose memory is then its peak."""
    with TemporaryDirectory(prefix="bench-") as name, EmbeddedPostgres(DataDirectory(Path(name) / "data")) as running:
        running.bootstrap()
        migrate(running.conninfo(OWNER))
        with Database(running.conninfo(WRITER), size=2) as database:
            log = PostgresEventLog(database)
            fill(log, scale.events)
            if not verify_log(log).ok:
                raise SystemExit("the log that was measured does not verify")
        command = [sys.executable, "-m", "bench.rebuild", running.conninfo(RUNNER)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, busy, peak = map(float, said.splitlines()[-1].split())
    models = ", ".join(one.name for one in PROJECTIONS)
    yield Result("rebuild", f"{models} from {scale.events:,} events", seconds, "s")
    yield Result("rebuild", "the same a second", scale.events / seconds, "events/s")
    yield Result("rebuild", "processor time of ours, without the database's", busy, "s")
    yield Result("rebuild", "peak resident memory", peak, "MiB")


def main(runner: str) -> None:
    """Rebuild everything, and print seconds, processor seconds and the peak of resident memory in MiB."""
    with Database(runner, size=2) as database, psycopg.connect(runner, autocommit=True) as connection:
        prepare(connection, PROJECTIONS)
        builder = Builder(PostgresEventLog(database), lambda: psycopg.connect(runner), PROJECTIONS, look=0.01)
        for projection in PROJECTIONS:
            begin(connection, projection, "rebuild", "bench")
        begun, before = time.perf_counter(), time.process_time()
        builder.start()
        while any(build.status == "building" for build in builds(connection)):
            time.sleep(0.1)  # asking takes the builder's processor, too
        seconds, busy = time.perf_counter() - begun, time.process_time() - before
        builder.stop()
        if any(build.status != "done" for build in builds(connection)):
            raise SystemExit("a build failed")
    print(seconds, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(sys.argv[1])

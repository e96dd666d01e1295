"""A throw-away ledger for measurements: embedded PostgreSQL, a store that keeps nothing, and commands on them."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.idle_store import idle_store
from provenstore.adapters.clock import SystemClock
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.postgres import migrations
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.state_cache import MAX_STATES
from provenstore.api.permissions import permits
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, parts_stream
from provenstore.domain.ledger import Ledger
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.uploads.initiation import NewFile

CONNECTIONS = 16
PART = 10 * 1024 * 1024
ADMIN = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)


@contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    """Yield a migrated embedded PostgreSQL, durable as in production."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = DataDirectory(Path(name) / "data")
        directory.prepare()
        with EmbeddedPostgres(directory) as running:
            running.bootstrap()
            migrations.migrate(running.conninfo(OWNER))
            yield running


@dataclass(frozen=True)
class Bench:
    """A ledger with a service that has a key, a stored file that everybody reads, and an upload in parts."""

    log: PostgresEventLog
    ledger: Ledger
    service: Caller
    hot: File
    upload: File

    def part(self) -> int:
        """Record one part: one event on the upload's `parts:` stream, guarded by file and credential."""
        self.ledger.upload_part(self.service, self.upload.id, 1, (), size=PART)
        return 1

    def access(self) -> int:
        """Record one access to the hot file: one private value, guarded by file and credential."""
        with self.ledger.content(self.service, self.hot.id):
            return 1

    def initiate(self) -> int:
        """Initiate an upload: quota, several private values, guarded by workspace and credential."""
        self.initiated()
        return 1

    def ten(self) -> int:
        """Record ten parts in one command, as a completion does with parts that went straight to a bucket."""
        recorder = self.ledger.recorder
        chunks = [
            fe.ChunkUploaded(upload="upload", number=number, first=0, size=PART, etag="e" * 32, md5=None, sha256=None)
            for number in range(1, 11)
        ]
        file = recorder.file(self.upload.id, recent=True)
        drafts = recorder.drafts(self.service, parts_stream(file.id), file.workspace, [Fact(one) for one in chunks])
        return len(recorder.append(self.service, drafts, reads=[Guard(file.stream, file.version)]).events)

    def initiated(self, upload: fe.UploadMethod = "api", size: int = 4096) -> File:
        """Initiate an upload and return it."""
        return self.ledger.initiate(
            self.service,
            NewFile(
                workspace="acme",
                filename="My book.pdf",
                media_type="application/pdf",
                category="book_content",
                upload=upload,
                size=size,
                metadata={"isbn": "9780000000000"},
            ),
        )


@contextmanager
def bench_ledger(conninfo: str, *, remember: int = MAX_STATES) -> Iterator[Bench]:
    """Yield a ledger with its files, in a workspace that is made if it is not there."""
    with Database(conninfo, size=CONNECTIONS) as database, PostgresEventLog(database, remember=remember) as log:
        ledger = Ledger(log, idle_store(), clock=SystemClock(), entropy=SystemEntropy(), permits=permits)
        if not log.workspaces():
            ledger.create_workspace(ADMIN, ws.CreateWorkspace(id="acme"))
        issued = ledger.issue_key(ADMIN, actor="svc", kind="service", scope="acme", roles=("service",))
        service = replace(ledger.authenticate(issued.key), address="203.0.113.9")
        yield Bench(log, ledger, service, *_files(ledger, service))


def _files(ledger: Ledger, service: Caller) -> tuple[File, File]:
    def new(upload: fe.UploadMethod, size: int | None) -> File:
        return ledger.initiate(
            service,
            NewFile(
                workspace="acme",
                filename="hot.pdf",
                media_type="application/pdf",
                category="book_content",
                upload=upload,
                size=size,
            ),
        )

    hot, upload = new("api", None), new("multipart", 10 * PART)
    ledger.upload_content(service, hot.id, ())
    ledger.upload_part(service, upload.id, 1, (), size=PART)
    return ledger.recorder.file(hot.id), ledger.recorder.file(upload.id)


@dataclass(frozen=True)
class Ran:
    """What threads did: events a second, and the median time of one command in seconds."""

    rate: float
    median: float


def run_threads(count: int, command: Callable[[], int], seconds: float) -> Ran:
    """Let `count` threads repeat `command`, which returns its number of events, for some seconds."""
    events, took = [0] * count, [list[float]() for _ in range(count)]
    failures: list[BaseException] = []
    barrier = threading.Barrier(count + 1)

    def work(index: int) -> None:
        barrier.wait()
        end = time.perf_counter() + seconds
        try:
            while (begun := time.perf_counter()) < end:
                events[index] += command()
                took[index].append(time.perf_counter() - begun)
        except Exception as exc:
            failures.append(exc)
            raise

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    if failures:
        raise failures[0]
    return Ran(sum(events) / elapsed, statistics.median(one for thread in took for one in thread))

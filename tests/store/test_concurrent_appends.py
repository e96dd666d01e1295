"""However many threads and processes append: one order, no gaps, nothing acknowledged is ever missing."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from provenstore.adapters.postgres.event_store import APPEND, PostgresEventLog
from provenstore.adapters.postgres.sealing import Batch
from provenstore.domain.eventlog.envelope import Event
from sealed_check import check_sealed
from store_commands import command, happened, mixed
from store_database import WRITER, ScratchDatabase

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent / "support")}
PATIENCE = 30.0  # seconds after which a test gives up


@dataclass
class Appender:
    """A process that appends, and the file in which it writes down what was acknowledged."""

    process: subprocess.Popen[str]
    notes: Path

    def await_ready(self) -> None:
        """Return when it only waits for its beginning."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def begin(self) -> None:
        """Let it append."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    @property
    def appends(self) -> bool:
        """Whether it has not come to its end."""
        return self.process.poll() is None

    def told(self) -> dict[int, str]:
        """Return the ids that it saw acknowledged, by position; a line cut off by its death does not count."""
        lines = self.notes.read_text().splitlines(keepends=True) if self.notes.exists() else []
        told = {int(line.split()[1]): line.split()[0] for line in lines if line.endswith("\n")}
        assert len(told) == len(lines)
        return told


@contextmanager
def appenders(database: ScratchDatabase, folder: Path, *sizes: tuple[int, int]) -> Iterator[list[Appender]]:
    """Start a process for each (threads, commands), and let them begin together; none outlives the block."""
    with ExitStack() as stack:
        started = []
        for number, (threads, commands) in enumerate(sizes):
            notes = folder / f"told-{number}"
            program = [sys.executable, HERE / "appender.py", database.conninfo(WRITER), notes, threads, commands]
            process = subprocess.Popen(
                list(map(str, program)), env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(Appender(process, notes))
        for one in started:
            one.await_ready()
        for one in started:
            one.begin()
        yield started


def whole(log: PostgresEventLog) -> dict[int, str]:
    """Return the ids of all events by position, once it is seen that the log is sound and none is there twice."""
    events = log.read(0, 1_000_000)
    check_sealed(events)
    assert len({event.id for event in events}) == len(events)
    return {event.position: str(event.id) for event in events}


def take_back(log: PostgresEventLog) -> None:
    """Append two events in a transaction, and roll it back."""
    batch = Batch([command(happened("access:0"), happened("access:taken-back"))])
    columns = batch.parameters()
    with log.database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute("deallocate all")
        APPEND.prepare(connection, columns)
        answers = batch.answers(APPEND.rows(connection, columns))
        assert not isinstance(answers[0], Exception)


def largest_group(database: ScratchDatabase) -> int:
    """Return how many events were recorded by the transaction that recorded most."""
    with database.connect() as connection:
        row = connection.execute("select count(*) from provenstore.event group by xmin order by 1 desc").fetchone()
    assert row is not None
    return int(row[0])


def test_a_reader_beside_two_processes_misses_nothing(
    database: ScratchDatabase, log: PostgresEventLog, tmp_path: Path
) -> None:
    """While eight threads in two processes write, and much is rolled back, it sees positions 1…n, one after the other.

    It finds each event where its writer was told that it is.
    """
    commands = 300
    seen: list[Event] = []
    looks = 0
    with appenders(database, tmp_path, (4, commands), (4, commands)) as (first, second):
        give_up = time.monotonic() + PATIENCE
        while True:
            writing = first.appends, second.appends  # asked before reading: what they wrote at last is read, too
            news = log.read(len(seen), 50)  # raises at a gap
            seen += news
            looks += all(writing) and bool(news)
            if not any(writing) and not news:
                break
            if any(writing):
                take_back(log)
            assert time.monotonic() < give_up
        assert (first.process.returncode, second.process.returncode) == (0, 0)
        told = first.told(), second.told()
    check_sealed(seen)
    assert {event.position: str(event.id) for event in seen} == told[0] | told[1]
    recorded = [number for number in range(commands) if number % 8 != 3 and number % 64 != 5]
    assert len(seen) == 2 * sum(len(mixed(number).drafts) for number in recorded)
    # It would prove nothing if they had written one after the other, or the reader come after them.
    assert looks > 20
    assert sum((one.position in told[0]) != (next_.position in told[0]) for one, next_ in pairwise(seen)) > 20
    assert log.append(command(happened("access:0"))).events[0].position == len(seen) + 1


def test_killed_processes_lose_nothing_acknowledged(
    database: ScratchDatabase, log: PostgresEventLog, tmp_path: Path
) -> None:
    """After kill -9 of processes of 32 threads every acknowledged event is there once, and others go on."""
    endless = 1_000_000
    with appenders(database, tmp_path, (8, 400), (32, endless), (32, endless), (32, endless)) as (survivor, *victims):
        give_up = time.monotonic() + PATIENCE
        for victim in victims:
            enough = len(victim.told()) + random.randint(1, 200)
            while len(victim.told()) < enough:
                assert victim.appends
                assert time.monotonic() < give_up
            time.sleep(random.uniform(0, 0.01))  # so that it is not always killed right after an answer
            victim.process.kill()
        assert [victim.process.wait() for victim in victims] == [-9, -9, -9]
        assert survivor.process.wait(PATIENCE) == 0
        told = [one.told() for one in (survivor, *victims)]
    stored = whole(log)
    for one in told:
        assert one
        assert one.items() <= stored.items()
    assert largest_group(database) > 10  # a command has three events at most: they went in groups
    # What the server of a killed process had in hand may be recorded even now, before this or behind it.
    sealed = log.append(command(happened("access:0"))).events[0]
    assert whole(log)[sealed.position] == str(sealed.id)

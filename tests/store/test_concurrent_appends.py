"""However many threads and processes append: one order, no gaps, nothing acknowledged is ever missing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from provenstore.adapters.event_store import PostgresEventLog
from provenstore.domain.envelope import Event
from sealed_check import check_sealed
from store_database import WRITER, ScratchDatabase

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent / "support")}


def start(database: ScratchDatabase, events: int) -> subprocess.Popen[str]:
    """Start a process that appends so many events."""
    program = [sys.executable, str(HERE / "appender.py"), database.conninfo(WRITER), str(events)]
    return subprocess.Popen(program, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def acknowledged(output: str) -> dict[int, str]:
    """Return the ids that the process saw acknowledged, by position; a line cut off by its death does not count."""
    lines = output.splitlines(keepends=True)
    return {int(line.split()[1]): line.split()[0] for line in lines if line.endswith("\n")}


def test_two_processes_make_one_order(database: ScratchDatabase, log: PostgresEventLog) -> None:
    """A reader that follows along never sees a gap, and finds everything where it was acknowledged."""
    with start(database, 300) as first, start(database, 300) as second:
        seen: list[Event] = []
        while len(seen) < 600:
            seen += log.read(len(seen), 50)  # raises at a gap
            assert first.poll() in (None, 0)
            assert second.poll() in (None, 0)
        outputs = [process.communicate()[0] for process in (first, second)]
    check_sealed(seen)
    told = acknowledged(outputs[0]) | acknowledged(outputs[1])
    assert {event.position: str(event.id) for event in seen} == told


def test_a_killed_process_loses_nothing_acknowledged(database: ScratchDatabase, log: PostgresEventLog) -> None:
    """After kill -9 under load every acknowledged event is in the log, and the log is whole."""
    with start(database, 100_000) as process:
        while log.position() < 100:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
    events = log.read(0, 100_000)
    check_sealed(events)
    stored = {event.position: str(event.id) for event in events}
    told = acknowledged(output)
    assert told
    assert told.items() <= stored.items()

"""A server that dies under its owners comes back where they know it, once, and not after they have left."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest
import structlog

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import SUPERUSER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.embedded.watcher import RETRY_SECONDS
from provenstore.adapters.postgres.database import Database
from provenstore.api import wiring
from provenstore.api.settings import load_settings
from provenstore.domain.errors import DatabaseUnavailable, ProvenstoreError
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.api.conftest import ROOT

WITHIN = 15.0
BACK_WITHIN = 2.0
"""Seconds; the bound on a machine that does nothing else."""
LENGTHS = {"short": "d", "long": "d" * 150}


@pytest.fixture(params=LENGTHS)
def directory(request: pytest.FixtureRequest, open_place: Path) -> DataDirectory:
    """Once with a path too long for a socket, which then has a folder elsewhere."""
    return DataDirectory(open_place / LENGTHS[request.param])


@pytest.fixture
def running(directory: DataDirectory) -> Iterator[RunningPostgres]:
    with EmbeddedPostgres(directory, durable=False) as running:
        yield running


def kill(directory: DataDirectory) -> int:
    """Kill the postmaster and wait until it and its keeper are gone; the pid it had."""
    server = psutil.Process(int((directory.postgres / "postmaster.pid").read_text().split()[0]))
    keeper = server.parent()
    assert keeper is not None
    server.kill()
    psutil.wait_procs([server, keeper], WITHIN)
    assert not keeper.is_running()
    return server.pid


def eventually(attempt: Callable[[], Any], *errors: type[Exception]) -> Any:
    """What `attempt` answers once it no longer fails with one of `errors`."""
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            return attempt()
        except errors:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ask(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        return connection.info.backend_pid


def servers(directory: DataDirectory) -> list[int]:
    """The pids of postmasters that work in the data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and Path(process.cwd()) == directory.postgres:
                parent = process.parent()
                found += [process.pid] if parent is None or parent.name() != "postgres" else []
        except psutil.NoSuchProcess:
            continue
    return found


def test_two_owners_find_one_server_again(
    directory: DataDirectory, running: RunningPostgres, other_process: Any, gone: Any
) -> None:
    """After a killed postmaster the old connection string answers, one server runs, and it ends with its owners."""
    second = EmbeddedPostgres(directory, durable=False).start()
    other = other_process(directory)
    other.postmaster()
    conninfo = running.conninfo(SUPERUSER, "postgres")
    for _ in range(2):
        dead = kill(directory)
        eventually(lambda: ask(conninfo), psycopg.OperationalError)
        assert len(servers(directory)) == 1
        assert servers(directory) != [dead]
    other.leave()
    running.stop()
    ask(conninfo)
    second.stop()
    assert gone(directory, 0.0)
    assert servers(directory) == []
    assert not (second.socket_folder.exists() and second.socket_folder.parent != directory.run)


def test_a_server_that_dies_repeatedly_is_back_each_time(directory: DataDirectory, running: RunningPostgres) -> None:
    """For the fifth time as soon as for the first, and an open pool has connections to it."""

    def asked(database: Database) -> None:
        with database.connection() as connection:
            connection.execute("select 1")

    took = []
    with Database(running.conninfo(SUPERUSER, "postgres"), size=4, timeout=0.5) as database:
        eventually(lambda: asked(database), DatabaseUnavailable)
        for _ in range(5):
            server = psutil.Process(int((directory.postgres / "postmaster.pid").read_text().split()[0]))
            server.kill()
            begun = time.monotonic()
            psutil.wait_procs([server], WITHIN)
            eventually(lambda: asked(database), DatabaseUnavailable)
            took.append(time.monotonic() - begun)
    assert max(took[2:]) < BACK_WITHIN, took


def test_an_owner_who_comes_meanwhile_takes_the_known_folder(
    directory: DataDirectory, running: RunningPostgres
) -> None:
    """Whether the watcher or a new owner is faster, connections of the first owner find the server."""
    dead = kill(directory)
    with EmbeddedPostgres(directory, durable=False) as second:
        assert second.socket_folder == running.socket_folder
        assert servers(directory) != [dead]
        ask(running.conninfo(SUPERUSER, "postgres"))


def test_a_folder_that_was_cleared_away_is_made_again(directory: DataDirectory, running: RunningPostgres) -> None:
    """Something tidied up the temporary directory; the server comes back at the same name, as private as before."""
    for file in running.socket_folder.iterdir():
        file.unlink()
    running.socket_folder.rmdir()
    kill(directory)
    eventually(lambda: ask(running.conninfo(SUPERUSER, "postgres")), psycopg.OperationalError)
    assert running.socket_folder.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_is_tried_again_later(
    directory: DataDirectory, running: RunningPostgres, gone: Any
) -> None:
    """Each second; it is logged once, without what the server said, and leaving does not wait for the next attempt."""
    directory.postgres.chmod(0o755)
    with structlog.testing.capture_logs() as logs:
        kill(directory)
        eventually(lambda: logs[0], IndexError)
        time.sleep(2 * RETRY_SECONDS)
    assert {(one["event"], one["action"], one["code"]) for one in logs} == {
        ("database.down", "database.restart", DatabaseUnavailable.code)
    }
    assert [one["next_attempt_seconds"] for one in logs] == [RETRY_SECONDS]
    directory.postgres.chmod(0o700)
    eventually(lambda: ask(running.conninfo(SUPERUSER, "postgres")), psycopg.OperationalError)
    directory.postgres.chmod(0o755)
    kill(directory)
    before = time.monotonic()
    running.stop()
    assert time.monotonic() - before < 1
    assert gone(directory, 0.0)


def test_a_lost_database_is_not_replaced_by_an_empty_one(directory: DataDirectory, running: RunningPostgres) -> None:
    """Where the files are gone nothing is created in their place."""
    kept = directory.postgres.with_name("kept")
    with structlog.testing.capture_logs() as logs:
        directory.postgres.rename(kept)
        psutil.Process(int((kept / "postmaster.pid").read_text().split()[0])).kill()
        assert eventually(lambda: logs[0], IndexError)["code"] == "misconfigured"
    assert not directory.postgres.exists()


def test_what_its_last_owner_stopped_stays_stopped(directory: DataDirectory, gone: Any) -> None:
    """No watcher outlives its handle."""
    before = set(threading.enumerate())
    running = EmbeddedPostgres(directory, durable=False).start()
    assert set(threading.enumerate()) - before
    running.stop()
    assert gone(directory, 0.0)
    assert not set(threading.enumerate()) - before


def test_open_services_work_again_without_being_reopened(directory: DataDirectory) -> None:
    """Database, store and read models are ready again, and the ledger records."""
    with wiring.open_services(load_settings(data_dir=directory.path), sweep=False) as services:
        kill(directory)
        for check in services.checks.values():
            eventually(check, ProvenstoreError)
        services.ledger.create_workspace(ROOT, CreateWorkspace(id=f"t-{uuid4().hex[:20]}"))

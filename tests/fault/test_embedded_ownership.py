"""Processes share one embedded server, and it lives exactly as long as the last of them."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from threading import Timer
from typing import Any

import psutil
import psycopg
import pytest

from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import Account
from provenstore.adapters.embedded.keeper import SERVER, TURN
from provenstore.adapters.embedded.running import ROLES, SUPERUSER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres

AT_ONCE = 0.0
WITHIN = 15.0


def start(directory: DataDirectory) -> RunningPostgres:
    return EmbeddedPostgres(directory, durable=False).start()


def postmaster(directory: DataDirectory) -> int:
    return int((directory.postgres / "postmaster.pid").read_text().split()[0])


def ask(running: RunningPostgres, question: str) -> Any:
    with psycopg.connect(running.conninfo(SUPERUSER, "postgres")) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The pid of a living program of the server's system user that is no PostgreSQL."""
    process = subprocess.Popen(["/bin/sleep", "60"], **Account.for_server().identity(), cwd="/")
    yield process.pid
    process.kill()
    process.wait()


def test_the_last_of_two_handles_stops_the_server(directory: DataDirectory, gone: Any) -> None:
    """The first to leave leaves the server to the other; after the last, nothing runs and nothing is left behind."""
    first, second = start(directory), start(directory)
    assert first.socket_folder == second.socket_folder
    first.stop()
    first.stop()
    assert ask(second, "SELECT 1") == 1
    second.stop()
    assert gone(directory, AT_ONCE)
    assert not (directory.postgres / "postmaster.pid").exists()


def test_a_second_process_joins_the_same_server(directory: DataDirectory, other_process: Any, gone: Any) -> None:
    """Two processes have one postmaster, and it outlives the process that started it."""
    other = other_process(directory)
    pid = other.postmaster()
    with EmbeddedPostgres(directory, durable=False) as running:
        assert postmaster(directory) == pid
        other.leave()
        assert ask(running, "SELECT 1") == 1
    assert gone(directory, AT_ONCE)


def test_two_first_starts_at_once_make_one_cluster(directory: DataDirectory, other_process: Any) -> None:
    """Both get through, to the same server."""
    both = [other_process(directory) for _ in range(2)]
    assert len({other.postmaster() for other in both}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_owner_takes_its_server_along(
    directory: DataDirectory, other_process: Any, gone: Any, number: int
) -> None:
    """Nobody has to come back to stop the server of a process that died; it is shut down cleanly."""
    other = other_process(directory)
    other.postmaster()
    other.process.send_signal(number)
    assert gone(directory, WITHIN)
    assert "database system is shut down" in (directory.run / "postgres.log").read_text()


def test_a_dead_owner_does_not_keep_the_server(directory: DataDirectory, other_process: Any, gone: Any) -> None:
    """A killed owner is none: the living one is the last, and its leaving stops the server."""
    other = other_process(directory)
    other.postmaster()
    running = start(directory)
    other.end()
    assert ask(running, "SELECT 1") == 1
    running.stop()
    assert gone(directory, AT_ONCE)


def test_a_server_without_owner_and_keeper_is_adopted(directory: DataDirectory, other_process: Any, gone: Any) -> None:
    """After a crash that took the keeper, too, the next start joins the server and its leaving stops it."""
    other = other_process(directory)
    pid = other.postmaster()
    keeper = psutil.Process(pid).parent()
    assert keeper is not None
    keeper.kill()
    other.end()
    running = start(directory)
    assert postmaster(directory) == pid
    running.stop()
    assert gone(directory, AT_ONCE)


def test_after_a_crash_of_the_server_the_next_start_recovers(directory: DataDirectory) -> None:
    """A killed postmaster leaves its pid file saying ready; nobody believes it."""
    running = start(directory)
    ask(running, "SELECT pg_switch_wal()")
    server = psutil.Process(postmaster(directory))
    turn = FileLock(directory.run / TURN)
    assert turn.acquire(seconds=WITHIN)
    server.kill()
    server.wait(WITHIN)
    # While we have the turn, nobody starts the server again.
    assert "ready" in (directory.postgres / "postmaster.pid").read_text()
    turn.close()
    with EmbeddedPostgres(directory, durable=False) as again:
        assert ask(again, "SELECT 1") == 1
        running.stop()
        assert ask(again, "SELECT 1") == 1


def test_a_dying_server_is_waited_for(directory: DataDirectory) -> None:
    """While processes of a crashed server linger, its pid file says ready and nobody answers: no owner gets that."""
    start(directory).stop()
    (directory.postgres / "postmaster.pid").write_text(f"{2**22 + 1}\n/elsewhere\n1\n5432\n/elsewhere\n\n\nready\n")
    lingering = FileLock(directory.run / SERVER)
    assert lingering.try_acquire()
    end = Timer(0.2, lingering.close)
    end.start()
    with EmbeddedPostgres(directory, durable=False) as running:
        assert ask(running, "SELECT 1") == 1
    end.join()


def test_a_reused_pid_does_not_confuse_the_start(directory: DataDirectory, sleeper: int) -> None:
    """The pid file of a crash names what is now another program: it is neither trusted nor signalled."""
    start(directory).stop()
    (directory.postgres / "postmaster.pid").write_text(f"{sleeper}\n/elsewhere\n1\n5432\n/elsewhere\n\n\nready\n")
    with EmbeddedPostgres(directory, durable=False) as running:
        assert ask(running, "SELECT 1") == 1
    assert psutil.Process(sleeper).status() != psutil.STATUS_ZOMBIE


def test_a_forked_child_does_not_end_its_parents_ownership(directory: DataDirectory, gone: Any) -> None:
    """A child that inherits the handle and stops it stops nothing."""
    with EmbeddedPostgres(directory, durable=False) as running:
        child = os.fork()
        if child == 0:
            running.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert not gone(directory, AT_ONCE)
        start(directory).stop()
        assert ask(running, "SELECT 1") == 1


def test_bootstrap_makes_four_modest_roles_and_a_closed_database(directory: DataDirectory) -> None:
    """Doing it twice changes nothing; no role may more than connect, and the public may nothing."""
    with EmbeddedPostgres(directory, durable=False) as running:
        running.bootstrap()
        running.bootstrap()
        for role in ROLES:
            with psycopg.connect(running.conninfo(role)) as connection:
                row = connection.execute(
                    "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication,"
                    " has_database_privilege(current_database(), 'TEMP'), has_schema_privilege('public', 'USAGE')"
                    " FROM pg_roles WHERE rolname = current_user"
                ).fetchone()
            is_owner = role == "provenstore_owner"
            assert row == (role, False, is_owner, is_owner)


def test_bootstrap_closes_the_databases_that_serve_nobody(directory: DataDirectory) -> None:
    """No role can connect where it would have the right to fill the disk with temporary tables."""
    with EmbeddedPostgres(directory, durable=False) as running:
        running.bootstrap()
        for role in ROLES:
            for name in ("postgres", "template1"):
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    psycopg.connect(running.conninfo(role, name))
                right = f"SELECT has_database_privilege('{role}', '{name}', 'TEMP')"
                assert ask(running, right) is False


def test_the_server_is_durable_by_default(directory: DataDirectory) -> None:
    """Nothing that was confirmed may be lost: the safe settings, checksums, and no network."""
    with EmbeddedPostgres(directory) as running:
        expected = {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "listen_addresses": "",
        }
        assert {name: ask(running, f"SHOW {name}") for name in expected} == expected
        assert ask(running, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1") == "bC.UTF-8"


def test_every_test_gets_a_database_of_its_own(
    postgres: Any, server: RunningPostgres, build_template: Callable[[str], None]
) -> None:
    """The fixture's database has an owner who may create, and knows no other test's tables."""
    with psycopg.connect(postgres.conninfo()) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    assert postgres.name.startswith("test_")

"""No other system user reaches the embedded server: the folder is closed, and authentication refuses besides."""

import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import ENVIRONMENT, Account, Installation
from provenstore.adapters.embedded.keeper import SOCKET_FILES
from provenstore.adapters.embedded.running import ROLES, SUPERUSER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.domain.errors import Misconfigured

LENGTHS = {"short": "d", "long": "d" * 150}


@pytest.fixture(params=LENGTHS)
def directory(request: pytest.FixtureRequest, open_place: Path) -> DataDirectory:
    """A data directory whose parents everybody can pass, once with a path too long for a socket."""
    return DataDirectory(open_place / LENGTHS[request.param] / "data")


@pytest.fixture
def running(directory: DataDirectory) -> Iterator[RunningPostgres]:
    directory.path.parent.mkdir(mode=0o755)
    with EmbeddedPostgres(directory, durable=False) as running:
        yield running


def _attempt(running: RunningPostgres, user: Account, role: str) -> str:
    """What psql says to another system user who tries to get in as `role`; only root can try."""
    psql = str(Installation.bundled().usable_by(user).program("psql"))
    command = [psql, "-h", str(running.socket_folder), "-U", role, "-d", "postgres", "-c", "SELECT 1"]
    done = subprocess.run(
        command,
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def _strangers() -> list[Account]:
    """Another user, and as root also the one whom the server runs as: it owns the files, but may not log in."""
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return [Account(nobody.pw_name, nobody.pw_uid, nobody.pw_gid), Account.for_server()]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_stranger_does_not_reach_the_socket(directory: DataDirectory, running: RunningPostgres) -> None:
    """The folder alone keeps others out, even where somebody opened the data directory around it."""
    for folder in (directory.path, directory.run):
        folder.chmod(0o755)
    assert _mode(running.socket_folder) == 0o700
    assert _mode(running.socket_folder / SOCKET_FILES[0]) == 0o700
    assert running.socket_folder.lstat().st_uid == Account.for_server().uid
    for stranger in _strangers()[:1]:
        assert "Permission denied" in _attempt(running, stranger, SUPERUSER)


def test_authentication_alone_refuses_a_stranger(directory: DataDirectory, running: RunningPostgres) -> None:
    """With every folder and the socket opened, no other system user gets in as any role."""
    for path in (directory.path, directory.run, running.socket_folder, running.socket_folder / SOCKET_FILES[0]):
        path.chmod(0o777)
    running.bootstrap()
    for stranger in _strangers():
        for role in (SUPERUSER, *ROLES, stranger.name):
            assert "Peer authentication failed" in _attempt(running, stranger, role)
    with psycopg.connect(running.conninfo(SUPERUSER, "postgres")) as connection:
        rules = connection.execute("SELECT type, database, user_name, auth_method, options FROM pg_hba_file_rules")
        assert rules.fetchall() == [("local", ["all"], ["all"], "peer", ["map=provenstore"])]
        users = connection.execute("SELECT DISTINCT sys_name FROM pg_ident_file_mappings")
        assert users.fetchall() == [(Account.current().name,)]


def test_a_long_path_gets_a_short_private_folder_that_goes_with_the_server(open_place: Path) -> None:
    """Beyond the limit of a socket's address the folder lies elsewhere, and nothing of it stays."""
    directory = DataDirectory(open_place / LENGTHS["long"])
    with EmbeddedPostgres(directory, durable=False) as running:
        folder = running.socket_folder
        assert directory.path not in folder.parents
        assert _mode(folder) == 0o700
    assert not folder.exists()


def test_permissions_of_folders_above_stay(tmp_path: Path) -> None:
    """Starting works below folders closed to everybody else, and leaves them and the programs' folders as they were."""
    (tmp_path / "closed").mkdir(mode=0o700)
    directory = DataDirectory(tmp_path / "closed" / "data")
    programs = Installation.bundled().program("postgres")
    watched = (*directory.path.parents, programs, *programs.parents)
    before = {path: path.stat().st_mode for path in watched}
    with EmbeddedPostgres(directory, durable=False) as running:
        psycopg.connect(running.conninfo(SUPERUSER, "postgres")).close()
    assert {path: path.stat().st_mode for path in watched} == before


def test_a_folder_prepared_by_a_stranger_is_not_used(open_place: Path) -> None:
    """A recorded folder from before that now belongs to somebody else is neither used nor touched."""
    directory = DataDirectory(open_place / LENGTHS["long"])
    directory.prepare()
    hostile = open_place / "hostile"
    hostile.mkdir(mode=0o777)
    trap = hostile / SOCKET_FILES[0]
    trap.touch()
    if os.geteuid() == 0:
        os.chown(hostile, 65534, 65534)
    else:
        hostile.rename(open_place / "elsewhere")
        hostile.symlink_to(open_place / "elsewhere")
    (directory.run / "socket-folder").write_text(str(hostile))
    with EmbeddedPostgres(directory, durable=False) as running:
        assert running.socket_folder != hostile
        assert trap.exists()


def test_joining_refuses_a_folder_that_was_swapped(directory: DataDirectory, running: RunningPostgres) -> None:
    """Who opens or replaces the folder of a running server does not get our connections."""
    running.socket_folder.chmod(0o755)
    with pytest.raises(Misconfigured, match="mode 0700"):
        EmbeddedPostgres(directory).start()
    running.socket_folder.chmod(0o700)
    kept = running.socket_folder.with_name("provenstore-kept")
    running.socket_folder.rename(kept)
    running.socket_folder.symlink_to(kept)
    with pytest.raises(Misconfigured, match="socket folder"):
        EmbeddedPostgres(directory).start()
    running.socket_folder.unlink()
    kept.rename(running.socket_folder)


def test_a_client_refuses_a_server_of_somebody_else(running: RunningPostgres) -> None:
    """The connection string asks who listens: another system user's socket is no database of ours."""
    conninfo = running.conninfo(SUPERUSER, "postgres")
    assert conninfo_to_dict(conninfo)["requirepeer"] == Account.for_server().name
    conninfo = make_conninfo(conninfo, requirepeer="daemon")
    with pytest.raises(psycopg.OperationalError, match="requirepeer"):
        psycopg.connect(conninfo)

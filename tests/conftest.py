"""What every test may ask for: one embedded PostgreSQL for the whole run, and a database of its own.

The workers share the server as processes share a data directory: the last one to leave stops it, and if a
worker crashes its lock ends with it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from adapters_digest import adapters_digest
from examples import examples
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, SUPERUSER, RunningPostgres
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres.migrations import event_types, migrate

pytest_plugins = ["store_servers"]

# How long an example takes is the machine's business; each test has a limit of its own.
settings.register_profile("provenstore", deadline=None, max_examples=examples(25, 100))
settings.load_profile("provenstore")

# Any number, the same in all workers: one of them builds a template while the others wait.
_TEMPLATE_LOCK = 20260101

SHARED_SERVER = "TEST_SHARED_SERVER"
"""Environment variable: the data directory of a server that lasts longer than this run, where there is one."""


@dataclass(frozen=True)
class Database:
    """A database of one test."""

    server: RunningPostgres
    name: str

    def conninfo(self, role: str = OWNER) -> str:
        return self.server.conninfo(role, self.name)


def template_database(server: RunningPostgres, name: str, build: Callable[[str], None]) -> str:
    """Build the template `name` once per server with `build(owner's conninfo)`; answer its whole name.

    Adapters and types of events that are others have a template of their own.
    """
    built_from = sha256(f"{adapters_digest()} {event_types()}".encode()).hexdigest()
    name = f"{name}_{built_from[:16]}"
    database = sql.Identifier(name)
    with psycopg.connect(server.conninfo(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_TEMPLATE_LOCK,))
        # Marked as a template only when complete: what a crashed worker left is dropped.
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s AND datistemplate", (name,)).rowcount:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            server.bootstrap(name)
            build(server.conninfo(OWNER, name))
            connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(database))
    return name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """The embedded server of this run; it forgets in a power cut, so tests of durability start their own."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = Path(os.environ.get(SHARED_SERVER, root / "shared-server"))
    with EmbeddedPostgres(DataDirectory(folder), durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def build_template() -> Callable[[str], None]:
    """What is inside every fresh database, built as its owner."""

    def build(conninfo: str) -> None:
        migrate(conninfo)

    return build


@pytest.fixture
def postgres(server: RunningPostgres, build_template: Callable[[str], None]) -> Iterator[Database]:
    """A fresh database with the four roles, copied from the template; dropped after the test."""
    template = template_database(server, "template_test", build_template)
    name = sql.Identifier(fresh := f"test_{uuid4().hex}")
    with psycopg.connect(server.conninfo(SUPERUSER, "postgres"), autocommit=True) as connection:
        # Whole files: half of what it takes through the WAL, to create and to drop, where nothing waits for a disk.
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(create.format(name, sql.Identifier(OWNER), sql.Identifier(template)))
        # The rights on a database itself are not copied with it.
        server.bootstrap(fresh)
        yield Database(server, fresh)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

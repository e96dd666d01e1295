"""The database's schema: one numbered sequence of migrations, applied once each by the owner.

With each run the owner also says which types of events may be appended. It never runs at start-up by itself, never
edits a migration that ran (their checksums are recorded), and never goes back: a database that is newer than this
release is refused.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, get_args, get_origin

import psycopg
from pydantic import BaseModel

from provenstore.adapters.postgres.database import Connection, translated
from provenstore.adapters.postgres.queries import load_queries
from provenstore.domain.custody.event_catalog import REGISTRY, TYPE_NAMES
from provenstore.domain.errors import DatabaseUnavailable, Misconfigured
from provenstore.domain.eventlog.event_types import Registry

_QUERIES = load_queries("migrations.sql")
_KNOWS_TYPES = 7
"""The migration from which on the database knows the types of events."""
_NAME = re.compile(r"(\d{4})_([a-z_]+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        """SHA-256 of its text."""
        return hashlib.sha256(self.sql.encode()).digest()


def event_types(registry: Registry = REGISTRY) -> Sequence[str]:
    """Return the types that this release may write, by name."""
    return sorted(registry.names)


def shape(data: type[BaseModel]) -> str:
    """Return the data of a type's events as a pattern for LIKE: its keys in order, any values; one model in a list."""
    members = (f'"{key}":{_value(field.annotation)}' for key, field in sorted(data.model_fields.items()))
    return "{" + ",".join(members) + "}"


def _value(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return shape(annotation)
    of = get_args(annotation)
    if get_origin(annotation) is tuple and isinstance(of[0], type) and issubclass(of[0], BaseModel):
        return f"[{shape(of[0])}]"
    models = [one for one in of if isinstance(one, type) and issubclass(one, BaseModel)]
    return shape(models[0]) if models else "%"


def _shapes(types: Sequence[str]) -> list[str]:
    return [shape(REGISTRY.require_writable(name)).replace("_", r"\_") for name in types]


def _ours() -> Sequence[str]:
    """Return the types without those that others, such as tests, have added."""
    return TYPE_NAMES


def available() -> Sequence[Migration]:
    """Return the migrations of this release, numbered from 1 without gaps; ValueError if they are not."""
    found = []
    for file in (files("provenstore.adapters.postgres") / "sql" / "migrations").iterdir():
        if match := _NAME.fullmatch(file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are not numbered from 1 without gaps")
    return found


def migrate(conninfo: str, migrations: Sequence[Migration] | None = None) -> Sequence[Migration]:
    """Apply what is missing, as the owner, and return it; several processes may do so at once.

    Misconfigured for a superuser, missing roles, a database that is newer, or a migration changed after it ran.
    """
    migrations = available() if migrations is None else migrations
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailable from exc
    with connection, translated(connection):
        _require_owner(connection)
        # Held by the session until it ends, so that whoever comes second finds the work done.
        connection.execute(_QUERIES["lock"])
        missing = _missing(connection, migrations)
        for migration in missing:
            # A crash in here leaves this migration undone as a whole, and those before it recorded.
            with connection.transaction():
                connection.execute(migration.sql.encode())
                connection.execute(_QUERIES["record"], (migration.number, migration.name, migration.checksum))
        if len(migrations) >= _KNOWS_TYPES:
            types = event_types()
            connection.execute(_QUERIES["know_types"], (list(types), _shapes(types)))
        return missing


def check(connection: Connection) -> None:
    """Refuse (Misconfigured) a database whose schema is not exactly that of this release."""
    with translated(connection):
        if missing := _missing(connection, available()):
            raise Misconfigured(f"the database lacks {len(missing)} migration(s); run: provenstore db migrate")
        known: dict[str, str] = dict(connection.execute(_QUERIES["known_types"]).fetchall())
    ours = _ours()
    for name, pattern in zip(ours, _shapes(ours), strict=True):
        if name not in known:
            raise Misconfigured(f"the database does not know the event type {name}; run: provenstore db migrate")
        if known[name] != pattern:
            raise Misconfigured(
                f"the pattern of the event type {name} is not this release's; run: provenstore db migrate"
            )


def _require_owner(connection: Connection) -> None:
    superuser, roles = connection.execute(_QUERIES["roles"]).fetchone() or (True, 0)
    if superuser:
        raise Misconfigured("migrations run as the role provenstore_owner, not as a superuser who would own the log")
    if roles < 4:
        raise Misconfigured("the database roles are missing; run sql/roles.sql as superuser first")


def _missing(connection: Connection, migrations: Sequence[Migration]) -> Sequence[Migration]:
    exists = connection.execute(_QUERIES["exists"]).fetchone()
    applied = connection.execute(_QUERIES["applied"]).fetchall() if exists and exists[0] else []
    if len(applied) > len(migrations):
        raise Misconfigured("the database is newer than this release of Provenstore", version=len(applied))
    for (number, checksum), migration in zip(applied, migrations, strict=False):
        if (number, checksum) != (migration.number, migration.checksum):
            raise Misconfigured(f"migration {number} is not the one that ran on this database", version=number)
    return migrations[len(applied) :]

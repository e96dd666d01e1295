"""Whether functions, triggers, grants, policies, constraints and roles of the database are as the migrations made them.

What the log's owner changes there changes what is recorded without changing a byte of the log. The digests on file are
written by `make fingerprint` from a freshly migrated database, and a test holds the two equal.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from provenstore.adapters.postgres.database import Connection, Database, translated
from provenstore.adapters.postgres.queries import load_queries
from provenstore.domain.errors import Misconfigured

FILE: Final = "fingerprint.json"

CHECKED_FOR: Final = 5.0
"""Seconds for which one comparison answers all who ask: a health check must cost next to nothing."""

_QUERIES = load_queries("fingerprint.sql")


def objects(connection: Connection) -> Mapping[str, str]:
    """Return each object of the schema with the digest of what it is."""
    with translated(connection), connection.transaction():
        connection.execute(_QUERIES["spell"])
        return dict(connection.execute(_QUERIES["objects"]).fetchall())


@lru_cache(maxsize=1)
def on_file() -> Mapping[str, str]:
    """Return what the migrations of this release make."""
    found: dict[str, str] = json.loads((files("provenstore.adapters.postgres") / "sql" / FILE).read_text("utf-8"))[
        "objects"
    ]
    return found


def differences(connection: Connection) -> Sequence[str]:
    """Return a sentence for each object that is missing, was altered, or was added; none where all is as migrated."""
    wanted, found = on_file(), objects(connection)
    said = []
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            said.append(f"the {name} is missing")
        elif name not in wanted:
            said.append(f"the {name} is not of ours")
        elif wanted[name] != found[name]:
            said.append(f"the {name} was altered")
    return said


def require(connection: Connection) -> None:
    """Raise Misconfigured, naming what differs, unless the schema is as the migrations made it."""
    if wrong := differences(connection):
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Misconfigured(f"the database is not as the migrations made it: {'; '.join(wrong[:3])}{more}")


class SchemaCheck:
    """Compares for a health check, once in a while. Thread safe."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """Compare over `database`."""
        self._database, self._clock = database, clock
        self._lock = threading.Lock()
        self._good_until = float("-inf")

    def __call__(self) -> None:
        """Raise what `require` raises; what was good a moment ago still is."""
        with self._lock:
            if self._clock() < self._good_until:
                return
            with self._database.connection() as connection:
                require(connection)
            self._good_until = self._clock() + CHECKED_FOR

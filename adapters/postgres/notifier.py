"""Tells other processes that the log has grown, as a hint: after the commit, on a connection of its own.

Never on the connection that appends: NOTIFY takes a lock that is held until its transaction is durable, for which all
who notify would wait. A hint may be late, doubled or lost; whoever follows the log asks it anyway.
"""

import threading
from typing import Final

import psycopg
import structlog

from provenstore.adapters.postgres.queries import load_queries

LEAST_PAUSE: Final = 0.02
"""Seconds between two hints, however many appends there were."""

_RECONNECT: Final = 5.0
"""Seconds before a connection is tried again; until then followers poll."""

_QUERIES = load_queries("connection.sql")
_log = structlog.get_logger(__name__)


class Notifier:
    """Sends hints from a thread of its own. A context manager."""

    def __init__(self, conninfo: str) -> None:
        """Send to the database of `conninfo`, by a direct connection."""
        self._conninfo = conninfo
        self._grown = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def __enter__(self) -> "Notifier":
        """Start the thread; it connects when there is something to say."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        self._grown.set()
        self._thread.join()

    def announce(self) -> None:
        """Say soon that the log has grown; returns at once."""
        self._grown.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._grown.wait()
            if self._stopping.is_set():
                return
            try:
                with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=10) as connection:
                    self._follow(connection)
            except psycopg.Error as exc:
                _log.warning("notifier.interrupted", action="notifier.reconnect", error=type(exc).__name__)
                self._stopping.wait(_RECONNECT)

    def _follow(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        while True:
            self._grown.wait()
            # Cleared first: what is announced from here on is told by the next hint.
            self._grown.clear()
            connection.execute(_QUERIES["notify"])
            if self._stopping.wait(LEAST_PAUSE):
                return

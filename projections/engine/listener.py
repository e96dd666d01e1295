"""Hears that the log has grown, and wakes whoever follows it. Only a hint: without it they look by themselves."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog

from provenstore.projections.engine.folding import LOST
from provenstore.projections.engine.queries import queries
from provenstore.projections.engine.worker import Connect

_LOOK: Final = 0.5
"""Seconds after which a listener sees that it is to stop."""

_RECONNECT: Final = 5.0
"""Seconds before a connection is tried again."""

_log = structlog.get_logger(__name__)


class Listener:
    """Listens in a thread of its own, on a connection of its own, anew when it is cut off."""

    def __init__(self, connect: Connect, wake: Callable[[], None], *, reconnect: float = _RECONNECT) -> None:
        """Call `wake` for each hint; it must return at once."""
        self._connect = connect
        self._wake = wake
        self._reconnect = reconnect
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        # A hint of our own ends the wait at once; without it the next look does.
        with contextlib.suppress(*LOST), self._connect() as connection:
            connection.execute(queries("engine/projection")["notify"])
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    connection.autocommit = True
                    self._listen(connection)
            except LOST as exc:
                _log.warning("listener.interrupted", action="listener.reconnect", error=type(exc).__name__)
                self._stopping.wait(self._reconnect)

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(queries("engine/projection")["listen"])
        self._wake()  # for what came before
        while not self._stopping.is_set():
            for _ in connection.notifies(timeout=_LOOK, stop_after=1):
                self._wake()

"""A time limit on every loan of a connection, for what the server itself cannot end: one that is stopped, or cut off.

Where a loan is overdue its socket is shut, so that whoever waits for an answer has the error of a lost connection. It
must never touch a connection that was given back.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any

import psycopg

LOOK_SECONDS = 0.5

Connection = psycopg.Connection[Any]


class Overdue:
    """Watches loans in a thread of its own. Thread safe."""

    def __init__(self, seconds: float) -> None:
        """Allow each loan so many seconds."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._due: dict[Connection, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overdue", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; nothing is shut any more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def lent(self, connection: Connection, most: float | None = None) -> None:
        """Begin to count; `most` are the seconds of this loan where it has less than others."""
        seconds = self._seconds if most is None else min(most, self._seconds)
        with self._lock:
            self._due[connection] = time.monotonic() + seconds

    def returned(self, connection: Connection) -> None:
        """Forget the loan."""
        with self._lock:
            self._due.pop(connection, None)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            now = time.monotonic()
            # Under the lock: what is given back meanwhile waits, so that no other loan is shut in its place.
            with self._lock:
                for connection in [one for one, due in self._due.items() if due <= now]:
                    del self._due[connection]
                    _shut(connection)


def _shut(connection: Connection) -> None:
    # Gone already, perhaps at this very moment: then nobody waits on it.
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)

"""Keeps calls to object stores in batches, in a thread of its own, so that no call waits for the database.

While the database is away the newest calls wait in memory, up to a bound; the oldest are dropped beyond it, and
counted. A crash takes what was not written yet. Nothing here ever fails a call.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from typing import Any, Final

import psycopg
import structlog

from provenstore.domain.clock import Clock
from provenstore.domain.errors import Unavailable
from provenstore.domain.storage.store_call import StoreCall
from provenstore.projections.operations.store_calls import keep

EVERY: Final = 1.0
"""Seconds between two writings: what a crash may take."""

BATCH: Final = 500
"""Calls of one writing; so many waiting are written at once."""

ROOM: Final = 20_000
"""Calls that wait at most, some 10 MB of memory: minutes of a busy server without its database."""

PATIENCE: Final = 5.0
"""Seconds that an end waits for the last writing."""

_log = structlog.get_logger(__name__)


class CallWriter:
    """Takes calls from any thread and writes them until it is stopped."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        clock: Clock,
        *,
        every: float = EVERY,
        room: int = ROOM,
    ) -> None:
        """Write through `connect`, which opens a connection of the role that owns the read models."""
        self._connect = connect
        self._clock = clock
        self._every = every
        self._room = room
        self._waiting: deque[StoreCall] = deque()
        self._dropped = 0
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="operations", daemon=True)

    def start(self) -> None:
        """Start the thread; a writer is started once."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, if the database takes it soon, and return."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)

    def take(self, call: StoreCall) -> None:
        """Take a call. Neither waits nor fails: without room, the oldest call goes."""
        with self._lock:
            if len(self._waiting) >= self._room:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(call)
            full = len(self._waiting) == BATCH
        if full:
            self._news.set()

    @property
    def dropped(self) -> int:
        """How many calls were lost and are not written down as missing yet."""
        return self._dropped

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.wait(self._every)
            self._news.clear()
            self._write()
        if self._connection is not None:
            self._connection.close()

    def _write(self) -> None:
        """Write everything that waits, batch by batch; without a database it waits on."""
        while self._waiting or self._dropped:
            try:
                connection = self._connected()
            except (Unavailable, psycopg.Error) as exc:
                _log.warning("operations.behind", action="operations.write", error=type(exc).__name__)
                return
            batch, missing = self._next()
            try:
                keep(connection, batch, missing, self._clock.now())
            except psycopg.Error as exc:
                # Lost, and said so: whether it was written is not known, and twice would be worse than never.
                with self._lock:
                    self._dropped += len(batch) + missing
                _log.warning("operations.lost", action="operations.write", error=type(exc).__name__, calls=len(batch))
                self._forget()
                return

    def _next(self) -> tuple[list[StoreCall], int]:
        with self._lock:
            batch = list(islice(self._waiting, BATCH))
            for _ in batch:
                self._waiting.popleft()
            missing, self._dropped = self._dropped, 0
        return batch, missing

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._connection.autocommit = True
        return self._connection

    def _forget(self) -> None:
        """Begin the next writing on a new connection."""
        if self._connection is not None:
            with closing(self._connection):
                self._connection = None

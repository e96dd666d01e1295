"""The way to PostgreSQL: one pool of connections per role, and the one place where driver errors become ours.

It never logs or repeats what the driver says about data: such messages may quote private values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias

import psycopg
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from psycopg_pool.base import AttemptWithBackoff

from provenstore.adapters.postgres.overdue import Overdue
from provenstore.adapters.postgres.queries import load_queries
from provenstore.domain.errors import (
    DatabaseUnavailable,
    EventTooLarge,
    IntegrityViolated,
    InvalidInput,
    Misconfigured,
    ProvenstoreError,
    StorageFull,
)
from provenstore.domain.eventlog.deadline import require_time

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

MINIMUM_SERVER = 150_000
"""PostgreSQL 15, as `server_version_num` spells it."""

RECONNECT_SECONDS = 0.25
"""Between two attempts to connect to a server that is away."""

EXCHANGE_SECONDS = 12.0
"""Of one loan of a connection, longer than the server's own limits in `connection.sql`: for a server that is stopped.

With the wait in the writer's queue (8 s) and that for the outcome (8 s, its last attempt at most 2 s longer) every
append has an answer within 30 seconds."""

READING_SECONDS = 25.0
"""The same for a read of read models."""

_QUERIES = load_queries("connection.sql")

# A peer that vanished without a word is noticed within about 25 seconds, so that no command hangs on it for ever.
KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_CONNECT: dict[str, Any] = {"connect_timeout": 10, **KEEPALIVES, "client_encoding": "UTF8"}


class ConnectionLost(DatabaseUnavailable):
    """Database connection lost."""

    code = "connection-lost"
    advice = "the outcome of what was sent is unknown"


class _Soon(AttemptWithBackoff):
    """Tries again at short intervals: PostgreSQL that was killed is back within a second or two, each time."""

    def update_delay(self, now: float) -> None:
        """Wait for as long as always."""
        if self.give_up_at == 0.0:
            self.give_up_at = now + self.timeout
        self.delay = min(RECONNECT_SECONDS, max(0.0, self.give_up_at - now))


class Pool(ConnectionPool[Connection]):
    """A pool that has connections again soon after the server is back; the library's waits up to minutes.

    Who borrows one for longer than `limit` seconds, or beyond the command's deadline, loses it.
    """

    def __init__(
        self, conninfo: str, *, limit: float, kwargs: dict[str, Any], reading: bool = False, **options: Any
    ) -> None:
        """Prepare as the library does; `open` it. `reading`: for nothing but reading."""
        super().__init__(conninfo, kwargs={**kwargs, **_CONNECT}, open=False, **options)
        self._overdue = Overdue(limit)
        self._reading = reading

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Open it, and watch what is borrowed."""
        super().open(wait, timeout)
        self._overdue.start()

    def close(self, timeout: float = 5.0) -> None:
        """Close every connection."""
        super().close(timeout)
        self._overdue.stop()

    def getconn(self, timeout: float | None = None) -> Connection:
        """Lend a connection for `limit` seconds, or as many as the command has left; DatabaseUnavailable if none."""
        left = self._left()
        wait = self.timeout if timeout is None else timeout
        connection = super().getconn(wait if left is None else min(left, wait))
        try:
            left = self._left()  # it may have been waited for
        except DatabaseUnavailable:
            super().putconn(connection)
            raise
        self._overdue.lent(connection, left)
        return connection

    def _left(self) -> float | None:
        return require_time(reading=self._reading)

    def putconn(self, conn: Connection) -> None:
        """Take a connection back."""
        self._overdue.returned(conn)
        super().putconn(conn)

    def _add_connection(self, attempt: AttemptWithBackoff | None, growing: bool = False) -> None:
        super()._add_connection(attempt or _Soon(timeout=self.reconnect_timeout), growing=growing)


class Database:
    """One role's connections to one database, in autocommit. A context manager: opens and closes the pool."""

    def __init__(self, conninfo: str, *, size: int = 8, timeout: float = 10, limit: float = EXCHANGE_SECONDS) -> None:
        """Prepare at most `size` connections; a caller waits for one for `timeout` seconds, and has it for `limit`."""
        self._pool = Pool(
            conninfo,
            limit=limit,
            min_size=1,
            max_size=size,
            timeout=timeout,
            kwargs={"autocommit": True},
            configure=_configure,
        )

    def __enter__(self) -> Self:
        """Open the pool without waiting for its first connection."""
        self._pool.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection.

        DatabaseUnavailable if there is none in time, or the command's deadline has passed; ConnectionLost if it breaks
        meanwhile; any other driver error as `translated` says.
        """
        try:
            connection = self._pool.getconn()
        except (PoolTimeout, PoolClosed, TooManyRequests) as exc:
            raise DatabaseUnavailable from exc
        try:
            with translated(connection):
                yield connection
        finally:
            self._pool.putconn(connection)

    def prune(self) -> None:
        """Throw away idle connections, after one of them was found dead; a server that is stopped is not asked."""
        try:
            self._pool.drain()
        except PoolClosed as exc:
            raise DatabaseUnavailable from exc


def reading_pool(conninfo: str) -> Pool:
    """Return what read models are read through, not yet open."""
    return Pool(
        conninfo,
        limit=READING_SECONDS,
        reading=True,
        min_size=1,
        max_size=8,
        timeout=10,
        kwargs={"autocommit": True},
        configure=_configure_reading,
    )


def _configure_reading(connection: Connection) -> None:
    connection.execute(_QUERIES["reading_session"])


def _configure(connection: Connection) -> None:
    """Send every integer as bigint: a batch's arrays then have one type each, whatever they hold."""
    # Both formats: arrays go as text, and one dumper, made for the first array, serves all arrays of integers.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.execute(_QUERIES["session"])


@contextmanager
def translated(connection: Connection | None = None) -> Iterator[None]:
    """Turn driver errors into ours, once."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as exc:
        # Without its cause: the driver's message may quote the values, and causes end up in logs.
        raise data_error(exc) from None
    except psycopg.Error as exc:
        raise _translate(exc, connection) from exc


def data_error(exc: psycopg.DataError | psycopg.IntegrityError) -> ProvenstoreError:
    """Return the refusal for a value that the database does not take; its message quotes no value."""
    constraint = exc.diag.constraint_name
    if constraint == "event_state_check":
        return EventTooLarge()
    what = f"is refused by {constraint}" if constraint else "is not a value that the database can hold"
    return InvalidInput("command", what, sqlstate=exc.sqlstate)


def _translate(exc: psycopg.Error, connection: Connection | None) -> ProvenstoreError:
    if isinstance(exc, psycopg.errors.DiskFull):
        return StorageFull()
    if isinstance(exc, psycopg.errors.DataCorrupted):
        # Raised by append() where what it wrote is not there; nothing of the batch is recorded.
        return IntegrityViolated("the database did not keep what was to be recorded")
    if _is_lost(exc, connection):
        return ConnectionLost()
    if isinstance(exc, psycopg.OperationalError):
        # The server said no and rolled back: a lock or statement timeout, or no memory.
        return DatabaseUnavailable(sqlstate=exc.sqlstate)
    return Misconfigured(f"the database refused a statement of ours ({exc.sqlstate})", sqlstate=exc.sqlstate)


def _is_lost(exc: psycopg.Error, connection: Connection | None) -> bool:
    """Tell a broken connection from an answer; a FATAL answer counts as broken, as a commit may precede it."""
    fatal = exc.diag.severity_nonlocalized in ("FATAL", "PANIC")
    silent = isinstance(exc, psycopg.OperationalError) and exc.sqlstate is None
    return fatal or silent or (connection is not None and connection.closed)


def check_server(connection: Connection) -> None:
    """Refuse (Misconfigured) a server or a role with which the log would not be safe.

    The schema's version is checked by `migrations.check`.
    """
    with translated(connection):
        row = connection.execute(_QUERIES["server"]).fetchone()
        owner = connection.execute(_QUERIES["is_owner"]).fetchone()
    if row is None or owner is None:
        raise Misconfigured("the database does not describe itself")
    version, encoding, fsync, full_page_writes, synchronous, read_committed, above_the_law = row
    for wrong, sentence in (
        (version < MINIMUM_SERVER, "PostgreSQL 15 or newer is needed"),
        (encoding != "UTF8", "the database's encoding must be UTF8"),
        (not fsync, "fsync is off: a crash could lose acknowledged events"),
        (not full_page_writes, "full_page_writes is off: a crash could tear the log"),
        (not synchronous, "synchronous_commit is off: a crash could lose acknowledged events"),
        (not read_committed, "default_transaction_isolation must be 'read committed'"),
        (above_the_law, "the server runs as a superuser, who could change the log; use the role provenstore_writer"),
        (owner[0], "the server runs as the owner of the log, who could change it; use the role provenstore_writer"),
    ):
        if wrong:
            raise Misconfigured(sentence)

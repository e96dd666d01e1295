"""The runner: keeps every read model up to date, in one thread of one process at a time.

Leadership is a session lock on the very connection that writes the rows, so a runner that lost its lock has lost its
pen; compare-and-set on position and generation is the second fence. Any number of processes may run one: the others
wait, and take over within seconds when the leader ends or is cut off. Polling always works without notifications.
"""

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
import structlog

from provenstore.domain.errors import Misconfigured, ProvenstoreError, Unavailable
from provenstore.projections.batch import MAX_BATCH, LogReader, Overtaken, advance
from provenstore.projections.fold import Projection
from provenstore.projections.positions import Place, park, places, prepare
from provenstore.projections.queries import queries

POLL: Final = 0.1
"""Seconds between two looks at a log that had nothing new; `wake()` ends the wait."""

TAKEOVER: Final = 0.5
"""Seconds between two attempts of a waiting runner to take the lead."""

MAX_PAUSE: Final = 5.0
"""Longest pause, in seconds, between two attempts to reach a database that is away."""

_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a standby that has not been promoted yet
    Unavailable,
)
"""The database is away or busy: the same batch may work later, on a new connection."""

_POISON = (
    psycopg.DatabaseError,
    ProvenstoreError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What an event, a fold or a table can be at fault for, once `_LOST` is sorted out; it would fail again."""

_log = structlog.get_logger(__name__)


class Runner:
    """Folds the log into its projections until it is stopped."""

    def __init__(
        self,
        log: LogReader,
        connect: Callable[[], psycopg.Connection[Any]],
        projections: Sequence[Projection[Any]],
        *,
        poll: float = POLL,
        takeover: float = TAKEOVER,
        batch: int = MAX_BATCH,
    ) -> None:
        """Run `projections` over `log`.

        `connect` opens a direct connection (no transaction pooler) of the role that owns the read models.
        """
        self._events = log
        self._connect = connect
        self._projections = {projection.name: projection for projection in projections}
        self._poll, self._takeover, self._batch = poll, takeover, batch
        self._limits: dict[str, int] = {}
        self._parked: set[str] = set()
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._leading = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projections", daemon=True)

    @property
    def leading(self) -> bool:
        """Whether this runner is the active one, as far as it knows."""
        return self._leading.is_set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that ended without `stop` met what it must not go on from."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; a runner is started once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand, give up the lead and return."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self) -> None:
        """Look at the log now: there is something new."""
        self._news.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    connection.autocommit = True
                    if self._win(connection):
                        failures = 0
                        self._lead(connection)
            except _LOST as exc:
                # Without an end, as nothing else brings the read models up to date once the database is back.
                failures += 1
                pause = min(MAX_PAUSE, 0.1 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
                _log.warning("projections.interrupted", action="projections.reconnect", error=type(exc).__name__)
                self._stopping.wait(pause)
            except (Misconfigured, psycopg.Error) as exc:
                # The tables cannot be made or found as they must be; trying again would not help.
                _log.critical("projections.stopped", action="projections.stop", error=type(exc).__name__)
                return
            finally:
                self._leading.clear()

    def _win(self, connection: psycopg.Connection[Any]) -> bool:
        """Wait for the lead; False when stopped before."""
        while not self._stopping.is_set():
            if connection.execute(queries("projection")["lead"]).fetchone() == (True,):
                return True
            self._stopping.wait(self._takeover)
        return False

    def _lead(self, connection: psycopg.Connection[Any]) -> None:
        """Fold until stopped. Parked read models are tried anew: a release that mends a fold needs no command."""
        prepare(connection, tuple(self._projections.values()))
        self._limits.clear()
        self._parked.clear()
        self._leading.set()
        while not self._stopping.is_set():
            self._news.clear()
            standing = [place for place in places(connection) if place.name in self._projections.keys() - self._parked]
            moved = [self._advance(connection, place) for place in standing]
            if not any(moved):
                self._news.wait(self._poll)

    def _advance(self, connection: psycopg.Connection[Any], place: Place) -> bool:
        """Fold one batch of one read model; return whether there may be more.

        A batch that fails is halved until the event at fault stands alone; only then is the read model parked.
        """
        limit = self._limits.get(place.name, self._batch)
        try:
            moved = advance(connection, self._events, self._projections[place.name], place, limit)
        except Overtaken:
            return False
        except psycopg.errors.ProgramLimitExceeded as exc:
            return self._fail(connection, place, limit, exc)
        except _LOST:
            raise
        except _POISON as exc:
            return self._fail(connection, place, limit, exc)
        self._limits[place.name] = min(self._batch, limit * 2)
        return moved > 0

    def _fail(self, connection: psycopg.Connection[Any], place: Place, limit: int, error: Exception) -> bool:
        if limit > 1:
            self._limits[place.name] = limit // 2
            return True
        park(connection, place, error)
        self._parked.add(place.name)
        _log.error(
            "projections.parked",
            action="projections.park",
            projection=place.name,
            position=place.position + 1,
            error=type(error).__name__,
        )
        return False

"""A thread with one direct connection of its own, opened anew for as long as the database is away."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog

from provenstore.domain.errors import Misconfigured
from provenstore.projections.engine.folding import LOST
from provenstore.projections.engine.queries import queries

Connect = Callable[[], psycopg.Connection[Any]]
"""Opens a direct connection (no transaction pooler) of the role that owns the read models."""

MAX_PAUSE: Final = 1.0
"""Longest pause, in seconds, between two attempts to reach a database that is away."""

_log = structlog.get_logger(__name__)


class Worker(ABC):
    """Does `work` on a connection until it is stopped. Locks of the session say who may do what; they go with it."""

    def __init__(self, name: str, connect: Connect) -> None:
        """Prepare a thread of this name."""
        self._name = name
        self._connect = connect
        self.stopping = threading.Event()
        self.news = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that ended without `stop` met what it must not go on from."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; a worker is started once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand, give all locks up and return."""
        self.stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self) -> None:
        """Look at the log now: there is something new."""
        self.news.set()

    @abstractmethod
    def work(self, connection: psycopg.Connection[Any]) -> None:
        """Work on a fresh connection in autocommit until `stopping` is set."""

    def ended(self) -> None:  # noqa: B027  # most have nothing to forget
        """Forget what a connection stood for that is closed now."""

    def wait(self, seconds: float) -> None:
        """Wait for so long at most; `wake` and `stop` end it."""
        self.news.wait(seconds)

    def _run(self) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                with self._connect() as connection:
                    connection.autocommit = True
                    connection.execute(queries("engine/projection")["session"])
                    failures = 0
                    self.work(connection)
            except LOST as exc:
                # Without an end, as nothing else brings the read models up to date once the database is back.
                failures += 1
                pause = min(MAX_PAUSE, 0.1 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
                _log.warning(f"{self._name}.interrupted", action=f"{self._name}.reconnect", error=type(exc).__name__)
                self.stopping.wait(pause)
            except (Misconfigured, psycopg.Error) as exc:
                # The tables cannot be made or found as they must be; trying again would not help.
                _log.critical(f"{self._name}.stopped", action=f"{self._name}.stop", error=type(exc).__name__)
                return
            finally:
                self.ended()


def win(connection: psycopg.Connection[Any], what: str) -> bool:
    """Try to become the one who folds `what`, until the session ends; never asked again by whoever has won."""
    return connection.execute(queries("engine/projection")["lead"], {"what": what}).fetchone() == (True,)

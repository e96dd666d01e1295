"""The thread of an owner that sees to it that the embedded server it uses comes back after a crash.

It must never bring back a server after its handle was stopped, and never log what the server says: that may
quote values. What it says is in `run/postgres.log`.
"""

import threading
import time
from collections.abc import Callable

import structlog

from provenstore.domain.errors import ProvenstoreError

TICK_SECONDS = 0.25
# Between two attempts while the server cannot start: whatever kept it from that, it is back soon after.
RETRY_SECONDS = 1.0
# Between two words in the log about a server that cannot start.
SAY_AGAIN_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class Watcher:
    """Calls `start_again` four times a second until stopped; it is given what is set when it should hurry.

    `start_again` answers whether the server had to be started, and raises `ProvenstoreError` where it could not be.
    """

    def __init__(self, start_again: Callable[[threading.Event], bool]) -> None:
        self._start_again = start_again
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded-postgres", daemon=True)

    def start(self) -> None:
        """Start the thread; a watcher is started once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and return when it has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        # A server that died before is started again as soon as one that did not: each start takes its own time.
        pause, said = TICK_SECONDS, float("-inf")
        while not self._stopping.wait(pause):
            try:
                restarted = self._start_again(self._stopping)
            except ProvenstoreError as exc:
                pause = RETRY_SECONDS
                if time.monotonic() >= said + SAY_AGAIN_SECONDS:
                    said = time.monotonic()
                    _log.error("database.down", action="database.restart", code=exc.code, next_attempt_seconds=pause)
                continue
            pause = TICK_SECONDS
            if restarted:
                said = float("-inf")
                _log.warning("database.restarted", action="database.restart")

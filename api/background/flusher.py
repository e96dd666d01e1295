"""The flusher: the thread that records what this process has counted, every few seconds, whoever leads.

How often refusals have come again, and what was sent of accesses that are over. What is not recorded yet is lost when
the process is killed; what refusals and accesses there were at all is not, since each was recorded before its answer.
"""

import threading
from typing import Final

import structlog

from provenstore.domain.errors import ProvenstoreError
from provenstore.domain.ledger import Ledger

EVERY: Final = 3.0
"""Seconds between two times: a kill loses counts of no more."""

_log = structlog.get_logger(__name__)


class Flusher:
    """Flushes a ledger until it is stopped; a database that is away is asked again the next time."""

    def __init__(self, ledger: Ledger, *, every: float = EVERY) -> None:
        """Flush `ledger` every so many seconds."""
        self._ledger = ledger
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)

    def start(self) -> None:
        """Start the thread, once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the flush at hand, if there is one."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self._ledger.flush()
            except ProvenstoreError as exc:
                _log.warning("flush.failed", action="flush.run", code=exc.code)

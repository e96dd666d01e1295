"""The sweeper: finishes, expires, clears and purges what is due, as the system, in one process at a time.

It decides nothing: it asks the ledger to settle files, which is safe to repeat and to race. What it cannot settle now
it says in the log and meets again in the next round.
"""

import threading
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import structlog

from provenstore.api.services import Services
from provenstore.domain.errors import ProvenstoreError, Unavailable
from provenstore.projections.file_query import MAX_PAGE

EVERY: Final = 60.0
"""Seconds between two rounds."""

_LEAD: Final = 0.2
"""Seconds between two looks whether this process leads; the first round follows the lead at once."""

_UNSETTLED: Final = (
    ProvenstoreError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What settling one file may raise, our own mistakes included: they must not keep all others from being settled."""

_log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps until it is stopped, in the process whose runner leads the read models: they say what is due."""

    def __init__(self, services: Services, *, every: float = EVERY) -> None:
        """Sweep `services` every so many seconds."""
        self._services = services
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread; a sweeper is started once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the file at hand and return."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def check(self) -> None:
        """Raise Unavailable if nobody finishes here what is due."""
        if not self._thread.is_alive():
            raise Unavailable("the background work has stopped")

    def sweep(self) -> int:
        """Do one round and return how many files were settled; the rest are logged."""
        settled = 0
        for file_id in self._due():
            if self._stopping.is_set():
                break
            try:
                self._services.ledger.settle(file_id)
                settled += 1
            except _UNSETTLED as exc:
                code = exc.code if isinstance(exc, ProvenstoreError) else type(exc).__name__
                _log.warning("sweep.file", action="sweep.file", file=str(file_id), code=code)
        return settled

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                # Counts of merged refusals live in this process, whoever leads.
                self._services.ledger.flush()
                if self._services.runner.leading:
                    self._services.wait_for(self._services.ledger.log.position())
                    self.sweep()
            except ProvenstoreError as exc:
                _log.warning("sweep.round", action="sweep.round", code=exc.code)
            self._rest()

    def _rest(self) -> None:
        """Wait for the next round; a process that comes to lead meanwhile begins its first one."""
        led = self._services.runner.leading
        waited = 0.0
        while waited < self._every and not self._stopping.wait(_LEAD):
            waited += _LEAD
            if self._services.runner.leading and not led:
                return

    def _due(self) -> Iterator[UUID]:
        files, now = self._services.files, self._services.clock.now()
        for row in (*files.unfinished(now), *files.due(now)):
            yield UUID(row.id)
        after = 0
        while page := files.in_flight(after=after):
            yield from (UUID(row.id) for row in page)
            after = page[-1].created_position
            if len(page) < MAX_PAGE:
                break

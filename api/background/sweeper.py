"""The sweeper: the threads that let the completer work, in one process at a time.

They settle what is due once a minute, and beside that read what nobody has read since it arrived, and dispose of what
policies destroy: a large object takes long to read, and a million files to destroy, and neither must keep a purge
waiting. None ends by what is wrong with a file, or while the database is away.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from provenstore.api.background.completer import Completer, Round
from provenstore.api.background.disposer import Disposer
from provenstore.api.services import Services
from provenstore.domain.errors import ProvenstoreError, Unavailable

EVERY: Final = 60.0
"""Seconds between two rounds."""

_LEAD: Final = 0.2
"""Seconds between two looks whether this process leads; the first round follows the lead at once."""

_log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps until it is stopped, in the process whose runner leads the read models: they say what is due."""

    def __init__(self, services: Services, *, every: float = EVERY) -> None:
        """Sweep `services` every so many seconds."""
        self._services = services
        self._completer = Completer(services)
        self._disposer = Disposer(services)
        self._every = every
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(action, work), name=name, daemon=True)
            for name, action, work in (
                ("sweeper", "sweep.round", self._settle),
                ("verifier", "sweep.verify", self._verify),
                ("disposer", "sweep.dispose", self._dispose),
            )
        ]

    def start(self) -> None:
        """Start the threads; a sweeper is started once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Settle the file at hand, give the reading at hand up, and return."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def check(self) -> None:
        """Raise Unavailable if nobody finishes here what is due."""
        if not all(thread.is_alive() for thread in self._threads):
            raise Unavailable("the background work has stopped")

    def sweep(self) -> Round:
        """Do one round of settling, as long as this process leads, and return what came of it."""
        return self._completer.settle_all(going=self._going)

    def _run(self, action: str, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except ProvenstoreError as exc:
                _log.warning(action, action=action, code=exc.code)
            self._rest()

    def _settle(self) -> None:
        if self._going():
            self.sweep()
            self._prune()

    def _prune(self) -> None:
        """Forget figures that are too old."""
        services = self._services
        oldest = services.clock.now() - timedelta(days=services.settings.operations_days)
        services.operations.prune(oldest, self._going)

    def _verify(self) -> None:
        if self._going():
            self._completer.verify_all(going=self._going)

    def _dispose(self) -> None:
        if self._going():
            self._disposer.dispose_all(going=self._going)

    def _going(self) -> bool:
        """Tell whether this process is the one that works."""
        return self._services.runner.leading and not self._stopping.is_set()

    def _rest(self) -> None:
        """Wait for the next round; a process that comes to lead meanwhile begins its first one."""
        led = self._services.runner.leading
        waited = 0.0
        while waited < self._every and not self._stopping.wait(_LEAD):
            waited += _LEAD
            if self._services.runner.leading and not led:
                return

"""Several server processes below one: they end with their parent, and one that dies is replaced.

A worker that outlived its parent would hold the port and serve old code without end. Each therefore watches a pipe
whose other end only its parent holds: the kernel closes it however the parent dies.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time
from multiprocessing.connection import wait
from typing import Final

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from provenstore.domain.errors import Unavailable

LAST_SECONDS: Final = 1.0
"""Given to what is under way once the parent is gone; a crash in the middle of it is finished by the next start."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds before a worker that did not start is started again, doubled each time."""

_log = structlog.get_logger(__name__)


def end_with_parent() -> None:
    """Watch the parent of this worker, and end soon after it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    _log.error("worker.orphaned", action="worker.stop")
    # 1. Take no more connections, free the port, and end what can be ended.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    # 2. Whatever still runs is cut off, as it would be by a power cut.
    os._exit(1)


class Workers(Multiprocess):
    """uvicorn's supervisor, but for workers that cannot start: they are tried again while others serve."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        """Supervise as many processes as `config` says, which share the sockets."""
        super().__init__(config, sockets)
        self._pause = FIRST_PAUSE
        self._not_before = 0.0
        self._served = False
        self.failed = False

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died or hang; stop where the first ones cannot start."""
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._served = self._served or process.is_ready()
                continue
            if time.monotonic() < self._not_before:
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE and not self._served:
                self.failed = True
                self.should_exit.set()
                return
            self._wait_longer(process)
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()

    def _wait_longer(self, dead: Process) -> None:
        """Say that a worker is replaced; where it never started, the next attempt waits."""
        _log.error("worker.died", action="worker.restart", exit_code=dead.exitcode)
        if dead.exitcode == STARTUP_FAILURE:
            self._not_before = time.monotonic() + self._pause
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        else:
            self._pause = FIRST_PAUSE


def run_workers(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; Unavailable where the workers cannot start."""
    workers = Workers(config, sockets=[listener])
    workers.run()
    if workers.failed:
        raise Unavailable("the worker processes could not start; the log above says why")

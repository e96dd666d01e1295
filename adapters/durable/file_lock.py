"""Advisory locks between the processes that share a data directory.

The kernel releases such a lock when its holder dies, however it dies, so there is no list of process
ids that could go stale. It must never be used on a file that is renamed or removed.
"""

import fcntl
import os
import time
from pathlib import Path

_POLL_SECONDS = 0.005


class FileLock:
    """One open handle on a lock file: it holds the lock shared, exclusively or not at all.

    Two handles of one process exclude each other as those of two processes do. A forked child shares the
    handle's lock and must not release it.
    """

    def __init__(self, path: Path) -> None:
        # os.open sets close-on-exec: a program started by a holder does not prolong the lock.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock, or answer False at once while another handle's lock stands against it."""
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self, *, seconds: float, shared: bool = False) -> bool:
        """Take the lock, waiting at most `seconds`; answer whether it was taken."""
        deadline = time.monotonic() + seconds
        while not self.try_acquire(shared=shared):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def release(self) -> None:
        """Give the lock back, keeping the handle for another try."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def fileno(self) -> int:
        """The descriptor, to be inherited by a program that is to hold this very lock."""
        return self._descriptor

    def close(self) -> None:
        """Close this handle; the lock ends when no other process has inherited it."""
        os.close(self._descriptor)

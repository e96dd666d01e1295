"""Where a server on this data directory can be reached: one file a server in `run/`, locked for as long as it lives.

The kernel releases the lock of a server that dies, however it dies, so a file without a lock says nothing.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PATTERN: Final = "server-*.url"
MAX_URL_BYTES: Final = 2_048


@contextmanager
def announced(run: Path, url: str) -> Iterator[None]:
    """Say that this process serves at `url`, until the block ends; what dead servers left is removed."""
    for path in run.glob(_PATTERN):
        if _read(path) is None:
            path.unlink(missing_ok=True)
    path = run / f"server-{os.getpid()}.url"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, url.encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def served_at(run: Path) -> str | None:
    """Return the URL of a server that lives, of the one that began last where there are several."""
    with contextlib.suppress(OSError):
        for path in sorted(run.glob(_PATTERN), key=lambda one: one.stat().st_mtime_ns, reverse=True):
            if (url := _read(path)) is not None:
                return url
    return None


def _read(path: Path) -> str | None:
    """Return what a living server wrote; None if nobody holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, MAX_URL_BYTES, 0).decode("ascii", "replace") or None
    finally:
        os.close(descriptor)
    return None

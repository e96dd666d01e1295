"""Small files that are replaced whole: a crash or a full disk leaves what was there before, or all that is new."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

PART: Final = ".part"
"""Ends the names of files that a crash has left behind; nobody reads them."""

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path`, readable by this user alone, durably; OSError, and then `path` is as it was."""
    passing = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PART}")
    try:
        with os.fdopen(os.open(passing, _CREATE, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            passing.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

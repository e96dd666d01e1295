"""A secret key in a file of its own. It is never logged, and never used if others could have read it."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from provenstore.domain.errors import Misconfigured

KEY_BYTES = 32  # as long as the digest of HMAC-SHA-256 (RFC 2104 section 3)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def load_or_create_key(path: Path) -> bytes:
    """Return the 32 bytes of the key at `path`, drawing and writing them (0600) if there is no such file.

    Processes that start at once get the same key. Raises Misconfigured for a file that is not regular, not ours,
    open to group or others, or of another length, and where the file cannot be made.
    """
    try:
        with suppress(FileNotFoundError):
            return _load(path)
        _create(path)
        return _load(path)
    except OSError as exc:
        raise Misconfigured(f"The key file {path.name} cannot be used: {exc.strerror}.") from exc


def _load(path: Path) -> bytes:
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise Misconfigured(f"The key file {path.name} must be a regular file of this user with mode 0600.")
        content = os.read(descriptor, 2 * KEY_BYTES + 2)
    finally:
        os.close(descriptor)
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError as exc:
        raise Misconfigured(f"The key file {path.name} does not hold a key.") from exc
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"The key file {path.name} does not hold a key of {KEY_BYTES} bytes.")
    return key


def _create(path: Path) -> None:
    """Write a new key under a passing name, then link it: whoever links first has chosen the key."""
    passing = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(passing, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(passing, path)
    finally:
        passing.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

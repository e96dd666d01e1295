"""A secret key in a file of its own. It is never logged, and never used if others could have read it."""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from provenstore.domain.errors import Misconfigured

KEY_BYTES = 32  # as long as the digest of HMAC-SHA-256 (RFC 2104 section 3)
MAX_TEXT = 1_024  # bytes; the longest key, with a name of 255 bytes, has about 320
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def load_or_create_key(path: Path) -> bytes:
    """Return the 32 bytes of the key at `path`, drawing and writing them as `load_or_create` does."""
    return read_key(f"The key file {path.name}", load_or_create(path, lambda: secrets.token_hex(KEY_BYTES)))


def read_key(where: str, text: str) -> bytes:
    """Return the 32 bytes that `text` has in hexadecimal; Misconfigured names `where`, never the text."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise Misconfigured(f"{where} does not hold a key.") from None
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{where} does not hold a key of {KEY_BYTES} bytes.")
    return key


def load_or_create(path: Path, draw: Callable[[], str]) -> str:
    """Return the one line of text in the file at `path`; if there is no such file, draw it and write it first (0600).

    Processes that start at once get the same text. Raises Misconfigured for a file that is not regular, not ours,
    open to group or others, or not of text, and where the file cannot be made.
    """
    try:
        with suppress(FileNotFoundError):
            return _load(path)
        _create(path, draw())
        return _load(path)
    except OSError as exc:
        raise Misconfigured(f"The key file {path.name} cannot be used: {exc.strerror}.") from exc


def load(path: Path) -> str | None:
    """Return the one line of text in the file at `path`, None if there is no such file; Misconfigured as above."""
    try:
        return _load(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Misconfigured(f"The key file {path.name} cannot be used: {exc.strerror}.") from exc


def _load(path: Path) -> str:
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise Misconfigured(f"The key file {path.name} must be a regular file of this user with mode 0600.")
        content = os.read(descriptor, MAX_TEXT + 2)
    finally:
        os.close(descriptor)
    try:
        text = content.decode().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"The key file {path.name} does not hold a key.") from exc
    if len(content) > MAX_TEXT + 1 or "\n" in text:
        raise Misconfigured(f"The key file {path.name} holds more than a key.")
    return text


def _create(path: Path, text: str) -> None:
    """Write a new key under a passing name, then link it: whoever links first has chosen the key."""
    passing = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(passing, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() + b"\n")
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

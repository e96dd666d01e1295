"""What the signing key last signed, in a file beside the key; `domain.transparency.signing` says why.

Written beside itself, flushed, then renamed over: a crash leaves the old content or the new. A file that is damaged is
an error and never taken for a fresh one; only where there is none at all does a log begin.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.durable.whole_file import write_whole
from provenstore.domain.canonical import Json, canonical, parse_canonical
from provenstore.domain.errors import IntegrityViolated, InvalidInput, Misconfigured, StorageFull, Unavailable
from provenstore.domain.transparency.merkle import HASH_BYTES, MAX_SIZE
from provenstore.domain.transparency.note import require_key_name
from provenstore.domain.transparency.signing import Signed, TreeHead

MAX_BYTES: Final = 16 * 1024
"""Far beyond what it holds."""

PATIENCE: Final = 10.0
"""Seconds to wait for another process, which holds the file for as long as it signs once."""

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MEMBERS: Final = {"alarm", "origin", "root", "size"}


class LastSignedFile:
    """`LastSigned` in the file at `path`; the lock lies beside it, in a file that stays."""

    def __init__(self, path: Path) -> None:
        """Use this path; nothing is opened yet."""
        self._path = path

    def begin(self, origin: str, alarm: str | None = None) -> Signed:
        """Return what is there; if there is nothing, a log of this origin begins, and is written first.

        With an alarm where nothing is not what there should be.
        """
        # What is there is whole at any moment; whoever only looks need not be able to write.
        with suppress(FileNotFoundError):
            return self._load()
        with self.held():
            with suppress(FileNotFoundError):
                return self._load()
            self.write(Signed(origin, alarm=alarm))
            return self.read()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others out for the length of a block; a process that dies lets go."""
        try:
            lock = FileLock(self._path.with_suffix(".lock"))
        except OSError as exc:
            raise self._unusable(exc) from exc
        try:
            if not lock.acquire(seconds=PATIENCE):
                raise Unavailable("another process has been signing for long")
            yield
        finally:
            lock.close()

    def read(self) -> Signed:
        """Return what was last written; IntegrityViolated where it is missing or damaged, Misconfigured unreadable."""
        try:
            return self._load()
        except FileNotFoundError:
            raise IntegrityViolated(f"{self._path.name}, which says what was last signed, is missing") from None

    def write(self, signed: Signed) -> None:
        """Replace it, durably; StorageFull where there is no room, and then it is as it was."""
        content: dict[str, Json] = {
            "alarm": signed.alarm,
            "origin": signed.origin,
            "root": signed.head.root.hex(),
            "size": signed.head.size,
        }
        try:
            write_whole(self._path, canonical(content))
        except OSError as exc:
            raise StorageFull(f"{self._path.name} cannot be written: {exc.strerror}") from exc

    def _load(self) -> Signed:
        """As `read`, but FileNotFoundError where it is missing."""
        try:
            content = self._content()
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise self._unusable(exc) from exc
        try:
            return _parse(content)
        except (InvalidInput, IntegrityViolated, LookupError, TypeError, ValueError) as exc:
            raise IntegrityViolated(
                f"{self._path.name}, which says what was last signed, is damaged: restore it, never remove it"
            ) from exc

    def _content(self) -> bytes:
        descriptor = os.open(self._path, _READ)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise Misconfigured(f"{self._path.name} must be a regular file that only this user can write.")
            return os.read(descriptor, MAX_BYTES)
        finally:
            os.close(descriptor)

    def _unusable(self, exc: OSError) -> Misconfigured:
        return Misconfigured(f"{self._path.name}, which says what was last signed, cannot be used: {exc.strerror}")


def _parse(content: bytes) -> Signed:
    """Return what the file says; one of several errors for anything but what `write` writes."""
    members = parse_canonical(content)
    if not isinstance(members, dict) or members.keys() != _MEMBERS:
        raise InvalidInput("last-signed", "has other members")
    origin, size, root, alarm = (members[name] for name in ("origin", "size", "root", "alarm"))
    if not isinstance(origin, str) or not isinstance(root, str) or type(size) is not int:
        raise InvalidInput("last-signed", "has members of other types")
    if not 0 <= size <= MAX_SIZE or not (alarm is None or isinstance(alarm, str)):
        raise InvalidInput("last-signed", "has members of other types")
    head = TreeHead(size, bytes.fromhex(root))
    if len(head.root) != HASH_BYTES:
        raise InvalidInput("last-signed", "has no root")
    return Signed(require_key_name("origin", origin), head, alarm)

"""Files of this machine: read once while they are hashed, and written whole or not at all."""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from provenstore.domain.errors import Refused

CHUNK = 1 << 20

CANNOT_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links say."""


class FileChanged(Refused):
    """The file changed while being read."""

    code = "file-changed"
    advice = "nothing of it was stored"


@dataclass
class Hashed:
    """Passes chunks on while it counts and hashes them."""

    chunks: Iterable[bytes]
    advance: Callable[[int], None] = lambda _: None
    expected: int | None = None  # bytes; a file that grows or shrinks while it is read is refused
    count: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, once."""
        for chunk in self.chunks:
            self.count += len(chunk)
            if self.expected is not None and self.count > self.expected:
                raise FileChanged("the file grew while it was read")
            self._digest.update(chunk)
            self.advance(len(chunk))
            yield chunk
        if self.expected is not None and self.count < self.expected:
            raise FileChanged("the file shrank while it was read")

    @property
    def sha256(self) -> str:
        """Hex digest of what has passed."""
        return self._digest.hexdigest()


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Read an open file in constant memory."""
    while chunk := file.read(CHUNK):
        yield chunk


def is_regular(file: BinaryIO) -> bool:
    """Tell whether an open file can be read twice, unlike a pipe."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


@contextlib.contextmanager
def whole_file(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Lend a temporary file beside `target`, which takes its place when the block ends well.

    Refused if there is a file already, unless `force`: then it is replaced. A block that fails leaves nothing. A
    device or a pipe is written to and never replaced, with or without `force`.
    """
    if _is_special(target):
        with target.open("wb", buffering=0) as special:
            yield special
        return
    if not force and os.path.lexists(target):
        raise Refused(f"{target} is there already; --force replaces it")
    handle, name = tempfile.mkstemp(prefix=".provenstore-", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~umask())
        _place(Path(name), target, force=force)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


def _is_special(target: Path) -> bool:
    """Tell whether `target` is, or leads to, a device, a pipe or a socket."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _place(made: Path, target: Path, *, force: bool) -> None:
    """Give the finished file its name; a link, unlike a rename, never replaces what came in between."""
    if force:
        made.replace(target)
        return
    try:
        target.hardlink_to(made)
    except FileExistsError:
        raise Refused(f"{target} is there already; --force replaces it") from None
    except OSError as exc:
        if exc.errno not in CANNOT_LINK:
            raise
        made.rename(target)


def umask() -> int:
    """Return the process's mask; not for several threads, since it is changed for a moment."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""The folder that files are written to, and nothing outside of it.

Every step goes from an open folder to one name in it and never through a link, so that neither a stored name nor
somebody who swaps folders meanwhile leads elsewhere. A file appears under its name only when it is whole; until then
it is `.provenstore-<id>.part` beside it, which an interrupted run leaves for the next one.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import UUID

from provenstore.api.cli.local_files import CANNOT_LINK, CHUNK, umask
from provenstore.api.cli.safe_paths import Place
from provenstore.domain.errors import Refused

Look = Literal["absent", "same", "other", "special"]
"""What is at a place; `special` is what is never replaced: a folder, a device, a pipe, a socket."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Destination:
    """An open folder; a context manager, made if it is not there. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        """Open `root`; that one may be a link, since it was named here."""
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self._root = os.open(root, _DIRECTORY)
        self._mode = 0o666 & ~umask()

    def __enter__(self) -> "Destination":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the folder."""
        os.close(self._root)

    def look(self, place: Place, size: int, sha256: str | None) -> Look:
        """Tell whether something is at `place`, and whether it is a file of just this content."""
        try:
            with self._folder(place[:-1], make=False) as folder:
                file = os.open(place[-1], os.O_RDONLY | _PLAIN, dir_fd=folder)
        except FileNotFoundError:
            return "absent"
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR, errno.EACCES, errno.ENXIO}:
                raise
            return "special" if error.errno == errno.ENXIO else "other"
        with os.fdopen(file, "rb") as opened:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                return "special"
            if found.st_size != size or sha256 is None:
                return "other"
            return "same" if hashlib.file_digest(opened, "sha256").hexdigest() == sha256 else "other"

    @contextmanager
    def begun(self, place: Place, file_id: UUID, *, replace: bool) -> Iterator[BinaryIO]:
        """Lend the unfinished file, with what an interrupted run has left in it; it takes its place at the end.

        Refused if another process writes it, or if the place is taken and `replace` is not said. What goes wrong
        inside leaves the unfinished file; a block that wants it gone truncates it.
        """
        part, name = _part(file_id), place[-1]
        with self._folder(place[:-1], make=True) as folder:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | _PLAIN, 0o600, dir_fd=folder)
            with os.fdopen(descriptor, "r+b", buffering=CHUNK) as file:
                _lock(descriptor, part, folder)
                try:
                    yield file
                    file.flush()
                except BaseException:
                    if os.fstat(descriptor).st_size == 0:
                        _remove(part, folder)
                    raise
                # 1. The bytes are durable, 2. under their name, 3. and so is the name. A crash before 2 leaves the
                #    unfinished file, after it perhaps both.
                os.fchmod(descriptor, self._mode)
                os.fsync(descriptor)
                _place(part, name, folder, replace=replace)
            os.fsync(folder)

    def tidy(self, place: Place, file_id: UUID) -> None:
        """Remove the unfinished file that a crash has left beside the finished one."""
        with self._folder(place[:-1], make=False) as folder:
            _remove(_part(file_id), folder)

    @contextmanager
    def _folder(self, names: Place, *, make: bool) -> Iterator[int]:
        """Lend the folder below the root, made on the way; Refused where a name leads through a link or a file."""
        with contextlib.ExitStack() as stack:
            current = self._root
            for name in names:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o777, dir_fd=current)  # pathlib knows no open folders
                try:
                    current = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
                except OSError as error:
                    if not make or error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                        raise
                    raise Refused(f"{'/'.join(names)} leads through something that is no folder") from error
                stack.callback(os.close, current)
            yield current


def _part(file_id: UUID) -> str:
    return f".provenstore-{file_id}.part"


def _lock(file: int, part: str, folder: int) -> None:
    """Keep other commands away; Refused if one is there, or has just given the file its name."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.fstat(file).st_ino == os.stat(part, dir_fd=folder, follow_symlinks=False).st_ino
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    if not is_ours:
        raise Refused(f"another command is writing {part}")


def _place(part: str, name: str, folder: int, *, replace: bool) -> None:
    """Give the finished file its name; a link, unlike a rename, never replaces what came in between."""
    if replace:
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    try:
        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise Refused(f"{name} is there already; --force replaces it") from None
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        if _is_there(name, folder):
            raise Refused(f"{name} is there already; --force replaces it") from None
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    _remove(part, folder)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)

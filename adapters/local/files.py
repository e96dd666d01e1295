"""The few system calls of the local folder, and the one place where their failures are translated.

Everything that changes the folder goes through `Files`, so that a test can let each of these calls fail or be the
process's last. Paths are walked by open directories, never by strings: a symbolic link is refused on every step,
also when it is put there between a check and its use.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from provenstore.domain.errors import Conflict, InvalidInput, ProvenstoreError, StorageFull, StoreUnavailable
from provenstore.domain.storage.objects import NoObject

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNREADABLE = (errno.EACCES, errno.EPERM)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, and the limit of one file or process


@contextmanager
def translated() -> Iterator[None]:
    """Turn operating system errors into the domain's; wraps our own calls only, never a caller's code."""
    try:
        yield
    except OSError as exc:
        raise _meaning(exc) from exc


def _meaning(error: OSError) -> ProvenstoreError:
    name = errno.errorcode.get(error.errno or 0, "unknown")
    if error.errno in _NO_ROOM:
        return StorageFull("There is no room left in the object folder.", error=name)
    if error.errno in (errno.ENOTDIR, errno.EISDIR):
        return Conflict("The key lies below another object's key, or is a folder of other keys.", error=name)
    if error.errno == errno.ENAMETOOLONG:
        return InvalidInput("key", "is longer than the object folder's file system allows", error=name)
    return StoreUnavailable(f"The object folder fails: {error.strerror}.", error=name)


class Files:
    """The calls that change something. Descriptors of folders come first; names are single path segments."""

    def create(self, folder: int, name: str) -> int:
        """Open a new, private file for reading and writing."""
        return os.open(name, _NEW, 0o600, dir_fd=folder)

    def write(self, file: int, data: bytes | bytearray) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]

    def sync(self, descriptor: int) -> None:
        """Make a file's bytes durable."""
        os.fsync(descriptor)

    def sync_folder(self, descriptor: int) -> None:
        """Make a folder's names durable."""
        os.fsync(descriptor)

    def link(self, source_folder: int, source: str, folder: int, name: str) -> None:
        """Give a file a second name, or raise FileExistsError."""
        os.link(source, name, src_dir_fd=source_folder, dst_dir_fd=folder, follow_symlinks=False)

    def replace(self, source_folder: int, source: str, folder: int, name: str) -> None:
        """Move a file over whatever has the name."""
        os.replace(source, name, src_dir_fd=source_folder, dst_dir_fd=folder)

    def unlink(self, folder: int, name: str) -> None:
        """Take a name away; one that is not there is no error."""
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return

    def make_folder(self, folder: int, name: str) -> bool:
        """Make a private folder; False if it was there."""
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            return False
        return True

    def remove_folder(self, folder: int, name: str) -> None:
        """Remove an empty folder; one that is not there is no error."""
        try:
            os.rmdir(name, dir_fd=folder)
        except FileNotFoundError:
            return


class Tree:
    """A root folder and the way to the folders below it."""

    def __init__(self, root: str, files: Files) -> None:
        self._root = root
        self._files = files
        self._durable: set[tuple[str, ...]] = set()  # whose names this process knows to be on disk

    @contextmanager
    def folder(self, path: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """Hold a folder open, as `open_folder` opens it."""
        descriptor = self.open_folder(path, make=make)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open_folder(self, path: Sequence[str], *, make: bool = False) -> int:
        """Return a descriptor of the folder at `path`, with `make` making what is missing, durably.

        Raises FileNotFoundError, NotADirectoryError, and NoObject on meeting a symbolic link.
        """
        current = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for depth, name in enumerate(path, start=1):
            above = current
            try:
                if make:
                    self._make(above, tuple(path[:depth]))
                current = open_below(above, name)
            finally:
                os.close(above)
        return current

    def _make(self, parent: int, path: tuple[str, ...]) -> None:
        """Make one folder. One found for the first time may have been made a moment ago by another process."""
        if self._files.make_folder(parent, path[-1]) or path not in self._durable:
            self._files.sync_folder(parent)
            self._durable.add(path)


def open_below(folder: int, name: str) -> int:
    """Open a folder. Raises FileNotFoundError, NotADirectoryError, NoObject for a link."""
    return _step(folder, name, _FOLDER)


def open_file(folder: int, name: str) -> int:
    """Open a regular file for reading.

    Raises FileNotFoundError, IsADirectoryError, and NoObject for everything else that has the name, which is not even
    opened: opening a device may have effects.
    """
    _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False))
    try:
        descriptor = _step(folder, name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        if exc.errno in _UNREADABLE:
            raise NoObject("The object's file cannot be read.", kind="unreadable") from exc
        raise
    try:
        _require_regular(os.fstat(descriptor))  # it may have been exchanged since
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        kind = kind_of(found)
        raise NoObject(f"A {kind} stands in the object's place.", kind=kind)


def kind_of(found: os.stat_result) -> str:
    """Return what a directory entry is, in one or two words."""
    for is_it, kind in (
        (stat.S_ISLNK, "symbolic link"),
        (stat.S_ISDIR, "folder"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISREG, "file"),
    ):
        if is_it(found.st_mode):
            return kind
    return "device"


def names(folder: int) -> list[str]:
    """List what is in a folder, in no order."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def status(folder: int, name: str) -> os.stat_result | None:
    """Return the status of what has the name, itself and not what it points to, or None; NoObject for a link."""
    found = entry(folder, name)
    if found is not None and stat.S_ISLNK(found.st_mode):
        raise NoObject("The key leads through a symbolic link in the object folder.", kind=kind_of(found))
    return found


def entry(folder: int, name: str) -> os.stat_result | None:
    """Return the status of the entry with this name, of any kind; links are not followed. None if there is no entry."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _step(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            status(folder, name)  # tells a link, which is refused, from a file in a folder's place
        raise

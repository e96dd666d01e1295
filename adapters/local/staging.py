"""Files being written: private, under names nobody looks at, and locked by their writer.

The lock and not a process id tells the living from the dead: it works across containers that share the folder, and
the kernel lets go of it however the writer ends.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from provenstore.adapters.local.files import Files, Tree, names, open_file, translated
from provenstore.adapters.local.records import Record, record_of
from provenstore.domain.storage.objects import Digests


class StagingFile:
    """A file being written. Not visible under any key."""

    def __init__(self, files: Files, folder: int, name: str, descriptor: int) -> None:
        self._files = files
        self._descriptor = descriptor
        self.folder = folder
        self.name = name

    @translated()
    def write(self, data: bytes | bytearray) -> None:
        """Append `data`."""
        self._files.write(self._descriptor, data)

    @translated()
    def sync(self) -> None:
        """Make the bytes durable."""
        self._files.sync(self._descriptor)

    def record(
        self, digests: Digests, media_type: str, *, etag: str | None = None, upload: str | None = None
    ) -> Record:
        """Return the record that fits the file as it stands."""
        return record_of(os.fstat(self._descriptor), digests, media_type, etag=etag, upload=upload)


class StagingArea:
    """The folder in which files are written."""

    def __init__(self, tree: Tree, files: Files, path: tuple[str, ...]) -> None:
        self._tree = tree
        self._files = files
        self._path = path

    @contextmanager
    def file(self) -> Iterator[StagingFile]:
        """Give a new file to write into. Its name here is gone afterwards, whether it was published or not."""
        with translated():
            folder = self._tree.open_folder(self._path, make=True)
        try:
            with translated():
                name, descriptor = self._new(folder)
            try:
                yield StagingFile(self._files, folder, name, descriptor)
            finally:
                with suppress(OSError):  # the next sweep finds it; what was published stays published
                    self._files.unlink(folder, name)
                os.close(descriptor)
        finally:
            os.close(folder)

    def _new(self, folder: int) -> tuple[str, int]:
        while True:
            name = secrets.token_hex(16)
            descriptor = self._files.create(folder, name)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return name, descriptor
            os.close(descriptor)  # a sweep took it in the moment before it was locked

    @translated()
    def sweep(self) -> None:
        """Remove the files of writers that are no more, whichever process or container they were in."""
        with self._tree.folder(self._path, make=True) as folder:
            for name in names(folder):
                with suppress(FileNotFoundError, BlockingIOError):
                    self._sweep_one(folder, name)

    def _sweep_one(self, folder: int, name: str) -> None:
        descriptor = open_file(folder, name)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._files.unlink(folder, name)
        finally:
            os.close(descriptor)

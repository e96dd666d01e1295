"""Files on a shelf: whole, durable, each with its record. The half of the local folder that knows no port.

Everything of ours lives below `<root>/.store`: `staging`, `records`, `multipart`, `locks`, and `store.json`, which says
which store this is. A file takes its final
name in one step, under the lock of its key, which also keeps other processes out. No half-written file is ever under
a final name, and no symbolic link is ever followed.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256

from provenstore.adapters.local.files import Files, Tree, entry, open_file, status, translated
from provenstore.adapters.local.records import UNKNOWN_TYPE, Record, decode, encode, record_name, record_of
from provenstore.adapters.local.staging import StagingArea, StagingFile
from provenstore.adapters.objects.digests import BLOCK, Digester
from provenstore.domain.errors import AlreadyExists, StorageFull, StoreUnavailable
from provenstore.domain.storage.objects import Digests, NoObject, ObjectNotFound
from provenstore.domain.storage.store_marker import MAX_MARKER_BYTES

PRIVATE = ".store"
_STAGING = (PRIVATE, "staging")
_RECORDS = (PRIVATE, "records")
_LOCKS = (PRIVATE, "locks")
_MARKER = "store.json"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class ObjectFiles:
    """The files below one root, by key. Keys were checked by the caller."""

    def __init__(self, root: str, files: Files) -> None:
        self._files = files
        self.tree = Tree(root, files)
        self.staging = StagingArea(self.tree, files, _STAGING)

    # -- the marker -------------------------------------------------------------------------------------------

    @translated()
    def marker(self) -> bytes | None:
        """Return the content of the marker, None if there is none."""
        try:
            with self.tree.folder((PRIVATE,)) as folder:
                descriptor = open_file(folder, _MARKER)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return os.pread(descriptor, MAX_MARKER_BYTES, 0)
        finally:
            os.close(descriptor)

    @translated()
    def mark(self, content: bytes) -> None:
        """Write the marker durably if there is none; of several writers one wins."""
        with self.staging.file() as staged, self.tree.folder((PRIVATE,), make=True) as folder:
            staged.write(content)
            staged.sync()
            with suppress(FileExistsError):
                self._files.link(staged.folder, staged.name, folder, _MARKER)
            self._files.sync_folder(folder)

    # -- reading ----------------------------------------------------------------------------------------------

    @translated()
    def open(self, key: str) -> int:
        """Open the file for reading and return its descriptor, or raise ObjectNotFound, NoObject."""
        *path, name = key.split("/")
        try:
            with self.tree.folder(path) as folder:
                return open_file(folder, name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
            raise ObjectNotFound from exc

    @translated()
    def describe(self, key: str, descriptor: int) -> Record:
        """Return the record of an open file, hashing its bytes if none fits, and then keeping the result."""
        found = os.fstat(descriptor)
        records = self._load(key)
        known = next((record for record in records if record.fits(found)), None)
        return known or self._describe_anew(key, descriptor, found, records)

    def recorded(self, key: str, found: os.stat_result) -> Record | None:
        """Return the record that fits a file, without ever reading its bytes."""
        return next((record for record in self._load(key) if record.fits(found)), None)

    def _describe_anew(self, key: str, descriptor: int, found: os.stat_result, records: list[Record]) -> Record:
        digests = _hash(descriptor)
        # The same bytes in another file: a backup was restored, and what was said about them still holds.
        same = next((record for record in records if record.sha256 == digests.sha256), None)
        if same:
            record = record_of(found, digests, same.media_type, etag=same.etag, upload=same.upload)
        else:
            record = record_of(found, digests, UNKNOWN_TYPE)
        with suppress(StoreUnavailable, StorageFull), self.lock(key):  # right without being kept, too
            self._save(key, [record, *self._load(key)[:1]])
        return record

    # -- changing ---------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Keep every other thread and process from changing what is under `key`. Held briefly; not reentrant."""
        with translated(), self.tree.folder(_LOCKS, make=True) as folder:
            stripe = sha256(key.encode()).hexdigest()[:2]
            descriptor = os.open(stripe, _LOCK_FLAGS, 0o600, dir_fd=folder)
        try:
            with translated():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def exists(self, key: str) -> bool:
        """Tell whether there is a file under `key`, or something that is none."""
        try:
            os.close(self.open(key))
        except ObjectNotFound:
            return False
        except NoObject:
            return self.irregular(key) is not None
        return True

    @translated()
    def irregular(self, key: str) -> os.stat_result | None:
        """Return the status of the entry at `key` unless it is a folder; NoObject if a link is on the way."""
        *path, name = key.split("/")
        try:
            with self.tree.folder(path) as folder:
                found = entry(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if found is None or stat.S_ISDIR(found.st_mode) else found

    @translated()
    def publish(self, staged: StagingFile, key: str, record: Record, *, if_absent: bool) -> None:
        """Give a synced staging file the name `key`. The caller holds the lock.

        Raises AlreadyExists with `if_absent`, otherwise replaces. A failure takes back what it can.
        """
        *path, name = key.split("/")
        with self.tree.folder(path, make=True) as folder:
            there = status(folder, name)
            if there and if_absent:
                raise AlreadyExists("There is an object under this key already.")
            # 1. The record, beside that of the file in place. A crash here leaves one that fits no file: ignored.
            self._save(key, [record, *(old for old in self._load(key) if there and old.fits(there))])
            # 2. The name. A crash here leaves the whole file, or after a power cut perhaps what was there before.
            if if_absent:
                self._files.link(staged.folder, staged.name, folder, name)
            else:
                self._files.replace(staged.folder, staged.name, folder, name)
            # 3. The folder. From here on it is durable.
            try:
                self._files.sync_folder(folder)
            except OSError:
                if if_absent:
                    self._files.unlink(folder, name)
                raise

    @translated()
    def remove(self, key: str) -> None:
        """Take the file and its record away, durably. The caller holds the lock. What is absent is no error."""
        *path, name = key.split("/")
        # 1. The file. A crash here leaves its record, which the next removal clears.
        with suppress(FileNotFoundError, NotADirectoryError), self.tree.folder(path) as folder:
            if entry(folder, name):  # of a link, the link itself
                self._files.unlink(folder, name)
            self._files.sync_folder(folder)
        # 2. The record. A crash here leaves nothing.
        with suppress(FileNotFoundError), self.tree.folder(_record_path(key)) as folder:
            self._files.unlink(folder, record_name(key))
            self._files.sync_folder(folder)

    # -- records ----------------------------------------------------------------------------------------------

    def _load(self, key: str) -> list[Record]:
        try:
            with self.tree.folder(_record_path(key)) as folder:
                descriptor = open_file(folder, record_name(key))
        except FileNotFoundError:
            return []
        try:
            return decode(descriptor)
        finally:
            os.close(descriptor)

    def _save(self, key: str, records: list[Record]) -> None:
        with self.staging.file() as staged, self.tree.folder(_record_path(key), make=True) as folder:
            staged.write(encode(records))
            staged.sync()
            self._files.replace(staged.folder, staged.name, folder, record_name(key))
            self._files.sync_folder(folder)


def _record_path(key: str) -> tuple[str, ...]:
    return (*_RECORDS, record_name(key)[:2])


def _hash(descriptor: int) -> Digests:
    position = 0
    with Digester() as digester:
        while block := os.pread(descriptor, BLOCK, position):
            digester.update(block)
            position += len(block)
        return digester.finish()

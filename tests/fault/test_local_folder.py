"""The local folder when things go wrong: failing calls, crashes, full disks, strangers in the folder."""

import errno
import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provenstore.adapters.local.files import Files
from provenstore.adapters.local.folder import LocalFolder
from provenstore.domain.errors import (
    AlreadyExists,
    Conflict,
    IntegrityViolated,
    InvalidInput,
    ProvenstoreError,
    StorageFull,
    StoreUnavailable,
)
from provenstore.domain.storage.objects import Digests, MultipartNotFound, NoObject, ObjectNotFound, ObjectVersion

OLD, NEW = b"old content", b"new"
FINISHED = 77  # exit status of a child that never came to the call at which it should die
CALLS = ("make_folder", "create", "write", "sync", "sync_folder", "link", "replace", "unlink", "remove_folder")


class QuickFiles(Files):
    """Leaves out the waiting for the disk: what a process has handed to the kernel survives its death."""

    def sync(self, descriptor: int) -> None:
        os.fstat(descriptor)

    def sync_folder(self, descriptor: int) -> None:
        os.fstat(descriptor)


class FaultyFiles(QuickFiles):
    """Counts the changing calls, and at one of them does something else instead, or afterwards."""

    def __init__(self) -> None:
        self.count = 0
        self.seen: list[str] = []
        self.before: Callable[[int], None] = lambda number: None
        self.after: Callable[[int], None] = lambda number: None

    def __getattribute__(self, name: str) -> object:
        call = super().__getattribute__(name)
        if name not in CALLS:
            return call

        def counted(*arguments: object) -> object:
            self.count += 1
            number = self.count
            self.seen.append(name)
            self.before(number)
            result = call(*arguments)
            self.after(number)
            return result

        return counted


def _read(store: LocalFolder, key: str) -> bytes:
    with store.get(key) as reader:
        return b"".join(reader)


def _put(store: LocalFolder, key: str, content: bytes, *, if_absent: bool = True) -> None:
    store.put(key, [content], media_type="text/plain", max_size=10**9, if_absent=if_absent)


def _complete(store: LocalFolder) -> None:
    upload = store.create_multipart("a/new", media_type="text/plain")
    parts = [
        store.put_part("a/new", upload, number, [content], size=len(content)).ref
        for number, content in enumerate((NEW[:1], NEW[1:]), start=1)
    ]
    store.complete_multipart("a/new", upload, parts)


ACTS: dict[str, Callable[[LocalFolder], None]] = {
    "put": lambda store: _put(store, "a/new", NEW),
    "replace": lambda store: _put(store, "a/old", NEW, if_absent=False),
    "delete": lambda store: store.delete("a/old"),
    "complete": _complete,
}


def _prepared(folder: Path) -> LocalFolder:
    store = LocalFolder(folder, files=QuickFiles())
    _put(store, "a/old", OLD)
    return store


def _calls(folder: Path, act: str) -> list[str]:
    """Return the changing calls that `act` makes, after the folder was opened."""
    _prepared(folder)
    files = FaultyFiles()
    store = LocalFolder(folder, files=files)
    files.seen.clear()
    ACTS[act](store)
    return files.seen


def _assert_consistent(folder: Path) -> None:
    """Every object is whole, described rightly and of its media type; no staging or part outlives the next start."""
    store = LocalFolder(folder, files=QuickFiles())
    for upload in store.list_multiparts(""):
        store.abort_multipart(upload.key, upload.upload)
    contents = {one.key: _read(store, one.key) for one in store.list("").objects}
    assert contents.get("a/old", OLD) in (OLD, NEW)
    assert contents.get("a/new", NEW) == NEW
    assert set(contents) <= {"a/old", "a/new"}
    for key, content in contents.items():
        head = store.head(key)
        assert (head.size, head.media_type) == (len(content), "text/plain")
        assert head.sha256 == hashlib.sha256(content).hexdigest()
    assert _left(folder) == []


def _left(folder: Path) -> list[Path]:
    return [path for name in ("staging", "multipart") for path in (folder / ".store").glob(f"{name}/*")]


@pytest.mark.parametrize("act", ACTS)
def test_any_failing_call_leaves_the_folder_whole(tmp_path: Path, act: str) -> None:
    """Each changing call fails in turn: a typed error or success, nothing half, and the same act then succeeds."""
    names = _calls(tmp_path / "rehearsal", act)
    assert {"create", "write", "sync", "sync_folder"} <= set(names) or act == "delete"
    for position in range(1, len(names) + 1):
        folder = tmp_path / str(position)
        _prepared(folder)
        files = FaultyFiles()
        store = LocalFolder(folder, files=files)
        first = files.count

        def fail(number: int, at: int = first + position) -> None:
            if number == at:
                raise OSError(errno.EIO, "Input/output error")

        files.before = fail
        try:
            ACTS[act](store)
        except StoreUnavailable:
            if act == "put":
                assert [one.key for one in store.list("").objects] == ["a/old"], names[position - 1]
        _assert_consistent(folder)
        healed = LocalFolder(folder, files=QuickFiles())
        if not healed.list("a/new").objects:
            ACTS[act](healed)
        assert healed.list("a/new").objects or act in ("replace", "delete")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("act", ACTS)
def test_a_crash_at_any_call_leaves_the_folder_whole(tmp_path: Path, act: str, moment: str) -> None:
    """A process dies before or after each changing call; whoever comes next finds everything whole."""
    names = _calls(tmp_path / "rehearsal", act)
    for position in range(1, len(names) + 1):
        folder = tmp_path / str(position)
        _prepared(folder)
        child = os.fork()
        if child == 0:
            _crash(folder, act, moment, position)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        # Upload ids are random, so records may share a folder, and then there are a few calls less.
        assert ended == -signal.SIGKILL or (ended == FINISHED and act == "complete" and position > len(names) - 4)
        _assert_consistent(folder)


def _crash(folder: Path, act: str, moment: str, position: int) -> None:
    """Kill this process, a child, at the given call."""
    try:
        files = FaultyFiles()
        store = LocalFolder(folder, files=files)
        at = files.count + position
        setattr(files, moment, lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == at else None)
        ACTS[act](store)
        os._exit(FINISHED)
    finally:
        os._exit(1)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EROFS, StoreUnavailable),
        (errno.EACCES, StoreUnavailable),
        (errno.EIO, StoreUnavailable),
    ],
)
@pytest.mark.parametrize("call", ["create", "write", "sync", "link"])
def test_failures_are_named(tmp_path: Path, call: str, code: int, error: type[ProvenstoreError]) -> None:
    """A full disk is told from one that fails, and nothing is left of what was staged."""
    files = FaultyFiles()
    store = LocalFolder(tmp_path, files=files)

    def fail(_: int) -> None:
        if files.seen[-1] == call:
            raise OSError(code, os.strerror(code))

    files.before = fail
    with pytest.raises(error) as failed:
        _put(store, "k", NEW)
    assert failed.value.details == {"error": errno.errorcode[code]}
    assert (_left(tmp_path), store.list("").objects) == ([], ())


FULL = """
import resource, sys
from pathlib import Path
from provenstore.adapters.local.folder import LocalFolder
from provenstore.domain.errors import StorageFull
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
store = LocalFolder(Path(sys.argv[1]))
try:
    store.put("k", [bytes(1_000_000)] * 5, media_type="x/y", max_size=10**9)
except StorageFull:
    store.put("small", [b"fits"], media_type="x/y", max_size=10)
    sys.exit(42)
"""


def test_a_real_limit_is_met(tmp_path: Path) -> None:
    """The kernel cuts a write short and refuses the next; what fits is still stored."""
    ended = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == 42
    assert ([one.key for one in LocalFolder(tmp_path).list("").objects], _left(tmp_path)) == (["small"], [])
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_links_are_never_followed(tmp_path: Path) -> None:
    """Neither a link to a file nor one on the way is read, written, deleted or listed through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(OLD)
    store = LocalFolder(tmp_path / "objects")
    (tmp_path / "objects" / "folder").symlink_to(outside)
    (tmp_path / "objects" / "link").symlink_to(outside / "file")
    for key in ("folder/file", "link"):
        for call in (
            lambda key=key: store.get(key),
            lambda key=key: store.head(key),
            lambda key=key: _put(store, key, NEW),
            lambda key=key: _put(store, key, NEW, if_absent=False),
        ):
            with pytest.raises((NoObject, AlreadyExists)):
                call()
    with pytest.raises(NoObject):
        store.delete("folder/file")
    store.delete("link")  # the link itself
    assert not (tmp_path / "objects" / "link").is_symlink()
    assert store.list("").objects == ()
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("file", OLD)]


def _link(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def _dangling(place: Path, outside: Path) -> None:
    place.symlink_to(outside.with_name("nowhere"))


def _pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(place))


@pytest.mark.parametrize("make", [_link, _dangling, _pipe, _socket], ids=["link", "dangling link", "pipe", "socket"])
def test_what_is_no_file_is_no_object_and_can_be_removed(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    """It is listed as a version without an etag, never read, and removed itself."""
    outside = tmp_path / "outside"
    outside.write_bytes(OLD)
    store = _prepared(tmp_path / "o")
    place = tmp_path / "o" / "a" / "old"
    place.unlink()
    make(place, outside)
    for call in (store.get, store.head):
        with pytest.raises(NoObject) as refused:
            call("a/old")
        assert refused.value.details["kind"]
    (only,) = store.versions("a/old")
    assert (only.etag, only.is_delete_marker) == (None, False)
    with pytest.raises(AlreadyExists):
        _put(store, "a/old", NEW)
    store.delete("a/old")
    assert store.versions("a/old") == ()
    assert outside.read_bytes() == OLD
    _put(store, "a/old", NEW)


def test_a_file_that_cannot_be_read_is_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not get better by waiting; it is still listed, and can be removed."""
    store = _prepared(tmp_path)
    real = os.open

    def denied(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "old":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(NoObject):
        store.get("a/old")
    found: tuple[ObjectVersion, ...] = store.versions("a/old")
    assert [one.etag for one in found] == [None]
    store.delete("a/old")
    assert store.versions("a/old") == ()


def test_our_own_folder_is_no_place_for_keys(tmp_path: Path) -> None:
    """Uploads, records and locks cannot be reached by a key."""
    store = _prepared(tmp_path)
    for key in (".store", ".store/records/x"):
        with pytest.raises(InvalidInput):
            store.head(key)
    _put(store, "a/.store/x", NEW)
    assert [one.key for one in store.list("").objects] == ["a/.store/x", "a/old"]


def test_a_key_below_an_object_or_above_one_is_refused(tmp_path: Path) -> None:
    """A folder cannot hold both, and says so instead of failing."""
    store = _prepared(tmp_path)
    for key in ("a/old/x", "a"):
        with pytest.raises(Conflict):
            _put(store, key, NEW, if_absent=False)


def test_what_we_make_is_private(tmp_path: Path) -> None:
    """Folders 0700, files 0600, whatever the umask; the folder that was there keeps its mode."""
    (tmp_path / "objects").mkdir(0o755)
    _prepared(tmp_path / "objects")
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "objects").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert (tmp_path / "objects").stat().st_mode & 0o777 == 0o755


def test_a_sweep_spares_the_living(tmp_path: Path) -> None:
    """Another process opens the folder while an upload is under way; the upload does not notice."""
    store = LocalFolder(tmp_path)
    (tmp_path / ".store" / "staging" / "of-a-dead-process").write_bytes(b"half")

    def open_again(_: Digests) -> None:
        LocalFolder(tmp_path)

    store.put("k", [NEW], media_type="x/y", max_size=10, confirm=open_again)
    assert (_read(store, "k"), _left(tmp_path)) == (NEW, [])


def test_an_edit_behind_our_back_shows(tmp_path: Path) -> None:
    """A record that no longer fits is not believed: head tells the digest of the bytes that are there."""
    store = _prepared(tmp_path)
    before = store.head("a/old")
    (tmp_path / "a" / "old").write_bytes(b"bad content")
    after = store.head("a/old")
    assert before.sha256 != after.sha256
    assert (after.size, after.media_type) == (before.size, "application/octet-stream")


def test_a_restored_backup_keeps_what_was_said(tmp_path: Path) -> None:
    """The same bytes in a new file are hashed once, and keep media type and etag."""
    store = _prepared(tmp_path)
    before = store.head("a/old")
    path = tmp_path / "a" / "old"
    path.unlink()
    path.write_bytes(OLD)
    after = store.head("a/old")
    assert (after.sha256, after.etag, after.media_type) == (before.sha256, before.etag, "text/plain")


@pytest.mark.parametrize("damage", [b"", b"{", b"[{}]", b"\xff" * 100, b"[" * 20_000])
def test_a_damaged_record_is_as_none(tmp_path: Path, damage: bytes) -> None:
    """The bytes are hashed again, and the record written anew."""
    store = _prepared(tmp_path)
    (record,) = (tmp_path / ".store" / "records").rglob("*.json")
    before = store.head("a/old")
    record.write_bytes(damage)
    assert store.head("a/old").sha256 == before.sha256
    assert before.sha256 is not None
    assert before.sha256.encode() in record.read_bytes()


def test_bytes_that_vanish_are_noticed(tmp_path: Path) -> None:
    """A file cut short while it is read does not pass for a shorter object; a rotten one is not copied."""
    store = _prepared(tmp_path)
    with store.get("a/old") as reader:
        os.truncate(tmp_path / "a" / "old", 3)
        with pytest.raises(IntegrityViolated):
            b"".join(reader)
    _put(store, "rotten", OLD)
    times = (tmp_path / "rotten").stat()
    with (tmp_path / "rotten").open("r+b") as file:
        file.write(b"O")
    os.utime(tmp_path / "rotten", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(IntegrityViolated):
        store.copy("rotten", "copy")
    with pytest.raises(ObjectNotFound):
        store.head("copy")


def test_an_abort_in_the_middle_of_a_completion_wins(tmp_path: Path) -> None:
    """The parts are being joined when the upload is aborted: no object appears after the abort has returned."""
    files = FaultyFiles()
    store = LocalFolder(tmp_path, files=files)
    upload = store.create_multipart("k", media_type="x/y")
    part = store.put_part("k", upload, 1, [NEW], size=3)

    def abort(_: int) -> None:
        if files.seen[-1] == "sync":
            files.before = lambda number: None
            store.abort_multipart("k", upload)

    files.before = abort
    with pytest.raises(MultipartNotFound):
        store.complete_multipart("k", upload, [part.ref])
    assert (store.list("").objects, _left(tmp_path)) == ((), [])

"""A file whose content comes with the command that begins it: one append announces it, and it is stored once."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody import ADMIN, APPROVER, CONTENT, RECORDS, SERVICE, Custody, caller
from interposed import Crash, Interposed, raising
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import (
    ContentMismatch,
    ContentTooLarge,
    Forbidden,
    InvalidInput,
    Misconfigured,
    ProvenstoreError,
    QuotaExceeded,
    StoreUnavailable,
    Unfinished,
    WrongState,
)
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.files.file import File
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.storage.upload_sizes import MAX_AT_HAND
from provenstore.domain.tenants.workspace import SetQuota
from provenstore.domain.uploads.initiation import NewFile
from provenstore.domain.uploads.small_uploads import Begun

WHOLE_LIFE = ["upload_initiated", "completion_requested", "stored"]
KEY = IdempotencyKey("svc-books", "one", hashlib.sha256(CONTENT).digest())
NEW: dict[str, Any] = {
    "workspace": "acme",
    "filename": "a.pdf",
    "media_type": "application/pdf",
    "category": "book_content",
}


class Interrupted(Custody):
    """A ledger whose log and store can be interrupted, and that can be started anew."""

    def __init__(self, log: PostgresEventLog, root: Path) -> None:
        """Stand before both."""
        self.at_log, self.at_store = Interposed(log), Interposed(LocalFolder(root))
        super().__init__(self.at_log, self.at_store)  # type: ignore[arg-type]  # they answer as the real ones

    def begin(self, key: IdempotencyKey | None = None, content: bytes = CONTENT, **said: Any) -> Begun:
        """Store a file in one command."""
        return self.ledger.begin(SERVICE, NewFile(**{**NEW, **said}), content, key)

    def files(self) -> list[UUID]:
        """Return every file of the log."""
        found = (event.stream for event in self.log.read(0, 1000) if event.stream.startswith("file:"))
        return [UUID(stream.removeprefix("file:")) for stream in dict.fromkeys(found)]

    def used(self) -> tuple[int, int]:
        """Return what the quota counts."""
        use = self.ledger.describe_workspace(ADMIN, "acme").use
        assert use is not None
        return use.bytes, use.files


@pytest.fixture
def on(log: PostgresEventLog, tmp_path: Path) -> Interrupted:
    """A ledger that can be interrupted."""
    return Interrupted(log, tmp_path / "objects")


def is_stored(on: Interrupted, file: File) -> None:
    """Check that this is the only file, whole, and counted once."""
    assert on.files() == [file.id]
    assert file.stored is not None
    assert (file.status, file.stored.size, file.stored.sha256_status) == ("stored", len(CONTENT), "verified")
    assert file.stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert on.read(SERVICE, file.id) == CONTENT
    assert on.used() == (len(CONTENT), 1)
    verify_log(on.log)


def test_two_appends_and_one_put_store_a_file(on: Interrupted) -> None:
    """The announcement is in the log, with the initiation, before the store is asked; nothing else is asked of it."""
    seen: list[list[str]] = []
    on.at_store.interrupt("put", "before", lambda: seen.append([e.type.split(".")[1] for e in on.log.read(0, 99)][-2:]))
    on.at_log.calls.clear()
    begun = on.begin()
    assert seen == [WHOLE_LIFE[:2]]
    assert on.at_log.calls.count("append") == 2
    assert on.at_store.calls.count("put") == 1
    assert not {"head", "versions", "list_multiparts"}.intersection(on.at_store.calls)
    assert (begun.at_hand, begun.replayed) == (True, False)
    assert on.types(begun.file.id) == WHOLE_LIFE
    is_stored(on, begun.file)


def test_without_content_a_file_is_only_begun(on: Interrupted) -> None:
    """As by `initiate`; again under the same key it says so."""
    begun = on.ledger.begin(SERVICE, NewFile(**NEW), None, KEY)
    again = on.ledger.begin(SERVICE, NewFile(**NEW), None, KEY)
    assert [(one.file.status, one.at_hand, one.replayed) for one in (begun, again)] == [
        ("initiated", False, False),
        ("initiated", False, True),
    ]
    assert begun.file.id == again.file.id


@pytest.mark.parametrize(
    ("interrupt", "left"),
    [
        (lambda on: on.at_log.interrupt("append", "after", raising(Crash)), WHOLE_LIFE[:2]),
        (lambda on: on.at_store.interrupt("put", "before", raising(Crash)), WHOLE_LIFE[:2]),
        (lambda on: on.at_store.interrupt("put", "after", raising(Crash)), WHOLE_LIFE[:2]),
        (lambda on: on.at_log.interrupt("append", "before", raising(Crash), nth=2), WHOLE_LIFE[:2]),
        (lambda on: on.at_log.interrupt("append", "after", raising(Crash), nth=2), WHOLE_LIFE),
    ],
    ids=["announced", "before the object", "after the object", "before Stored", "after Stored"],
)
def test_whoever_was_interrupted_goes_on_under_the_same_key(
    on: Interrupted, interrupt: Callable[[Interrupted], None], left: list[str]
) -> None:
    """The file is stored once; only where nothing was left to do it says that it was done before."""
    interrupt(on)
    with pytest.raises(Crash):
        on.begin(KEY)
    assert on.types(on.files()[0]) == left
    again = on.begin(KEY)
    assert (again.at_hand, again.replayed) == (True, left == WHOLE_LIFE)
    assert on.types(again.file.id) == WHOLE_LIFE
    is_stored(on, again.file)


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_does_not_come_back_leaves_nothing_behind(on: Interrupted, when: Any) -> None:
    """What was published is stored by the background work, and what was not expires and frees its space."""
    on.at_store.interrupt("put", when, raising(Crash))
    with pytest.raises(Crash):
        on.begin()
    (file_id,) = on.files()
    on.clock.pass_time(minutes=6)
    file = on.ledger.settle(file_id)
    if when == "after":
        is_stored(on, file)
        return
    on.clock.pass_time(hours=25)
    for _ in range(3):
        file = on.ledger.settle(file_id)
        on.clock.pass_time(hours=2)
    assert (file.status, file.cleared, on.used()) == ("expired", True, (0, 0))


def test_a_store_that_fails_may_be_asked_again(on: Interrupted) -> None:
    """Under the same key; the file stays announced until then."""
    on.at_store.interrupt("put", "before", raising(StoreUnavailable))
    with pytest.raises(Unfinished):
        on.begin(KEY)
    begun = on.begin(KEY)
    assert not begun.replayed
    is_stored(on, begun.file)


def test_an_answer_of_the_store_that_was_lost_is_no_stranger(on: Interrupted) -> None:
    """An object that stands in the place already is looked at, and is the announced one."""
    real = on.at_store._real

    def twice(*args: Any, **kwargs: Any) -> Any:
        LocalFolder.put(real, *args, **kwargs)
        return LocalFolder.put(real, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "put", twice)
        begun = on.begin()
    assert on.types(begun.file.id) == WHOLE_LIFE
    is_stored(on, begun.file)


def test_whoever_goes_on_looks_for_the_store_of_the_file(on: Interrupted, tmp_path: Path) -> None:
    """A file that was begun in one store is not finished in another."""
    on.at_store.interrupt("put", "before", raising(Crash))
    with pytest.raises(Crash):
        on.begin(KEY)
    elsewhere = LocalFolder(tmp_path / "elsewhere")
    elsewhere.name = "elsewhere"
    on.store = elsewhere
    with pytest.raises(Misconfigured):
        on.another_process().begin(SERVICE, NewFile(**NEW), CONTENT, KEY)
    assert elsewhere.list("").objects == ()


def test_a_file_that_was_opened_again_is_announced_anew(on: Interrupted) -> None:
    """What was announced came to nothing in the meantime; the same request stores it all the same."""
    on.at_store.interrupt("put", "before", raising(Crash))
    with pytest.raises(Crash):
        on.begin(KEY)
    on.clock.pass_time(minutes=6)
    on.ledger.settle(on.files()[0])
    begun = on.begin(KEY)
    assert not begun.replayed
    assert on.types(begun.file.id) == [*WHOLE_LIFE[:2], "integrity_failed", *WHOLE_LIFE[1:]]
    is_stored(on, begun.file)


def test_many_at_once_under_one_key_store_one_file(on: Interrupted) -> None:
    """Whoever comes second goes on with, or waits for, what the first has begun."""
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: on.begin(KEY).file, range(8)))
    assert {file.status for file in found} == {"stored"}
    is_stored(on, found[0])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"sha256": "0" * 64}, ContentMismatch),
        ({"md5": "0" * 32}, ContentMismatch),
        ({"size": 3}, ContentMismatch),
        ({"content": bytes(MAX_AT_HAND + 1)}, ContentTooLarge),
        ({"content": b"", "category": "backup", "filename": "a.zip", "media_type": "application/zip"}, InvalidInput),
        ({"upload": "multipart"}, InvalidInput),
        ({"upload": "presigned"}, InvalidInput),
        ({"filename": "a.exe"}, InvalidInput),
    ],
    ids=["sha256", "md5", "size", "too large", "empty", "parts", "presigned", "type"],
)
def test_what_is_not_as_declared_begins_nothing(
    on: Interrupted, said: dict[str, Any], kind: type[ProvenstoreError]
) -> None:
    """Neither event nor byte; the key is free for another try."""
    with pytest.raises(kind):
        on.begin(KEY, **said)
    assert (on.files(), "put" in on.at_store.calls, on.used()) == ([], False, (0, 0))
    is_stored(on, on.begin(KEY).file)


def test_neither_quota_nor_permission_is_got_around(on: Interrupted) -> None:
    """The space is reserved by the append that announces; who may not begin files may not store them so."""
    on.ledger.change_workspace(ADMIN, "acme", SetQuota(max_bytes=len(CONTENT), max_files=None))
    first = on.begin()
    with pytest.raises(QuotaExceeded):
        on.begin()
    with pytest.raises(Forbidden):
        on.ledger.begin(caller("carol", "auditor"), NewFile(**NEW), CONTENT)
    is_stored(on, first.file)


def test_who_comes_when_all_is_over_leaves_nothing_behind(on: Interrupted) -> None:
    """A second request under the key slept before its PUT, while the file was stored, deleted and purged."""
    on.at_store.interrupt("put", "before", raising(Crash))
    with pytest.raises(Crash):
        on.begin(KEY)

    def live_and_die() -> None:
        file = on.another_process().begin(SERVICE, NewFile(**NEW), CONTENT, KEY).file
        on.ledger.soft_delete(SERVICE, file.id, "done with it")
        on.ledger.request_purge(RECORDS, file.id, "no longer needed")
        assert on.ledger.approve_purge(APPROVER, file.id, None, "agreed").status == "purged"

    on.at_store.interrupt("put", "before", live_and_die)
    with pytest.raises(WrongState):
        on.begin(KEY)
    assert on.store.list("").objects == ()

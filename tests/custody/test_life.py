"""A file's life through the ledger, and what a crash at each step leaves for the next process to settle."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from custody import ADMIN, APPROVER, CONTENT, RECORDS, SERVICE, Custody, dying
from provenstore.adapters.local.folder import LocalFolder
from provenstore.domain.errors import (
    ContentMismatch,
    ContentTooLarge,
    Gone,
    InvalidInput,
    StoreUnavailable,
    WrongState,
)
from provenstore.domain.files.file import File, project
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.storage.objects import ObjectNotFound
from provenstore.domain.tenants.workspace import SetLimits, SetPurgePolicy
from provenstore.domain.tenants.workspace_events import Limits


def test_a_whole_life(custody: Custody) -> None:
    """Stored, read, deleted, restored, deleted, purged: each step is an event, in this order."""
    file = custody.stored()
    assert custody.read(SERVICE, file.id) == CONTENT
    custody.ledger.soft_delete(SERVICE, file.id, "wrong edition")
    custody.ledger.restore(SERVICE, file.id, "right edition after all")
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, "contract over")
    done = custody.ledger.approve_purge(APPROVER, file.id, None, None)
    assert done.status == "purged"
    assert custody.types(file.id) == [
        "upload_initiated",
        "completion_requested",
        "stored",
        "accessed",
        "soft_deleted",
        "restored",
        "soft_deleted",
        "purge_requested",
        "purge_approved",
        "purge_started",
        "purged",
    ]
    with pytest.raises(ObjectNotFound):
        custody.store.head(file.path)


def test_an_empty_file_is_a_file(custody: Custody) -> None:
    """Unless the category forbids it, at the latest when the bytes have arrived."""
    assert custody.stored(b"").size == 0
    with pytest.raises(InvalidInput, match="size"):
        custody.initiated(category="backup", size=0)
    file = custody.initiated(category="backup", filename="db.zip", media_type="application/zip")
    with pytest.raises(InvalidInput, match="size"):
        custody.ledger.upload_content(SERVICE, file.id, [])
    assert custody.types(file.id) == ["upload_initiated"]


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ({"size": 5}, ContentMismatch),
        ({"size": 500}, ContentMismatch),
        ({"sha256": "0" * 64}, ContentMismatch),
        ({"md5": "0" * 32}, ContentMismatch),
    ],
)
def test_bytes_that_are_not_what_was_declared(
    custody: Custody, declared: dict[str, Any], error: type[Exception]
) -> None:
    """stored-only-after-check: refused, recorded, nothing left in the store, and the upload stays open."""
    file = custody.initiated(**declared)
    with pytest.raises(error):
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    assert custody.types(file.id) == ["upload_initiated", "integrity_failed"]
    assert custody.store.list("").objects == ()
    assert custody.log.load(file.stream, project).status == "initiated"


def test_more_than_the_category_takes(custody: Custody) -> None:
    """Reading stops at the limit; what arrived is gone."""
    custody.ledger.change_workspace(ADMIN, "acme", SetLimits(category="book_content", limits=Limits(max_size=10)))
    file = custody.initiated()
    with pytest.raises(ContentTooLarge):
        custody.ledger.upload_content(SERVICE, file.id, [b"x" * 11])
    with pytest.raises(ContentTooLarge):
        custody.initiated(size=11)
    assert custody.store.list("").objects == ()


def test_a_body_cut_off_half_way_leaves_the_upload_open(custody: Custody) -> None:
    """Nothing is stored, nothing is recorded, and the client may begin again."""
    file = custody.initiated()
    with pytest.raises(ConnectionResetError):
        custody.ledger.upload_content(SERVICE, file.id, dying([CONTENT]))
    assert custody.store.list("").objects == ()
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_content_comes_once(custody: Custody) -> None:
    """A stored file's bytes are never replaced."""
    file = custody.stored()
    with pytest.raises(WrongState):
        custody.ledger.upload_content(SERVICE, file.id, [b"something else"])
    assert custody.read(SERVICE, file.id) == CONTENT


# -- crashes -----------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies here."""


def _crash(*_: Any, **__: Any) -> Any:
    raise Crash


def _announced(custody: Custody, monkeypatch: pytest.MonkeyPatch, *, published: bool) -> Any:
    """Leave a file whose uploader died after the announcement, before or after the object was published."""
    file = custody.initiated()
    real = LocalFolder.put

    def put(self: LocalFolder, *args: Any, confirm: Callable[[Any], None], **kwargs: Any) -> Any:
        def and_die(found: Any) -> None:
            confirm(found)
            if not published:
                raise Crash

        real(self, *args, confirm=and_die, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "put", put)
        with pytest.raises(Crash):
            custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    return file


def test_dying_after_the_announcement_opens_the_upload_again(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process finds no object, says so, and the client may begin again."""
    file = _announced(custody, monkeypatch, published=False)
    assert custody.ledger.settle(file.id).completion is not None  # not judged while it may still be under way
    custody.clock.pass_time(minutes=6)
    assert custody.ledger.settle(file.id).completion is None
    assert custody.types(file.id)[-1] == "integrity_failed"
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_dying_after_publishing_is_finished_by_another_process(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The announced object is there, so the file is stored."""
    file = _announced(custody, monkeypatch, published=True)
    custody.clock.pass_time(minutes=6)
    assert custody.ledger.settle(file.id).status == "stored"
    assert custody.read(SERVICE, file.id) == CONTENT


def test_dying_after_publishing_is_finished_by_the_clients_second_try(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes again are the same attempt."""
    file = _announced(custody, monkeypatch, published=True)
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_other_bytes_do_not_take_an_announced_place(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """one-completion, against the real store"""
    file = _announced(custody, monkeypatch, published=True)
    with pytest.raises(WrongState):
        custody.ledger.upload_content(SERVICE, file.id, [b"something else"])
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_an_object_in_nobodys_name_does_not_block_the_upload(custody: Custody) -> None:
    """Whatever left it there: it is found out and removed, and the second try succeeds."""
    file = custody.initiated()
    custody.store.put(file.path, [b"stranger"], media_type="application/pdf", max_size=100)
    with pytest.raises(ContentMismatch):
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_two_uploads_at_once_store_one_content(custody: Custody) -> None:
    """one-completion: whichever wins, what is recorded is what can be read."""
    for _ in range(5):
        file = custody.initiated()
        contents = [bytes([letter]) * 100_000 for letter in b"abcd"]

        def upload(content: bytes, file: File = file) -> bytes | None:
            try:
                custody.another_process().upload_content(SERVICE, file.id, [content])
            except (WrongState, ContentMismatch):
                return None
            return content

        with ThreadPoolExecutor(4) as pool:
            stored = [content for content in pool.map(upload, contents) if content]
        assert len(stored) == 1
        assert custody.read(SERVICE, file.id) == stored[0]


def test_what_stands_in_the_place_of_the_announced_object_is_not_taken_for_it(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stored-only-after-check: the stranger is recorded as a failure and removed."""
    file = _announced(custody, monkeypatch, published=False)
    custody.store.put(file.path, [b"stranger"], media_type="application/pdf", max_size=100)
    custody.clock.pass_time(minutes=6)
    assert custody.ledger.settle(file.id).completion is None
    assert custody.types(file.id)[-2:] == ["integrity_failed", "stray_removed"]
    assert custody.store.list("").objects == ()


@pytest.mark.parametrize("removed", [False, True], ids=["before", "after"])
def test_dying_while_a_stray_object_is_removed(
    custody: Custody, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    """one-completion: even the very same bytes wait until it is gone; a later try of the client removes it."""
    file = _announced(custody, monkeypatch, published=False)
    custody.store.put(file.path, [b"stranger"], media_type="application/pdf", max_size=100)
    custody.clock.pass_time(minutes=6)
    real = LocalFolder.delete

    def delete(self: LocalFolder, *args: Any, **kwargs: Any) -> None:
        if removed:
            real(self, *args, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "delete", delete)
        with pytest.raises(Crash):
            custody.ledger.settle(file.id)
        custody.clock.pass_time(minutes=6)
        if not removed:
            with pytest.raises(Crash):
                custody.another_process().upload_content(SERVICE, file.id, [b"stranger"])
    custody.clock.pass_time(minutes=6)
    assert custody.ledger.upload_content(SERVICE, file.id, [b"stranger"]).status == "stored"
    assert custody.read(SERVICE, file.id) == b"stranger"


@pytest.mark.parametrize("dies_at", ["versions", "delete"])
def test_a_purge_goes_on_after_a_crash(custody: Custody, monkeypatch: pytest.MonkeyPatch, dies_at: str) -> None:
    """Approved or started: another process finishes it, and the certificate still names what was destroyed."""
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, dies_at, _crash)
        with pytest.raises(Crash):
            custody.ledger.approve_purge(APPROVER, file.id, None, None)
    done = custody.ledger.settle(file.id)
    assert done.status == "purged"
    assert done.purged is not None
    assert [(one.size, one.marker) for one in done.purged.versions] == [(len(CONTENT), False)]
    assert custody.ledger.certificate(RECORDS, file.id)["sha256"] == file.stored.sha256  # type: ignore[union-attr]


def test_a_store_that_keeps_something_is_no_purge(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """purge-lists-empty: PurgeFailed is recorded once, the space stays counted, and it is tried again."""
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "delete", lambda *_, **__: None)
        custody.ledger.approve_purge(APPROVER, file.id, None, None)
        with pytest.raises(StoreUnavailable):
            custody.ledger.settle(file.id)
    assert custody.types(file.id)[-1] == "purge_failed"
    assert custody.types(file.id).count("purge_failed") == 1
    assert _used(custody) == (len(CONTENT), 1)
    assert custody.ledger.settle(file.id).status == "purged"
    assert _used(custody) == (0, 0)


def test_unverified_bytes_are_hashed_before_they_are_destroyed(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hash-before-destroy: the certificate says what was really there."""
    file = custody.initiated()
    real = LocalFolder.put

    def unhashed(self: LocalFolder, *args: Any, **kwargs: Any) -> Any:
        return replace(real(self, *args, **kwargs), sha256=None)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "put", unhashed)
        stored = custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    assert stored.stored is not None
    assert stored.stored.sha256_status == "none"
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, None)
    done = custody.ledger.approve_purge(APPROVER, file.id, None, None)
    assert done.purged is not None
    assert done.purged.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_an_aborted_upload_leaves_nothing(custody: Custody) -> None:
    """Neither bytes nor reserved space."""
    file = custody.initiated(size=1000)
    assert _used(custody) == (1000, 1)
    custody.ledger.abort_upload(SERVICE, file.id, "changed my mind")
    assert custody.types(file.id) == ["upload_initiated", "upload_aborted", "upload_cleared"]
    assert _used(custody) == (0, 0)


def test_uploads_and_files_expire_when_settled(custody: Custody) -> None:
    """upload-expires, and the categories' own times to live"""
    unfinished, temporary = custody.initiated(), custody.stored(category="temp")
    custody.clock.pass_time(hours=25)
    assert custody.ledger.settle(unfinished.id).status == "expired"
    assert custody.ledger.settle(temporary.id).status == "expired"
    with pytest.raises(Gone):
        custody.read(SERVICE, temporary.id)
    custody.ledger.restore(SERVICE, temporary.id)
    assert custody.read(SERVICE, temporary.id) == CONTENT


def test_settling_what_is_in_order_records_nothing(custody: Custody) -> None:
    """The background work comes by every minute."""
    file = custody.stored()
    before = custody.types(file.id)
    for _ in range(3):
        custody.ledger.settle(file.id)
    assert custody.types(file.id) == before


def test_without_four_eyes_a_request_destroys(custody: Custody) -> None:
    """The workspace's own decision, on record."""
    custody.switch_four_eyes_off()
    assert custody.ledger.request_purge(RECORDS, custody.deleted().id, None).status == "purged"


def test_a_pending_purge_keeps_the_rule_it_was_requested_under(custody: Custody) -> None:
    """Switching four eyes off approves nothing that waits, nor does switching them on stop it."""
    file = custody.ledger.request_purge(RECORDS, custody.deleted().id, None)
    custody.switch_four_eyes_off()
    assert custody.ledger.settle(file.id).purge == file.purge
    other = custody.deleted()
    assert custody.ledger.request_purge(RECORDS, other.id, None).status == "purged"
    assert custody.ledger.recorder.file(file.id).purge == file.purge
    custody.ledger.change_workspace(ADMIN, "acme", SetPurgePolicy(four_eyes=True, reason="two again"))
    assert custody.ledger.approve_purge(APPROVER, file.id, None, None).status == "purged"


def test_a_purge_of_one_goes_on_after_four_eyes_are_on_again(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for when one was enough, and the store failed."""
    custody.switch_four_eyes_off()
    file = custody.deleted()
    with monkeypatch.context() as patch:
        patch.setattr(custody.store, "versions", _fails)
        custody.ledger.request_purge(RECORDS, file.id, None)
    custody.ledger.change_workspace(ADMIN, "acme", SetPurgePolicy(four_eyes=True, reason="two again"))
    assert custody.ledger.settle(file.id).status == "purged"


def _fails(_key: str) -> None:
    raise StoreUnavailable("it is away")


def test_the_log_of_all_this_verifies(custody: Custody) -> None:
    """Exact bytes, chains, private values and counters."""
    custody.purged()
    custody.stored()
    report = verify_log(custody.log, page=3)
    assert report.findings == ()
    assert report.checked == custody.log.position() > 10


def test_a_body_that_lies_about_its_length_is_recorded(custody: Custody) -> None:
    """The header said otherwise than the declaration."""
    file = custody.initiated(size=len(CONTENT))
    with pytest.raises(ContentMismatch):
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT], size=3)
    assert custody.types(file.id)[-1] == "integrity_failed"


def _used(custody: Custody) -> tuple[int, int]:
    use = custody.log.quota("acme")
    assert use is not None
    return use.bytes, use.files

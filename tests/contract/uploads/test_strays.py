"""What should not stand at a file's keys: recorded once, removed, and never said to be gone before it is."""

from collections.abc import Callable
from typing import Any

import pytest

from custody import APPROVER, RECORDS, SERVICE, Custody
from provenstore.adapters.spaces.store import Spaces
from provenstore.domain.errors import StoreUnavailable
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import ObjectVersion
from provenstore.domain.uploads.cleanup import STRAYS_AT_ONCE

STRAY = b"%PDF-1.7 what came late"


def given_up(custody: Custody) -> File:
    """Abort an upload whose URL still lives."""
    file = custody.initiated(upload="presigned", size=len(STRAY))
    return custody.ledger.abort_upload(SERVICE, file.id, None)


def put(custody: Custody, file: File, content: bytes = STRAY) -> None:
    """Let something come late."""
    custody.store.put(file.path, [content], media_type="application/pdf", max_size=100, if_absent=False)


def recorded(custody: Custody, file: File) -> list[e.StrayFound]:
    """Return what was recorded of strays."""
    return [event.data for event in custody.events(file.id) if isinstance(event.data, e.StrayFound)]


def settle_in_vain(custody: Custody, file: File) -> None:
    """Let the background work meet a store that does not do what it was asked for."""
    with pytest.raises(StoreUnavailable):
        custody.ledger.settle(file.id)


def test_a_stray_is_recorded_once_however_often_its_removal_fails(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its etag and version say which one it is; another one beside it is recorded by itself, an upload likewise."""
    file = given_up(custody)
    put(custody, file)
    custody.clock.pass_time(minutes=16)

    def keep(*_: Any, **__: Any) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(type(custody.store), "delete", keep)
        settle_in_vain(custody, file)
        settle_in_vain(custody, file)
        assert len(recorded(custody, file)) == 1
        put(custody, file, STRAY[::-1])
        patch.setattr(type(custody.store), "abort_multipart", keep)
        upload = custody.store.create_multipart(file.path, media_type="application/pdf")
        settle_in_vain(custody, file)
        settle_in_vain(custody, file)
    first, second = recorded(custody, file)
    assert (len(first.versions), first.uploads, len(second.versions)) == (1, 0, 1)
    assert (second.uploads, second.upload_ids) == (1, (upload,))
    assert not custody.ledger.recorder.file(file.id).cleared
    assert custody.ledger.settle(file.id).cleared
    assert len(recorded(custody, file)) == 2


def _after(custody: Custody, file: File, real: Callable[..., Any], patch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what does `real` after another process has done everything, once."""

    def act(*args: Any, **kwargs: Any) -> Any:
        patch.undo()
        custody.another_process().settle(file.id)
        return real(*args, **kwargs)

    return act


@pytest.mark.parametrize("method", ["versions", "delete", "abort_multipart"])
def test_two_may_look_at_the_same_moment(custody: Custody, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """What one removes after the other was done is nobody's: over uploads get no new objects at their keys."""
    lost, stored = given_up(custody), custody.initiated(upload="presigned", size=len(STRAY))
    custody.ledger.upload_content(SERVICE, stored.id, [STRAY])
    put(custody, lost)
    for file in (lost, stored):
        custody.store.create_multipart(file.path, media_type="application/pdf")
    custody.clock.pass_time(hours=2)
    for file in (lost, stored):
        with monkeypatch.context() as patch:
            act = getattr(type(custody.store), method)
            patch.setattr(type(custody.store), method, _after(custody, file, act, patch))
            custody.ledger.settle(file.id)
        assert len(recorded(custody, file)) == 1
        assert custody.store.list_multiparts(file.path) == ()
    assert custody.read(SERVICE, stored.id) == STRAY
    assert custody.store.versions(lost.path) == ()


def test_hundreds_of_strays_fit_into_the_log(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a URL to a bucket with versions can write as many as they like: no event names too many of them."""
    file = given_up(custody)
    put(custody, file)
    custody.clock.pass_time(minutes=16)
    (one,) = custody.store.versions(file.path)
    many = [f"{number:0200}" for number in range(5 * STRAYS_AT_ONCE)]

    def versions(_: object, key: str) -> tuple[ObjectVersion, ...]:
        return tuple(ObjectVersion(**{**vars(one), "version_id": name}) for name in many if key == file.path)

    with monkeypatch.context() as patch:
        patch.setattr(type(custody.store), "versions", versions)
        patch.setattr(type(custody.store), "delete", lambda _, __, *, version: many.remove(version))
        assert custody.ledger.settle(file.id).cleared
    assert [len(found.versions) for found in recorded(custody, file)] == [STRAYS_AT_ONCE] * 5


def _switch_versioning_on(custody: Custody) -> None:
    bucket = custody.store._bucket  # type: ignore[attr-defined]  # what an operator does outside of us
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})


def test_versioning_switched_on_meanwhile_lets_nothing_be_called_gone(custody: Custody) -> None:
    """The bucket then only lays markers over what is deleted: neither a clearing nor a purge is recorded."""
    if not isinstance(custody.store, Spaces):
        assert not custody.store.capabilities().versioning  # and a folder never will
        return
    if custody.store.capabilities().versioning:
        return  # it is on already
    cleared, purged = given_up(custody), custody.deleted()
    put(custody, cleared)
    unfinished = custody.initiated()
    put(custody, unfinished)
    _switch_versioning_on(custody)
    assert not custody.ledger.abort_upload(SERVICE, unfinished.id, None).cleared
    custody.ledger.request_purge(RECORDS, purged.id, None)
    assert custody.ledger.approve_purge(APPROVER, purged.id, None, None).status == "soft_deleted"
    custody.clock.pass_time(minutes=16)
    settle_in_vain(custody, cleared)
    assert custody.types(cleared.id)[-1] == "stray_found"
    assert custody.types(unfinished.id)[-1] == "upload_aborted"
    assert custody.types(purged.id)[-1] == "purge_failed"

"""A read that finds the object gone or altered: recorded before it is refused, on every store, until it is healed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from custody import APPROVER, CONTENT, RECORDS, SERVICE, Custody
from provenstore.domain.errors import ContentDamaged, DatabaseUnavailable, Gone, IntegrityViolated, StoreUnavailable
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File


def remove(custody: Custody, file: File) -> None:
    """Destroy the object, as somebody with the bucket's key can."""
    for version in custody.store.versions(file.path):
        custody.store.delete(file.path, version=version.version_id)


def alter(custody: Custody, file: File, content: bytes) -> None:
    """Put other bytes in the object's place, under the version that was stored if there are none."""
    if custody.store.capabilities().versioning:
        remove(custody, file)
    custody.store.put(file.path, [content], media_type="application/pdf", max_size=len(content), if_absent=False)


def found(custody: Custody, file: File) -> list[Any]:
    """Return what was recorded of the file's object."""
    kinds = fe.IntegrityFailed | fe.ObjectMissing | fe.IntegrityVerified
    return [event.data for event in custody.events(file.id) if isinstance(event.data, kinds)]


@pytest.mark.parametrize("how", [{}, {"first": 0, "last": 3}])
def test_a_missing_object_is_recorded_and_refused(custody: Custody, how: dict[str, int]) -> None:
    """found-by-reading: once, by the system in the course of the reader's request; nothing was given out."""
    file = custody.stored()
    remove(custody, file)
    for _ in range(2):
        with pytest.raises(ContentDamaged) as caught:
            custody.read(SERVICE, file.id, **how)
    assert caught.value.details["damage"] == "missing"
    assert [type(one) for one in found(custody, file)] == [fe.ObjectMissing]
    assert custody.events(file.id)[-1].actor.kind == "system"
    assert "accessed" not in custody.types(file.id)
    assert custody.ledger.recorder.file(file.id).damage == "missing"


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT + b"more"])
def test_an_altered_object_is_recorded_and_refused(custody: Custody, content: bytes) -> None:
    """found-by-reading: of the same size or another; where the stored version is gone it is missing."""
    file = custody.stored()
    alter(custody, file, content)
    for _ in range(2):
        with pytest.raises(ContentDamaged):
            custody.read(SERVICE, file.id)
    if custody.store.capabilities().versioning:
        assert [type(one) for one in found(custody, file)] == [fe.ObjectMissing]
    else:
        (failure,) = found(custody, file)
        assert (failure.found, failure.check) == ("at_rest", "etag" if len(content) == len(CONTENT) else "size")
    assert "accessed" not in custody.types(file.id)


def test_what_is_damaged_is_healed_by_verifying(custody: Custody) -> None:
    """The right bytes in the right place, read whole: content is given out again."""
    file = custody.stored()
    if custody.store.capabilities().versioning:
        pytest.skip("a version that is gone does not come back")
    alter(custody, file, b"x" * len(CONTENT))
    with pytest.raises(ContentDamaged):
        custody.read(SERVICE, file.id)
    alter(custody, file, CONTENT)
    with pytest.raises(ContentDamaged):
        custody.read(SERVICE, file.id)
    assert custody.ledger.verify_content(RECORDS, file.id).damage is None
    assert custody.read(SERVICE, file.id) == CONTENT


def test_a_finding_that_cannot_be_recorded_is_no_answer(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """found-by-reading: the event comes before the answer."""
    file = custody.stored()
    remove(custody, file)

    def gone(*_: Any) -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(type(custody.log), "append", gone)
        with pytest.raises(DatabaseUnavailable):
            custody.read(SERVICE, file.id)
    assert found(custody, file) == []


def test_a_store_that_is_away_has_lost_nothing(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be asked is neither missing nor altered."""
    file = custody.stored()

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(type(custody.store), "get", away)
        with pytest.raises(StoreUnavailable):
            custody.read(SERVICE, file.id)
    assert found(custody, file) == []
    assert custody.read(SERVICE, file.id) == CONTENT


def test_what_another_process_purged_is_gone_not_damaged(custody: Custody) -> None:
    """What this process remembers is old; the object was destroyed as it should be."""
    file = custody.stored()
    assert custody.read(SERVICE, file.id) == CONTENT
    other = custody.another_process()
    other.soft_delete(SERVICE, file.id)
    other.request_purge(RECORDS, file.id, "no longer needed")
    other.approve_purge(APPROVER, file.id, None, "agreed")
    with pytest.raises(Gone):
        custody.read(SERVICE, file.id, first=0, last=1)
    assert found(custody, file) == []


def test_readings_at_once_find_it_once(custody: Custody) -> None:
    """However many ask."""
    file = custody.stored()
    remove(custody, file)

    def read(_: int) -> bool:
        with pytest.raises(IntegrityViolated):
            custody.read(SERVICE, file.id)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(16)))
    assert len(found(custody, file)) == 1


def test_wrong_bytes_under_the_right_name_do_not_end_well(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """found-by-reading: size and ETag are right, the bytes are not: the last never leave; it is recorded."""
    content = bytes(range(256)) * 10_000
    file = custody.stored(content)
    whole = custody.store.get

    def rotten(key: str, **how: Any) -> Any:
        return _Rotten(whole(key, **how)) if key == file.path else whole(key, **how)

    monkeypatch.setattr(custody.store, "get", rotten)
    received = bytearray()
    with pytest.raises(ContentDamaged), custody.ledger.content(SERVICE, file.id) as given:
        for chunk in given.reader:
            received += chunk
    assert len(received) < len(content)
    (failure,) = found(custody, file)
    assert (failure.found, failure.check, failure.expected) == ("at_rest", "sha256", file.stored and file.stored.sha256)
    with pytest.raises(ContentDamaged):
        custody.read(SERVICE, file.id)


class _Rotten:
    """A reader of which one byte is not what was stored."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def __enter__(self) -> "_Rotten":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__(None, None, None)

    def __iter__(self) -> Iterator[bytes]:
        for number, chunk in enumerate(self._reader):
            yield chunk if number else bytes([chunk[0] ^ 1]) + chunk[1:]

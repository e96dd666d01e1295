"""The contract of ObjectStore: uploads in parts."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenstore.domain.errors import AlreadyExists, ContentMismatch, InvalidInput
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import MultipartNotFound, ObjectNotFound, PartInfo, PartRef

KEY = "a/joined.bin"


def _part(store: ObjectStore, upload: str, number: int, content: bytes) -> PartInfo:
    return store.put_part(KEY, upload, number, [content], size=len(content))


def _contents(store: ObjectStore) -> list[bytes]:
    """Three parts, of which all but the last have the least size that the store allows."""
    least = max(store.capabilities().min_part_size, 1000)
    return [b"1" * least, b"2" * least, b"3" * 10]


def _begin(store: ObjectStore) -> str:
    return store.create_multipart(KEY, media_type="video/mp4")


def _all(store: ObjectStore) -> tuple[str, list[PartRef]]:
    upload = _begin(store)
    return upload, [_part(store, upload, n, content).ref for n, content in enumerate(_contents(store), start=1)]


def _read(store: ObjectStore, key: str) -> bytes:
    with store.get(key) as reader:
        return b"".join(reader)


def test_parts_join_in_order_however_they_came(store: ObjectStore) -> None:
    """Sent backwards, one of them twice, the last word on each number counts."""
    upload, contents = _begin(store), _contents(store)
    _part(store, upload, 2, b"thrown away")
    parts = {number: _part(store, upload, number, contents[number - 1]) for number in (3, 2, 1)}
    assert store.list_parts(KEY, upload) == tuple(parts[number] for number in (1, 2, 3))
    with pytest.raises(ObjectNotFound):
        store.head(KEY)
    info = store.complete_multipart(KEY, upload, [parts[number].ref for number in (1, 2, 3)])
    md5s = b"".join(hashlib.md5(content).digest() for content in contents)
    assert info.etag == f"{hashlib.md5(md5s).hexdigest()}-3"
    assert (info.size, info.media_type) == (sum(map(len, contents)), "video/mp4")
    assert info.sha256 in (None, hashlib.sha256(b"".join(contents)).hexdigest())
    assert _read(store, KEY) == b"".join(contents)
    assert store.head(KEY).etag == info.etag
    assert (store.list_multiparts(""), [one.key for one in store.list("").objects]) == ((), [KEY])


def test_parts_may_be_sent_at_once(store: ObjectStore) -> None:
    """Eight threads, eight parts, nothing lost."""
    upload = _begin(store)
    least = max(store.capabilities().min_part_size, 1)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda n: _part(store, upload, n, b"%d" % n * least).ref, range(1, 9)))
    store.complete_multipart(KEY, upload, parts)
    assert _read(store, KEY) == b"".join(b"%d" % n * least for n in range(1, 9))


def test_completing_again_answers_the_same(store: ObjectStore) -> None:
    """A lost answer is asked for again without harm, as long as the object stands."""
    upload, parts = _all(store)
    first = store.complete_multipart(KEY, upload, parts)
    assert store.complete_multipart(KEY, upload, parts) == first
    with pytest.raises(ContentMismatch):
        store.complete_multipart(KEY, upload, parts[:2])
    assert store.head(KEY) == first
    store.delete(KEY)
    with pytest.raises(MultipartNotFound):
        store.complete_multipart(KEY, upload, parts)


def test_completing_at_once_answers_the_same(store: ObjectStore) -> None:
    """Two completions of one upload do not refuse each other."""
    upload, parts = _all(store)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: store.complete_multipart(KEY, upload, parts), range(2)))
    assert answers[0].etag == answers[1].etag == store.head(KEY).etag


@pytest.mark.parametrize("numbers", [[2, 1], [1, 1], []], ids=["backwards", "twice", "none"])
def test_a_list_of_parts_must_be_in_order(store: ObjectStore, numbers: list[int]) -> None:
    """What cannot be meant is refused before anything is read."""
    upload, parts = _all(store)
    with pytest.raises(InvalidInput):
        store.complete_multipart(KEY, upload, [parts[number - 1] for number in numbers])
    assert len(store.list_parts(KEY, upload)) == 3


def test_other_parts_are_refused_and_harm_nothing(store: ObjectStore) -> None:
    """A missing part, another etag or no etag at all; the upload can still be completed."""
    upload, parts = _all(store)
    for wrong in (PartRef(4, parts[0].etag), PartRef(3, parts[0].etag), PartRef(3, "nonsense")):
        with pytest.raises(ContentMismatch):
            store.complete_multipart(KEY, upload, [*parts[:2], wrong])
    with pytest.raises(ObjectNotFound):
        store.head(KEY)
    store.complete_multipart(KEY, upload, parts)


def test_parts_may_be_left_out_or_not_as_the_capabilities_say(store: ObjectStore) -> None:
    """The object is made of exactly the parts that are named, or all must be, and the upload stays as it was."""
    upload, parts = _all(store)
    if store.capabilities().omits_parts:
        store.complete_multipart(KEY, upload, [parts[0], parts[2]])
        assert _read(store, KEY) == _contents(store)[0] + _contents(store)[2]
    else:
        with pytest.raises(ContentMismatch):
            store.complete_multipart(KEY, upload, [parts[0], parts[2]])
        assert [part.ref for part in store.list_parts(KEY, upload)] == parts


def test_small_parts_are_refused_where_the_store_says_so(store: ObjectStore) -> None:
    """All parts but the last have the least size of the capabilities; where that is 0, even empty ones do."""
    upload = _begin(store)
    parts = [_part(store, upload, 1, b"").ref, _part(store, upload, 2, b"x").ref]
    if store.capabilities().min_part_size:
        with pytest.raises(InvalidInput):
            store.complete_multipart(KEY, upload, parts)
    else:
        assert store.complete_multipart(KEY, upload, parts).size == 1


def test_completing_respects_what_is_there(store: ObjectStore) -> None:
    """With if_absent an object that came first stays, and so does the upload; without, it is replaced."""
    upload, parts = _all(store)
    store.put(KEY, [b"first"], media_type="text/plain", max_size=10)
    with pytest.raises(AlreadyExists):
        store.complete_multipart(KEY, upload, parts)
    assert _read(store, KEY) == b"first"
    store.complete_multipart(KEY, upload, parts, if_absent=False)
    assert _read(store, KEY) == b"".join(_contents(store))


def test_aborting_is_idempotent_and_final(store: ObjectStore) -> None:
    """Nothing of the upload is left, and nothing more can be added to it."""
    upload, parts = _all(store)
    store.abort_multipart(KEY, upload)
    store.abort_multipart(KEY, upload)
    store.abort_multipart(KEY, "never-was")
    for call in (
        lambda: _part(store, upload, 1, b"late"),
        lambda: store.list_parts(KEY, upload),
        lambda: store.complete_multipart(KEY, upload, parts),
    ):
        with pytest.raises(MultipartNotFound):
            call()
    assert (store.list_multiparts(""), store.list("").objects) == ((), ())


def test_aborting_what_is_complete_does_not_touch_the_object(store: ObjectStore) -> None:
    """The object stands; it is no longer an upload."""
    upload, parts = _all(store)
    store.complete_multipart(KEY, upload, parts)
    store.abort_multipart(KEY, upload)
    assert _read(store, KEY) == b"".join(_contents(store))


def test_an_upload_belongs_to_its_key(store: ObjectStore) -> None:
    """Under another key it does not exist."""
    upload = _begin(store)
    with pytest.raises(MultipartNotFound):
        store.put_part("other", upload, 1, [b"x"], size=1)
    with pytest.raises(MultipartNotFound):
        store.list_parts("other", upload)
    store.abort_multipart("other", upload)
    assert [one.upload for one in store.list_multiparts("")] == [upload]


def test_unfinished_uploads_are_listed(store: ObjectStore) -> None:
    """By key, with the prefix, until they are completed or aborted."""
    uploads = {key: store.create_multipart(key, media_type="x/y") for key in ("b/2", "a", "b/1")}
    assert [one.key for one in store.list_multiparts("")] == ["a", "b/1", "b/2"]
    listed = store.list_multiparts("b/")
    assert [(one.key, one.upload) for one in listed] == [("b/1", uploads["b/1"]), ("b/2", uploads["b/2"])]
    assert listed[0].initiated.utcoffset() is not None


@pytest.mark.parametrize(("size", "md5", "check"), [(4, None, "size"), (6, None, "size"), (5, "0" * 32, "md5")])
def test_a_part_that_lies_is_refused(store: ObjectStore, size: int, md5: str | None, check: str) -> None:
    """Size and MD5 of a part are compared, and the part that was there stays."""
    upload = _begin(store)
    before = _part(store, upload, 1, b"good")
    with pytest.raises(ContentMismatch) as refused:
        store.put_part(KEY, upload, 1, [b"12345"], size=size, md5=md5)
    assert refused.value.details["check"] == check
    assert store.list_parts(KEY, upload) == (before,)


def test_a_part_that_breaks_off_is_not_stored(store: ObjectStore) -> None:
    """The body's exception passes through."""

    def body() -> Iterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    upload = _begin(store)
    with pytest.raises(ConnectionResetError):
        store.put_part(KEY, upload, 1, body(), size=10)
    assert store.list_parts(KEY, upload) == ()


def test_part_numbers_are_bounded(store: ObjectStore) -> None:
    """From 1 to what the capabilities say."""
    upload = _begin(store)
    for number in (0, -1, store.capabilities().max_parts + 1):
        with pytest.raises(InvalidInput):
            _part(store, upload, number, b"x")
    _part(store, upload, store.capabilities().max_parts, b"x")


def test_a_part_that_was_under_way_when_the_upload_was_aborted_is_refused(store: ObjectStore) -> None:
    """An abort does not wait for slow senders, and what they still send does not stay."""
    upload = _begin(store)

    def body() -> Iterator[bytes]:
        yield b"first"
        store.abort_multipart(KEY, upload)
        yield b"later"

    with pytest.raises(MultipartNotFound):
        store.put_part(KEY, upload, 1, body(), size=10)
    assert store.list_multiparts("") == ()

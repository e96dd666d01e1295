"""The contract of ObjectStore: one streamed put that is too large for one request of the store."""

import hashlib
from collections.abc import Iterator

import pytest
from botocore.awsrequest import AWSPreparedRequest

from provenstore.adapters.spaces.store import Spaces
from provenstore.domain.errors import AlreadyExists, ContentMismatch, StoreUnavailable
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import Digests, ObjectInfo, ObjectNotFound

pytestmark = pytest.mark.any_bucket

MIB = 1024 * 1024
KEY = "a/large.bin"


def _size(store: ObjectStore) -> int:
    """More than two requests' worth of bytes, and no round number."""
    return 2 * min(store.capabilities().single_put_size, MIB * 5) + 12_345


def _body(size: int) -> Iterator[bytes]:
    for position in range(0, size, MIB):
        yield (b"%08d" % position * (MIB // 8))[: min(MIB, size - position)]


def _put(store: ObjectStore, length: int, **more: object) -> ObjectInfo:
    return store.put(KEY, _body(length), media_type="video/mp4", max_size=64 * MIB, **more)  # type: ignore[arg-type]  # named at each call


def _nothing_is_left(store: ObjectStore) -> bool:
    return (store.list("").objects, store.list_multiparts("")) == ((), ())


def test_a_large_object_is_what_was_sent(store: ObjectStore) -> None:
    """Bytes, digests and media type, however many requests it took; and a range across them."""
    size = _size(store)
    content = b"".join(_body(size))
    put = _put(store, size, size=size, md5=hashlib.md5(content).hexdigest())
    assert (put.size, put.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert put.md5 == hashlib.md5(content).hexdigest()
    assert (store.head(KEY).etag, store.head(KEY).media_type) == (put.etag, "video/mp4")
    middle = min(store.capabilities().single_put_size, MIB * 5)
    with store.get(KEY, first=middle - 10, last=middle + 10) as reader:
        assert b"".join(reader) == content[middle - 10 : middle + 11]
    assert store.list_multiparts("") == ()


@pytest.mark.parametrize("declares", [True, False])
def test_of_parts_an_md5_is_only_computed_if_it_is_declared(store: ObjectStore, declares: bool) -> None:
    """It is the digest of no etag there, and costs more than everything else; one that is there is right."""
    size = _size(store)
    put = _put(store, size, size=size if declares else None)
    parted = "-" in put.etag
    assert put.md5 == (None if parted else hashlib.md5(b"".join(_body(size))).hexdigest())
    with pytest.raises(ContentMismatch) as refusal:
        _put(store, size, size=size if declares else None, md5="0" * 32, if_absent=False)
    assert refusal.value.details["check"] == "md5"


def test_bytes_damaged_on_the_way_do_not_stay(store: ObjectStore, request: pytest.FixtureRequest) -> None:
    """A server compares the digest that is signed with each part; only moto takes whatever comes."""
    if not isinstance(store, Spaces):
        return
    damaged: list[int] = []

    def damage(request: AWSPreparedRequest, **_: object) -> None:
        assert isinstance(request.body, bytes | bytearray)
        body = bytearray(request.body)
        body[len(body) // 2] ^= 1
        request.body = body
        damaged.append(len(body))

    store._bucket.client.meta.events.register("before-send.s3.UploadPart", damage)
    try:
        if request.node.callspec.params["store"] == "moto":
            _put(store, _size(store))
        else:
            with pytest.raises(StoreUnavailable):
                _put(store, _size(store))
            assert _nothing_is_left(store)
    finally:
        store._bucket.client.meta.events.unregister("before-send.s3.UploadPart", damage)
    assert damaged


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_size_of_one_request_is_no_edge(store: ObjectStore, more: int) -> None:
    """A byte less, exactly as much, a byte more."""
    size = min(store.capabilities().single_put_size, MIB * 5) + more
    put = _put(store, size)
    assert put.sha256 == hashlib.sha256(b"".join(_body(size))).hexdigest()
    assert store.head(KEY).size == size
    assert ("-" in put.etag) == (size > store.capabilities().single_put_size)  # parts only where it takes them


def test_a_large_object_is_confirmed_before_it_is_seen(store: ObjectStore) -> None:
    """All its bytes are safe by then; what is not confirmed goes without a trace."""

    def refuse(digests: Digests) -> None:
        assert digests.size == size
        with pytest.raises(ObjectNotFound):
            store.head(KEY)
        raise KeyError("not today")

    size = _size(store)
    with pytest.raises(KeyError):
        _put(store, size, confirm=refuse)
    assert _nothing_is_left(store)


def test_a_large_object_that_lies_leaves_nothing(store: ObjectStore) -> None:
    """Found out at the end, when most of it had been sent."""
    with pytest.raises(ContentMismatch):
        _put(store, _size(store), sha256="0" * 64)
    assert _nothing_is_left(store)


def test_a_large_body_that_breaks_leaves_nothing(store: ObjectStore) -> None:
    """Its exception passes through."""

    def body() -> Iterator[bytes]:
        yield from _body(_size(store) - MIB)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put(KEY, body(), media_type="x/y", max_size=64 * MIB)
    assert _nothing_is_left(store)


@pytest.mark.parametrize("large", [False, True])
def test_an_object_that_came_meanwhile_stays(store: ObjectStore, large: bool) -> None:
    """It is not only looked for at the beginning."""

    def other(_: Digests) -> None:
        store.put(KEY, [b"first"], media_type="text/plain", max_size=10)

    with pytest.raises(AlreadyExists):
        _put(store, _size(store) if large else 10, confirm=other)
    with store.get(KEY) as reader:
        assert b"".join(reader) == b"first"
    assert store.list_multiparts("") == ()

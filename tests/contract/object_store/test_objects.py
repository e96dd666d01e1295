"""The contract of ObjectStore: whole objects."""

import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenstore.domain.errors import (
    AlreadyExists,
    ContentMismatch,
    ContentTooLarge,
    InvalidInput,
    NotFound,
    RangeNotSatisfiable,
)
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import Digests, ObjectInfo, ObjectNotFound, SourceChanged

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 5


def _put(store: ObjectStore, key: str, content: bytes = CONTENT, *, if_absent: bool = True) -> ObjectInfo:
    return store.put(key, [content], media_type="text/plain", max_size=64 * MIB, if_absent=if_absent)


def _read(store: ObjectStore, key: str, first: int | None = None, last: int | None = None) -> bytes:
    with store.get(key, first=first, last=last) as reader:
        content = b"".join(reader)
        assert reader.length == len(content)
    return content


def _digests(content: bytes) -> Digests:
    return Digests(size=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=hashlib.md5(content).hexdigest())


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "one byte", "some"])
def test_what_was_put_is_got(store: ObjectStore, content: bytes) -> None:
    """Bytes, size, media type and digests come back as they went in."""
    put = _put(store, "a/b.txt", content)
    assert (put.size, put.sha256, put.md5) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
        hashlib.md5(content).hexdigest(),
    )
    assert (put.key, put.media_type) == ("a/b.txt", "text/plain")
    assert _read(store, "a/b.txt") == content
    head = store.head("a/b.txt")
    assert (head.size, head.etag, head.media_type) == (put.size, put.etag, "text/plain")
    told = store.capabilities().checksums
    assert head.sha256 == (put.sha256 if "sha256" in told else None)
    assert head.md5 == (put.md5 if "md5" in told else None)
    assert head.modified.utcoffset() is not None
    with store.get("a/b.txt", version=put.version_id) as reader:
        assert reader.info.etag == put.etag


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 0), (0, 1279), (1279, 1279), (1279, None), (5, 10), (None, 9), (1000, 5000), (0, None)],
)
def test_ranges_are_inclusive_and_clamped(store: ObjectStore, first: int | None, last: int | None) -> None:
    """A range delivers exactly its bytes, and tells where it begins and how long it is."""
    _put(store, "k")
    stop = len(CONTENT) if last is None else last + 1
    assert _read(store, "k", first, last) == CONTENT[first or 0 : stop]
    with store.get("k", first=first, last=last) as reader:
        assert (reader.first, reader.info.size) == (first or 0, len(CONTENT))


@pytest.mark.parametrize(("content", "first"), [(CONTENT, 1280), (CONTENT, 10**9), (b"", 0)])
def test_ranges_outside_the_content_are_refused(store: ObjectStore, content: bytes, first: int) -> None:
    """No byte in the range is an error that tells the size; an empty object has no range at all."""
    _put(store, "k", content)
    with pytest.raises(RangeNotSatisfiable) as refused:
        store.get("k", first=first)
    assert refused.value.details == {"size": len(content)}


@pytest.mark.parametrize(("first", "last"), [(-1, None), (5, 4), (None, -1)])
def test_senseless_ranges_are_refused(store: ObjectStore, first: int | None, last: int | None) -> None:
    """A range that no content could satisfy is the caller's mistake."""
    _put(store, "k")
    with pytest.raises(InvalidInput):
        store.get("k", first=first, last=last)


@pytest.mark.parametrize(
    "key", ["ключ/文件.pdf", "a b/c+d&e=f?.txt", "100%/%2e%2e", "..a/b..", "x" * 255, "/".join(["d" * 200] * 5), "~/-"]
)
def test_odd_keys_are_kept_apart(store: ObjectStore, key: str) -> None:
    """Whatever a key looks like, it is that key and no other."""
    _put(store, key, key.encode())
    assert _read(store, key) == key.encode()
    assert [found.key for found in store.list("").objects] == [key]
    store.delete(key)
    assert store.versions(key) == () or store.versions(key)[0].is_delete_marker


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", "a\0b", "a\nb", "x" * 256, "d/" * 512 + "x", "\ud800"],
)
def test_impossible_keys_are_refused(store: ObjectStore, key: str) -> None:
    """Every way in checks the key."""
    for call in (
        lambda: _put(store, key),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.versions(key),
        lambda: store.copy(key, "b"),
        lambda: store.create_multipart(key, media_type="text/plain"),
    ):
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.field == "key"


def test_a_large_object_streams_in_constant_memory(store: ObjectStore) -> None:
    """32 MiB go up and down while a fraction of that is in memory: a few parts, where it goes in parts."""
    chunk = bytes(64 * 1024)
    tracemalloc.start()
    try:
        put = store.put("big", (chunk for _ in range(512)), media_type="x/y", max_size=64 * MIB)
        with store.get("big") as reader:
            total = sum(len(piece) for piece in reader)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (put.size, total) == (32 * MIB, 32 * MIB)
    assert put.sha256 == hashlib.sha256(bytes(32 * MIB)).hexdigest()
    assert peak < 8 * MIB + 4 * store.capabilities().min_part_size


def test_what_is_absent_is_not_found(store: ObjectStore) -> None:
    """Neither a missing key, nor a missing folder, nor a folder of keys is an object."""
    _put(store, "a/b")
    for key in ("missing", "no/folder/here", "a", "a/b/c"):
        for call in (store.get, store.head):
            with pytest.raises(ObjectNotFound):
                call(key)
        assert store.versions(key) == ()
    with pytest.raises(NotFound):
        store.head("a/b", version="no-such-version")


def test_a_present_object_refuses_another(store: ObjectStore) -> None:
    """Even an equal one; and without reading the body."""
    _put(store, "k", b"first")
    read = []

    def body() -> Iterator[bytes]:
        read.append(1)
        yield b"first"

    with pytest.raises(AlreadyExists):
        store.put("k", body(), media_type="text/plain", max_size=10)
    assert (_read(store, "k"), read) == (b"first", [])


def test_a_present_object_refuses_another_of_a_known_size(store: ObjectStore) -> None:
    """Even an equal one, though a store may learn of it only from the request that would have stored it."""
    _put(store, "k", b"first")
    for content in (b"first", b"other"):
        with pytest.raises(AlreadyExists):
            store.put("k", [content], media_type="text/plain", max_size=10, size=len(content))
    assert _read(store, "k") == b"first"
    assert len(store.versions("k")) == 1


def test_a_replacement_is_whole(store: ObjectStore) -> None:
    """Without if_absent the new object stands alone, and an open reader stays on the old."""
    _put(store, "k", b"old content")
    with store.get("k") as reader:
        _put(store, "k", b"new", if_absent=False)
        assert b"".join(reader) == b"old content"
    assert (_read(store, "k"), store.head("k").size) == (b"new", 3)


def test_of_two_writers_one_wins(store: ObjectStore) -> None:
    """However many write at once, one object is stored, and its writer alone was told so.

    Where the store cannot promise that, the object is at least whole, and that of one who was told so.
    """
    together = threading.Barrier(8)

    def write(number: int) -> int | None:
        try:
            content = b"%d" % number * 1000
            store.put(
                "k", [content], media_type="text/plain", max_size=MIB, confirm=lambda _: void(together.wait(timeout=20))
            )
        except AlreadyExists:
            return None
        return number

    with ThreadPoolExecutor(8) as threads:
        winners = [number for number in threads.map(write, range(8)) if number is not None]
    assert len(winners) == 1 or (winners and not store.capabilities().if_absent_put)
    content = _read(store, "k")
    assert content in [b"%d" % winner * 1000 for winner in winners]
    assert store.head("k").sha256 in (None, hashlib.sha256(content).hexdigest())


def void(_: object) -> None:
    """Forget a result."""


def test_confirm_sees_the_digests_before_anyone_sees_the_object(store: ObjectStore) -> None:
    """It is called once, with everything known and nothing visible."""
    seen: list[Digests] = []

    def confirm(digests: Digests) -> None:
        seen.append(digests)
        with pytest.raises(ObjectNotFound):
            store.head("k")

    store.put("k", [CONTENT], media_type="text/plain", max_size=MIB, confirm=confirm)
    assert seen == [_digests(CONTENT)]
    assert _read(store, "k") == CONTENT


class _Mine(Exception):
    """An exception of the caller's."""


def test_what_is_not_confirmed_does_not_appear(store: ObjectStore) -> None:
    """The caller's exception passes through, and the key is free as before."""

    def refuse(_: Digests) -> None:
        raise _Mine

    with pytest.raises(_Mine):
        store.put("k", [CONTENT], media_type="text/plain", max_size=MIB, confirm=refuse)
    with pytest.raises(ObjectNotFound):
        store.head("k")
    _put(store, "k")


@pytest.mark.parametrize("error", [_Mine, ConnectionResetError])
def test_a_body_that_breaks_leaves_nothing(store: ObjectStore, error: type[Exception]) -> None:
    """Its exception passes through, also one that looks like a failure of the store."""

    def body() -> Iterator[bytes]:
        yield bytes(3 * MIB)
        raise error

    with pytest.raises(error):
        store.put("k", body(), media_type="text/plain", max_size=4 * MIB)
    assert store.list("").objects == ()


@pytest.mark.parametrize(
    ("size", "sha256", "md5", "check"),
    [
        (1279, None, None, "size"),
        (1281, None, None, "size"),
        (None, "0" * 64, None, "sha256"),
        (None, None, "0" * 32, "md5"),
    ],
)
def test_lies_about_the_content_are_refused(
    store: ObjectStore, size: int | None, sha256: str | None, md5: str | None, check: str
) -> None:
    """The refusal names what was declared and what is true; nothing is confirmed or stored."""
    confirmed: list[Digests] = []
    with pytest.raises(ContentMismatch) as refused:
        store.put(
            "k",
            [CONTENT],
            media_type="text/plain",
            max_size=MIB,
            size=size,
            sha256=sha256,
            md5=md5,
            confirm=confirmed.append,
        )
    true = _digests(CONTENT)
    assert refused.value.details == {
        "check": check,
        "expected": {"size": size, "sha256": sha256, "md5": md5}[check],
        "actual": {"size": true.size, "sha256": true.sha256, "md5": true.md5}[check],
    }
    assert (confirmed, store.list("").objects) == ([], ())


def test_the_truth_about_the_content_is_accepted(store: ObjectStore) -> None:
    """Size and digests that are right, and a limit that is just reached, refuse nothing."""
    true = _digests(CONTENT)
    store.put("k", [CONTENT], media_type="text/plain", max_size=1280, size=true.size, sha256=true.sha256, md5=true.md5)
    assert _read(store, "k") == CONTENT


@pytest.mark.parametrize(("limit", "declared", "pulled"), [(2 * MIB, None, 3), (MIB, 2 * MIB, 0), (64 * MIB, MIB, 2)])
def test_reading_stops_at_the_limit(store: ObjectStore, limit: int, declared: int | None, pulled: int) -> None:
    """Not a chunk more is pulled than it takes to know that there are too many bytes."""
    chunks = []

    def body() -> Iterator[bytes]:
        for number in range(60):
            chunks.append(number)
            yield bytes(MIB)

    with pytest.raises((ContentTooLarge, ContentMismatch)) as refused:
        store.put("k", body(), media_type="text/plain", max_size=limit, size=declared)
    assert isinstance(refused.value, ContentTooLarge) == (limit < 64 * MIB)
    assert (len(chunks), store.list("").objects) == (pulled, ())


def test_a_copy_is_an_object_of_its_own(store: ObjectStore) -> None:
    """It has the bytes and the media type, and outlives its source."""
    source = _put(store, "a")
    copy = store.copy("a", "b/c", if_source_etag=source.etag)
    store.delete("a")
    assert (copy.key, copy.size, copy.media_type) == ("b/c", 1280, "text/plain")
    assert _read(store, "b/c") == CONTENT


def test_a_copy_is_refused_when_anything_is_not_as_meant(store: ObjectStore) -> None:
    """A missing or changed source, or a taken target; and a replacement only when asked for."""
    _put(store, "a")
    _put(store, "b", b"other")
    with pytest.raises(ObjectNotFound):
        store.copy("missing", "c")
    with pytest.raises(SourceChanged):
        store.copy("a", "c", if_source_etag="0" * 32)
    with pytest.raises(AlreadyExists):
        store.copy("a", "b")
    assert [found.key for found in store.list("").objects] == ["a", "b"]
    store.copy("a", "b", if_absent=False)
    assert _read(store, "b") == CONTENT


def test_versions_are_kept_or_not_as_the_capabilities_say(store: ObjectStore) -> None:
    """With versioning every version is listed newest first; without, the object alone, under no version."""
    _put(store, "k", b"one")
    _put(store, "k", b"three", if_absent=False)
    _put(store, "k2")
    versions = store.versions("k")
    expected = [5, 3] if store.capabilities().versioning else [5]
    assert [version.size for version in versions] == expected
    assert [version.is_latest for version in versions] == [True, *[False] * (len(expected) - 1)]
    assert (versions[0].version_id is None) != store.capabilities().versioning
    assert not versions[0].is_delete_marker


def test_deletion_of_exactly_what_was_seen(store: ObjectStore) -> None:
    """An object that came meanwhile stays."""
    seen = _put(store, "a/k")
    _put(store, "a/k", b"newer", if_absent=False)
    with pytest.raises(SourceChanged):
        store.delete("a/k", if_etag=seen.etag)
    assert _read(store, "a/k") == b"newer"
    store.delete("a/k", if_etag=store.head("a/k").etag)
    store.delete("a/k", if_etag=seen.etag)
    with pytest.raises(ObjectNotFound):
        store.head("a/k")


def test_deletion_is_idempotent(store: ObjectStore) -> None:
    """What is not there may be deleted; what was deleted is gone, and its key is free, until no version is left."""
    store.delete("never/was")
    _put(store, "a/k")
    store.delete("a/k", version="no-such-version")
    assert _read(store, "a/k") == CONTENT
    store.delete("a/k")
    store.delete("a/k")
    with pytest.raises(ObjectNotFound):
        store.head("a/k")
    for version in store.versions("a/k"):
        store.delete("a/k", version=version.version_id)
    assert store.versions("a/k") == ()
    _put(store, "a/k", b"again")
    assert _read(store, "a/k") == b"again"


KEYS = ["a", "a-b/x", "a.txt", "ab", "b/1", "b/10", "b/2", "b/2/3/4", "b0", "é", "文"]


def test_listing_is_in_order_of_the_keys_bytes(store: ObjectStore) -> None:
    """Folders sort as their keys do, not as their names do."""
    keys = [key for key in KEYS if key != "b/2"]  # cannot lie above b/2/3/4 in every store
    for key in reversed(keys):
        _put(store, key, key.encode())
    found = store.list("").objects
    assert [one.key for one in found] == sorted(keys, key=str.encode)
    assert [one.size for one in found] == [len(key.encode()) for key in sorted(keys, key=str.encode)]
    assert {one.etag for one in found if one.key == "ab"} <= {store.head("ab").etag, None}


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("prefix", ["", "b", "b/", "b/1", "nothing", "a"])
def test_pages_join_without_gap_or_overlap(store: ObjectStore, prefix: str, limit: int) -> None:
    """Page after page gives every key with the prefix once, and the last page says that it is the last."""
    keys = [key for key in KEYS if key != "b/2"]
    for key in keys:
        _put(store, key, b"")
    found: list[str] = []
    after = None
    while True:
        page = store.list(prefix, after=after, limit=limit)
        assert len(page.objects) <= limit
        found += [one.key for one in page.objects]
        after = page.next
        if after is None:
            break
    assert found == sorted((key for key in keys if key.startswith(prefix)), key=str.encode)


def test_listing_continues_after_a_key_that_is_gone(store: ObjectStore) -> None:
    """`after` is a place in the order, not an object."""
    for key in ("a", "b/x", "c"):
        _put(store, key, b"")
    assert [one.key for one in store.list("", after="b/").objects] == ["b/x", "c"]
    assert [one.key for one in store.list("", after="b/y").objects] == ["c"]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_pages_are_bounded(store: ObjectStore, limit: int) -> None:
    """A page has 1 to 1,000 objects."""
    with pytest.raises(InvalidInput):
        store.list("", limit=limit)

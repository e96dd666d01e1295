"""The contract of ObjectStore: copies whose etag is that of an upload in parts."""

import hashlib

import pytest

from provenstore.domain.errors import AlreadyExists, InvalidInput
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectInfo, ObjectNotFound, SourceChanged


def _part_size(store: ObjectStore) -> int:
    return max(store.capabilities().min_part_size, 1000)


def _put(store: ObjectStore, key: str, content: bytes, *, if_absent: bool = True) -> ObjectInfo:
    return store.put(key, [content], media_type="video/mp4", max_size=len(content), if_absent=if_absent)


def _uploaded(store: ObjectStore, key: str, content: bytes) -> ObjectInfo:
    """Store an object in parts, as a client would that sent them one by one."""
    size, upload = _part_size(store), store.create_multipart(key, media_type="video/mp4")
    pieces = [content[first : first + size] for first in range(0, len(content), size)] or [b""]
    parts = [store.put_part(key, upload, n, [piece], size=len(piece)).ref for n, piece in enumerate(pieces, start=1)]
    return store.complete_multipart(key, upload, parts)


def _content(store: ObjectStore, parts: float) -> bytes:
    """Return bytes for so many parts, which differ from part to part."""
    size = int(_part_size(store) * parts)
    return b"".join(b"%015d\n" % number for number in range(size // 16 + 1))[:size]


def _read(store: ObjectStore, key: str) -> bytes:
    with store.get(key) as reader:
        return b"".join(reader)


@pytest.mark.parametrize("parts", [0, 0.5, 1, 2.5], ids=["empty", "half a part", "one part", "some parts"])
def test_a_copy_in_parts_has_the_etag_of_an_upload_in_parts(store: ObjectStore, parts: float) -> None:
    """What landed elsewhere can be compared with what was announced, wherever it is copied to."""
    content, size = _content(store, parts), _part_size(store)
    landed = _uploaded(store, "temp/landing", content)
    copy = store.copy("temp/landing", "kept", if_source_etag=landed.etag, part_size=size)
    pieces = [content[first : first + size] for first in range(0, len(content), size)] or [b""]
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert copy.etag == landed.etag == store.head("kept").etag == f"{hashlib.md5(md5s).hexdigest()}-{len(pieces)}"
    assert (copy.size, copy.media_type, _read(store, "kept")) == (len(content), "video/mp4", content)
    assert store.list_multiparts("") == ()


def test_a_copy_in_parts_of_a_whole_object_has_parts(store: ObjectStore) -> None:
    """How the source was stored does not matter, only its bytes and the size of the parts."""
    content = _content(store, 1.5)
    _put(store, "whole", content)
    uploaded = _uploaded(store, "parts", content)
    assert store.copy("whole", "copy", part_size=_part_size(store)).etag == uploaded.etag
    assert store.copy("parts", "copy", part_size=_part_size(store), if_absent=False).etag == uploaded.etag


def test_a_copy_in_parts_is_refused_when_anything_is_not_as_meant(store: ObjectStore) -> None:
    """As any other; and it leaves no upload behind."""
    size = _part_size(store)
    _put(store, "a", b"one")
    _put(store, "b", b"other")
    with pytest.raises(ObjectNotFound):
        store.copy("missing", "c", part_size=size)
    with pytest.raises(SourceChanged):
        store.copy("a", "c", if_source_etag="0" * 32, part_size=size)
    with pytest.raises(AlreadyExists):
        store.copy("a", "b", part_size=size)
    assert [found.key for found in store.list("").objects] == ["a", "b"]
    assert (_read(store, "b"), store.list_multiparts("")) == (b"other", ())
    store.copy("a", "b", if_absent=False, part_size=size)
    assert _read(store, "b") == b"one"


def test_a_part_size_that_no_store_takes_is_refused(store: ObjectStore) -> None:
    """Too small, too large, or too many parts."""
    can = store.capabilities()
    _put(store, "a", b"x" * (can.max_parts + 1))
    sizes = [0, can.max_part_size + 1, can.min_part_size - 1 if can.min_part_size else 1]
    for size in sizes:
        with pytest.raises(InvalidInput) as refused:
            store.copy("a", "b", part_size=size)
        assert refused.value.field == "part_size"
    assert [found.key for found in store.list("").objects] == ["a"]


def test_a_copy_is_of_the_version_that_was_named(store: ObjectStore) -> None:
    """Where there are versions, a newer one does not come in between."""
    first = _put(store, "a", b"first")
    _put(store, "a", b"second", if_absent=False)
    for target, part_size in (("b", None), ("c", _part_size(store))):
        if store.capabilities().versioning:
            store.copy("a", target, source_version=first.version_id, if_source_etag=first.etag, part_size=part_size)
            assert _read(store, target) == b"first"
        else:
            with pytest.raises(SourceChanged):
                store.copy("a", target, if_source_etag=first.etag, part_size=part_size)

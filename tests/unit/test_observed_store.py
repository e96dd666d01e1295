"""A watched store says of each call how it went and whose doing that was, and changes nothing about it."""

import os
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
import structlog

from interposed import Interposed
from provenstore.adapters.clock import SystemClock
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.observed_store import ObservedStore
from provenstore.adapters.objects.request_ids import note_answer
from provenstore.domain.errors import (
    AlreadyExists,
    ContentMismatch,
    DatabaseUnavailable,
    IncompleteBody,
    IntegrityViolated,
    StoreUnavailable,
)
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectNotFound, PartRef
from provenstore.domain.storage.store_call import STORE_ACTS, StoreCall

KEY = "misc/2026/11/x.pdf"
PUT: dict[str, Any] = {"media_type": "application/pdf", "max_size": 100}


class Watched:
    """A folder, what stands before it, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[StoreCall] = []
        self.real = Interposed(LocalFolder(folder))
        self.store: ObjectStore = ObservedStore(self.real, self.calls.append, SystemClock())

    def told(self) -> list[tuple[str, str, str, int]]:
        """Return kind, outcome, status and bytes of the calls since the last asking."""
        found: list[tuple[str, str, str, int]] = [
            (call.act, call.outcome, call.status, call.bytes) for call in self.calls
        ]
        self.calls.clear()
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "objects")


def test_every_kind_of_call_is_told(watched: Watched) -> None:
    """Under its own name, with the bytes that went through it; signing is no call."""
    store = watched.store
    store.put(KEY, [b"con", b"tent"], **PUT)
    with store.get(KEY) as reader:
        assert b"".join(reader) == b"content"
    etag = store.head(KEY).etag
    store.copy(KEY, "copy")
    store.versions(KEY)
    store.delete(KEY, if_etag=etag)
    store.list("")
    upload = store.create_multipart(KEY, media_type="text/plain")
    part = store.put_part(KEY, upload, 1, [b"part"], size=4)
    store.list_parts(KEY, upload)
    store.list_multiparts("")
    store.complete_multipart(KEY, upload, [part.ref])
    store.abort_multipart(KEY, upload)
    moved = {"put": 7, "get": 7, "copy": 7, "put_part": 4}
    told = watched.told()
    assert sorted(told) == sorted((act, "ok", "ok", moved.get(act, 0)) for act in STORE_ACTS)


def test_a_call_says_where_and_when(watched: Watched) -> None:
    """And takes as long as the store does."""
    before = SystemClock().now()
    watched.real.interrupt("head", "before", _slow)
    with pytest.raises(ObjectNotFound):
        watched.store.head(KEY)
    (call,) = watched.calls
    assert (call.provider, call.act) == ("local", "head")
    assert before <= call.started_at <= SystemClock().now()
    assert 20_000 <= call.microseconds < 5_000_000


def _slow() -> None:
    threading.Event().wait(0.02)


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        (StoreUnavailable(error="SlowDown"), "failed", "store-unavailable/SlowDown"),
        (StoreUnavailable(error="words of the store"), "failed", "store-unavailable"),
        (IntegrityViolated(), "failed", "integrity-violated"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
        (AlreadyExists(), "refused", "already-exists"),
    ],
    ids=str,
)
def test_the_store_fails_or_refuses(watched: Watched, error: Exception, outcome: str, status: str) -> None:
    """What fails is told with the store's own code where that is one word; a refusal is an answer."""
    watched.real.interrupt("list", "before", _raising(error))
    with pytest.raises(type(error)):
        watched.store.list("")
    assert watched.told() == [("list", outcome, status, 0)]


def _unconfirmed(_digests: object) -> None:
    raise DatabaseUnavailable


def _raising(error: BaseException) -> Any:
    def act() -> None:
        raise error

    return act


def test_what_the_caller_raises_is_no_failure_of_the_store(watched: Watched) -> None:
    """A client that leaves, bytes that are others, and a database that is away when it is to confirm."""

    def leaving() -> Iterator[bytes]:
        yield b"some"
        raise IncompleteBody

    with pytest.raises(IncompleteBody):
        watched.store.put(KEY, leaving(), **PUT)
    with pytest.raises(ContentMismatch):
        watched.store.put(KEY, [b"some"], sha256="00" * 32, **PUT)
    with pytest.raises(DatabaseUnavailable):
        watched.store.put(KEY, [b"some"], confirm=_unconfirmed, **PUT)
    assert watched.told() == [
        ("put", "refused", "incomplete-body", 4),
        ("put", "refused", "content-mismatch", 4),
        ("put", "refused", "database-unavailable", 4),
    ]


def test_a_get_lasts_until_it_is_closed(watched: Watched) -> None:
    """And says how many bytes were wanted; also a range, and an end by something else's failure."""
    watched.store.put(KEY, [b"content"], **PUT)
    watched.told()
    with watched.store.get(KEY, first=2) as reader:
        assert (reader.first, reader.length, reader.info.size) == (2, 5, 7)
        assert list(reader) == [b"ntent"]
        assert watched.told() == []
    with watched.store.get(KEY):
        pass
    with pytest.raises(ZeroDivisionError), watched.store.get(KEY) as reader:
        next(iter(reader))
        raise ZeroDivisionError
    assert watched.told() == [
        ("get", "ok", "ok", 5),
        ("get", "refused", "abandoned", 0),
        ("get", "ok", "ok", 7),
    ]
    with pytest.raises(ObjectNotFound):
        watched.store.get("none")
    assert watched.told() == [("get", "refused", "object-not-found", 0)]


def test_a_failure_in_the_middle_is_a_failure(watched: Watched, tmp_path: Path) -> None:
    """With the bytes that came before it."""
    watched.store.put(KEY, [bytes(2**20 + 5)], media_type="text/plain", max_size=2**21)
    watched.told()
    with pytest.raises(IntegrityViolated), watched.store.get(KEY) as reader:
        for _ in reader:
            os.truncate(tmp_path / "objects" / KEY, 2**20)
    assert watched.told() == [("get", "failed", "integrity-violated", 2**20)]


def test_ids_of_the_request(watched: Watched) -> None:
    """Ours is that of the context; the store's, that of its last answer to this call, if it is an id at all."""
    store = watched.store

    def answer(found: object) -> Any:
        return lambda: note_answer({"ResponseMetadata": {"RequestId": found}})

    with structlog.contextvars.bound_contextvars(request="r-1"):
        for found in ("tx-1", "two words", "x" * 129, None):
            watched.real.interrupt("list", "before", answer(found))
            store.list("")
        store.put(KEY, [b"content"], **PUT)
        watched.real.interrupt("get", "before", answer("tx-2"))
        reader = copy_context().run(store.get, KEY)
    answer("another")()
    with reader:
        list(reader)
    store.head(KEY)
    assert [(call.act, call.request, call.store_request) for call in watched.calls] == [
        ("list", "r-1", "tx-1"),
        *[("list", "r-1", None)] * 3,
        ("put", "r-1", None),
        ("get", "r-1", "tx-2"),
        ("head", None, None),
    ]


def test_nothing_told_names_the_object(watched: Watched) -> None:
    """Neither key nor upload nor content."""
    store = watched.store
    store.put("secret-key", [b"secret-content"], media_type="secret/type", max_size=100)
    upload = store.create_multipart("secret-other", media_type="secret/type")
    with pytest.raises(ContentMismatch):
        store.complete_multipart("secret-other", upload, [PartRef(1, "ab" * 16)])
    store.copy("secret-key", "secret-copy")
    with store.get("secret-key") as reader:
        list(reader)
    assert len(watched.calls) == 5
    assert not [call for call in watched.calls if "secret" in repr(call) or upload in repr(call)]

"""The contract of ObjectStore: signed URLs."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import PartRef, SignedUrl

pytestmark = pytest.mark.any_bucket

IMITATION = "moto"  # takes whatever comes under a signed URL

# Of the real clock, by which buckets go; they sign for seven days at most.
UNTIL = datetime.now(UTC) + timedelta(hours=1)


def test_urls_permit_what_was_asked_until_then(store: ObjectStore) -> None:
    """Method and expiry are told; the expiry is never later than asked for."""
    assert store.capabilities().presign
    upload = store.create_multipart("k", media_type="x/y")
    get = store.presign_get("k", file="f", grant="e", expires_at=UNTIL)
    put = store.presign_put("k", file="f", grant="e", expires_at=UNTIL, media_type="text/plain", size=5)
    part = store.presign_part("k", upload, 1, file="f", grant="e", expires_at=UNTIL, size=5)
    assert [url.method for url in (get, put, part)] == ["GET", "PUT", "PUT"]
    assert len({url.url for url in (get, put, part)}) == 3
    assert all(UNTIL - timedelta(seconds=1) < url.expires_at <= UNTIL for url in (get, put, part))
    assert ("content-type", "text/plain") in [(name.lower(), value) for name, value in put.headers]


def test_a_url_does_not_show_itself(store: ObjectStore) -> None:
    """It is a secret as long as it lives, and logs are read by many."""
    url = store.presign_get("k", file="f", grant="e", expires_at=UNTIL)
    assert url.url not in repr(url)


Send = Callable[..., httpx.Response]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The name of the store under test."""
    return str(request.node.callspec.params["store"]).removesuffix("-observed")


@pytest.fixture
def send(outsider: httpx.Client) -> Send:
    """Send the request that a URL permits, as somebody would who has nothing but the URL."""

    def request(url: SignedUrl, body: bytes = b"", **changed: str) -> httpx.Response:
        headers = {**{name.lower(): value for name, value in url.headers}, **changed}
        return outsider.request(url.method, url.url, headers=headers, content=body)

    return request


def _put_url(store: ObjectStore, content: bytes) -> SignedUrl:
    return store.presign_put(
        "k",
        file="f",
        grant="e",
        expires_at=UNTIL,
        media_type="text/plain",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        md5=hashlib.md5(content).hexdigest(),
    )


def test_a_direct_url_takes_what_was_declared(store: ObjectStore, send: Send) -> None:
    """And another gives it back under the name to save it as; a URL that leads to us is ours to serve."""
    put = _put_url(store, b"hello")
    get = store.presign_get("k", file="f", grant="e", expires_at=UNTIL, disposition='attachment; filename="a.txt"')
    assert put.url.startswith("/v1/") != store.capabilities().direct_puts
    if store.capabilities().direct_puts:
        assert send(put, b"hello").status_code == 200
        assert (store.head("k").size, store.head("k").media_type) == (5, "text/plain")
        answer = send(get)
        assert (answer.content, answer.headers["content-disposition"]) == (b"hello", 'attachment; filename="a.txt"')


def test_a_direct_url_takes_nothing_else(store: ObjectStore, kind: str, send: Send) -> None:
    """Other bytes, more of them, or of another type, are refused by every server that checks signatures."""
    put = _put_url(store, b"hello")
    if store.capabilities().direct_puts and kind != IMITATION:
        other_md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        answers = [
            send(put, b"other"),
            send(put, b"other", **{"content-md5": other_md5}),
            send(put, b"hello and more", **{"content-length": "14"}),
            send(put, b"hello", **{"content-type": "text/html"}),
        ]
        assert [400 <= answer.status_code < 500 for answer in answers] == [True] * 4
    assert store.list("").objects == ()


def test_a_direct_url_does_not_replace_what_is_there(store: ObjectStore, send: Send) -> None:
    """Where the store honours that; elsewhere whoever completes the upload has to move it."""
    put = _put_url(store, b"hello")
    if store.capabilities().direct_puts:
        assert ("If-None-Match", "*") in put.headers or not store.capabilities().if_absent_put
        assert send(put, b"hello").status_code == 200
        again = send(put, b"hello").status_code
        assert again == 412 or not store.capabilities().if_absent_put


def test_a_direct_url_takes_a_part(store: ObjectStore, send: Send) -> None:
    """The part counts like one that was streamed."""
    upload = store.create_multipart("k", media_type="x/y")
    url = store.presign_part("k", upload, 1, file="f", grant="e", expires_at=UNTIL, size=5)
    if store.capabilities().direct_parts:
        etag = send(url, b"hello").headers["etag"].strip('"')
        assert [part.ref for part in store.list_parts("k", upload)] == [PartRef(1, etag)]
        assert store.complete_multipart("k", upload, [PartRef(1, etag)]).size == 5


def test_a_part_that_comes_late_is_refused(store: ObjectStore, send: Send) -> None:
    """Where the store says that it takes such parts, nothing may be kept at a key that had a URL for one."""
    upload = store.create_multipart("k", media_type="x/y")
    url = store.presign_part("k", upload, 1, file="f", grant="e", expires_at=UNTIL, size=5)
    if store.capabilities().direct_parts:
        etag = send(url, b"hello").headers["etag"].strip('"')
        before = store.complete_multipart("k", upload, [PartRef(1, etag)])
        taken = send(url, b"other").status_code < 300
        assert taken == store.capabilities().late_parts
        assert store.head("k").etag == before.etag or store.capabilities().late_parts


def test_a_condition_that_was_signed_cannot_be_left_out(store: ObjectStore, kind: str, send: Send) -> None:
    """Where the store says so, a URL stores once and never again."""
    put = _put_url(store, b"hello")
    if store.capabilities().direct_puts and store.capabilities().signed_if_absent:
        assert send(put, b"hello").status_code == 200
        bare = replace(put, headers=tuple(one for one in put.headers if one[0] != "If-None-Match"))
        assert [send(put, b"hello").status_code, 400 <= send(bare, b"hello").status_code < 500] == [412, True]
    assert store.capabilities().signed_if_absent == (kind in ("local", "rgw-http", "rgw-https"))

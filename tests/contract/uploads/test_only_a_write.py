"""A permission to write is nothing else: nothing that is sent along unsigned is stored, opens, copies or is served.

What the servers do with a URL of their own is compared with what the ledger hands out on each of them.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from custody import SERVICE, Custody, caller
from provenstore.adapters.spaces.errors import status
from provenstore.adapters.spaces.extras import others
from provenstore.adapters.spaces.store import Spaces
from provenstore.adapters.spaces.unsigned_probe import encoded_form, unsigned_headers
from provenstore.domain.errors import ContentMismatch, InvalidInput, WrongState
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import SignedUrl
from provenstore.domain.storage.upload_sizes import PART_SIZE
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.uploads.initiation import NewFile

pytestmark = pytest.mark.any_bucket

CONTENT = b"%PDF-1.7 of the caller"
SECRET = b"%PDF-1.7 somebody else"
assert len(CONTENT) == len(SECRET)
EVERYBODY = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
_SOON = timedelta(minutes=5)
SENT_ALONG = sorted(unsigned_headers("/bucket/key"))

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(outsider: httpx.Client) -> Send:
    """Send what a signed URL permits, and more."""

    def request_(url: SignedUrl, body: bytes, more: dict[str, str] | None = None) -> httpx.Response:
        if url.method == "POST":
            form, boundary = encoded_form(url.fields, body)
            as_form = {"content-type": f"multipart/form-data; boundary={boundary}"}
            return outsider.post(url.url, content=form, headers={**(more or {}), **as_form})
        headers = {name.lower(): value for name, value in url.headers}
        return outsider.put(url.url, content=body, headers={**headers, **(more or {})})

    return request_


@pytest.fixture
def bucket(custody: Custody) -> tuple[Any, str]:
    """The bucket below the store, as somebody with its key sees it."""
    if not isinstance(custody.store, Spaces):
        pytest.skip("the folder serves no URLs of its own")
    below = custody.store._bucket
    return below.client, below.name


def direct(custody: Custody, content: bytes = CONTENT, **changes: Any) -> tuple[File, SignedUrl]:
    """Initiate an upload that goes straight to the bucket, in the way that the server would choose."""
    file = custody.initiated(size=len(content), **changes)
    url = custody.ledger.write_url(file)
    if url is None:
        pytest.skip("here no URL of the bucket is only a write, so none is handed out")
    return file, url


def _probed(custody: Custody, **found: Any) -> None:
    """Let the ledger believe something else about its bucket than was probed."""
    store = custody.store
    assert isinstance(store, Spaces)
    store._bucket.capabilities = replace(store._bucket.capabilities, **found)


# -- what is handed out ------------------------------------------------------------------------------------


def test_a_url_of_the_store_is_handed_out_only_where_it_was_tried(custody: Custody) -> None:
    """Elsewhere a client that can only PUT gets a URL of ours, and `form` is refused."""
    store = custody.store.capabilities()
    url = custody.ledger.write_url(custody.initiated(upload="presigned", size=5))
    assert url is not None
    assert (url.method, url.url.startswith("/v1/signed/")) == ("PUT", not store.direct_puts)
    if not store.direct_forms:
        with pytest.raises(InvalidInput, match="not available here"):
            custody.initiated(upload="form", size=5)


def test_what_nobody_has_tried_is_taken_to_permit_everything(custody: Custody, bucket: tuple[Any, str]) -> None:
    """A store that an earlier release has probed gets neither PUT nor part nor form past us."""
    _probed(custody, sound_put_urls=False, sound_part_urls=False, sound_forms=False)
    assert [custody.initiated(size=size).initiated.upload for size in (5, PART_SIZE + 1)] == ["api", "api"]
    whole = custody.ledger.write_url(custody.initiated(upload="presigned", size=5))
    parts = custody.initiated(upload="multipart", size=5)
    (part,) = custody.ledger.part_urls(SERVICE, parts.id, [1])
    assert whole is not None
    assert [one.url.startswith("/v1/signed/") for one in (whole, part.url)] == [True, True]


def test_no_permission_is_left_where_the_store_turned_out_to_permit_more(
    custody: Custody, bucket: tuple[Any, str]
) -> None:
    """A form that was begun on a bucket which was changed since goes through us; what came by it is not taken."""
    _probed(custody, sound_forms=True)
    file = custody.initiated(upload="form", size=len(CONTENT))
    custody.store.put(file.upload_key, [SECRET], media_type="application/pdf", max_size=100)
    _probed(custody, sound_forms=False)
    assert custody.ledger.write_url(file) is None
    with pytest.raises(WrongState) as refusal:
        custody.ledger.complete_upload(SERVICE, file.id)
    assert refusal.value.details["rule"] == "write-url-only-writes"
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"


def test_what_came_by_a_url_of_an_earlier_release_is_not_taken(custody: Custody, bucket: tuple[Any, str]) -> None:
    """It may be a copy of anything that the key can read."""
    _probed(custody, sound_put_urls=False)
    file = custody.initiated(upload="presigned", size=len(SECRET))
    custody.store.put(file.upload_key, [SECRET], media_type="application/pdf", max_size=100)
    with pytest.raises(WrongState, match="permit more than to write"):
        custody.ledger.complete_upload(SERVICE, file.id)
    assert custody.types(file.id) == ["upload_initiated", "access_denied"]


# -- what is sent along ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SENT_ALONG)
def test_what_is_sent_along_has_no_effect(custody: Custody, bucket: tuple[Any, str], send: Send, name: str) -> None:
    """Each header, at the URL that the ledger hands out: refused, or the file is what it would be without."""
    client, bucket_name = bucket
    victim = custody.stored(SECRET)
    file, url = direct(custody)
    sent = send(url, CONTENT, unsigned_headers(f"/{bucket_name}/{victim.path}")[name])
    if not sent.is_success:
        with pytest.raises(WrongState):
            custody.ledger.complete_upload(SERVICE, file.id)
        return
    stored = custody.ledger.complete_upload(SERVICE, file.id)
    assert custody.read(SERVICE, file.id) == CONTENT
    assert custody.store.extras(file.path) == ()
    assert custody.store.head(file.path).media_type == "application/pdf"
    assert others(client.get_object_acl(Bucket=bucket_name, Key=file.path)) == []
    assert stored.stored is not None
    assert stored.stored.size == len(CONTENT)


FIELDS = {
    "acl": "public-read",
    "x-amz-copy-source": "/bucket/key",
    "Content-Encoding": "gzip",
    "Content-Disposition": "inline",
    "Cache-Control": "public",
    "x-amz-website-redirect-location": "https://elsewhere.example/",
    "x-amz-meta-a": "b",
    "tagging": "<Tagging/>",
    "Content-Type": "text/html",
    "key": "books/elsewhere.pdf",
    "success_action_redirect": "https://elsewhere.example/",
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_form_takes_the_signed_fields_alone(custody: Custody, bucket: tuple[Any, str], send: Send, name: str) -> None:
    """Any other field, or another value of one, is refused, and nothing is stored."""
    file, url = direct(custody)
    if url.method != "POST":
        pytest.skip("the ledger hands out a PUT here")
    changed = replace(url, fields=tuple({**dict(url.fields), name: FIELDS[name]}.items()))
    assert 400 <= send(changed, CONTENT).status_code < 500
    assert all(custody.store.versions(key) == () for key in (*file.keys, "books/elsewhere.pdf"))


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"1", CONTENT * 1_000])
def test_a_form_takes_the_declared_size_alone(
    custody: Custody, bucket: tuple[Any, str], send: Send, content: bytes
) -> None:
    """Not a byte more or less."""
    file, url = direct(custody)
    assert 400 <= send(url, content).status_code < 500
    assert custody.store.versions(file.upload_key) == ()


def test_a_part_takes_its_own_bytes_alone(custody: Custody, bucket: tuple[Any, str], send: Send) -> None:
    """A copy of another object is refused, of whatever length the part is."""
    victim = custody.stored(SECRET)
    file = custody.initiated(upload="multipart", size=len(CONTENT))
    (part,) = custody.ledger.part_urls(SERVICE, file.id, [1])
    if part.url.url.startswith("/v1/"):
        pytest.skip("the ledger hands out URLs of its own here")
    source = {"x-amz-copy-source": f"/{bucket[1]}/{victim.path}"}
    for more in (source, {**source, "x-amz-copy-source-range": f"bytes=0-{len(SECRET) - 1}"}):
        send(part.url, b"", {**more, "content-length": "0"})
        send(part.url, CONTENT, more)
        secret = custody.store.head(victim.path).etag
        assert secret not in {one.etag for one in custody.ledger.parts(SERVICE, file.id).parts}


def test_a_service_of_one_workspace_cannot_read_what_another_one_has(
    custody: Custody, bucket: tuple[Any, str], send: Send
) -> None:
    """By no URL that the ledger gives it, though the bucket's key can read both."""
    victim = custody.stored(SECRET)
    custody.ledger.create_workspace(caller("root", "admin", scope=None), ws.CreateWorkspace(id="rival"))
    rival = caller("svc-rival", "service", kind="service", scope="rival")
    source = {"x-amz-copy-source": f"/{bucket[1]}/{victim.path}"}
    for way in ("auto", "presigned", "form"):
        new = NewFile(
            workspace="rival",
            filename="mine.pdf",
            media_type="application/pdf",
            category="book_content",
            size=len(SECRET),
            upload=way,
        )
        try:
            file = custody.ledger.initiate(rival, new)
        except InvalidInput:
            continue
        url = custody.ledger.write_url(file)
        if url is None or url.url.startswith("/v1/"):
            continue  # by our own server nothing is copied
        send(url, b"", {**source, "content-length": "0"} if url.method == "PUT" else source)
        send(url, CONTENT, source)
        try:
            custody.ledger.complete_upload(rival, file.id)
        except WrongState:
            continue
        assert custody.read(rival, file.id) == CONTENT


# -- what is found at completion and after it --------------------------------------------------------------


def arrived(custody: Custody, content: bytes = CONTENT) -> File:
    """Bring bytes to a key at which a URL may write, as if the bucket had let that pass."""
    _probed(custody, sound_put_urls=True, signed_if_absent=True)
    return custody.initiated(upload="presigned", size=len(content))


LEFT: dict[str, dict[str, Any]] = {
    "headers cache-control": {"CacheControl": "public"},
    "headers content-disposition": {"ContentDisposition": "inline"},
    "headers content-encoding": {"ContentEncoding": "gzip"},
    "headers metadata": {"Metadata": {"a": "b"}},
    "headers content-type": {"ContentType": "text/html"},
    "access access": {"ACL": "public-read"},
}


@pytest.mark.parametrize("what", LEFT)
def test_what_carries_more_than_we_set_is_not_taken(custody: Custody, bucket: tuple[Any, str], what: str) -> None:
    """It is recorded by name, removed like an object that nobody announced, and the bytes can be sent again."""
    client, bucket_name = bucket
    file = arrived(custody)
    put = {"ContentType": "application/pdf", **LEFT[what]}
    client.put_object(Bucket=bucket_name, Key=file.path, Body=CONTENT, **put)
    if custody.store.extras(file.path) == () and "ContentType" not in LEFT[what]:
        pytest.skip("this server keeps nothing of it")
    with pytest.raises(ContentMismatch):
        custody.ledger.complete_upload(SERVICE, file.id)
    (failed,) = [one.data for one in custody.events(file.id) if isinstance(one.data, e.IntegrityFailed)]
    assert (failed.found, f"{failed.check} {failed.actual}") == ("stray", what)
    assert custody.store.versions(file.path) == ()
    client.put_object(Bucket=bucket_name, Key=file.path, Body=CONTENT, ContentType="application/pdf")
    assert custody.ledger.complete_upload(SERVICE, file.id).status == "stored"


def test_what_landed_elsewhere_is_copied_without_what_was_sent_along(custody: Custody, bucket: tuple[Any, str]) -> None:
    """Bytes and the declared media type, and nothing else."""
    client, bucket_name = bucket
    _probed(custody, sound_forms=True)
    file = custody.initiated(upload="form", size=len(CONTENT))
    put = {"CacheControl": "public", "ContentEncoding": "gzip", "Metadata": {"a": "b"}, "ContentType": "text/html"}
    client.put_object(Bucket=bucket_name, Key=file.upload_key, Body=CONTENT, ACL="public-read", **put)
    assert custody.ledger.complete_upload(SERVICE, file.id).status == "stored"
    assert custody.store.extras(file.path) == ()
    assert custody.store.head(file.path).media_type == "application/pdf"
    assert others(client.get_object_acl(Bucket=bucket_name, Key=file.path)) == []


def test_an_object_that_was_opened_after_its_upload_is_found(custody: Custody, bucket: tuple[Any, str]) -> None:
    """By the second look, once the last URL has died."""
    client, bucket_name = bucket
    file = arrived(custody)
    client.put_object(Bucket=bucket_name, Key=file.path, Body=CONTENT, ContentType="application/pdf")
    custody.ledger.complete_upload(SERVICE, file.id)
    try:
        client.put_object_acl(Bucket=bucket_name, Key=file.path, ACL="public-read")
    except ClientError as refusal:
        assert status(refusal) == 501
        pytest.skip("this server opens nothing")
    if custody.store.extras(file.path) == ():
        pytest.skip("this server keeps nothing of it")
    custody.clock.pass_time(minutes=16)
    assert custody.ledger.settle(file.id).damage == "altered"
    (failed,) = [one.data for one in custody.events(file.id) if isinstance(one.data, e.IntegrityFailed)]
    assert (failed.found, failed.check, failed.actual) == ("at_rest", "access", "access")


def test_an_object_that_was_replaced_after_its_upload_is_found(custody: Custody, bucket: tuple[Any, str]) -> None:
    """Likewise."""
    client, bucket_name = bucket
    file = arrived(custody)
    client.put_object(Bucket=bucket_name, Key=file.path, Body=CONTENT, ContentType="application/pdf")
    stored = custody.ledger.complete_upload(SERVICE, file.id)
    assert stored.stored is not None
    if stored.stored.version_id is not None:
        pytest.skip("the version that was stored is still there")
    client.put_object(Bucket=bucket_name, Key=file.path, Body=SECRET, ContentType="application/pdf")
    custody.clock.pass_time(minutes=16)
    assert custody.ledger.settle(file.id).damage == "altered"


@pytest.mark.parametrize("declared", [{"size": 5}, {"size": len(SECRET), "md5": "0" * 32}])
def test_a_wrong_guess_is_not_answered_with_the_right_value(
    custody: Custody, bucket: tuple[Any, str], declared: dict[str, Any]
) -> None:
    """Neither to the caller nor in the history: it may be the size or digest of what the caller cannot read."""
    file = arrived(custody)
    file = custody.initiated(upload="presigned", **declared)
    info = custody.store.put(file.path, [SECRET], media_type="application/pdf", max_size=100)
    with pytest.raises(ContentMismatch) as refusal:
        custody.ledger.complete_upload(SERVICE, file.id)
    told = f"{refusal.value.message} {refusal.value.details}"
    recorded = [one.data for one in custody.events(file.id) if isinstance(one.data, e.IntegrityFailed)]
    assert recorded
    for secret in (str(len(SECRET)), info.etag):
        assert secret == str(declared["size"]) or secret not in told
    assert all(one.actual is None for one in recorded)


def test_a_link_serves_only_what_we_set(custody: Custody, bucket: tuple[Any, str], outsider: httpx.Client) -> None:
    """Whatever headers an object carries, the URL answers with its own."""
    client, bucket_name = bucket
    put = {
        "ContentType": "text/html",
        "ContentDisposition": "inline",
        "CacheControl": "public",
        "ContentEncoding": "gzip",
    }
    client.put_object(Bucket=bucket_name, Key="k", Body=CONTENT, **put)
    url = custody.store.presign_get(
        "k",
        file="f",
        grant="e",
        expires_at=custody.clock.now().replace(microsecond=0) + _SOON,
        disposition='attachment; filename="a.pdf"',
        media_type="application/octet-stream",
    )
    answer = outsider.get(url.url)
    assert answer.content == CONTENT
    shown = [answer.headers.get(name) for name in ("content-type", "content-disposition", "cache-control")]
    assert shown == ["application/octet-stream", 'attachment; filename="a.pdf"', "no-store"]
    assert answer.headers.get("content-encoding") in (None, "identity")

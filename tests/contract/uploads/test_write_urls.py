"""URLs for writing outlive uploads: whatever an old one does, stored files stay and nothing stays behind."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from custody import APPROVER, RECORDS, SERVICE, Custody
from provenstore.adapters.spaces.unsigned_probe import encoded_form
from provenstore.domain.errors import InvalidInput, NotFound, Refused, WrongState
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import SignedUrl
from provenstore.domain.storage.upload_sizes import PART_SIZE
from whole_custody import check_whole

CONTENT = b"%PDF-1.7 what was meant"
STRAY = b"%PDF-1.7 what came late"
PARTS = (bytes(PART_SIZE), b"the end")
WHOLE = b"".join(PARTS)

Send = Callable[[SignedUrl, UUID, bytes], bool]
"""Send bytes to a URL as any client would, and tell whether they were taken."""


@pytest.fixture(autouse=True)
def _whole(custody: Custody) -> Iterator[None]:
    """Whatever a test does, log, objects and quota agree after it."""
    yield
    check_whole(custody)


@pytest.fixture
def send(custody: Custody, outsider: httpx.Client) -> Send:
    """URLs of a bucket are used by plain HTTP; those of a folder come back to us, where the ledger is asked."""

    def use(url: SignedUrl, file_id: UUID, body: bytes) -> bool:
        if url.method == "POST":
            form, boundary = encoded_form(url.fields, body)
            as_form = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            return outsider.post(url.url, headers=as_form, content=form).is_success
        if not url.url.startswith("/v1/"):
            return outsider.put(url.url, headers=dict(url.headers), content=body).is_success
        try:
            if "upload" in url.url:
                raise AssertionError("a URL of ours says nothing in the clear")
            custody.ledger.upload_content(SERVICE, file_id, [body])
        except Refused:
            return False
        return True

    return use


def past_us(custody: Custody) -> bool:
    """Tell whether a whole content may go to the store itself: by PUT, or else by form."""
    store = custody.store.capabilities()
    return store.direct_puts or store.direct_forms


def presigned(custody: Custody, content: bytes = CONTENT, **changes: Any) -> tuple[File, SignedUrl]:
    """Initiate an upload by one URL, of the store if it has one."""
    store = custody.store.capabilities()
    way = "form" if store.direct_forms and not store.direct_puts else "presigned"
    file = custody.initiated(**{"upload": way, "size": len(content), **changes})
    url = custody.ledger.write_url(file)
    assert url is not None
    return file, url


def put_and_complete(custody: Custody, send: Send) -> tuple[File, SignedUrl]:
    """Store a file that came by a URL; return the URL, which still lives."""
    file, url = presigned(custody)
    assert send(url, file.id, CONTENT)
    return custody.ledger.complete_upload(SERVICE, file.id), url


def look_again(custody: Custody, file: File) -> File:
    """Let the URLs die, and let the background work look."""
    custody.clock.pass_time(minutes=16)
    looked = custody.ledger.settle(file.id)
    assert custody.ledger.settle(file.id) == looked
    return looked


def strays(custody: Custody, file: File) -> list[str]:
    """Return the keys at which something was found and removed."""
    found = [event.data for event in custody.events(file.id) if isinstance(event.data, e.StrayFound)]
    return [one.key for data in found for one in data.versions]


def test_one_url_stores_a_file(custody: Custody, send: Send) -> None:
    """The bytes are compared by size and ETag; their SHA-256 is what the client claims, until somebody reads them."""
    file, url = presigned(custody, sha256=hashlib.sha256(CONTENT).hexdigest())
    assert send(url, file.id, CONTENT)
    stored = custody.ledger.complete_upload(SERVICE, file.id)
    assert stored.stored is not None
    assert (stored.stored.size, stored.stored.md5) == (len(CONTENT), hashlib.md5(CONTENT).hexdigest())
    assert stored.stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored.stored.sha256_status == ("claimed" if past_us(custody) else "verified")
    assert custody.read(SERVICE, file.id) == CONTENT
    assert custody.ledger.complete_upload(SERVICE, file.id) == stored


def test_an_old_url_does_not_touch_a_stored_file(custody: Custody, send: Send) -> None:
    """It is refused, or what it writes is not the file; and after its death nothing of it is left."""
    file, url = put_and_complete(custody, send)
    taken = send(url, file.id, STRAY)
    assert custody.read(SERVICE, file.id) == CONTENT
    looked = look_again(custody, file)
    assert (looked.status, looked.damage) == ("stored", None)
    assert custody.types(file.id)[-1] == "place_checked"
    assert strays(custody, file) == ([file.initiated.landing] if taken else [])
    assert all(custody.store.versions(key) == () for key in file.keys if key != file.path)
    assert custody.read(SERVICE, file.id) == CONTENT


def test_an_old_url_does_not_bring_an_aborted_upload_back(custody: Custody, send: Send) -> None:
    """The space is kept until the URL is dead, and what it wrote is removed and recorded."""
    file, url = presigned(custody)
    custody.ledger.abort_upload(SERVICE, file.id, None)
    assert not custody.ledger.recorder.file(file.id).cleared
    taken = send(url, file.id, STRAY)
    assert taken == past_us(custody)
    assert look_again(custody, file).cleared
    assert strays(custody, file) == ([file.upload_key] if taken else [])
    assert all(custody.store.versions(key) == () for key in file.keys)


def test_an_old_url_does_not_bring_a_purged_file_back(custody: Custody, send: Send) -> None:
    """What it recreates is removed and recorded, though the certificate is written already."""
    file, url = put_and_complete(custody, send)
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, None)
    assert custody.ledger.approve_purge(APPROVER, file.id, None, None).status == "purged"
    taken = send(url, file.id, STRAY)
    assert look_again(custody, file).status == "purged"
    assert strays(custody, file) == ([file.upload_key] if taken else [])
    assert all(custody.store.versions(key) == () for key in file.keys)
    assert custody.types(file.id)[-1] == "place_checked"


def test_what_comes_back_by_any_way_is_removed(custody: Custody, send: Send) -> None:
    """The second look does not ask how an object came to a purged file's keys."""
    file, _ = put_and_complete(custody, send)
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, None)
    custody.ledger.approve_purge(APPROVER, file.id, None, None)
    custody.store.put(file.path, [STRAY], media_type="text/plain", max_size=len(STRAY))
    assert look_again(custody, file).status == "purged"
    assert strays(custody, file) == [file.path]
    assert all(custody.store.versions(key) == () for key in file.keys)


def test_the_second_look_waits_for_the_last_url(custody: Custody, send: Send) -> None:
    """Nobody looks while a URL can still write, and nobody looks for ever."""
    file, _ = put_and_complete(custody, send)
    custody.clock.pass_time(minutes=14)
    custody.ledger.settle(file.id)
    assert "place_checked" not in custody.types(file.id)
    custody.clock.pass_time(minutes=2)
    custody.ledger.settle(file.id)
    custody.clock.pass_time(hours=2)
    custody.ledger.settle(file.id)
    assert custody.types(file.id).count("place_checked") == 1


def test_a_completion_without_bytes_is_refused(custody: Custody) -> None:
    """Nothing is announced, so the bytes can still come."""
    file, _ = presigned(custody)
    if past_us(custody):
        with pytest.raises(WrongState, match="no bytes have arrived"):
            custody.ledger.complete_upload(SERVICE, file.id)
    with pytest.raises(WrongState, match="whole content by PUT"):
        custody.ledger.complete_upload(SERVICE, custody.initiated(upload="api").id)
    assert custody.ledger.recorder.file(file.id).completion is None


def test_once_the_url_is_dead_the_content_comes_through_us(custody: Custody) -> None:
    """The upload is still open; what was not sent in time is streamed."""
    file, _ = presigned(custody)
    custody.clock.pass_time(minutes=15)
    assert custody.ledger.write_url(file) is None
    assert custody.ledger.upload_content(SERVICE, file.id, [CONTENT]).status == "stored"
    assert look_again(custody, file).damage is None


def test_past_us_only_what_is_declared(custody: Custody) -> None:
    """A URL of a bucket is bound to a size, and cannot be uploaded in parts."""
    if past_us(custody):
        with pytest.raises(InvalidInput, match="must be declared"):
            custody.initiated(upload="form" if custody.store.capabilities().direct_forms else "presigned")
    with pytest.raises(InvalidInput, match="cannot be uploaded in parts"):
        custody.initiated(upload="multipart", size=0)


def test_auto_chooses_the_way(custody: Custody) -> None:
    """Past us where there is a bucket, in parts above 10 MiB; through us otherwise, and where the size is unknown."""
    store = custody.store.capabilities()
    whole = "presigned" if store.direct_puts else "form" if store.direct_forms else "api"
    expected = [whole, "multipart" if store.direct_parts else "api", "api"]
    assert [custody.initiated(size=size).initiated.upload for size in (1, PART_SIZE + 1, None)] == expected


# -- parts -------------------------------------------------------------------------------------------------


def parts_sent(custody: Custody, send: Send) -> tuple[File, list[SignedUrl]]:
    """Send both parts of an upload to their URLs."""
    file = custody.initiated(upload="multipart", size=len(WHOLE))
    urls = [one.url for one in custody.ledger.part_urls(SERVICE, file.id, [1, 2])]
    for number, (url, body) in enumerate(zip(urls, PARTS, strict=True), 1):
        if custody.store.capabilities().direct_parts:
            assert send(url, file.id, body)
        else:
            custody.ledger.upload_part(SERVICE, file.id, number, [body], size=len(body))
    return file, urls


def send_late(custody: Custody, send: Send, file: File, url: SignedUrl, body: bytes) -> bool:
    """Send a part when its upload is over."""
    if custody.store.capabilities().direct_parts:
        return send(url, file.id, body)
    with pytest.raises(WrongState):
        custody.ledger.upload_part(SERVICE, file.id, 2, [body], size=len(body))
    return False


def test_parts_past_us_make_a_file(custody: Custody, send: Send) -> None:
    """They are found at completion, and recorded before it."""
    file, _ = parts_sent(custody, send)
    listed = custody.ledger.parts(SERVICE, file.id)
    assert [(part.number, part.size) for part in listed.parts] == [(1, PART_SIZE), (2, 7)]
    stored = custody.ledger.complete_upload(SERVICE, file.id, parts=None)
    assert custody.types(file.id).count("chunk_uploaded") == 2
    assert stored.stored is not None
    assert stored.stored.etag.endswith("-2")
    assert custody.read(SERVICE, file.id) == WHOLE
    assert all(custody.store.versions(key) == () for key in file.keys if key != file.path)


def test_a_late_part_does_not_touch_a_stored_file(custody: Custody, send: Send) -> None:
    """Not even on a store that takes it."""
    file, urls = parts_sent(custody, send)
    custody.ledger.complete_upload(SERVICE, file.id)
    send_late(custody, send, file, urls[1], b"the END")
    assert custody.read(SERVICE, file.id) == WHOLE
    assert look_again(custody, file).damage is None
    assert custody.read(SERVICE, file.id) == WHOLE


def test_a_part_in_flight_when_the_upload_is_aborted_is_cleared_away(custody: Custody, send: Send) -> None:
    """The space is kept until no URL for a part is alive."""
    file, urls = parts_sent(custody, send)
    custody.ledger.abort_upload(SERVICE, file.id, None)
    assert not custody.ledger.recorder.file(file.id).cleared
    send_late(custody, send, file, urls[1], PARTS[1])
    assert look_again(custody, file).cleared


def test_urls_for_parts_are_recorded_before_they_leave(custody: Custody) -> None:
    """Which parts, and until when they write; asked for again they live longer."""
    file = custody.initiated(upload="multipart", size=len(WHOLE))
    custody.ledger.part_urls(SERVICE, file.id, [1])
    custody.clock.pass_time(minutes=10)
    urls = custody.ledger.part_urls(SERVICE, file.id, [2, 1])
    issued = [event.data for event in custody.events(file.id) if isinstance(event.data, e.PartUrlsIssued)]
    assert [one.numbers for one in issued] == [(1,), (2, 1)]
    assert all(one.url.expires_at <= issued[1].write_until for one in urls)
    custody.ledger.abort_upload(SERVICE, file.id, None)
    custody.clock.pass_time(minutes=6)
    assert not custody.ledger.settle(file.id).cleared
    custody.clock.pass_time(minutes=10)
    assert custody.ledger.settle(file.id).cleared


def test_an_attempt_that_slept_is_found_though_its_upload_was_cleared(custody: Custody) -> None:
    """It had announced its bytes, was given up, woke, published, and died."""
    file = custody.initiated()

    def falls_asleep(*_: Any, **__: Any) -> None:
        raise NotFound

    with pytest.MonkeyPatch.context() as patch, pytest.raises(NotFound):
        patch.setattr(type(custody.store), "put", _announcing(falls_asleep))
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    custody.clock.pass_time(hours=25)
    custody.ledger.settle(file.id)
    assert custody.ledger.settle(file.id).cleared
    custody.store.put(file.path, [CONTENT], media_type="application/pdf", max_size=100)
    custody.clock.pass_time(hours=2)
    custody.ledger.settle(file.id)
    assert strays(custody, file) == [file.path]
    assert custody.store.versions(file.path) == ()


def test_what_a_dead_attempt_left_beside_a_stored_file_goes(custody: Custody) -> None:
    """Not at once: a store may still list the upload that the object was made of, and would take its bytes away."""
    file = custody.initiated()
    custody.store.create_multipart(file.path, media_type="application/pdf")
    custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    custody.ledger.settle(file.id)
    assert len(custody.store.list_multiparts(file.path)) == 1
    custody.clock.pass_time(hours=2)
    custody.ledger.settle(file.id)
    assert custody.store.list_multiparts(file.path) == ()
    assert custody.types(file.id)[-2:] == ["stray_found", "place_checked"]
    assert custody.read(SERVICE, file.id) == CONTENT


def _announcing(then: Callable[..., None]) -> Callable[..., None]:
    """Return a `put` that announces its bytes and then does something else."""
    from provenstore.domain.storage.objects import Digests

    def put(_: object, __: str, body: Iterator[bytes], *, confirm: Callable[[Digests], None], **___: Any) -> None:
        content = b"".join(body)
        sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
        confirm(Digests(size=len(content), sha256=sha256, md5=md5))
        then()

    return put

"""The contract of ObjectStore: signed URLs."""

from datetime import UTC, datetime, timedelta

from provenstore.domain.object_store import ObjectStore

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

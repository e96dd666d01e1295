"""Content over HTTP: ranges, conditions, headers, and which requests are recorded as accesses."""

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Api, Tenant

CONTENT = b"0123456789"
SHA256 = hashlib.sha256(CONTENT)


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, CONTENT, "bytes 0-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-1,3-4", 200, CONTENT, None),
        ("bytes=4-2", 200, CONTENT, None),
        ("lines=1-2", 200, CONTENT, None),
        ("bytes=-", 200, CONTENT, None),
    ],
)
def test_range(tenant: Tenant, asked: str, status: int, body: bytes, content_range: str | None) -> None:
    """A single range is answered as asked; several, and what is no range, get the whole (RFC 9110 §14.2)."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    answer = service.get(f"/v1/files/{file_id}/content", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_range_outside_the_content(tenant: Tenant, asked: str) -> None:
    """A range without a byte is 416, says how many bytes there are, and records no access."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    answer = service.get(f"/v1/files/{file_id}/content", headers={"Range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == "bytes */10"
    assert "accessed" not in tenant.types(file_id)


def test_headers_of_content(tenant: Tenant) -> None:
    """Content comes with its digest as ETag and Repr-Digest, its name in two spellings, and nothing to run."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT, filename='Bücher "neu" 100%.pdf')
    headers = service.get(f"/v1/files/{file_id}/content").headers
    assert headers["ETag"] == f'"{SHA256.hexdigest()}"'
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(SHA256.digest()).decode()}:"
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"B_cher _neu_ 100_.pdf\"; filename*=UTF-8''B%C3%BCcher%20%22neu%22%20100%25.pdf"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_what_is_not_given_out_is_not_recorded(tenant: Tenant, method: str) -> None:
    """HEAD and 304 leave no event; both say what GET would."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    etag = f'"{SHA256.hexdigest()}"'
    headers = {"If-None-Match": f'"other", {etag}'} if method == "GET" else {}
    answer = service.request(method, f"/v1/files/{file_id}/content", headers=headers)
    assert (answer.status_code, answer.content) == (304 if method == "GET" else 200, b"")
    assert answer.headers["ETag"] == etag
    assert method == "GET" or answer.headers["Content-Length"] == "10"
    assert "accessed" not in tenant.types(file_id)


def test_content_not_modified_since(tenant: Tenant) -> None:
    """If-Modified-Since counts, but only without If-None-Match; a date that is none is ignored."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    at = f"/v1/files/{file_id}/content"
    since = service.head(at).headers["Last-Modified"]
    assert service.get(at, headers={"If-Modified-Since": since}).status_code == 304
    assert service.get(at, headers={"If-Modified-Since": since, "If-None-Match": '"x"'}).status_code == 200
    for nonsense in ("yesterday", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", f"{since[:-4]} +{'9' * 20}"):
        assert service.get(at, headers={"If-Modified-Since": nonsense}).status_code == 200
        assert service.get(at, headers={"If-Range": nonsense, "Range": "bytes=0-0"}).status_code == 200


def test_range_only_of_the_same_content(tenant: Tenant) -> None:
    """If-Range with the current ETag or date gets the range, with another one the whole."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    at = f"/v1/files/{file_id}/content"
    modified = service.head(at).headers["Last-Modified"]
    for if_range, status in ((f'"{SHA256.hexdigest()}"', 206), (modified, 206), ('"other"', 200), ("never", 200)):
        answer = service.get(at, headers={"Range": "bytes=0-1", "If-Range": if_range})
        assert (if_range, answer.status_code) == (if_range, status)


def test_each_download_is_one_access(tenant: Tenant) -> None:
    """Every whole GET is recorded with its mode; ranges are merged only into an access that says as much."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    at = f"/v1/files/{file_id}/content"
    service.get(at)
    service.get(at, params={"disposition": "inline"})
    for first in range(4):
        service.get(at, headers={"Range": f"bytes={first}-{first}"})
    accesses = [one["event"]["data"] for one in tenant.history(file_id) if one["event"]["type"] == "file.accessed.v1"]
    assert [(one["mode"], one["first"], one["last"]) for one in accesses] == [
        ("download", None, None),
        ("view", None, None),
    ]


def test_a_byte_does_not_take_the_rest_along(tenant: Tenant) -> None:
    """Each range that no access covers is another one, and so is what another address's client or agent reads."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    at = f"/v1/files/{file_id}/content"
    for asked in ("bytes=0-0", "bytes=0-0", "bytes=1-", "bytes=4-5"):
        service.get(at, headers={"Range": asked})
    service.get(at, headers={"Range": "bytes=0-0", "User-Agent": "another"})
    accesses = [one["event"]["data"] for one in tenant.history(file_id) if one["event"]["type"] == "file.accessed.v1"]
    assert [(one["first"], one["last"]) for one in accesses] == [(0, 0), (1, 9), (0, 0)]


def test_what_was_sent_is_on_record_in_the_end(api: Api, tenant: Tenant) -> None:
    """A download that is broken off says less than was asked for; usage counts what was sent."""
    service = tenant.client("service")
    content = b"x" * (64 * 1024 * 1024)
    file_id = tenant.stored(service, content)
    with service.stream("GET", f"/v1/files/{file_id}/content") as answer:
        next(answer.iter_bytes(1))
    service.get(f"/v1/files/{file_id}/content", headers={"Range": "bytes=0-9"})
    api.clock.ahead = timedelta(minutes=2)
    end = _end(api, tenant, file_id)
    assert (end["count"], end["granted"], end["exact"]) == (2, len(content), True)
    (sent,) = end["ranges"]
    assert sent["first"] == 0
    assert 10 <= sent["last"] + 1 == end["size"] - 10 < len(content)
    usage = tenant.api.client().get(f"/v1/workspaces/{tenant.id}/usage", params={"fresh": True}).json()
    assert usage["usage"]["served_bytes"] == end["size"]


def _end(api: Api, tenant: Tenant, file_id: str) -> dict[str, Any]:
    """Return the one end of an access, once its transfer is over, which the client does not see."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        api.services.ledger.flush()
        ends = [one["event"]["data"] for one in tenant.history(file_id) if "access_ended" in one["event"]["type"]]
        if ends:
            (end,) = ends
            return dict(end)
        time.sleep(0.05)
    raise AssertionError("the access did not end")


@pytest.mark.parametrize("harm", ["removed", "altered"])
def test_damaged_content_is_a_problem_of_its_own(api: Api, tenant: Tenant, harm: str) -> None:
    """Found by a read: recorded, refused with a code, and no link is given to it; HEAD says so too."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    at = api.services.settings.data_dir / "objects" / service.get(f"/v1/files/{file_id}").json()["path"]
    if harm == "removed":
        at.unlink()
    else:
        at.write_bytes(CONTENT[::-1])
    refused = service.get(f"/v1/files/{file_id}/content")
    damage = "missing" if harm == "removed" else "altered"
    assert (refused.status_code, refused.json()["code"], refused.json()["damage"]) == (409, "content-damaged", damage)
    assert tenant.types(file_id)[-1] == ("object_missing" if harm == "removed" else "integrity_failed")
    assert service.get(f"/v1/files/{file_id}", params={"view": "full"}).json()["damage"] == damage
    assert service.head(f"/v1/files/{file_id}/content").status_code == 409
    linked = service.post(f"/v1/files/{file_id}/links")
    assert (linked.status_code, linked.json()["code"]) == (409, "content-damaged")
    assert not {"accessed", "link_issued"} & set(tenant.types(file_id))


def test_ranges_after_a_minute_are_another_access(api: Api, tenant: Tenant) -> None:
    """A range more than 60 seconds after the first one is recorded again."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    for seconds in (0, 59, 61):
        api.clock.ahead = timedelta(seconds=seconds)
        service.get(f"/v1/files/{file_id}/content", headers={"Range": "bytes=0-0"})
    assert tenant.types(file_id).count("accessed") == 2


def test_empty_file(tenant: Tenant) -> None:
    """An empty file is stored and given out; no range of it exists."""
    service = tenant.client("service")
    file_id = tenant.stored(service, b"")
    answer = service.get(f"/v1/files/{file_id}/content")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert service.get(f"/v1/files/{file_id}/content", headers={"Range": "bytes=0-"}).status_code == 416


def test_private_content_is_its_owners(tenant: Tenant) -> None:
    """A private file's content is refused to another service, which is recorded; workspace access opens it."""
    owner, other = tenant.client("service"), tenant.client("service")
    file_id = tenant.stored(owner, CONTENT)
    refused = other.get(f"/v1/files/{file_id}/content")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert tenant.types(file_id)[-1] == "access_denied"
    owner.patch(f"/v1/files/{file_id}", json={"access": "workspace"})
    assert other.get(f"/v1/files/{file_id}/content").content == CONTENT


def test_presigned_upload_on_the_local_folder(tenant: Tenant) -> None:
    """A presigned upload takes the bytes once, at a URL that needs no key, from whoever initiated it."""
    service, nobody = tenant.client("service", actor=f"shop-{tenant.id}"), tenant.api.anonymous()
    initiated = tenant.new(service, upload="presigned", size=10, sha256=SHA256.hexdigest()).json()
    upload = initiated["upload"]
    assert (upload["method"], upload["headers"]) == ("presigned", {"Content-Type": "application/pdf"})
    expires = datetime.fromisoformat(upload["expires_at"])
    assert timedelta(minutes=14) < expires - datetime.now(UTC) <= timedelta(minutes=15)
    without_type = nobody.put(upload["url"], content=CONTENT)
    assert (without_type.status_code, without_type.json()["field"]) == (422, "media_type")
    stored = nobody.put(upload["url"], content=CONTENT, headers=upload["headers"])
    assert (stored.status_code, stored.json()["status"]) == (200, "stored")
    again = nobody.put(upload["url"], content=CONTENT, headers=upload["headers"])
    assert (again.status_code, again.json()["code"]) == (409, "wrong-state")
    actors = {one["event"]["actor"]["id"] for one in tenant.history(initiated["file"]["id"])}
    assert actors == {f"shop-{tenant.id}"}


def test_signed_url_that_is_not_good(tenant: Tenant) -> None:
    """An altered, foreign or expired URL, and one whose key was revoked, take nothing."""
    issued = tenant.api.client().post(
        "/v1/keys", json={"actor": f"a-{tenant.id}", "kind": "service", "roles": ["service"], "workspace": tenant.id}
    )
    service = tenant.api.anonymous({"Authorization": f"Bearer {issued.json()['key']}"})
    upload = tenant.new(service, upload="presigned", size=10).json()["upload"]
    nobody = tenant.api.anonymous(upload["headers"])
    altered = upload["url"][:-2] + ("A" if upload["url"][-2] != "A" else "B") + upload["url"][-1]
    codes = [nobody.put(altered, content=CONTENT).json()["code"]]
    codes.append(nobody.put("/v1/signed/nonsense", content=CONTENT).json()["code"])
    tenant.api.clock.ahead = timedelta(minutes=16)
    codes.append(nobody.put(upload["url"], content=CONTENT).json()["code"])
    tenant.api.clock.ahead = timedelta()
    assert tenant.api.client().delete(f"/v1/keys/{issued.json()['id']}").status_code == 204
    codes.append(nobody.put(upload["url"], content=CONTENT).json()["code"])
    assert codes == ["url-invalid", "url-invalid", "url-expired", "unauthenticated"]


def test_space_of_a_presigned_upload_is_kept_while_its_url_lives(tenant: Tenant) -> None:
    """An aborted presigned upload frees its space only when its URL is dead, by the next sweep."""
    service, admin = tenant.client("service"), tenant.api.client()
    file_id = tenant.new(service, upload="presigned", size=10).json()["file"]["id"]
    service.delete(f"/v1/files/{file_id}/upload")
    assert admin.get(f"/v1/workspaces/{tenant.id}").json()["used"] == {"bytes": 10, "files": 1}
    tenant.api.clock.ahead = timedelta(minutes=16)
    tenant.api.sweep()
    assert admin.get(f"/v1/workspaces/{tenant.id}").json()["used"] == {"bytes": 0, "files": 0}
    assert tenant.types(file_id) == ["upload_initiated", "upload_aborted", "upload_cleared"]


def test_active_content_is_served_as_a_download_of_bytes(tenant: Tenant) -> None:
    """A page that somebody stored runs nowhere, whoever asks to see it; and that is what is recorded."""
    service = tenant.client("service")
    said = {"filename": "page.html", "media_type": "text/html"}
    file_id = tenant.stored(service, b"<script>alert(1)</script>", **said)
    for ask in (service.get, service.head):
        answer = ask(f"/v1/files/{file_id}/content", params={"disposition": "inline"})
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    accesses = [one["event"]["data"] for one in tenant.history(file_id) if one["event"]["type"] == "file.accessed.v1"]
    assert [one["mode"] for one in accesses] == ["download"]
    assert service.get(f"/v1/files/{file_id}").json()["media_type"] == "text/html"


@pytest.mark.parametrize(
    "name", ["שלום\u200f (1).docx", "C:\\scans\\a.tif", "a\tb\nc.csv", "../up.eml", "README", "a\x1b[31m"]
)
def test_a_name_comes_back_as_it_came(tenant: Tenant, name: str) -> None:
    """Whatever it is, it is a value and not a path."""
    service = tenant.client("service")
    file_id = tenant.stored(service, filename=name, media_type="application/octet-stream")
    described = service.get(f"/v1/files/{file_id}").json()
    assert described["filename"] == name
    assert described["path"].rpartition("/")[2].partition(".")[0] == file_id
    listed = service.get("/v1/files", params={"workspace": tenant.id, "fresh": "true"}).json()["files"]
    assert name in {one["filename"] for one in listed}

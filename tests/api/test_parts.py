"""Content in parts over HTTP, and past us: on the folder and on a bucket, from the first URL to the verifying read."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from pydantic import SecretStr

from provenstore.api.client import Client, Connection
from tests.api.conftest import Tenant

MIB = 1024**2
PART = 10 * MIB
FIRST, SECOND = b"a" * PART, b"the rest"
CONTENT = FIRST + SECOND
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5S = [hashlib.md5(one, usedforsecurity=False) for one in (FIRST, SECOND)]
ETAG = f"{hashlib.md5(b''.join(one.digest() for one in MD5S), usedforsecurity=False).hexdigest()}-2"


@pytest.fixture(params=["folder", "bucket"])
def tenant(request: pytest.FixtureRequest) -> Tenant:
    """A workspace on each kind of store."""
    if request.param == "bucket":
        found: Tenant = request.getfixturevalue("bucket_tenant")
        return found
    make: Callable[[], Tenant] = request.getfixturevalue("make_tenant")
    return make()


class Uploading:
    """One upload in parts, by a service."""

    def __init__(self, tenant: Tenant, content: bytes = CONTENT, **said: Any) -> None:
        self.tenant = tenant
        self.service = tenant.client("service")
        answer = tenant.new(self.service, **{"upload": "multipart", "size": len(content), **said})
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["file"]["id"]
        self.at = f"/v1/files/{self.id}"
        self.way: dict[str, Any] = answer.json()["upload"]

    def put(self, number: int | str, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
        return self.service.put(f"{self.at}/parts/{number}", content=body, headers=headers)

    def urls(self, *numbers: int) -> list[dict[str, Any]]:
        answer = self.service.post(f"{self.at}/parts", json={"parts": numbers})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["parts"]
        return found

    def complete(self, **said: Any) -> httpx.Response:
        return self.service.post(f"{self.at}/complete", json=said)

    def whole(self) -> "Uploading":
        """Send both parts."""
        assert [self.put(number, body).status_code for number, body in ((1, FIRST), (2, SECOND))] == [200, 200]
        return self


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def _on_bucket(tenant: Tenant) -> bool:
    """Tell whether nobody has read the bytes as a whole when they are stored, which the folder does."""
    return tenant.api.services.ledger.store.capabilities().direct


def _refs(*etags: str) -> list[dict[str, Any]]:
    return [{"number": number, "etag": etag} for number, etag in enumerate(etags, 1)]


def test_parts_through_us(tenant: Tenant) -> None:
    """In any order and twice, each answered with what is recorded; completed by its parts, read and verified."""
    upload = Uploading(tenant)
    assert (upload.way["method"], upload.way["part_size"], upload.way["parts"]) == ("multipart", PART, 2)
    assert upload.way["url"] == f"{tenant.api.url}{upload.at}/parts"
    md5 = {"Content-MD5": base64.b64encode(MD5S[1].digest()).decode()}
    upload.put(2, b"the best")
    second, first = upload.put(2, SECOND, **md5), upload.put(1, FIRST)
    assert second.json() == {
        "number": 2,
        "first": PART,
        "size": len(SECOND),
        "etag": MD5S[1].hexdigest(),
        "md5": MD5S[1].hexdigest(),
        "sha256": second.json()["sha256"],
    }
    assert second.headers["ETag"] == f'"{MD5S[1].hexdigest()}"'
    listed = upload.service.get(f"{upload.at}/parts").json()
    assert (listed["part_size"], [one["number"] for one in listed["parts"]]) == (PART, [1, 2])
    done = upload.complete(parts=_refs(first.headers["ETag"], second.json()["etag"]), sha256=SHA256)
    assert done.status_code == 200, done.text
    file = done.json()
    assert (file["status"], file["size"], file["etag"]) == ("stored", len(CONTENT), ETAG)
    known = "claimed" if _on_bucket(tenant) else "verified"
    assert (file["sha256"], file["sha256_status"]) == (SHA256, known)
    content = upload.service.get(f"{upload.at}/content")
    assert content.content == CONTENT
    assert content.headers["ETag"] == f'"{SHA256}"'
    assert ("Repr-Digest" in content.headers) == (known == "verified")
    verified = upload.service.post(f"{upload.at}/verification")
    assert (verified.status_code, verified.json()["outcome"]) == (200, "verified")
    assert "Repr-Digest" in upload.service.head(f"{upload.at}/content").headers


def test_parts_at_signed_urls(tenant: Tenant) -> None:
    """Each URL takes its part by plain HTTP with the headers given, and no key; then all that has arrived counts."""
    upload = Uploading(tenant)
    urls = upload.urls(2, 1)
    assert [one["number"] for one in urls] == [2, 1]
    with httpx.Client() as nobody:
        for one, body in zip(urls, (SECOND, FIRST), strict=True):
            sent = nobody.put(one["url"], content=body, headers=one["headers"])
            assert sent.status_code == 200, sent.text
            assert sent.headers["ETag"] == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            left = datetime.fromisoformat(one["expires_at"]) - datetime.now(UTC)
            assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert len(upload.service.get(f"{upload.at}/parts").json()["parts"]) == 2
    done = upload.service.post(f"{upload.at}/complete")
    known, tag = ("none", ETAG) if _on_bucket(tenant) else ("verified", SHA256)
    assert (done.status_code, done.json()["sha256_status"], done.json()["etag"]) == (200, known, ETAG)
    content = upload.service.get(f"{upload.at}/content")
    assert (content.content, content.headers["ETag"]) == (CONTENT, f'"{tag}"')
    assert tenant.types(upload.id).index("part_urls_issued") < tenant.types(upload.id).index("chunk_uploaded")


def test_one_put_past_us(bucket_tenant: Tenant) -> None:
    """A small file goes to the bucket by one PUT, and is a file once it has been completed."""
    service, content = bucket_tenant.client("service"), b"0123456789"
    new = bucket_tenant.new(service, size=len(content)).json()
    at, upload = f"/v1/files/{new['file']['id']}", new["upload"]
    assert upload["method"] == "presigned"
    assert not upload["url"].startswith(bucket_tenant.api.url)
    early = service.post(f"{at}/complete")
    assert _code(early) == (409, "wrong-state")
    with httpx.Client() as nobody:
        assert nobody.put(upload["url"], content=content, headers=upload["headers"]).status_code == 200
    done = service.post(f"{at}/complete", json={"sha256": hashlib.sha256(content).hexdigest()})
    assert (done.status_code, done.json()["status"]) == (200, "stored")
    assert service.post(f"{at}/complete").json() == done.json()
    assert service.get(f"{at}/content").content == content


def test_which_way_is_taken(tenant: Tenant) -> None:
    """To a bucket a file goes by one PUT, a large one in parts; what has no declared size comes through us."""
    service = tenant.client("service")
    ways = [tenant.new(service, size=size).json()["upload"]["method"] for size in (PART, PART + 1, None)]
    assert ways == (["presigned", "multipart", "api"] if _on_bucket(tenant) else ["api"] * 3)


def test_completing_again(tenant: Tenant) -> None:
    """The same parts answer the same file, other ones are a conflict, before and after a restart of the client."""
    upload = Uploading(tenant).whole()
    etags = [one.hexdigest() for one in MD5S]
    first = upload.complete(parts=_refs(*etags))
    assert first.status_code == 200
    for again in (upload.complete(parts=_refs(*etags)), upload.complete(parts=_refs(*etags)[::-1]), upload.complete()):
        assert (again.status_code, again.json()) == (200, first.json())
    for other in (_refs(etags[0]), _refs(etags[1], etags[0])):
        assert _code(upload.complete(parts=other)) == (409, "wrong-state")
    assert tenant.types(upload.id).count("stored") == 1


def test_a_whole_that_has_another_sha256_than_announced(tenant: Tenant) -> None:
    """Where the store computes it the whole is refused and may come again; where it does not it stays a claim."""
    upload = Uploading(tenant).whole()
    done = upload.complete(sha256="0" * 64)
    if _on_bucket(tenant):
        assert (done.status_code, done.json()["sha256_status"]) == (200, "claimed")
        return
    assert _code(done) == (422, "content-mismatch")
    assert done.json()["check"] == "sha256"
    assert _code(upload.put(1, FIRST)) == (409, "wrong-state")  # its parts went with what they made: opened anew
    assert upload.whole().complete(sha256=SHA256).json()["sha256_status"] == "verified"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"parts": _refs(MD5S[0].hexdigest())}, 422, "invalid-input"),
        ({"parts": _refs(*[one.hexdigest() for one in MD5S], "0" * 32)}, 422, "invalid-input"),
        ({"parts": _refs("0" * 32, MD5S[1].hexdigest())}, 422, "content-mismatch"),
        ({"parts": []}, 422, "invalid-input"),
        ({"parts": [*_refs("0" * 32), *_refs("0" * 32)]}, 422, "invalid-input"),
        ({"parts": [{"number": 1}]}, 422, "invalid-input"),
        ({"parts": [{"number": "1", "etag": ""}]}, 422, "invalid-input"),
        ({"sha256": "A" * 64}, 422, "invalid-input"),
        ({"md5": "0" * 32}, 422, "invalid-input"),
    ],
)
def test_completions_that_are_refused(make_tenant: Callable[[], Tenant], said: Any, status: int, code: str) -> None:
    """Missing, unknown, twice or of another ETag: refused, and the upload can still be completed."""
    upload = Uploading(make_tenant()).whole()
    assert _code(upload.complete(**said)) == (status, code)
    assert upload.complete().status_code == 200


def test_parts_that_have_not_arrived(tenant: Tenant) -> None:
    """They are named."""
    upload = Uploading(tenant)
    upload.put(2, SECOND)
    refused = upload.complete()
    assert _code(refused) == (422, "invalid-input")
    assert refused.json()["detail"] == "parts: these have not arrived: 1; send them first"


@pytest.mark.parametrize("number", [0, 3, 10_001, -1, 10**30, "x"])
def test_numbers_that_the_upload_cannot_have(make_tenant: Callable[[], Tenant], number: int | str) -> None:
    """Refused before a byte is read, whether the size was declared or not."""
    tenant = make_tenant()
    upload = Uploading(tenant)
    assert _code(upload.put(number, SECOND)) == (422, "invalid-input")
    assert upload.service.post(f"{upload.at}/parts", json={"parts": [number]}).status_code == 422
    if number != 3:
        assert _code(Uploading(tenant, size=None).put(number, SECOND)) == (422, "invalid-input")
    assert "chunk_uploaded" not in tenant.types(upload.id)


@pytest.mark.parametrize("number", ["2.0", "+2", "%202", "2_0", "0x2", "%D9%A2", "2e0", "1" * 17])
def test_numbers_of_parts_are_plain_digits(make_tenant: Callable[[], Tenant], number: str) -> None:
    """What some readers take for the same number is a mistake of whoever wrote it."""
    upload = Uploading(make_tenant())
    refused = upload.put(number, SECOND)
    assert (_code(refused), refused.json()["field"]) == ((422, "invalid-input"), "number")


@pytest.mark.parametrize("numbers", [[], [1, 1], list(range(1, 1_002)), "1", None])
def test_lists_of_parts_that_are_refused(make_tenant: Callable[[], Tenant], numbers: Any) -> None:
    """None, one twice, too many, or no list."""
    upload = Uploading(make_tenant())
    assert _code(upload.service.post(f"{upload.at}/parts", json={"parts": numbers})) == (422, "invalid-input")


def test_parts_of_a_wrong_size(tenant: Tenant) -> None:
    """A byte short in the middle, a byte too long at the end, and more than a part has."""
    upload = Uploading(tenant)
    for number, body in ((1, FIRST[:-1]), (2, SECOND + b"!"), (2, FIRST + b"!")):
        refused = upload.put(number, body)
        assert _code(refused) == (422, "invalid-input"), (number, len(body))
    assert _code(Uploading(tenant, size=None).put(1, FIRST + b"!")) == (422, "invalid-input")
    assert upload.service.get(f"{upload.at}/parts").json()["parts"] == []


def test_parts_that_are_not_what_they_say(tenant: Tenant) -> None:
    """A wrong Content-MD5 leaves nothing behind; one that is none, and no length, are refused at once."""
    upload = Uploading(tenant)
    wrong = base64.b64encode(b"\0" * 16).decode()
    assert _code(upload.put(2, SECOND, **{"Content-MD5": wrong})) == (422, "content-mismatch")
    assert _code(upload.put(2, SECOND, **{"Content-MD5": "abc"})) == (422, "invalid-input")
    assert _code(upload.put(2, iter([SECOND]))) == (411, "length-required")
    assert upload.service.get(f"{upload.at}/parts").json()["parts"] == []


def test_sizes_need_not_be_declared(tenant: Tenant) -> None:
    """Through us parts come until they are completed; URLs are bound to sizes, so they need one."""
    upload = Uploading(tenant, size=None)
    assert (upload.way["part_size"], upload.way["parts"]) == (PART, None)
    refused = upload.service.post(f"{upload.at}/parts", json={"parts": [1]})
    assert (_code(refused), refused.json()["field"]) == ((422, "invalid-input"), "size")
    upload.whole()
    assert upload.complete().json()["size"] == len(CONTENT)


def test_nothing_comes_after_the_end(tenant: Tenant) -> None:
    """Neither a part nor a URL for one, once the upload was given up or completed."""
    given_up, stored = Uploading(tenant), Uploading(tenant).whole()
    given_up.put(1, FIRST)
    assert given_up.service.delete(f"{given_up.at}/upload").json()["status"] == "aborted"
    assert stored.complete().status_code == 200
    for upload in (given_up, stored):
        assert _code(upload.put(2, SECOND)) == (409, "wrong-state")
        assert _code(upload.service.post(f"{upload.at}/parts", json={"parts": [2]})) == (409, "wrong-state")
    assert _code(given_up.complete()) == (409, "wrong-state")


def test_uploads_that_take_no_parts(tenant: Tenant) -> None:
    """They say how they were initiated."""
    upload = Uploading(tenant, upload="api")
    refused = [upload.put(1, FIRST), upload.complete(), upload.service.get(f"{upload.at}/parts")]
    assert [_code(one) for one in refused] == [(409, "wrong-state")] * 3


def test_who_may(tenant: Tenant, make_tenant: Callable[[], Tenant]) -> None:
    """Parts are for services, in their own workspace; auditors neither send nor verify."""
    upload = Uploading(tenant).whole()
    for role, status in (("auditor", 403), ("approver", 403)):
        other = tenant.client(role)
        assert other.put(f"{upload.at}/parts/2", content=SECOND).status_code == status
        for act in ("parts", "complete", "verification"):
            assert other.post(f"{upload.at}/{act}", json={"parts": [1]} if act == "parts" else {}).status_code == status
    assert tenant.api.anonymous().put(f"{upload.at}/parts/2", content=SECOND).status_code == 401
    stranger = tenant.api.client("service", Uploading(make_tenant()).tenant.id)
    foreign = [
        stranger.put(f"{upload.at}/parts/2", content=SECOND),
        stranger.get(f"{upload.at}/parts"),
        *(
            stranger.post(f"{upload.at}/{act}", json=body)
            for act, body in (("parts", {"parts": [1]}), ("complete", {}))
        ),
    ]
    assert [_code(one) for one in foreign] == [(404, "not-found")] * 4
    assert _code(upload.service.post(f"{upload.at}/verification")) == (409, "wrong-state")


def test_a_signed_url_is_for_one_upload_of_the_store(make_tenant: Callable[[], Tenant]) -> None:
    """Where the store lost it and another was opened, what was signed for the first writes nothing into the second."""
    tenant = make_tenant()
    upload, ledger = Uploading(tenant), tenant.api.services.ledger
    (one,) = upload.urls(2)
    first = ledger.recorder.file(UUID(upload.id))
    ledger.store.abort_multipart(first.path, str(first.multipart))
    assert upload.put(1, FIRST).status_code == 409  # the store has given the first up; it is opened anew
    nobody = tenant.api.anonymous(one["headers"])
    assert _code(nobody.put(one["url"], content=SECOND)) == (409, "wrong-state")
    assert upload.service.get(f"{upload.at}/parts").json()["parts"] == []
    (one,) = upload.urls(2)
    assert nobody.put(one["url"], content=SECOND).status_code == 200


def test_signed_part_urls_that_are_not_good(make_tenant: Callable[[], Tenant]) -> None:
    """Expired, of a revoked key, for reading, or with bytes of another size: nothing arrives."""
    tenant = make_tenant()
    upload = Uploading(tenant)
    (one,) = upload.urls(2)
    nobody = tenant.api.anonymous(one["headers"])
    assert _code(nobody.get(one["url"])) == (403, "url-invalid")
    assert _code(nobody.put(one["url"], content=b"x")) == (422, "invalid-input")
    tenant.api.clock.ahead = timedelta(minutes=16)
    assert _code(nobody.put(one["url"], content=SECOND)) == (403, "url-expired")
    tenant.api.clock.ahead = timedelta()
    key_id = next(
        each["event"]["actor"]["credential"]
        for each in tenant.history(upload.id)
        if each["event"]["type"] == "file.part_urls_issued.v1"
    )
    assert tenant.api.client().delete(f"/v1/keys/{key_id}").status_code == 204
    assert _code(nobody.put(one["url"], content=SECOND)) == (401, "unauthenticated")
    assert "chunk_uploaded" not in tenant.types(upload.id)


def test_logs_hold_no_url_of_a_part(tenant: Tenant) -> None:
    """They are permissions; the log shows the acts without them."""
    upload = Uploading(tenant)
    with structlog.testing.capture_logs() as logs:
        (one,) = upload.urls(2)
        with httpx.Client() as nobody:
            nobody.put(one["url"], content=SECOND, headers=one["headers"])
        upload.put(1, FIRST)
    assert {"http.request_part_urls", "http.put_part"} <= {each["action"] for each in logs}
    assert one["url"].rpartition("/")[2] not in str(logs)


def test_the_client_library(make_tenant: Callable[[], Tenant]) -> None:
    """The same acts as methods, and a link at the end."""
    tenant = make_tenant()
    upload = Uploading(tenant)
    key = SecretStr(upload.service.headers["Authorization"].removeprefix("Bearer "))
    with Client(Connection(tenant.api.url, key)) as client:
        first = client.upload_part(upload.id, 1, [FIRST], size=len(FIRST))
        (one,) = client.part_urls(upload.id, [2])["parts"]
        httpx.put(one["url"], content=SECOND, headers=one["headers"])
        arrived = client.parts(upload.id)["parts"]
        assert [first["etag"], len(arrived)] == [arrived[0]["etag"], 2]
        file = client.complete(upload.id, parts=[{"number": p["number"], "etag": p["etag"]} for p in arrived])
        assert client.complete(upload.id) == file
        assert client.verify_content(upload.id)["outcome"] == "verified"
        assert httpx.get(client.issue_link(upload.id, {"ttl": 60})["url"]).content == CONTENT


def test_verification_says_what_was_altered(make_tenant: Callable[[], Tenant]) -> None:
    """Content that is not what was stored is given out no more."""
    tenant = make_tenant()
    upload = Uploading(tenant).whole()
    path = upload.complete(sha256=SHA256).json()["path"]
    services = tenant.api.services
    info = services.ledger.store.head(path)
    services.ledger.store.put(
        path, [b"b" * len(CONTENT)], media_type=info.media_type, max_size=len(CONTENT), if_absent=False
    )
    verified = upload.service.post(f"{upload.at}/verification")
    assert (verified.status_code, verified.json()["outcome"]) == (200, "altered")
    assert tenant.types(upload.id)[-1] == "integrity_failed"
    assert upload.service.get(f"{upload.at}/content").status_code >= 400

"""Bad input: a problem with a stable type and one sentence naming field and limit, and nothing written."""

import base64
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Api, Tenant


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check the form of a problem and return it."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["type"] == f"urn:provenstore:problem:{code}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["detail"]
    return body


def used(tenant: Tenant) -> tuple[int, int]:
    """Return bytes and files that count."""
    found = tenant.api.client().get(f"/v1/workspaces/{tenant.id}").json()["used"]
    return found["bytes"], found["files"]


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"filename": "x" * 4_000 + ".pdf"}, "filename", "1,024 bytes"),
        ({"filename": ""}, "filename", "is empty"),
        ({"filename": "a\u0000b.pdf"}, "filename", "U+0000"),
        ({"category": "book_cover", "filename": "program.exe"}, "filename", "category book_cover takes"),
        ({"category": "export", "filename": "README", "media_type": "text/x-unknown"}, "filename", "no extension"),
        ({"media_type": "image/png"}, "media_type", "application/pdf"),
        ({"media_type": "nonsense"}, "media_type", "application/pdf"),
        ({"category": "no_such"}, "category", "does not have"),
        ({"category": "backup", "filename": "a.zip", "media_type": "application/zip", "size": 0}, "size", "is 0"),
        ({"size": -1}, "size", "is less than 0"),
        ({"size": 2**60}, "size", "is more than 9,007,199,254,740,991"),
        ({"size": 1.5}, "size", "integer"),
        ({"size": "5"}, "size", "integer"),
        ({"sha256": "abc"}, "sha256", "64 lower-case hexadecimal"),
        ({"md5": "F" * 32}, "md5", "32 lower-case hexadecimal"),
        ({"metadata": {f"k{n}": "v" for n in range(65)}}, "metadata", "64 entries"),
        ({"metadata": {"k": "v" * 3_000}}, "metadata", "2,048 bytes"),
        ({"related": [{"type": "Book", "id": "1"}]}, "related", "lower-case"),
        ({"subjects": ["anna", "anna"]}, "subjects", "twice"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at", "9000"),
        ({"expires_at": 1893456000}, "expires_at", "time"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at", "has no time zone; end it with Z"),
        ({"upload": "multipart", "size": 0}, "size", "cannot be uploaded in parts"),
        ({"upload": "pigeon"}, "upload", "multipart"),
        ({"placement": {"site": "x"}}, "placement", "does not use"),
        ({"colour": "red"}, "colour", "not a field"),
        ({"content": "AA=A"}, "content", "Base64"),
        ({"content": "QR=="}, "content", "Base64"),
        ({"content": "QUJD\n"}, "content", "Base64"),
        ({"content": "\u00e4"}, "content", "Base64"),
        ({"content": 5}, "content", "Base64"),
        ({"content": "QUJD", "upload": "presigned"}, "upload", "has come already"),
    ],
)
def test_initiation_refused(tenant: Tenant, said: dict[str, Any], field: str, words: str) -> None:
    """What breaks a limit is refused by name and limit, before anything is reserved."""
    problem = refused(tenant.new(tenant.client("service"), **said), 422, "invalid-input")
    assert problem["field"] == field
    assert problem["detail"].startswith(f"{field}: ")
    assert words in problem["detail"]
    assert used(tenant) == (0, 0)


def test_name_without_extension_goes_by_media_type(tenant: Tenant) -> None:
    """A name without an extension gets the one of its media type."""
    answer = tenant.new(tenant.client("service"), filename="README", media_type="text/plain")
    assert answer.json()["file"]["path"].endswith(".txt")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed-request"),
        (b'{"filename": "\xff"}', "application/json", 400, "malformed-request"),
        (b"[" * 100_000, "application/json", 400, "malformed-request"),
        (b"[]", "application/json", 422, "invalid-input"),
        (b"", "application/json", 422, "invalid-input"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"workspace": "w"}', "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"workspace": "w"}', "", 415, "unsupported-media-type"),
        (b'{"metadata": {"k": "\\ud800"}}', "application/json", 422, "invalid-input"),
    ],
)
def test_body_that_is_not_json(tenant: Tenant, body: bytes, content_type: str, status: int, code: str) -> None:
    """What is not the JSON that is asked for is a problem as well."""
    client = tenant.client("service")
    problem = refused(client.post("/v1/files", content=body, headers={"Content-Type": content_type}), status, code)
    if status == 415:
        assert "send Content-Type: application/json" in problem["detail"]


def test_body_of_another_type_where_none_is_needed(tenant: Tenant) -> None:
    """A reason that would be overlooked is refused as well; a missing one needs no type."""
    service = tenant.client("service")
    at, form = f"/v1/files/{tenant.stored(service)}/delete", {"Content-Type": "application/x-www-form-urlencoded"}
    refused(service.post(at, content=b'{"reason": "r"}', headers=form), 415, "unsupported-media-type")
    assert service.post(at, headers=form).status_code == 200


@pytest.mark.parametrize(
    ("path", "field", "words"),
    [
        ("/v1/audit?action=view&action=eat", "action", "entry 2 is not one of 'upload', 'view'"),
        ("/v1/audit?time_from=2026-11-20T10:00:00", "time_from", "has no time zone; end it with Z"),
        ("/v1/audit?time_from=yesterday", "time_from", "is not a time such as 2026-11-20T15:04:05Z"),
        ("/v1/audit?file=report.pdf", "file", "is not a UUID"),
        ("/v1/audit?limit=0", "limit", "is less than 1"),
        ("/v1/audit?limit=many", "limit", "is not an integer"),
        ("/v1/audit?address=xx", "address", "is not an IP address such as 203.0.113.7"),
        ("/v1/audit?address=203.0.113.7%20", "address", "is not an IP address"),
        ("/v1/usage?month=2026-13", "month", "is not a month such as 2026-11"),
        ("/v1/files?held=perhaps", "held", "is neither true nor false"),
        (f"/v1/workspaces?after={'x' * 64}", "after", "is longer than 63 characters"),
    ],
)
def test_questions_are_refused_in_our_words(api: Api, path: str, field: str, words: str) -> None:
    """A field's name, and what it must be: no validator's own text."""
    problem = refused(api.client().get(path), 422, "invalid-input")
    assert problem["field"] == field
    assert problem["detail"].startswith(f"{field}: {words}")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"related": [{"type": "order", "id": "1"}, {"type": "order"}]}, "related: entry 2: id is missing"),
        ({"subjects": "anna"}, "subjects: is not a list"),
        ({"subjects": ["anna", 5]}, "subjects: entry 2 is not a text"),
        ({"metadata": "x"}, "metadata: is not a JSON object"),
        ({"filename": 5}, "filename: is not a text"),
    ],
)
def test_bodies_are_refused_in_our_words(tenant: Tenant, said: dict[str, Any], detail: str) -> None:
    """An entry of a list is named by its number."""
    assert refused(tenant.new(tenant.client("service"), **said), 422, "invalid-input")["detail"] == detail


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/v1/files", "1,048,576"),
        ("PUT", "/v1/workspaces/any/limits/content", "262,144"),
        ("PUT", "/x/content", "262,144"),
    ],
)
def test_body_that_is_too_long(api: Api, method: str, path: str, limit: str, declared: bool) -> None:
    """A body that is not content has a limit by its route, and is refused before it is gathered."""
    body = b'{"a": "' + b"x" * 1_100_000 + b'"}'
    content: Any = body if declared else iter([body[:600_000], body[600_000:]])
    problem = refused(api.client().request(method, path, content=content), 413, "content-too-large")
    assert f"{limit} bytes" in problem["detail"]


def test_deep_body_where_none_is_asked_for(tenant: Tenant) -> None:
    """A body that no parser gets through is refused there, too."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    service.headers["Idempotency-Key"] = "deep"
    refused(service.request("DELETE", f"/v1/files/{file_id}", content=b"[" * 100_000), 400, "malformed-request")


def test_unknown_routes_and_methods(tenant: Tenant) -> None:
    """A path or method that does not exist is a problem, with Allow where it belongs."""
    client = tenant.client("service")
    refused(client.get("/v1/nothing"), 404, "not-found")
    answer = client.put("/v1/files")
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, POST"
    for method, path, allowed in (
        ("PUT", f"/v1/files/{uuid4()}", "DELETE, GET, PATCH"),
        ("PATCH", f"/v1/files/{uuid4()}/content", "GET, HEAD, PUT"),
        ("PUT", "/v1/keys", "GET, POST"),
        ("DELETE", "/v1/projections/usage/skip", "POST"),
    ):
        answer = client.request(method, path)
        refused(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == allowed
    assert refused(client.get("/v1/files/not-an-id"), 422, "invalid-input")["field"] == "file_id"
    assert refused(client.get("/v1/files?colour=red"), 422, "invalid-input")["field"] == "colour"


@pytest.mark.parametrize(
    ("declared", "sent", "status", "code"),
    [
        ({"size": 3}, b"four", 422, "content-mismatch"),
        ({"size": 5}, b"four", 422, "content-mismatch"),
        ({"sha256": "0" * 64}, b"four", 422, "content-mismatch"),
        ({"md5": "0" * 32}, b"four", 422, "content-mismatch"),
    ],
)
def test_content_that_is_not_what_was_declared(
    tenant: Tenant, declared: dict[str, Any], sent: bytes, status: int, code: str
) -> None:
    """Wrong size, MD5 or SHA-256 is refused and recorded; the upload stays open, and the right bytes go in."""
    service = tenant.client("service")
    file_id = tenant.new(service, **declared).json()["file"]["id"]
    problem = refused(service.put(f"/v1/files/{file_id}/content", content=sent), status, code)
    assert problem["check"] == next(iter(declared))
    assert tenant.types(file_id) == ["upload_initiated", "integrity_failed"]
    assert service.get(f"/v1/files/{file_id}").json()["status"] == "initiated"
    refused(service.get(f"/v1/files/{file_id}/content"), 409, "wrong-state")


def test_md5_in_the_header(tenant: Tenant) -> None:
    """Content-MD5 is compared with the bytes; what is no MD5 is refused."""
    service = tenant.client("service")
    at = f"/v1/files/{tenant.new(service).json()['file']['id']}/content"
    refused(service.put(at, content=b"x", headers={"Content-MD5": "nonsense"}), 422, "invalid-input")
    wrong = base64.b64encode(bytes(16)).decode()
    refused(service.put(at, content=b"x", headers={"Content-MD5": wrong}), 422, "content-mismatch")
    right = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
    assert service.put(at, content=b"x", headers={"Content-MD5": right}).status_code == 200


def test_content_over_the_category_limit(tenant: Tenant) -> None:
    """Content beyond the category's limit is refused while it arrives, declared or not."""
    service, admin = tenant.client("service"), tenant.api.client()
    admin.put(f"/v1/workspaces/{tenant.id}/limits/misc", json={"max_size": 10})
    refused(tenant.new(service, size=11), 413, "content-too-large")
    file_id = tenant.new(service).json()["file"]["id"]
    refused(service.put(f"/v1/files/{file_id}/content", content=b"x" * 11), 413, "content-too-large")
    assert service.get(f"/v1/files/{file_id}").json()["status"] == "initiated"


def test_quota_is_never_exceeded(make_tenant: Callable[..., Tenant]) -> None:
    """Of 50 initiations at once, exactly those that fit are taken; one byte too many is refused."""
    tenant = make_tenant(max_bytes=1_000)
    service = tenant.client("service")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: tenant.new(service, size=91), range(50)))
    taken = [answer for answer in answers if answer.status_code == 201]
    assert len(taken) == 1_000 // 91
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "quota-exceeded")
    left = 1_000 - 91 * len(taken)
    refused(tenant.new(service, size=left + 1), 409, "quota-exceeded")
    assert tenant.new(service, size=left).status_code == 201
    assert used(tenant)[0] == 1_000


def test_legal_hold_refuses(tenant: Tenant) -> None:
    """Deletion, publishing and erasure are refused under a hold, each naming the rule, and recorded."""
    service, records = tenant.client("service"), tenant.client("records")
    file_id = tenant.stored(service)
    records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "case", "reason": "sued"})
    problem = refused(service.delete(f"/v1/files/{file_id}"), 409, "legal-hold")
    assert problem["rule"] == "hold-refuses-delete"
    refused(service.patch(f"/v1/files/{file_id}", json={"access": "public"}), 409, "legal-hold")
    erasure = {"fields": ["filename"], "reason": "asked"}
    refused(tenant.client("privacy").post(f"/v1/files/{file_id}/erasure", json=erasure), 409, "legal-hold")
    denied = [one["event"]["data"] for one in tenant.history(file_id) if "denied" in one["event"]["type"]]
    assert [one["operation"] for one in denied] == ["file.soft_delete", "file.change", "file.erase"]


def test_own_request_approved_with_a_second_key(tenant: Tenant) -> None:
    """Nobody approves their own purge: not with the same key, and not with another one; services never."""
    first = tenant.client("admin", actor=f"ann-{tenant.id}")
    second = tenant.client("approver", actor=f"ann-{tenant.id}")
    file_id = tenant.stored(first)
    first.delete(f"/v1/files/{file_id}")
    first.post(f"/v1/files/{file_id}/purge")
    robot = tenant.client("admin", kind="service")
    for client in (first, second, robot):
        refused(client.post(f"/v1/files/{file_id}/purge/approve"), 403, "second-person-required")
    assert first.get(f"/v1/files/{file_id}").json()["disposal"] == "requested"


def test_reasons_are_bounded_everywhere(tenant: Tenant) -> None:
    """A reason of more than 4,096 bytes, or with control characters, is refused whatever it is for."""
    service, records = tenant.client("service"), tenant.client("records")
    file_id = tenant.stored(service)
    open_id = tenant.new(service).json()["file"]["id"]
    for reason in ("x" * 4_097, "bell\a", " "):
        for answer in (
            service.post(f"/v1/files/{file_id}/delete", json={"reason": reason}),
            service.delete(f"/v1/files/{open_id}/upload", params={"reason": reason}),
            records.post(f"/v1/files/{file_id}/legal-holds", json={"name": "n", "reason": reason}),
        ):
            assert refused(answer, 422, "invalid-input")["field"] == "reason"


def test_change_that_cannot_be(tenant: Tenant) -> None:
    """Null removes nothing but the expiry, and If-Match takes a version."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    for body in ({"filename": None}, {"metadata": None}, {"access": None}, {"size": 1}):
        refused(service.patch(f"/v1/files/{file_id}", json=body), 422, "invalid-input")
    etag = {"If-Match": '"something"'}
    assert (
        refused(service.patch(f"/v1/files/{file_id}", json={}, headers=etag), 422, "invalid-input")["field"]
        == "If-Match"
    )


@pytest.mark.parametrize("header", ["Provenstore-On-Behalf-Of", "Provenstore-Session", "Idempotency-Key"])
def test_headers_that_are_no_ids(tenant: Tenant, header: str) -> None:
    """Headers that enter events or keys are checked like fields."""
    client = tenant.client("service")
    client.headers[header] = "no id: <script>" + "x" * 300
    assert refused(tenant.new(client), 422, "invalid-input")["field"] == header


def test_certificate_of_what_was_not_destroyed(tenant: Tenant) -> None:
    """There is no certificate before there is a destruction."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    refused(service.get(f"/v1/files/{file_id}/certificate"), 409, "wrong-state")
    refused(service.get(f"/v1/files/{file_id}/purge"), 404, "not-found")

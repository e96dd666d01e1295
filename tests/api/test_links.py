"""Links over HTTP: a URL that needs no key, on the folder and on a bucket, and what may and may not be known of it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
import structlog

from tests.api.conftest import Tenant

CONTENT = b"0123456789"
NAME = 'Bücher "neu".pdf'
DISPOSITION = "filename=\"B_cher _neu_.pdf\"; filename*=UTF-8''B%C3%BCcher%20%22neu%22.pdf"


def _link(client: httpx.Client, file_id: str, **wish: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/files/{file_id}/links", json=wish)
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json()
    return link


def _events(tenant: Tenant, file_id: str, kind: str) -> list[dict[str, Any]]:
    return [one["event"] for one in tenant.history(file_id) if one["event"]["type"] == f"file.{kind}.v1"]


def test_a_link_that_comes_back_to_us(tenant: Tenant) -> None:
    """It gives the content out without a key, under its own name, and each use is on record with who used it."""
    service, nobody = tenant.client("service"), tenant.api.anonymous({"User-Agent": "a browser"})
    file_id = tenant.stored(service, CONTENT, filename=NAME)
    link = _link(service, file_id, purpose="review", recipient="jo@example.org")
    assert link.keys() == {"id", "url", "expires_at", "observed"}
    assert link["observed"] is True
    assert link["url"].startswith(f"{tenant.api.url}/v1/signed/")
    left = datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    answer = nobody.get(link["url"])
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == f"attachment; {DISPOSITION}"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    (issued,), (used,) = _events(tenant, file_id, "link_issued"), _events(tenant, file_id, "accessed")
    assert issued["data"]["link"] == link["id"]
    assert (used["cause"], used["data"]["mode"]) == (issued["id"], "download")
    said = {one["event"]["id"]: one["disclosures"] for one in tenant.history(file_id)}
    assert said[issued["id"]]["recipient"] == "jo@example.org"
    assert said[used["id"]]["user_agent"] == "a browser"


def test_ranges_conditions_and_head_of_a_link(tenant: Tenant) -> None:
    """It answers as content does; HEAD and 304 are no access, and a range that was not yet permitted is another one."""
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    url = _link(service, file_id := tenant.stored(service, CONTENT), disposition="inline")["url"]
    head = nobody.head(url)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "10", b"")
    assert head.headers["Content-Disposition"] == 'inline; filename="report.pdf"'
    assert nobody.get(url, headers={"If-None-Match": head.headers["ETag"]}).status_code == 304
    assert _events(tenant, file_id, "accessed") == []
    for first, last in ((0, 2), (1, 1), (2, 3)):
        part = nobody.get(url, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status_code, part.content) == (206, CONTENT[first : last + 1])
    found = [one["data"] for one in _events(tenant, file_id, "accessed")]
    assert [(one["mode"], one["first"], one["last"]) for one in found] == [("view", 0, 2), ("view", 2, 3)]
    assert nobody.get(url, headers={"Range": "bytes=10-"}).status_code == 416


def test_a_link_ends(tenant: Tenant) -> None:
    """With its time, and with the file; a link that is none of ours opens nothing."""
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    url = _link(service, file_id := tenant.stored(service, CONTENT), ttl=60)["url"]
    tenant.api.clock.ahead = timedelta(seconds=61)
    late = nobody.get(url)
    tenant.api.clock.ahead = timedelta()
    altered = nobody.get(url[:-2] + ("A" if url[-2] != "A" else "B") + url[-1])
    written = nobody.put(url, content=CONTENT)
    service.delete(f"/v1/files/{file_id}")
    gone = nobody.get(url)
    answers = [(one.status_code, one.json()["code"]) for one in (late, altered, written, gone)]
    assert answers == [(403, "url-expired"), (403, "url-invalid"), (403, "url-invalid"), (410, "gone")]
    assert nobody.head(url).status_code == 410
    assert _events(tenant, file_id, "access_denied")[0]["cause"] == _events(tenant, file_id, "link_issued")[0]["id"]


def test_a_url_for_writing_is_no_link(tenant: Tenant) -> None:
    """Each token is for one method."""
    service = tenant.client("service")
    upload = tenant.new(service, upload="presigned", size=10).json()["upload"]
    answer = tenant.api.anonymous().get(upload["url"])
    assert (answer.status_code, answer.json()["code"]) == (403, "url-invalid")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"ttl": 3_601}, "ttl"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": "600"}, "ttl"),
        ({"ttl": 1.5}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"purpose": ""}, "purpose"),
        ({"recipient": "x" * 256}, "recipient"),
        ({"disposition": "form-data"}, "disposition"),
        ({"file": "x"}, "file"),
    ],
)
def test_wishes_that_are_refused(tenant: Tenant, wish: dict[str, Any], field: str) -> None:
    """The field is named, and nothing is recorded."""
    service = tenant.client("service")
    answer = service.post(f"/v1/files/{(file_id := tenant.stored(service))}/links", json=wish)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert "link_issued" not in tenant.types(file_id)


def test_a_category_may_allow_more(tenant: Tenant) -> None:
    """Up to seven days; the workspace says what holds."""
    service, admin = tenant.client("service"), tenant.client("admin")
    limits = f"/v1/workspaces/{tenant.id}/limits/misc"
    assert admin.put(limits, json={"link_ttl": 7 * 86_400 + 1}).json()["field"] == "link_ttl"
    shown = {
        one["category"]: one["link_ttl"] for one in admin.put(limits, json={"link_ttl": 86_400}).json()["categories"]
    }
    assert (shown["misc"], shown["temp"]) == (86_400, 3_600)
    link = _link(service, tenant.stored(service), ttl=86_400)
    assert datetime.fromisoformat(link["expires_at"]) - datetime.now(UTC) > timedelta(hours=23)


def test_links_take_a_body_or_none(tenant: Tenant) -> None:
    """All of it is optional."""
    service = tenant.client("service")
    assert service.post(f"/v1/files/{tenant.stored(service)}/links").status_code == 201


def test_a_link_again(tenant: Tenant) -> None:
    """The same key and request answer the same link, recorded once."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    service.headers["Idempotency-Key"] = str(uuid4())
    assert _link(service, file_id) == _link(service, file_id)
    assert len(_events(tenant, file_id, "link_issued")) == 1
    reused = service.post(f"/v1/files/{file_id}/links", json={"ttl": 5})
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("where", ["tenant", "bucket_tenant"])
def test_logs_hold_no_link(request: pytest.FixtureRequest, where: str) -> None:
    """The URL is a secret: neither its making nor its use is logged with it, nor is it in the history."""
    tenant: Tenant = request.getfixturevalue(where)
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    with structlog.testing.capture_logs() as logs:
        url = urlsplit(_link(service, file_id)["url"])
        tenant.api.anonymous().get(url.geturl())
    assert "http.issue_link" in {one["action"] for one in logs}
    secret = parse_qs(url.query)["X-Amz-Signature"][0] if url.query else url.path.rpartition("/")[2]
    assert secret not in str(logs)
    assert secret not in str(tenant.history(file_id))


def test_a_link_to_a_bucket(bucket_tenant: Tenant) -> None:
    """It leads to one version of the object, without us: so it says that its uses are not observed."""
    tenant = bucket_tenant
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT, filename=NAME)
    link = _link(service, file_id, disposition="inline")
    (issued,) = _events(tenant, file_id, "link_issued")
    assert link["observed"] is issued["data"]["observed"] is False
    query = parse_qs(urlsplit(link["url"]).query)
    assert query["versionId"] == [issued["data"]["version_id"]]
    assert not link["url"].startswith(tenant.api.url)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    until = signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
    assert datetime.fromisoformat(link["expires_at"]) == until
    with httpx.Client() as nobody:
        answer = nobody.get(link["url"], headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["Content-Disposition"] == f"inline; {DISPOSITION}"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert _events(tenant, file_id, "accessed") == []


def test_tokens_are_of_no_use_where_the_store_serves_its_own(tenant: Tenant, bucket_tenant: Tenant) -> None:
    """A server on a bucket serves no signed URL itself."""
    url = _link(service := tenant.client("service"), tenant.stored(service))["url"]
    answer = bucket_tenant.api.anonymous().get(urlsplit(url).path)
    assert (answer.status_code, answer.json()["code"]) == (403, "url-invalid")

"""Links over HTTP: a URL that needs no key, on the folder and on a bucket, and what may and may not be known of it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
import structlog

from provenstore.domain.storage.objects import UrlExpired
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
    assert link.keys() == {"id", "url", "expires_at", "observed", "delivery"}
    assert (link["observed"], link["delivery"]) == (True, "stream")
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
        ({"delivery": "direct"}, "delivery"),
        ({"observed": "no"}, "observed"),
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


def test_logs_hold_no_link(tenant: Tenant) -> None:
    """The URL is a secret: neither its making nor its use is logged with it, nor is it in the history."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    with structlog.testing.capture_logs() as logs:
        url = urlsplit(_link(service, file_id)["url"])
        tenant.api.anonymous().get(url.geturl())
    assert "http.issue_link" in {one["action"] for one in logs}
    secret = url.path.rpartition("/")[2]
    assert secret not in str(logs)
    assert secret not in str(tenant.history(file_id))


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def _until(url: str) -> datetime:
    """Return until when a URL of the bucket works."""
    query = _query(url)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))


def test_a_link_to_a_bucket_redirects(bucket_tenant: Tenant) -> None:
    """Each use is recorded, then answered by a URL of one version of the object that lives for a minute at most."""
    tenant = bucket_tenant
    service, nobody = tenant.client("service"), tenant.api.anonymous({"User-Agent": "a browser"})
    file_id = tenant.stored(service, CONTENT, filename=NAME)
    link = _link(service, file_id, disposition="inline")
    assert (link["observed"], link["delivery"]) == (True, "redirect")
    assert link["url"].startswith(f"{tenant.api.url}/v1/signed/")
    answer = nobody.get(link["url"])
    assert (answer.status_code, answer.content, answer.headers["Cache-Control"]) == (307, b"", "no-store")
    (issued,), (used,) = _events(tenant, file_id, "link_issued"), _events(tenant, file_id, "accessed")
    assert (used["cause"], used["data"]["link"]) == (issued["id"], link["id"])
    assert (used["data"]["mode"], used["data"]["first"], used["data"]["size"]) == ("redirect", None, len(CONTENT))
    at = answer.headers["Location"]
    assert _query(at)["versionId"] == [issued["data"]["version_id"]]
    assert timedelta() < _until(at) - datetime.now(UTC) <= timedelta(seconds=60)
    with httpx.Client() as client:
        content = client.get(at, headers={"Range": "bytes=2-4"})
    assert (content.status_code, content.content) == (206, b"234")
    assert content.headers["Content-Disposition"] == f"inline; {DISPOSITION}"
    assert content.headers["Content-Type"] == "application/pdf"
    assert content.headers["Cache-Control"] == "no-store"


def test_what_a_redirecting_link_answers_itself(bucket_tenant: Tenant) -> None:
    """HEAD and 304 are no access; a range is redirected as the whole, which its URL permits; each use counts."""
    tenant = bucket_tenant
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    file_id = tenant.stored(service, CONTENT)
    url = _link(service, file_id)["url"]
    head = nobody.head(url)
    assert (head.status_code, head.headers["Content-Length"]) == (200, "10")
    assert nobody.get(url, headers={"If-None-Match": head.headers["ETag"]}).status_code == 304
    assert _events(tenant, file_id, "accessed") == []
    for _ in range(2):
        assert nobody.get(url, headers={"Range": "bytes=0-0"}).status_code == 307
    found = [one["data"] for one in _events(tenant, file_id, "accessed")]
    assert [(one["first"], one["size"]) for one in found] == [(None, 10), (None, 10)]


def test_a_link_to_a_bucket_may_stream(bucket_tenant: Tenant) -> None:
    """Where its issuer wants that."""
    service, nobody = bucket_tenant.client("service"), bucket_tenant.api.anonymous()
    file_id = bucket_tenant.stored(service, CONTENT)
    link = _link(service, file_id, delivery="stream")
    assert link["delivery"] == "stream"
    answer = nobody.get(link["url"], headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert [one["data"]["mode"] for one in _events(bucket_tenant, file_id, "accessed")] == ["download"]


def test_a_redirect_never_outlives_its_link(bucket_tenant: Tenant) -> None:
    """In the last minute of a link its URLs are shorter; with the last second there are none, and no access."""
    tenant = bucket_tenant
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    file_id = tenant.stored(service, CONTENT)
    link = _link(service, file_id, ttl=20)
    answer = nobody.get(link["url"])
    assert _until(answer.headers["Location"]) <= datetime.fromisoformat(link["expires_at"])
    ledger, (issued,) = tenant.api.services.ledger, _events(tenant, file_id, "link_issued")
    caller, _ = ledger.authenticate_link(UUID(file_id), UUID(issued["id"]))
    with pytest.raises(UrlExpired):
        ledger.redirect(caller, UUID(file_id), "attachment", datetime.now(UTC))
    assert len(_events(tenant, file_id, "accessed")) == 1


def test_what_ends_a_link_to_a_bucket(bucket_tenant: Tenant) -> None:
    """A deletion, for good, and its revocation: from then on no URL of the bucket is given to anybody."""
    tenant = bucket_tenant
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    file_id = tenant.stored(service, CONTENT)
    ended, revoked = _link(service, file_id), _link(service, file_id)
    assert nobody.get(ended["url"]).status_code == 307
    assert service.delete(f"/v1/files/{file_id}/links/{revoked['id']}").status_code == 204
    assert (nobody.get(revoked["url"]).status_code, nobody.head(revoked["url"]).status_code) == (410, 410)
    service.delete(f"/v1/files/{file_id}")
    assert nobody.get(ended["url"]).status_code == 410
    service.post(f"/v1/files/{file_id}/restore")
    assert nobody.get(ended["url"]).status_code == 410
    assert nobody.get(_link(service, file_id)["url"]).status_code == 307


@pytest.mark.parametrize("delivery", ["redirect", "stream"])
def test_a_damaged_object_is_not_given_away_by_links(bucket_tenant: Tenant, delivery: str) -> None:
    """found-by-reading: the store is asked before each redirect; what it says is recorded, and no link is issued."""
    tenant = bucket_tenant
    service, nobody = tenant.client("service"), tenant.api.anonymous()
    file_id = tenant.stored(service, CONTENT)
    url = _link(service, file_id, delivery=delivery)["url"]
    store, path = tenant.api.services.ledger.store, service.get(f"/v1/files/{file_id}").json()["path"]
    for version in store.versions(path):
        store.delete(path, version=version.version_id)
    store.put(path, [b"something else"], media_type="application/pdf", max_size=20)
    for _ in range(2):
        answer = nobody.get(url)
        assert (answer.status_code, answer.json()["code"]) == (409, "content-damaged")
    assert tenant.types(file_id)[-1] == "object_missing"
    assert service.post(f"/v1/files/{file_id}/links").status_code == 409
    assert "accessed" not in tenant.types(file_id)


def test_active_content_is_not_shown_by_the_bucket_either(bucket_tenant: Tenant) -> None:
    """Its page is nobody's to run."""
    service, nobody = bucket_tenant.client("service"), bucket_tenant.api.anonymous()
    file_id = bucket_tenant.stored(service, b"<script>", filename="a.html", media_type="text/html")
    at = nobody.get(_link(service, file_id, disposition="inline")["url"]).headers["Location"]
    assert _query(at)["response-content-type"] == ["application/octet-stream"]
    assert _query(at)["response-content-disposition"][0].startswith("attachment")


def test_a_link_that_nobody_sees_used(bucket_tenant: Tenant) -> None:
    """Only where the category allows it: it leads to the bucket alone, and says so."""
    tenant = bucket_tenant
    service, admin = tenant.client("service"), tenant.client("admin")
    file_id = tenant.stored(service, CONTENT)
    refused = service.post(f"/v1/files/{file_id}/links", json={"observed": False})
    assert (refused.status_code, refused.json()["rule"]) == (403, "link-observed")
    assert tenant.types(file_id)[-1] == "access_denied"
    shown = admin.put(f"/v1/workspaces/{tenant.id}/limits/misc", json={"direct_links": True}).json()["categories"]
    assert {one["category"] for one in shown if one["direct_links"]} == {"misc"}
    link = _link(service, file_id, observed=False)
    (issued,) = _events(tenant, file_id, "link_issued")
    assert (link["observed"], link["delivery"]) == (False, "direct")
    assert (issued["data"]["observed"], issued["data"]["delivery"]) == (False, "direct")
    assert not link["url"].startswith(tenant.api.url)
    assert datetime.fromisoformat(link["expires_at"]) == _until(link["url"])
    with httpx.Client() as nobody:
        assert nobody.get(link["url"]).content == CONTENT
    assert _events(tenant, file_id, "accessed") == []
    both = service.post(f"/v1/files/{file_id}/links", json={"observed": False, "delivery": "stream"})
    assert (both.status_code, both.json()["field"]) == (422, "delivery")


def test_redirects_are_not_logged(bucket_tenant: Tenant) -> None:
    """Neither our URL nor the bucket's."""
    service = bucket_tenant.client("service")
    file_id = bucket_tenant.stored(service, CONTENT)
    with structlog.testing.capture_logs() as logs:
        url = _link(service, file_id)["url"]
        at = bucket_tenant.api.anonymous().get(url).headers["Location"]
    secrets = (url.rpartition("/")[2], _query(at)["X-Amz-Signature"][0])
    assert not any(secret in str(logs) + str(bucket_tenant.history(file_id)) for secret in secrets)
    assert "http.get_signed" in {one["action"] for one in logs}


def test_every_server_of_a_ledger_serves_its_links(tenant: Tenant, bucket_tenant: Tenant) -> None:
    """Another server with the same key knows the link, and does not look for the file where it is not kept."""
    url = _link(service := tenant.client("service"), tenant.stored(service, CONTENT))["url"]
    answer = bucket_tenant.api.anonymous().get(urlsplit(url).path)
    assert (answer.status_code, answer.json()["code"]) == (500, "misconfigured")
    assert tenant.api.anonymous().get(url).content == CONTENT


def test_revoking_over_http(tenant: Tenant) -> None:
    """No content; again it is the same; an unknown one is not found, and somebody without the role is refused."""
    service = tenant.client("service")
    file_id = tenant.stored(service, CONTENT)
    link = _link(service, file_id)
    at = f"/v1/files/{file_id}/links/{link['id']}"
    assert tenant.client("auditor").delete(at).status_code == 403
    assert service.delete(f"/v1/files/{file_id}/links/{uuid4()}").status_code == 404
    for _ in range(2):
        answer = service.delete(at, params={"reason": "sent to the wrong person"})
        assert (answer.status_code, answer.content) == (204, b"")
    assert tenant.api.anonymous().get(link["url"]).json()["rule"] == "link-revoked"
    assert tenant.types(file_id).count("link_revoked") == 1

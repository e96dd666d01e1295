"""`bucket check` and `bucket harden` on real servers: what they find in a bucket, and what they leave of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from provenstore.adapters.spaces.check import check
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.findings import Finding
from provenstore.adapters.spaces.harden import RULE, Repair, harden

NewBucket = Callable[[str], Bucket]
FOREIGN: dict[str, Any] = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"Prefix": "temp/probe/"},
    "Expiration": {"Days": 7},
}


def _now() -> datetime:
    return datetime.now(UTC)


def _check(bucket: Bucket) -> dict[str, Finding]:
    return {one.what: one for one in check(bucket, _now)}


def _results(repairs: list[Repair]) -> dict[str, str]:
    return {one.what: one.result for one in repairs}


def _rules(bucket: Bucket) -> dict[str, Any]:
    found: Any = connect(bucket).get_bucket_lifecycle_configuration(Bucket=bucket.name)
    return {rule["ID"]: rule for rule in found["Rules"]}


def test_a_new_bucket_is_sound(kind: str, new_bucket: NewBucket) -> None:
    """Nothing fails on any server, strangers are refused everything, and nothing is left behind."""
    bucket = new_bucket(kind)
    found = _check(bucket)
    assert [one.what for one in found.values() if one.status == "failed"] == []
    closed = ("public listing", "public reading", "public writing", "public deletion")
    allowed = ("credentials", "region", "list", "put", "multipart", "get", "delete", "clock", "cors")
    assert {found[what].status for what in (*closed, *allowed)} == {"ok"}
    # The throw-away certificate lives for two days only.
    assert found["tls"].status == ("warning" if kind == "rgw-https" else "ok")
    client: Any = connect(bucket)
    assert client.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket.name)


@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
def test_a_check_leaves_no_version_behind(new_bucket: NewBucket, versioned: bool) -> None:
    """Not even a delete marker."""
    bucket = new_bucket("rgw-http")
    if versioned:
        assert _results(harden(bucket, versioning=True, dry_run=False))["versioning"] == "changed"
    assert _check(bucket)["versioning"].found.startswith("on" if versioned else "off")
    listing: Any = connect(bucket).list_object_versions(Bucket=bucket.name)
    assert (listing.get("Versions"), listing.get("DeleteMarkers")) == (None, None)


def test_a_direct_url_answers_403(new_bucket: NewBucket) -> None:
    """Whoever guesses the address of an object gets nothing, unless the bucket or the object was opened."""
    bucket = new_bucket("rgw-http")
    client: Any = connect(bucket)
    client.put_object(Bucket=bucket.name, Key="k", Body=b"private")
    url = f"{bucket.endpoint}/{bucket.name}/k"
    assert [httpx.get(url).status_code, httpx.get(f"{bucket.endpoint}/{bucket.name}").status_code] == [403, 403]
    client.put_object_acl(Bucket=bucket.name, Key="k", ACL="public-read")
    assert httpx.get(url).content == b"private"


def test_an_open_bucket_is_found_and_closed(new_bucket: NewBucket) -> None:
    """By asking as a stranger; after the repair strangers are refused again, and what they wrote is gone."""
    bucket = new_bucket("rgw-http")
    connect(bucket).put_bucket_acl(Bucket=bucket.name, ACL="public-read-write")
    found = _check(bucket)
    assert (found["public listing"].status, found["public writing"].status) == ("failed", "failed")
    assert "harden" in str(found["public listing"].advice)
    assert connect(bucket).list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0
    assert _results(harden(bucket, versioning=False, dry_run=True))["acl"] == "to change"
    assert _check(bucket)["public listing"].status == "failed"
    assert _results(harden(bucket, versioning=False, dry_run=False))["acl"] == "changed"
    assert {one.status for what, one in _check(bucket).items() if what.startswith("public")} == {"ok"}


def test_a_policy_that_opens_objects_is_found(new_bucket: NewBucket) -> None:
    """It is somebody's decision, so it is reported and not repaired."""
    bucket = new_bucket("rgw-http")
    policy = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", '
        f'"Resource": "arn:aws:s3:::{bucket.name}/*"}}]}}'
    )
    connect(bucket).put_bucket_policy(Bucket=bucket.name, Policy=policy)
    assert _check(bucket)["public reading"].status == "failed"
    harden(bucket, versioning=False, dry_run=False)
    assert _check(bucket)["public reading"].status == "failed"


def test_the_abort_rule_stands_beside_those_of_others(new_bucket: NewBucket) -> None:
    """Theirs stay to the letter; ours is renewed where it is not what it should be; once is enough."""
    bucket = new_bucket("rgw-http")
    ours = {
        "ID": RULE,
        "Status": "Disabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 30},
    }
    configuration: Any = {"Rules": [FOREIGN, ours]}
    connect(bucket).put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=configuration)
    theirs = _rules(bucket)["theirs"]
    assert _check(bucket)["abort rule"].status == "warning"
    for dry_run, expected in ((True, "to change"), (False, "changed"), (False, "unchanged"), (True, "unchanged")):
        assert _results(harden(bucket, versioning=False, dry_run=dry_run))["abort rule"] == expected
    assert _rules(bucket)["theirs"] == theirs
    assert _rules(bucket)[RULE]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (_check(bucket)["abort rule"].status, _check(bucket)["deletion rule"].status) == ("ok", "ok")


def test_a_rule_that_deletes_files_fails_the_check(new_bucket: NewBucket) -> None:
    """Nothing may go without an event that says so; only what is temporary may."""
    bucket = new_bucket("rgw-http")
    configuration: Any = {"Rules": [{**FOREIGN, "Filter": {"Prefix": "books/"}}]}
    connect(bucket).put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=configuration)
    found = _check(bucket)["deletion rule"]
    assert (found.status, "theirs" in found.found) == ("failed", True)


def test_a_page_of_anybody_is_a_warning(new_bucket: NewBucket) -> None:
    """Origins that are named are the operator's own."""
    bucket = new_bucket("rgw-http")
    for origin, expected in (("*", "warning"), ("https://books.example.com", "ok")):
        cors: Any = {"CORSRules": [{"AllowedOrigins": [origin], "AllowedMethods": ["PUT"]}]}
        connect(bucket).put_bucket_cors(Bucket=bucket.name, CORSConfiguration=cors)
        assert _check(bucket)["cors"].status == expected


def test_what_a_server_does_not_offer_is_said(new_bucket: NewBucket) -> None:
    """Swift has no lifecycle rules: nothing to repair, and nothing fails."""
    bucket = new_bucket("swift")
    assert _results(harden(bucket, versioning=False, dry_run=False)) == {"abort rule": "unchanged", "acl": "unchanged"}
    assert "no lifecycle rules" in _check(bucket)["abort rule"].found


def test_another_region_than_the_buckets_is_told(new_bucket: NewBucket) -> None:
    """This server takes it; the finding says which one is right."""
    found = _check(replace(new_bucket("rgw-http"), region="nyc3"))["region"]
    assert (found.status, "DO_SPACES_REGION to default" in str(found.advice)) == ("warning", True)

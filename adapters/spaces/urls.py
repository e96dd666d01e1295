"""Signed URLs of a bucket: each permits one request, bound to what was declared about its bytes.

The key is in them, so they are as good as the bytes until they expire. Nothing is sent to make one.
"""

import base64
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from provenstore.adapters.spaces.bucket import SpacesBucket
from provenstore.adapters.spaces.multipart import SpacesMultipart, content_md5
from provenstore.domain.storage.objects import SignedUrl, UrlExpired

LONGEST = timedelta(days=7)  # signature version 4 allows no more
_CACHE = "no-store"  # a copy in a cache would outlive what permits reading it
_ATTEMPTS = 3  # to sign within the second for which the lifetime was computed


class SpacesUrls:
    """Signs requests as botocore would send them."""

    def __init__(self, bucket: SpacesBucket, multipart: SpacesMultipart) -> None:
        self._bucket = bucket
        self._multipart = multipart

    def get(
        self,
        key: str,
        expires_at: datetime,
        *,
        version: str | None,
        disposition: str | None,
        media_type: str | None = None,
    ) -> SignedUrl:
        """Permit reading the object or one version of it; the answer's headers are these, not those of the object."""
        params = {
            "Bucket": self._bucket.name,
            "Key": key,
            **self._bucket.version_of(version),
            "ResponseCacheControl": _CACHE,
            "ResponseContentEncoding": "identity",
        }
        if disposition is not None:
            params["ResponseContentDisposition"] = disposition
        if media_type is not None:
            params["ResponseContentType"] = media_type
        return self._sign("GET", "get_object", params, {}, expires_at)

    def put(
        self,
        key: str,
        expires_at: datetime,
        *,
        media_type: str,
        size: int | None,
        sha256: str | None,
        md5: str | None,
    ) -> SignedUrl:
        """Permit storing an object of this media type, and of this size and these digests where they are declared.

        It stores nothing over an object that is there, where the bucket honours that.
        """
        params: dict[str, Any] = {"Bucket": self._bucket.name, "Key": key, "ContentType": media_type}
        headers = {"Content-Type": media_type}
        _bind(params, headers, size=size, md5=md5)
        if sha256 is not None:
            digest = base64.b64encode(bytes.fromhex(sha256)).decode()
            params["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = digest
        if self._bucket.capabilities.if_absent_put:
            params["IfNoneMatch"] = headers["If-None-Match"] = "*"
        return self._sign("PUT", "put_object", params, headers, expires_at)

    def form(self, key: str, expires_at: datetime, *, media_type: str, size: int) -> SignedUrl:
        """Permit storing an object by one form: of this key, media type and size, and with no other field."""
        fields = {"Content-Type": media_type}
        conditions: list[Any] = [["content-length-range", size, size], {"Content-Type": media_type}]
        for seconds in _lifetimes(expires_at):
            post = self._bucket.client.generate_presigned_post(
                self._bucket.name, key, Fields=dict(fields), Conditions=list(conditions), ExpiresIn=seconds
            )
            until = _form_expiry(post["fields"]["policy"])
            if until <= expires_at:
                told = tuple((name, str(value)) for name, value in post["fields"].items())
                return SignedUrl(method="POST", url=post["url"], headers=(), expires_at=until, fields=told)
        raise UrlExpired("The form would have expired before it was signed.")

    def part(
        self, key: str, upload: str, number: int, expires_at: datetime, *, size: int | None, md5: str | None
    ) -> SignedUrl:
        """Permit storing one part, of this size and digest where they are declared."""
        self._multipart.check_number(number)
        params = {**self._multipart.address(key, upload), "PartNumber": number}
        headers: dict[str, str] = {}
        _bind(params, headers, size=size, md5=md5)
        return self._sign("PUT", "upload_part", params, headers, expires_at)

    def _sign(
        self,
        method: Literal["GET", "PUT"],
        operation: str,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
        expires_at: datetime,
    ) -> SignedUrl:
        for seconds in _lifetimes(expires_at):
            url = self._bucket.client.generate_presigned_url(operation, params, ExpiresIn=seconds)
            until = _expiry(url)
            if until <= expires_at:
                return SignedUrl(method=method, url=url, headers=tuple(headers.items()), expires_at=until)
        raise UrlExpired("The URL would have expired before it was signed.")


def _lifetimes(expires_at: datetime) -> Iterator[int]:
    """Yield for how many seconds to sign, some times over; nothing where there is no time left.

    The lifetime counts from the second in which botocore signs.
    """
    for _ in range(_ATTEMPTS):
        now = datetime.now(UTC).replace(microsecond=0)
        seconds = math.floor(min(expires_at - now, LONGEST).total_seconds())
        if seconds < 1:
            return
        yield seconds


def _bind(params: dict[str, Any], headers: dict[str, str], *, size: int | None, md5: str | None) -> None:
    if size is not None:
        params["ContentLength"] = size
        headers["Content-Length"] = str(size)
    if md5 is not None:
        params["ContentMD5"] = headers["Content-MD5"] = content_md5(md5)


def _expiry(url: str) -> datetime:
    """Return the moment until which a URL is good, as it says itself."""
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))


def _form_expiry(policy: str) -> datetime:
    """Return the moment until which a form is good, as its policy says, cut to the second."""
    told = json.loads(base64.b64decode(policy))["expiration"]
    return datetime.strptime(told, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

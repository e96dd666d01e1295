"""One bucket and what it can do: the requests that several parts of the adapter need, in the words of the port."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.errors import is_absent, meaning, status, translated
from provenstore.domain.errors import ProvenstoreError
from provenstore.domain.storage.objects import Capabilities, ObjectInfo, ObjectNotFound, ObjectVersion

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WRITE = "provenstore-write"
"""Metadata of an object: a random name of the request that wrote it, by which a lost answer is recognised."""

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_NO_VERSION = "null"  # what S3 calls the one version in a bucket that keeps none


class SpacesBucket:
    """A client, the bucket's name, and what probing found. It translates answers and decides nothing."""

    def __init__(self, client: "S3Client", name: str, capabilities: Capabilities) -> None:
        self.client = client
        self.name = name
        self.capabilities = capabilities

    def head(self, key: str, version: str | None = None) -> ObjectInfo:
        """Describe an object or raise ObjectNotFound."""
        return self.described(key, version)[0]

    def find(self, key: str) -> ObjectInfo | None:
        """Describe an object, or return None."""
        try:
            return self.head(key)
        except ObjectNotFound:
            return None

    def described(self, key: str, version: str | None = None) -> tuple[ObjectInfo, str | None]:
        """Return also the name of the request that wrote the object, where it was one of ours."""
        named = self.version_of(version)
        try:
            answer = self.client.head_object(Bucket=self.name, Key=key, **named)
        except (ClientError, BotoCoreError) as exc:
            raise read_failure(exc, version) from exc
        return self.info(key, answer, answer["ContentLength"]), answer["Metadata"].get(WRITE)

    def info(self, key: str, answer: Mapping[str, Any], size: int) -> ObjectInfo:
        """Return what the answer to HEAD or GET says about an object of `size` bytes."""
        etag = unquoted(answer["ETag"])
        return ObjectInfo(
            key=key,
            size=size,
            etag=etag,
            media_type=answer.get("ContentType", "application/octet-stream"),
            version_id=self.version_id(answer),
            sha256=None,
            md5=self.md5(etag),
            modified=answer["LastModified"],
        )

    def md5(self, etag: str) -> str | None:
        """Return the MD5 of a content stored in one request, which is its ETag where probing found that."""
        return etag if "md5" in self.capabilities.checksums and _MD5.match(etag) else None

    def version_id(self, answer: Mapping[str, Any]) -> str | None:
        """Return the version that an answer names; None in a bucket without versions."""
        found: str | None = answer.get("VersionId")
        return found if self.capabilities.versioning else None

    def version_of(self, version: str | None) -> dict[str, Any]:
        """Return the parameter that names a version. Raises ObjectNotFound in a bucket without versions."""
        if version is None:
            return {}
        if not self.capabilities.versioning:
            raise ObjectNotFound("There is no such version: the bucket keeps none.")
        return {"VersionId": version}

    def versions(self, key: str) -> Iterator[ObjectVersion]:
        """Yield every version and delete marker of exactly this key, in no order."""
        marker: dict[str, Any] = {}
        while True:
            with translated():
                page = self.client.list_object_versions(Bucket=self.name, Prefix=key, **marker)
            entries: list[tuple[Mapping[str, Any], bool]] = [(entry, False) for entry in page.get("Versions", [])]
            entries += [(entry, True) for entry in page.get("DeleteMarkers", [])]
            found = [(entry, gone) for entry, gone in entries if entry["Key"] == key]
            for entry, gone in found:
                yield self._version(entry, gone=gone)
            # The key itself comes before every longer one.
            if not page.get("IsTruncated") or len(found) < len(entries):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _version(self, entry: Mapping[str, Any], *, gone: bool) -> ObjectVersion:
        version: str = entry["VersionId"]
        return ObjectVersion(
            key=entry["Key"],
            version_id=None if version == _NO_VERSION and not self.capabilities.versioning else version,
            is_latest=entry["IsLatest"],
            is_delete_marker=gone,
            size=0 if gone else entry["Size"],
            etag=None if gone else unquoted(entry["ETag"]),
            modified=entry["LastModified"],
        )


def read_failure(error: ClientError | BotoCoreError, version: str | None) -> ProvenstoreError:
    """Return what the failure of a read means. Some servers call an unknown version a bad request."""
    if isinstance(error, ClientError) and (is_absent(error) or (version is not None and status(error) == 400)):
        return ObjectNotFound()
    return meaning(error)


def unquoted(etag: str) -> str:
    """Return an ETag as the port has it: some servers quote it, some do not."""
    return etag.strip('"')


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """Return the time at which the server answered, by its own clock."""
    date: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(date).astimezone(UTC)

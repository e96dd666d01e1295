"""What a bucket can do, found out by doing it: two servers that speak S3 rarely do the same.

Everything is done to objects of its own under `temp/probe/`, which it removes again.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.bucket import unquoted
from provenstore.adapters.spaces.errors import at_start, is_taken, meaning, status, translated
from provenstore.adapters.spaces.unsigned_probe import AT_ONCE, UnsignedProbe
from provenstore.adapters.spaces.url_probe import UrlProbe
from provenstore.domain.storage.objects import Capabilities

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef

VERSION = 2
"""Of this way of trying a bucket: what an older release found out is found out again."""

PREFIX = "temp/probe/"
PART_SIZE = 10 * 1024**2  # bytes; above it a streamed object goes in parts
MIN_PART_SIZE = 5 * 1024**2  # bytes; of S3, as the next three
MAX_PART_SIZE = 5 * 1024**3
MAX_OBJECT_SIZE = 5 * 1024**4
MAX_PARTS = 10_000
# A server that compares first and writes then lets about every second race be won twice.
RACES = 12
WRITERS = 8


def probe(client: "S3Client", bucket: str, *, part_size: int = PART_SIZE, ca_file: str | None = None) -> Capabilities:
    """Try a bucket and say what it can do; some hundred small requests.

    Raises Misconfigured, saying what to do, if the bucket, the key or its rights are not as they must be, and
    StoreUnavailable if the bucket does not answer. `part_size` bytes will be sent in one request;
    `ca_file` is that of the connection.
    """
    with at_start():
        return _Probe(client, bucket, ca_file).capabilities(part_size)


def keeps_versions(client: "S3Client", bucket: str) -> bool:
    """Say whether a bucket keeps versions, or once kept them; one small request. Raises as `probe` does.

    This is what can change without anybody touching the server, so it is asked at each start.
    """
    with at_start(), translated():
        return client.get_bucket_versioning(Bucket=bucket).get("Status") in ("Enabled", "Suspended")


class _Probe:
    def __init__(self, client: "S3Client", bucket: str, ca_file: str | None) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{PREFIX}{secrets.token_hex(8)}/"
        self._urls = UrlProbe(client, bucket, self._prefix, ca_file=ca_file)
        self._unsigned = UnsignedProbe(client, bucket, self._prefix, ca_file=ca_file)

    def capabilities(self, part_size: int) -> Capabilities:
        versioning = keeps_versions(self._client, self._bucket)
        try:
            unsigned = self._unsigned.found()
            one_wins = all(self._one_writer_wins(f"{self._prefix}race-{number}") for number in range(RACES))
            checksums: frozenset[Literal["sha256", "md5"]] = frozenset(["md5"] if self._etag_is_md5() else [])
            return Capabilities(
                if_absent_put=one_wins,
                if_absent_copy=one_wins and self._copy_minds_the_target(),
                if_absent_complete=one_wins and self._completion_minds_the_target(),
                # Some servers compare, but none of those tried does it in one step with deleting.
                if_etag_delete=False,
                late_parts=self._urls.parts_come_late(),
                # Where one of two may win by luck, a URL used twice at once may still overwrite.
                signed_if_absent=one_wins and self._urls.condition_is_signed(),
                omits_parts=self._parts_may_be_left_out(),
                versioning=versioning,
                presign=True,
                direct=True,
                checksums=checksums,
                max_put_size=MAX_OBJECT_SIZE,
                single_put_size=part_size,
                min_part_size=MIN_PART_SIZE,
                max_part_size=MAX_PART_SIZE,
                max_parts=MAX_PARTS,
                sound_put_urls=unsigned.puts,
                sound_part_urls=unsigned.parts,
                sound_forms=unsigned.forms,
                unsigned=unsigned.effects,
            )
        finally:
            self._clear(versioning=versioning)

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}

    def _put(self, name: str, content: bytes) -> str:
        with translated():
            return unquoted(self._client.put_object(**self._key(name), Body=content)["ETag"])

    def _etag_is_md5(self) -> bool:
        content = b"what is the etag of this"
        return self._put("etag", content) == hashlib.md5(content, usedforsecurity=False).hexdigest()

    def _one_writer_wins(self, key: str) -> bool:
        together = threading.Barrier(WRITERS)

        def write(number: int) -> bool:
            together.wait(timeout=60)
            return _allowed(
                lambda: self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=b"%d" % number * 1024, IfNoneMatch="*"
                )
            )

        with ThreadPoolExecutor(WRITERS) as threads:
            return sum(threads.map(write, range(WRITERS))) == 1

    def _copy_minds_the_target(self) -> bool:
        self._put("source", b"source")
        self._put("target", b"target")
        source = {"Bucket": self._bucket, "Key": f"{self._prefix}source"}
        return not _allowed(
            lambda: self._client.copy_object(
                **self._key("target"),
                CopySource=source,  # type: ignore[arg-type]  # the stubs also want a version
                IfNoneMatch="*",
            )
        )

    def _completion_minds_the_target(self) -> bool:
        self._put("whole", b"whole")
        return not self._complete("whole", [1], [1], IfNoneMatch="*")

    def _parts_may_be_left_out(self) -> bool:
        return self._complete("parts", [1, 2], [2])

    def _complete(self, name: str, stored: list[int], named: list[int], **condition: Any) -> bool:
        key = self._key(name)
        with translated():
            upload = self._client.create_multipart_upload(**key)["UploadId"]
            etags = {
                number: self._client.upload_part(**key, UploadId=upload, PartNumber=number, Body=b"part")["ETag"]
                for number in stored
            }
        parts: Any = {"Parts": [{"PartNumber": number, "ETag": etags[number]} for number in named]}
        return _allowed(
            lambda: self._client.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts, **condition)
        )

    def _clear(self, *, versioning: bool) -> None:
        def delete(version: "ObjectVersionTypeDef | DeleteMarkerEntryTypeDef") -> None:
            named: Any = {"VersionId": version["VersionId"]} if versioning else {}
            self._client.delete_object(Bucket=self._bucket, Key=version["Key"], **named)

        with translated(), ThreadPoolExecutor(AT_ONCE) as threads:
            for page in self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            ):
                for upload in page.get("Uploads", []):
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
            for listing in self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            ):
                list(threads.map(delete, [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]))


def _allowed(request: Callable[[], object]) -> bool:
    """Send a request that the bucket may refuse; a refusal for another reason than being asked is an error."""
    try:
        request()
    except ClientError as exc:
        if is_taken(exc) or status(exc) == 400:
            return False
        raise meaning(exc) from exc
    except BotoCoreError as exc:
        raise meaning(exc) from exc
    return True

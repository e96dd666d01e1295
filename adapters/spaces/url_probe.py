"""What URLs that a bucket signed can still do to an object: found out by using them, without the key's secret.

Everything is done to objects under a prefix that the caller gives and clears away.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.client import CONNECT_TIMEOUT
from provenstore.adapters.spaces.errors import meaning, status, translated
from provenstore.adapters.spaces.probe_answers import for_now, settled
from provenstore.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TIMEOUT = 30.0  # seconds without a byte
LIFETIME = 300  # seconds for which the probe's own URLs are good
ON_ITS_WAY = 0.5  # seconds in which a server has read the first half of a small request and looked for its upload
_PART = b"1" * 64 * 1024  # as large as a server is sure not to hold back
_OTHER = b"2" * 64 * 1024


class UrlProbe:
    """Signs URLs in the bucket and uses them as a stranger would."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, *, ca_file: str | None) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        # Made once: loading the authorities takes longer than a request.
        self._trusted = httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)

    def condition_is_signed(self) -> bool:
        """Say whether a URL that signs If-None-Match refuses to overwrite, also when the header is left out."""
        key = self._key("signed")
        with translated():
            self._client.put_object(**key, Body=b"first")
        url = self._url("put_object", {**key, "IfNoneMatch": "*"})
        answers = [self._settled(url, b"second", headers) for headers in ({"If-None-Match": "*"}, {})]
        refused = all(400 <= answer < 500 and not for_now(answer) for answer in answers)
        return refused and self._content("signed") == b"first"

    def parts_come_late(self) -> bool:
        """Say whether a part is taken after the completion of its upload, or one under way alters the object."""
        return self._part_after_completion() or self._part_during_completion()

    def _part_after_completion(self) -> bool:
        url, complete = self._upload("late")
        complete()
        answer = self._settled(url, _OTHER, {})
        # What could not be tried is not trusted either.
        return answer < 300 or for_now(answer) or self._content("late") != _PART

    def _part_during_completion(self) -> bool:
        url, complete = self._upload("under-way")
        # Whatever it is answered, if at all: what counts is what became of the object.
        with suppress(StoreUnavailable):
            self._put(url, _halves(_OTHER, complete), {"Content-Length": str(len(_OTHER))})
        return self._content("under-way") != _PART

    def _upload(self, name: str) -> tuple[str, Callable[[], object]]:
        """Return a URL for the one part, which is there already, of an upload, and how to complete that."""
        key = self._key(name)
        with translated():
            upload = self._client.create_multipart_upload(**key)["UploadId"]
            part = {**key, "UploadId": upload, "PartNumber": 1}
            etag = self._client.upload_part(**part, Body=_PART)["ETag"]

        def complete() -> object:
            parts: Any = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
            with translated():
                return self._client.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts)

        return self._url("upload_part", part), complete

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}

    def _url(self, operation: str, params: Mapping[str, Any]) -> str:
        return self._client.generate_presigned_url(operation, params, ExpiresIn=LIFETIME)

    def _settled(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return settled(lambda: self._put(url, body, headers))

    def _put(self, url: str, body: bytes | Iterator[bytes], headers: Mapping[str, str]) -> int:
        """Return the status that a server answers."""
        timeout = httpx.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT)
        try:
            return httpx.put(url, content=body, headers=headers, verify=self._trusted, timeout=timeout).status_code
        except httpx.HTTPError as exc:
            # Not `from exc`: it repeats the URL, which is good for a while yet.
            message = "The object store cannot be reached, or the connection broke."
            raise StoreUnavailable(message, error=type(exc).__name__) from None

    def _content(self, name: str) -> bytes | None:
        """Return what stands under a name; None for what is there and cannot be read any more."""
        try:
            return self._client.get_object(**self._key(name))["Body"].read()
        except ClientError as exc:
            if status(exc) == 409:  # what Swift says of an object one of whose parts is another now
                return None
            raise meaning(exc) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc


def _halves(body: bytes, action: Callable[[], object]) -> Iterator[bytes]:
    """Yield a body whose first half is with the server when `action` is done."""
    yield body[: len(body) // 2]
    time.sleep(ON_ITS_WAY)
    action()
    yield body[len(body) // 2 :]

"""Uploads in parts to a bucket. The bucket keeps the parts; nothing is remembered here.

Servers disagree about an upload that is over: some complete it again, some say that it never was, some fail. So after
a refusal the bucket is asked what stands, and the ETag, which follows from the parts, tells whether it is this upload.
"""

import base64
import hashlib
import time
from collections.abc import Iterable, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.objects.digests import Bytes, Declared, receive
from provenstore.adapters.spaces.bucket import SpacesBucket, unquoted
from provenstore.adapters.spaces.errors import code, is_absent, is_taken, meaning, superseded, translated
from provenstore.domain.errors import AlreadyExists, ContentMismatch, InvalidInput, ProvenstoreError, StoreUnavailable
from provenstore.domain.files.parts import combined_etag
from provenstore.domain.storage.objects import MultipartInfo, MultipartNotFound, ObjectInfo, PartInfo, PartRef

IN_MEMORY = 16 * 1024 * 1024  # bytes of a part that comes slowly; what is larger waits in a temporary file
LOOKS_AFTER_THE_END = 5
LOOK_PAUSE = 0.05
"""How often, and with how many seconds between, an object is looked for whose upload has just been closed."""

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds for which another completion of the same upload is waited for
_OF_KEY = 8  # hexadecimal digits by which an upload's id names its key


class SpacesMultipart:
    """The multipart half of the adapter.

    The id of an upload is the bucket's, with a mark of the key behind it: not every server notices that an upload is
    asked for under another key.
    """

    def __init__(self, bucket: SpacesBucket) -> None:
        self._bucket = bucket

    def create(self, key: str, media_type: str) -> str:
        """Begin an upload and return its id."""
        with translated():
            answer = self._bucket.client.create_multipart_upload(
                Bucket=self._bucket.name, Key=key, ContentType=media_type
            )
        return _marked(key, answer["UploadId"])

    def put_part(self, key: str, upload: str, number: int, body: Iterable[bytes], declared: Declared) -> PartInfo:
        """Store one part: the bytes wait here until all are known to be right, then they go in one request."""
        self.check_number(number)
        self.address(key, upload)
        with SpooledTemporaryFile[bytes](IN_MEMORY) as waiting:
            limit = self._bucket.capabilities.max_part_size

            def write(block: Bytes) -> None:
                waiting.write(block)

            digests = receive(body, write, max_size=limit, declared=declared)
            waiting.seek(0)
            return self.send_part(key, upload, number, cast("IO[bytes]", waiting), size=digests.size, md5=digests.md5)

    def send_part(
        self, key: str, upload: str, number: int, body: IO[bytes] | Bytes, *, size: int, md5: str | None = None
    ) -> PartInfo:
        """Store one part; the server compares its digest."""
        try:
            answer = self._bucket.client.upload_part(
                **self.address(key, upload),
                PartNumber=number,
                Body=cast("bytes", body),  # any buffer will do, and every part is too large to copy
                ContentLength=size,
                **integrity(md5),
            )
        except (ClientError, BotoCoreError) as exc:
            raise self._failure(exc, key, upload) from exc
        if "ETag" not in answer:  # the same part, sent twice at once: it is not these bytes that are kept
            raise superseded()
        etag = unquoted(answer["ETag"])
        return PartInfo(number=number, size=size, etag=etag, md5=self._bucket.md5(etag), sha256=None)

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """List the stored parts by number."""
        parts: list[PartInfo] = []
        pages = self._bucket.client.get_paginator("list_parts").paginate(**self.address(key, upload))
        try:
            for page in pages:
                for part in page.get("Parts", []):
                    etag, number = unquoted(part["ETag"]), part["PartNumber"]
                    md5 = self._bucket.md5(etag)
                    parts.append(PartInfo(number=number, size=part["Size"], etag=etag, md5=md5, sha256=None))
        except (ClientError, BotoCoreError) as exc:
            raise self._failure(exc, key, upload) from exc
        return tuple(parts)

    def complete(self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool) -> ObjectInfo:
        """Make the object of the parts, or answer what an earlier completion made of them.

        Where the bucket cannot make the condition part of the request, it is compared before and the result after:
        of two writers at the same moment both may win, the later one standing, and an earlier one that sees it
        raises AlreadyExists.
        """
        address, etag = self.address(key, upload), combined_etag(parts)
        condition: dict[str, Any] = {}
        if if_absent:
            if self._bucket.find(key) is not None:
                return self._settled(key, upload, etag, AlreadyExists())
            if self._bucket.capabilities.if_absent_complete:
                condition = {"IfNoneMatch": "*"}
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        try:
            self._bucket.client.complete_multipart_upload(
                **address,
                MultipartUpload={"Parts": listed},  # type: ignore[typeddict-item]  # the stubs make every key required
                **condition,
            )
        except (ClientError, BotoCoreError) as exc:
            return self._settled(key, upload, etag, _refusal(exc), exc)
        # The answer's ETag may be empty, and may repeat what another writer has replaced since.
        return self._settled(key, upload, etag, AlreadyExists())

    def _settled(
        self, key: str, upload: str, etag: str, otherwise: ProvenstoreError, cause: Exception | None = None
    ) -> ObjectInfo:
        """Return the object if it was made of these parts, or raise what its absence or another one means.

        While another completion of the same upload is under way, some servers fail: that is waited for, a little.
        """
        looks = 0
        for pause in (*PAUSES, None):
            still_open = self.is_open(key, upload)  # asked first: what it has become is there once it is not
            found = self._bucket.find(key)
            while found is None and not still_open and looks < LOOKS_AFTER_THE_END:
                # Some servers close an upload a moment before its object is there.
                looks += 1
                time.sleep(LOOK_PAUSE)
                found = self._bucket.find(key)
            if found is not None and found.etag == etag:
                # Also while the upload is still listed: another completion of it may be just before its end.
                # Aborting it now could take the object's bytes away.
                return found
            if not still_open:
                break
            if pause is None or not isinstance(otherwise, StoreUnavailable):
                raise otherwise from cause
            time.sleep(pause)
        if found is None:
            raise MultipartNotFound from cause
        if "-" in found.etag:
            message = "The upload was completed from other parts."
            raise ContentMismatch(message, check="parts", expected=found.etag, actual=etag) from cause
        raise (otherwise if isinstance(otherwise, AlreadyExists) else MultipartNotFound()) from cause

    def abort(self, key: str, upload: str) -> None:
        """Throw an upload away."""
        try:
            self._bucket.client.abort_multipart_upload(**self.address(key, upload))
        except MultipartNotFound:
            return
        except ClientError as exc:
            if not is_absent(exc):
                raise meaning(exc) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc

    def unfinished(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """List the unfinished uploads to keys with `prefix`."""
        found = []
        pages = self._bucket.client.get_paginator("list_multipart_uploads")
        with translated():
            for page in pages.paginate(Bucket=self._bucket.name, Prefix=prefix):
                for one in page.get("Uploads", []):
                    upload = _marked(one["Key"], one["UploadId"])
                    found.append(MultipartInfo(upload=upload, key=one["Key"], initiated=one["Initiated"]))
        return tuple(sorted(found, key=lambda one: (one.key.encode(), one.upload)))

    def is_open(self, key: str, upload: str) -> bool:
        """Say whether the upload is neither completed nor aborted."""
        return any((one.key, one.upload) == (key, upload) for one in self.unfinished(key))

    def address(self, key: str, upload: str) -> Any:  # parameters that each request types by itself
        """Return the parameters that name an upload. Raises MultipartNotFound if it is none of this key."""
        bare = upload.rpartition(".")[0]
        if not bare or _marked(key, bare) != upload:
            raise MultipartNotFound
        return {"Bucket": self._bucket.name, "Key": key, "UploadId": bare}

    def check_number(self, number: int) -> None:
        """Raise InvalidInput for a number that no part can have; RGW takes any."""
        limit = self._bucket.capabilities.max_parts
        if not 1 <= number <= limit:
            raise InvalidInput("part", f"must be 1 to {limit:,}", limit=limit)

    def _failure(self, error: ClientError | BotoCoreError, key: str, upload: str) -> ProvenstoreError:
        """Return what a failure means; one without a reason may come from an upload that has just ended."""
        if isinstance(error, ClientError) and (is_absent(error) or not self.is_open(key, upload)):
            return MultipartNotFound()
        return meaning(error)


def _refusal(error: ClientError | BotoCoreError) -> ProvenstoreError:
    """Return what the refusal of a completion means, provided that the upload is still there."""
    if not isinstance(error, ClientError):
        return meaning(error)
    if is_taken(error):
        return AlreadyExists()
    if code(error) == "EntityTooSmall":
        return InvalidInput("parts", "must have the least size that the store allows, but for the last", limit=None)
    if code(error) in ("InvalidPart", "InvalidPartOrder"):
        return ContentMismatch("A part is not there, is another, or was left out.", check="parts")
    return meaning(error)


def integrity(md5: str | None) -> dict[str, Any]:
    """Return the parameters by which the server sees that bytes were damaged on the way.

    It is Content-MD5 if the MD5 is known. Without it boto signs the SHA-256 of the body, over https too, and
    the server compares that; it costs half of what another MD5 would.
    """
    return {} if md5 is None else {"ContentMD5": content_md5(md5)}


def content_md5(md5: str) -> str:
    """Return a digest as the header Content-MD5 has it (RFC 1864)."""
    return base64.b64encode(bytes.fromhex(md5)).decode()


def _marked(key: str, upload: str) -> str:
    return f"{upload}.{hashlib.sha256(key.encode()).hexdigest()[:_OF_KEY]}"

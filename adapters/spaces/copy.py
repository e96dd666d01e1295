"""Copies inside a bucket: the bytes never come here. One request, or parts of a size that the caller wants.

The source is pinned by its version and its ETag in every request, and looked at once more before a copy of parts is
completed: not every server minds the condition on a part, and nobody may get an object of two sources.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.objects.digests import part_count
from provenstore.adapters.spaces.bucket import SpacesBucket, unquoted
from provenstore.adapters.spaces.errors import is_absent, is_taken, meaning, status
from provenstore.adapters.spaces.multipart import SpacesMultipart
from provenstore.domain.errors import AlreadyExists, ProvenstoreError, StoreUnavailable, Unavailable
from provenstore.domain.storage.objects import ObjectInfo, ObjectNotFound, PartRef, SourceChanged

MAX_COPY_SIZE = 5 * 1024**3  # bytes in one CopyObject, of S3
LARGE_PART_SIZE = 1024**3  # bytes of a part of what is larger, where the caller wants no size
AT_ONCE = 4  # parts; the server does the work


class SpacesCopier:
    """Copies objects of one bucket to other keys of it."""

    def __init__(self, bucket: SpacesBucket, multipart: SpacesMultipart, *, max_copy_size: int = MAX_COPY_SIZE) -> None:
        self._bucket = bucket
        self._multipart = multipart
        self._max_copy_size = max_copy_size

    def copy(
        self,
        source: str,
        target: str,
        *,
        source_version: str | None,
        if_source_etag: str | None,
        if_absent: bool,
        part_size: int | None,
        media_type: str | None = None,
    ) -> ObjectInfo:
        """See the port."""
        found = self._bucket.head(source, source_version)
        if if_source_etag not in (None, found.etag):
            raise SourceChanged(expected=if_source_etag, actual=found.etag)
        if part_size is None and found.size > self._max_copy_size:
            # 5 TiB, the largest object, in 10,000 parts: a little more than half of what this allows.
            part_size = LARGE_PART_SIZE
        parts = 0 if part_size is None else self._count(found.size, part_size)
        if if_absent and self._bucket.find(target) is not None:
            raise AlreadyExists("There is an object under this key already.")
        kept = found.media_type if media_type is None else media_type
        if part_size is None:
            return self._at_once(found, target, kept, if_absent=if_absent)
        return self._in_parts(found, target, kept, part_size, parts, if_absent=if_absent)

    def _count(self, size: int, part_size: int) -> int:
        can = self._bucket.capabilities
        return part_count(size, part_size, least=can.min_part_size, most=can.max_part_size, parts=can.max_parts)

    def _pinned(self, found: ObjectInfo) -> dict[str, Any]:
        """Return the parameters that name the source, and nothing that may have taken its place."""
        origin = {"Bucket": self._bucket.name, "Key": found.key, **self._bucket.version_of(found.version_id)}
        return {"CopySource": origin, "CopySourceIfMatch": f'"{found.etag}"'}

    def _at_once(self, found: ObjectInfo, target: str, media_type: str, *, if_absent: bool) -> ObjectInfo:
        condition: dict[str, Any] = {}
        if if_absent and self._bucket.capabilities.if_absent_copy:
            condition = {"IfNoneMatch": "*"}
        try:
            self._bucket.client.copy_object(
                Bucket=self._bucket.name,
                Key=target,
                # Nothing of what was sent along with the source: headers, metadata, tags. Its access never goes along.
                MetadataDirective="REPLACE",
                ContentType=media_type,
                **self._pinned(found),
                **condition,
            )
        except ClientError as exc:
            if is_taken(exc) and if_absent and self._bucket.find(target) is not None:
                raise AlreadyExists("There is an object under this key already.") from exc
            raise _source_failure(exc, found) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc
        return self._bucket.head(target)

    def _in_parts(
        self, found: ObjectInfo, target: str, media_type: str, part_size: int, count: int, *, if_absent: bool
    ) -> ObjectInfo:
        # 1. An upload that nobody sees. A crash up to 4 leaves it, and the bucket's own rule clears it away.
        upload, sent = self._multipart.create(target, media_type), False
        try:
            # 2. Its parts, from the source as it was seen.
            parts = self._copy_parts(found, target, upload, part_size, count)
            # 3. The source again, for servers that do not mind a condition on a part.
            now = self._bucket.head(found.key, found.version_id)
            if now.etag != found.etag:
                raise SourceChanged(expected=found.etag, actual=now.etag)
            # 4. The object. A crash inside leaves it whole or absent; head tells.
            sent = True
            return self._multipart.complete(target, upload, parts, if_absent=if_absent)
        except ProvenstoreError as exc:
            # Beside a completion of which nobody knows what became, an abort would take the object's bytes away.
            if not (sent and isinstance(exc, Unavailable)):
                with suppress(StoreUnavailable):  # why it failed says more
                    self._multipart.abort(target, upload)
            raise

    def _copy_parts(self, found: ObjectInfo, target: str, upload: str, part_size: int, count: int) -> list[PartRef]:
        if found.size == 0:  # no range can name its bytes
            md5 = hashlib.md5(usedforsecurity=False).hexdigest()
            return [self._multipart.send_part(target, upload, 1, b"", size=0, md5=md5).ref]
        threads = ThreadPoolExecutor(min(AT_ONCE, count), "copy")
        try:
            pending: list[Future[PartRef]] = [
                threads.submit(self._copy_part, found, target, upload, number, span)
                for number, span in _spans(found.size, part_size)
            ]
            return [one.result() for one in pending]
        finally:
            # A part that arrives after the abort would stay.
            threads.shutdown(wait=True, cancel_futures=True)

    def _copy_part(self, found: ObjectInfo, target: str, upload: str, number: int, span: str) -> PartRef:
        try:
            answer = self._bucket.client.upload_part_copy(
                **self._multipart.address(target, upload),
                PartNumber=number,
                CopySourceRange=span,
                **self._pinned(found),
            )
        except ClientError as exc:
            raise _source_failure(exc, found) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc
        return PartRef(number, unquoted(answer["CopyPartResult"]["ETag"]))


def _spans(size: int, part_size: int) -> Iterator[tuple[int, str]]:
    """Yield the number of each part and its bytes, as a range has them."""
    for number, first in enumerate(range(0, size, part_size), start=1):
        yield number, f"bytes={first}-{min(first + part_size, size) - 1}"


def _source_failure(error: ClientError, found: ObjectInfo) -> ProvenstoreError:
    """Return what a refused copy says about its source, which was there a moment before."""
    if is_absent(error):
        return ObjectNotFound()
    # 416: another object took its place, and is shorter.
    if is_taken(error) or status(error) == 416:
        return SourceChanged(expected=found.etag, actual=None)
    return meaning(error)

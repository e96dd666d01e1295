"""The object store that is a bucket: DigitalOcean Spaces, or any other that speaks S3.

What it promises depends on what the bucket can do, which the caller has probed; it never asks who made the server.
It stores nothing but the bytes, their media type and a random name of each write: no file name, no metadata.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.objects.digests import Declared, receive
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.spaces.bucket import (
    WRITE,
    SpacesBucket,
    answered_at,
    read_failure,
    unquoted,
)
from provenstore.adapters.spaces.copy import SpacesCopier
from provenstore.adapters.spaces.errors import code, is_absent, is_taken, meaning, status, superseded, translated
from provenstore.adapters.spaces.extras import extras
from provenstore.adapters.spaces.multipart import SpacesMultipart, integrity
from provenstore.adapters.spaces.reader import SpacesReader, require_range
from provenstore.adapters.spaces.upload import StreamedUpload
from provenstore.adapters.spaces.urls import SpacesUrls
from provenstore.domain.errors import AlreadyExists, InvalidInput, RangeNotSatisfiable, StoreUnavailable
from provenstore.domain.storage.objects import (
    MAX_PAGE,
    Capabilities,
    Digests,
    MultipartInfo,
    NotSupported,
    ObjectInfo,
    ObjectNotFound,
    ObjectSummary,
    ObjectVersion,
    Page,
    PartInfo,
    PartRef,
    SignedUrl,
    SourceChanged,
    check_key,
)
from provenstore.domain.storage.store_marker import MARKER_KEY, marker_bytes, parse_marker

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class Spaces:
    """An ObjectStore on one bucket.

    Where the bucket cannot make `if_absent` part of a request, the adapter looks first and writes then, and the
    capabilities say so. Memory of one streamed put: four times `single_put_size`, or the part size that a declared
    size or a limit of more than 10,000 such parts asks for.
    """

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        capabilities: Capabilities,
        *,
        name: str = "spaces",
        urls: LocalUrlSigner | None = None,
    ) -> None:
        """Work on `bucket`, trusting `capabilities` as `probe` found them there.

        `urls` signs those that come back to us, where a URL of the bucket would permit more than to write.
        """
        self.name = name
        self._own_urls = urls
        self._bucket = SpacesBucket(client, bucket, capabilities)
        self._multipart = SpacesMultipart(self._bucket)
        self._copier = SpacesCopier(self._bucket, self._multipart)
        self._urls = SpacesUrls(self._bucket, self._multipart)

    def capabilities(self) -> Capabilities:
        """See the port."""
        return self._bucket.capabilities

    # -- which store this is ----------------------------------------------------------------------------------

    def identity(self) -> str | None:
        """See the port."""
        try:
            with self.get(MARKER_KEY) as reader:
                return parse_marker(b"".join(reader))
        except ObjectNotFound:
            return None

    def identify(self, identity: str) -> str:
        """See the port."""
        content = marker_bytes(identity)
        with suppress(AlreadyExists):
            self.put(MARKER_KEY, [content], media_type="application/json", max_size=len(content), size=len(content))
        return self.identity() or identity

    # -- whole objects ----------------------------------------------------------------------------------------

    def put(
        self,
        key: str,
        body: Iterable[bytes],
        *,
        media_type: str,
        max_size: int,
        size: int | None = None,
        sha256: str | None = None,
        md5: str | None = None,
        if_absent: bool = True,
        confirm: Callable[[Digests], None] | None = None,
    ) -> ObjectInfo:
        """See the port."""
        check_key(key)
        part_size = self._part_size(max_size if size is None else size)
        # What is known to be one request carries the condition itself; looking first would double what it costs.
        decides = self._bucket.capabilities.if_absent_put and size is not None and size <= part_size
        if if_absent and not decides and self._bucket.find(key) is not None:
            raise AlreadyExists("There is an object under this key already.")
        with StreamedUpload(self._multipart, key, media_type, part_size) as upload:
            # 1. The bytes: here, or as parts that nobody sees. A crash up to 3 leaves an unfinished upload, which
            #    the bucket's own rule clears away if nobody else does.
            declared = Declared(size=size, sha256=sha256, md5=md5)
            digests = receive(body, upload.write, max_size=max_size, declared=declared, md5_within=part_size)
            content = upload.finish()
            # 2. The caller's word; usually it becomes an event.
            if confirm is not None:
                confirm(digests)
            # 3. The object. A crash inside leaves it whole or absent; head tells.
            if content is None:
                found = upload.complete(if_absent=if_absent)
            else:
                found = self._put_whole(key, content, digests, media_type, if_absent=if_absent)
        return ObjectInfo(
            key=key,
            size=digests.size,
            etag=found.etag,
            media_type=media_type,
            version_id=found.version_id,
            sha256=digests.sha256,
            md5=digests.md5,
            modified=found.modified,
        )

    def _part_size(self, most: int) -> int:
        """Return the bytes of a part so that `most` bytes need no more parts than there may be."""
        capabilities = self._bucket.capabilities
        needed = -(-min(most, capabilities.max_put_size) // capabilities.max_parts)
        return max(capabilities.single_put_size, needed)

    def _put_whole(
        self, key: str, content: bytearray, digests: Digests, media_type: str, *, if_absent: bool
    ) -> ObjectInfo:
        write = secrets.token_hex(16)
        condition: dict[str, Any] = {}
        if if_absent and self._bucket.capabilities.if_absent_put:
            condition = {"IfNoneMatch": "*"}
        elif if_absent and self._bucket.find(key) is not None:
            raise AlreadyExists("There is an object under this key already.")
        try:
            answer = self._bucket.client.put_object(
                Bucket=self._bucket.name,
                Key=key,
                Body=cast("bytes", content),  # any buffer will do, and this one is too large to copy
                ContentLength=digests.size,
                ContentType=media_type,
                Metadata={WRITE: write},
                **integrity(digests.md5),
                **condition,
            )
        except ClientError as exc:
            if not is_taken(exc):
                raise meaning(exc) from exc
            return self._own(key, write, exc)
        except BotoCoreError as exc:
            raise meaning(exc) from exc
        if "ETag" not in answer:
            return self._behind(key, write, if_absent=if_absent)
        return ObjectInfo(
            key=key,
            size=digests.size,
            etag=unquoted(answer["ETag"]),
            media_type=media_type,
            version_id=self._bucket.version_id(answer),
            sha256=None,
            md5=None,
            modified=answered_at(answer),
        )

    def _own(self, key: str, write: str, refusal: ClientError) -> ObjectInfo:
        """Return the object that is in the way if it is this very write, sent again after its answer was lost."""
        try:
            found, written_by = self._bucket.described(key)
        except ObjectNotFound:
            written_by = None
        if written_by != write:
            raise AlreadyExists("There is an object under this key already.") from refusal
        return found

    def _behind(self, key: str, write: str, *, if_absent: bool) -> ObjectInfo:
        """Return the object if it is this write, whose answer names none, or raise what has become of it.

        Swift answers so, with success, when a later write or deletion of the same key was quicker: nothing is stored.
        """
        try:
            found, written_by = self._bucket.described(key)
        except ObjectNotFound as exc:
            raise superseded() from exc
        if written_by == write:
            return found
        if if_absent:
            raise AlreadyExists("There is an object under this key already.")
        raise superseded()

    def get(
        self, key: str, *, version: str | None = None, first: int | None = None, last: int | None = None
    ) -> SpacesReader:
        """See the port."""
        check_key(key)
        start = first or 0
        if start < 0 or (last is not None and last < start):
            raise InvalidInput("range", "must not begin before 0, nor end before it begins")
        params: dict[str, Any] = {"Bucket": self._bucket.name, "Key": key, **self._bucket.version_of(version)}
        if first is not None or last is not None:
            params["Range"] = f"bytes={start}-{'' if last is None else last}"
        try:
            answer = self._bucket.client.get_object(**params)
        except ClientError as exc:
            if status(exc) == 416:
                size = self.head(key, version=version).size
                raise RangeNotSatisfiable(f"The content has {size:,} bytes.", size=size) from exc
            raise read_failure(exc, version) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc
        length = answer["ContentLength"]
        ranged = answer.get("ContentRange")
        if "Range" in params:
            try:
                require_range(ranged, length, start, last)
            except StoreUnavailable:
                answer["Body"].close()
                raise
        size = int(ranged.rpartition("/")[2]) if ranged else length
        return SpacesReader(answer["Body"], self._bucket.info(key, answer, size), start, length)

    def head(self, key: str, *, version: str | None = None) -> ObjectInfo:
        """See the port."""
        return self._bucket.head(check_key(key), version)

    def copy(
        self,
        source: str,
        target: str,
        *,
        source_version: str | None = None,
        if_source_etag: str | None = None,
        if_absent: bool = True,
        part_size: int | None = None,
        media_type: str | None = None,
    ) -> ObjectInfo:
        """See the port. The bucket copies by itself; what is too large for one request goes in parts."""
        check_key(source)
        check_key(target)
        return self._copier.copy(
            source,
            target,
            source_version=source_version,
            if_source_etag=if_source_etag,
            if_absent=if_absent,
            part_size=part_size,
            media_type=media_type,
        )

    def extras(self, key: str, *, version: str | None = None) -> tuple[str, ...]:
        """See the port."""
        return extras(self._bucket, check_key(key), version)

    def versions(self, key: str) -> tuple[ObjectVersion, ...]:
        """See the port. Versions of the same moment are in no order, but for the latest."""
        check_key(key)
        found = sorted(self._bucket.versions(key), key=lambda one: (one.is_latest, one.modified), reverse=True)
        return tuple(found)

    def delete(self, key: str, *, version: str | None = None, if_etag: str | None = None) -> None:
        """See the port. With `if_etag` it compares first and deletes then."""
        check_key(key)
        try:
            named = self._bucket.version_of(version)
            if if_etag is not None and (found := self._bucket.head(key, version)).etag != if_etag:
                raise SourceChanged(expected=if_etag, actual=found.etag)
        except ObjectNotFound:
            return
        try:
            self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key, **named)
        except ClientError as exc:
            if not is_absent(exc) and not (version is not None and code(exc) == "InvalidRequest"):
                raise meaning(exc) from exc
        except BotoCoreError as exc:
            raise meaning(exc) from exc

    def list(self, prefix: str, *, after: str | None = None, limit: int = MAX_PAGE) -> Page:
        """See the port."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"must be 1 to {MAX_PAGE:,}", limit=MAX_PAGE)
        start: dict[str, Any] = {} if after is None else {"StartAfter": after}
        with translated():
            page = self._bucket.client.list_objects_v2(Bucket=self._bucket.name, Prefix=prefix, MaxKeys=limit, **start)
        found = tuple(
            ObjectSummary(key=one["Key"], size=one["Size"], etag=unquoted(one["ETag"]), modified=one["LastModified"])
            for one in page.get("Contents", [])
        )
        more = found[-1].key if page["IsTruncated"] and found else None
        objects = tuple(one for one in found if one.key != MARKER_KEY)
        if len(objects) < len(found) and more is not None:  # the page is as long as it is without the marker
            rest = self.list(prefix, after=more, limit=1)
            objects, more = objects + rest.objects, rest.next
        return Page(objects=objects, next=more)

    # -- multipart --------------------------------------------------------------------------------------------

    def create_multipart(self, key: str, *, media_type: str) -> str:
        """See the port."""
        return self._multipart.create(check_key(key), media_type)

    def put_part(
        self, key: str, upload: str, number: int, body: Iterable[bytes], *, size: int, md5: str | None = None
    ) -> PartInfo:
        """See the port."""
        return self._multipart.put_part(check_key(key), upload, number, body, Declared(size=size, md5=md5))

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """See the port."""
        return self._multipart.list_parts(check_key(key), upload)

    def complete_multipart(
        self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool = True
    ) -> ObjectInfo:
        """See the port."""
        return self._multipart.complete(check_key(key), upload, parts, if_absent=if_absent)

    def abort_multipart(self, key: str, upload: str) -> None:
        """See the port."""
        self._multipart.abort(check_key(key), upload)

    def list_multiparts(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """See the port."""
        return self._multipart.unfinished(prefix)

    # -- signed URLs ------------------------------------------------------------------------------------------

    def presign_get(
        self,
        key: str,
        *,
        file: str,  # noqa: ARG002  # the URL leads to the bucket, which knows no files
        grant: str,  # noqa: ARG002
        expires_at: datetime,
        version: str | None = None,
        disposition: str | None = None,
        media_type: str | None = None,
    ) -> SignedUrl:
        """See the port."""
        return self._urls.get(
            check_key(key), expires_at, version=version, disposition=disposition, media_type=media_type
        )

    def presign_put(
        self,
        key: str,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        media_type: str,
        size: int | None = None,
        sha256: str | None = None,
        md5: str | None = None,
    ) -> SignedUrl:
        """See the port."""
        check_key(key)
        if not self._bucket.capabilities.direct_puts:
            return self._signer.put(
                file=file, grant=grant, expires_at=expires_at, media_type=media_type, size=size, sha256=sha256, md5=md5
            )
        return self._urls.put(key, expires_at, media_type=media_type, size=size, sha256=sha256, md5=md5)

    def presign_form(
        self,
        key: str,
        *,
        file: str,  # noqa: ARG002
        grant: str,  # noqa: ARG002
        expires_at: datetime,
        media_type: str,
        size: int,
    ) -> SignedUrl:
        """See the port."""
        if not self._bucket.capabilities.direct_forms:
            raise NotSupported("What a form permits is not bound by this bucket, or nobody has tried.")
        return self._urls.form(check_key(key), expires_at, media_type=media_type, size=size)

    def presign_part(
        self,
        key: str,
        upload: str,
        number: int,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        size: int | None = None,
        md5: str | None = None,
    ) -> SignedUrl:
        """See the port."""
        check_key(key)
        # A part whose length is not bound may be a copy of any object that the key can read.
        if size is None or not self._bucket.capabilities.direct_parts:
            return self._signer.part(
                file=file, grant=grant, expires_at=expires_at, upload=upload, number=number, size=size, md5=md5
            )
        return self._urls.part(key, upload, number, expires_at, size=size, md5=md5)

    @property
    def _signer(self) -> LocalUrlSigner:
        if self._own_urls is None:
            raise NotSupported("A URL of this bucket would permit more than to write, and no key signs others.")
        return self._own_urls

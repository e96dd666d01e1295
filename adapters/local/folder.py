"""The object store that is a folder: keys are paths below it, readable by every other tool.

It keeps no versions. It never follows a symbolic link, and never reads the ledger: its signed URLs name a file and
the event that grants, and whoever serves them asks.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from provenstore.adapters.local.files import Files, translated
from provenstore.adapters.local.listing import walk
from provenstore.adapters.local.multipart import MAX_PART_SIZE, MAX_PARTS, LocalMultipart
from provenstore.adapters.local.object_files import PRIVATE, ObjectFiles
from provenstore.adapters.local.reader import LocalReader
from provenstore.adapters.local.records import moment
from provenstore.adapters.objects.digests import Declared, part_count, receive
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.domain.errors import AlreadyExists, ContentMismatch, IntegrityViolated, InvalidInput, WrongStore
from provenstore.domain.files.parts import PartsEtag
from provenstore.domain.storage.objects import (
    MAX_PAGE,
    Capabilities,
    Digests,
    MultipartInfo,
    NoObject,
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
from provenstore.domain.storage.store_marker import marker_bytes, parse_marker

MAX_PUT_SIZE = 2**63 - 1  # bytes; the file system's limit comes first
_CHECKSUMS: frozenset[Literal["sha256", "md5"]] = frozenset(("sha256", "md5"))


class LocalFolder:
    """An ObjectStore on one folder of a local file system with hard links and flock.

    Folders are 0700, files 0600. A key may not begin with `.store/`, where uploads, records and locks are kept, and
    cannot lie below another object's key (Conflict). Folders that have become empty stay. Digests that head reports
    were computed when the object was written, or since its file was last changed.
    """

    name = "local"

    def __init__(self, root: Path, *, urls: LocalUrlSigner | None = None, files: Files | None = None) -> None:
        """Open the folder, making it if need be, and clear away what crashed processes left."""
        files = files or Files()
        with translated():
            root.mkdir(0o700, parents=True, exist_ok=True)
        self._shelf = ObjectFiles(str(root.resolve()), files)
        self._multipart = LocalMultipart(self._shelf, files)
        self._urls = urls
        self._shelf.staging.sweep()
        self._multipart.sweep()

    def capabilities(self) -> Capabilities:
        """See the port."""
        return Capabilities(
            if_absent_put=True,
            if_absent_copy=True,
            if_absent_complete=True,
            if_etag_delete=True,
            late_parts=False,
            signed_if_absent=True,
            omits_parts=True,
            versioning=False,
            presign=self._urls is not None,
            direct=False,
            checksums=_CHECKSUMS,
            max_put_size=MAX_PUT_SIZE,
            single_put_size=MAX_PUT_SIZE,
            min_part_size=0,
            max_part_size=MAX_PART_SIZE,
            max_parts=MAX_PARTS,
            # They lead back to us, and what is sent along is not looked at.
            sound_put_urls=self._urls is not None,
            sound_part_urls=self._urls is not None,
        )

    # -- which store this is ----------------------------------------------------------------------------------

    def identity(self) -> str | None:
        """See the port."""
        try:
            found = self._shelf.marker()
        except NoObject as exc:
            raise WrongStore("the marker of the object folder cannot be read", **exc.details) from exc
        return None if found is None else parse_marker(found)

    def identify(self, identity: str) -> str:
        """See the port."""
        self._shelf.mark(marker_bytes(identity))
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
        declared = Declared(size=size, sha256=sha256, md5=md5)
        return self._write(key, body, declared, media_type, max_size=max_size, if_absent=if_absent, confirm=confirm)

    def _write(
        self,
        key: str,
        body: Iterable[bytes],
        declared: Declared,
        media_type: str,
        *,
        max_size: int,
        if_absent: bool,
        confirm: Callable[[Digests], None] | None = None,
        etag: Callable[[], str | None] = lambda: None,
    ) -> ObjectInfo:
        """Store what `body` yields; `etag` is asked when all of it has come."""
        _check(key)
        if if_absent and self._shelf.exists(key):
            raise AlreadyExists("There is an object under this key already.")
        with self._shelf.staging.file() as staged:
            # 1. The bytes, under a name that nobody looks at. A crash up to 3 leaves them for the next sweep.
            digests = receive(body, staged.write, max_size=max_size, declared=declared)
            staged.sync()
            # 2. The caller's word; usually it becomes an event.
            if confirm is not None:
                confirm(digests)
            # 3. The object. A crash inside leaves it whole or absent; head tells.
            record = staged.record(digests, media_type, etag=etag())
            with self._shelf.lock(key):
                self._shelf.publish(staged, key, record, if_absent=if_absent)
        return record.info(key)

    def get(
        self, key: str, *, version: str | None = None, first: int | None = None, last: int | None = None
    ) -> LocalReader:
        """See the port."""
        descriptor = self._shelf.open(_check(key, version))
        try:
            return LocalReader(descriptor, self._shelf.describe(key, descriptor).info(key), first, last)
        except BaseException:
            os.close(descriptor)
            raise

    def head(self, key: str, *, version: str | None = None) -> ObjectInfo:
        """See the port."""
        with self.get(key, version=version) as reader:
            return reader.info

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
        """See the port. The bytes are compared with the source's recorded digest on the way (IntegrityViolated)."""
        with self.get(source, version=source_version) as reader:
            found = reader.info
            if if_source_etag not in (None, found.etag):
                raise SourceChanged(expected=if_source_etag, actual=found.etag)
            body: Iterable[bytes] = reader
            etag: Callable[[], str | None] = lambda: None  # noqa: E731  # its type is what matters
            if part_size is not None:
                part_count(found.size, part_size, least=0, most=MAX_PART_SIZE, parts=MAX_PARTS)
                parts = PartsEtag(part_size)
                body, etag = parts.through(reader), parts.finish
            declared = Declared(sha256=found.sha256)
            kept = found.media_type if media_type is None else media_type
            try:
                return self._write(target, body, declared, kept, max_size=found.size, if_absent=if_absent, etag=etag)
            except ContentMismatch as exc:
                raise IntegrityViolated("The object is not what was written.", **exc.details) from exc

    def extras(self, key: str, *, version: str | None = None) -> tuple[str, ...]:
        """See the port: an object of the folder has no place for anything but its bytes and its record."""
        self.head(key, version=version)
        return ()

    def versions(self, key: str) -> tuple[ObjectVersion, ...]:
        """See the port: the object itself, if there is one."""
        try:
            found = self.head(key)
        except ObjectNotFound:
            return ()
        except NoObject:
            return self._irregular(key)
        only = ObjectVersion(
            key=key,
            version_id=None,
            is_latest=True,
            is_delete_marker=False,
            size=found.size,
            etag=found.etag,
            modified=found.modified,
        )
        return (only,)

    def _irregular(self, key: str) -> tuple[ObjectVersion, ...]:
        found = self._shelf.irregular(key)
        if found is None:
            return ()
        only = ObjectVersion(
            key=key,
            version_id=None,
            is_latest=True,
            is_delete_marker=False,
            size=found.st_size,
            etag=None,
            modified=moment(found.st_mtime_ns),
        )
        return (only,)

    def delete(self, key: str, *, version: str | None = None, if_etag: str | None = None) -> None:
        """See the port."""
        _check(key)
        if version is not None:
            return
        with self._shelf.lock(key):
            if if_etag is not None:
                try:
                    found = self.head(key)
                except ObjectNotFound:
                    return
                if found.etag != if_etag:
                    raise SourceChanged
            self._shelf.remove(key)

    def list(self, prefix: str, *, after: str | None = None, limit: int = MAX_PAGE) -> Page:
        """See the port."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidInput("limit", f"must be 1 to {MAX_PAGE:,}", limit=MAX_PAGE)
        with translated():
            found = [*islice(walk(self._shelf.tree, prefix, after), limit + 1)]
        page = tuple(self._summary(key, status) for key, status in found[:limit])
        return Page(objects=page, next=page[-1].key if len(found) > limit else None)

    def _summary(self, key: str, status: os.stat_result) -> ObjectSummary:
        record = self._shelf.recorded(key, status)
        etag = record.etag if record else None
        return ObjectSummary(key=key, size=status.st_size, etag=etag, modified=moment(status.st_mtime_ns))

    # -- multipart --------------------------------------------------------------------------------------------

    def create_multipart(self, key: str, *, media_type: str) -> str:
        """See the port."""
        return self._multipart.create(_check(key), media_type)

    def put_part(
        self, key: str, upload: str, number: int, body: Iterable[bytes], *, size: int, md5: str | None = None
    ) -> PartInfo:
        """See the port."""
        return self._multipart.put_part(_check(key), upload, number, body, Declared(size=size, md5=md5))

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """See the port."""
        return self._multipart.list_parts(_check(key), upload)

    def complete_multipart(
        self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool = True
    ) -> ObjectInfo:
        """See the port."""
        return self._multipart.complete(_check(key), upload, parts, if_absent=if_absent)

    def abort_multipart(self, key: str, upload: str) -> None:
        """See the port."""
        self._multipart.abort(_check(key), upload)

    def list_multiparts(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """See the port."""
        return self._multipart.unfinished(prefix)

    # -- signed URLs ------------------------------------------------------------------------------------------

    def presign_get(
        self,
        key: str,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        version: str | None = None,
        disposition: str | None = None,  # noqa: ARG002  # of no use here, but of the port
        media_type: str | None = None,  # noqa: ARG002
    ) -> SignedUrl:
        """See the port. Whoever serves the URL knows the disposition, which is private, from the ledger."""
        _check(key, version)
        return self._signer.get(file=file, grant=grant, expires_at=expires_at)

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
        _check(key)
        return self._signer.put(
            file=file, grant=grant, expires_at=expires_at, media_type=media_type, size=size, sha256=sha256, md5=md5
        )

    def presign_form(
        self,
        key: str,
        *,
        file: str,  # noqa: ARG002  # of the port
        grant: str,  # noqa: ARG002
        expires_at: datetime,  # noqa: ARG002
        media_type: str,  # noqa: ARG002
        size: int,  # noqa: ARG002
    ) -> SignedUrl:
        """See the port: there is no server that takes forms."""
        _check(key)
        raise NotSupported("This object folder takes no forms.")

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
        _check(key)
        return self._signer.part(
            file=file, grant=grant, expires_at=expires_at, upload=upload, number=number, size=size, md5=md5
        )

    @property
    def _signer(self) -> LocalUrlSigner:
        if self._urls is None:
            raise NotSupported("This object folder was opened without a key for signed URLs.")
        return self._urls


def _check(key: str, version: str | None = None) -> str:
    """Check a key and return it; the only version there is has no name."""
    check_key(key)
    if key == PRIVATE or key.startswith(f"{PRIVATE}/"):
        raise InvalidInput("key", f"must not begin with {PRIVATE!r}, which the object folder keeps for itself")
    if version is not None:
        raise ObjectNotFound("There is no such version: the object folder keeps none.")
    return key

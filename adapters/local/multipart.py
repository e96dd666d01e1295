"""Multipart uploads of the local folder: parts are files on the shelf, below `.store/multipart/<upload>/`.

An upload exists as long as its description `<upload>.json` does; that is written before the first part and goes
before the last. So parts without a description are rubbish of an interrupted abort or completion, and swept.
"""

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from provenstore.adapters.local.files import Files, names, status, translated
from provenstore.adapters.local.object_files import PRIVATE, ObjectFiles
from provenstore.adapters.local.reader import LocalReader
from provenstore.adapters.local.records import Record, moment
from provenstore.adapters.objects.digests import Declared, receive
from provenstore.domain.errors import AlreadyExists, ContentMismatch, InvalidInput
from provenstore.domain.files.parts import combined_etag
from provenstore.domain.storage.objects import (
    MultipartInfo,
    MultipartNotFound,
    ObjectInfo,
    ObjectNotFound,
    PartInfo,
    PartRef,
)

MAX_PARTS = 10_000  # as S3, and the width of a part's name
MAX_PART_SIZE = 5 * 1024**3  # bytes, as S3
_FOLDER = (PRIVATE, "multipart")
_UPLOAD = re.compile(r"[0-9a-f]{32}\Z")
_DESCRIPTION_TYPE = "application/json"


class LocalMultipart:
    """The multipart half of the local folder. Everything about one upload happens under the lock of its key."""

    def __init__(self, shelf: ObjectFiles, files: Files) -> None:
        self._shelf = shelf
        self._files = files

    def create(self, key: str, media_type: str) -> str:
        """Begin an upload and return its id."""
        upload = secrets.token_hex(16)
        description = json.dumps({"key": key, "media_type": media_type}).encode()
        with self._shelf.staging.file() as staged:
            digests = receive([description], staged.write, max_size=len(description), declared=Declared())
            staged.sync()
            with self._shelf.lock(key):
                record = staged.record(digests, _DESCRIPTION_TYPE)
                self._shelf.publish(staged, _description(upload), record, if_absent=True)
        return upload

    def put_part(self, key: str, upload: str, number: int, body: Iterable[bytes], declared: Declared) -> PartInfo:
        """Store one part, replacing an earlier one of that number."""
        if not 1 <= number <= MAX_PARTS:
            raise InvalidInput("part", f"must be 1 to {MAX_PARTS:,}", limit=MAX_PARTS)
        self._media_type(key, upload)
        with self._shelf.staging.file() as staged:
            digests = receive(body, staged.write, max_size=MAX_PART_SIZE, declared=declared)
            staged.sync()
            record = staged.record(digests, "application/octet-stream")
            with self._shelf.lock(key):
                self._media_type(key, upload)  # it may have been aborted meanwhile
                self._shelf.publish(staged, _part(upload, number), record, if_absent=False)
        return _part_info(number, record)

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """List the stored parts by number."""
        self._media_type(key, upload)
        parts = []
        for number in self._numbers(upload):
            with suppress(ObjectNotFound):
                parts.append(_part_info(number, self._record(_part(upload, number))))
        return tuple(parts)

    def complete(self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool) -> ObjectInfo:
        """Join the parts into the object. The parts are read once, so that the digests are those of the whole."""
        etag = combined_etag(parts)
        try:
            record = self._join(key, upload, parts, etag, if_absent=if_absent)
        except (AlreadyExists, ContentMismatch, MultipartNotFound):
            # Another completion of this upload, or this one before a crash, may have been here first.
            found = self._completed(key, upload, etag)
            if found is None:
                raise
            record = found
        # 3. The upload. From here on the object's record alone remembers it.
        with self._shelf.lock(key):
            self._clear(upload)
        return record.info(key)

    def _join(self, key: str, upload: str, parts: Sequence[PartRef], etag: str, *, if_absent: bool) -> Record:
        media_type = self._media_type(key, upload)
        for part in parts:
            self._open_part(upload, part).close()
        with self._shelf.staging.file() as staged:
            # 1. The whole, under a name that nobody looks at. A crash here leaves the upload as it was.
            digests = receive(self._bytes(upload, parts), staged.write, max_size=2**63 - 1, declared=Declared())
            staged.sync()
            record = staged.record(digests, media_type, etag=etag, upload=upload)
            # 2. The object. A crash here leaves the upload beside it; completing again clears that away.
            with self._shelf.lock(key):
                self._media_type(key, upload)  # it may have been aborted meanwhile
                self._shelf.publish(staged, key, record, if_absent=if_absent)
        return record

    def abort(self, key: str, upload: str) -> None:
        """Throw an upload away."""
        with self._shelf.lock(key), suppress(MultipartNotFound):
            self._media_type(key, upload)
            self._clear(upload)

    def unfinished(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """List the unfinished uploads to keys with `prefix`."""
        found = []
        for upload in self._uploads(".json"):
            with suppress(MultipartNotFound):
                key, _, initiated = self._describe(upload)
                if key.startswith(prefix):
                    found.append(MultipartInfo(upload=upload, key=key, initiated=moment(initiated)))
        return tuple(sorted(found, key=lambda upload: (upload.key.encode(), upload.upload)))

    def sweep(self) -> None:
        """Remove parts whose upload is gone."""
        alive = set(self._uploads(".json"))
        for upload in set(self._uploads("")) - alive:
            if not self._shelf.exists(_description(upload)):
                self._clear(upload)

    # -- the description --------------------------------------------------------------------------------------

    def _media_type(self, key: str, upload: str) -> str:
        described, media_type, _ = self._describe(upload)
        if described != key:
            raise MultipartNotFound
        return media_type

    def _describe(self, upload: str) -> tuple[str, str, int]:
        if not _UPLOAD.match(upload):
            raise MultipartNotFound
        try:
            descriptor = self._shelf.open(_description(upload))
        except ObjectNotFound as exc:
            raise MultipartNotFound from exc
        try:
            with translated():
                found = os.fstat(descriptor)
                described = json.loads(os.pread(descriptor, found.st_size, 0))
        finally:
            os.close(descriptor)
        return described["key"], described["media_type"], found.st_mtime_ns

    # -- the parts --------------------------------------------------------------------------------------------

    @translated()
    def _uploads(self, ending: str) -> list[str]:
        with suppress(FileNotFoundError), self._shelf.tree.folder(_FOLDER) as folder:
            found = [name.removesuffix(ending) for name in names(folder) if name.endswith(ending)]
            return [name for name in found if _UPLOAD.match(name)]
        return []

    @translated()
    def _numbers(self, upload: str) -> list[int]:
        with suppress(FileNotFoundError), self._shelf.tree.folder((*_FOLDER, upload)) as folder:
            return sorted(int(name) for name in names(folder))
        return []

    def _record(self, part: str) -> Record:
        descriptor = self._shelf.open(part)
        try:
            return self._shelf.describe(part, descriptor)
        finally:
            os.close(descriptor)

    def _open_part(self, upload: str, part: PartRef) -> LocalReader:
        name = _part(upload, part.number)
        try:
            descriptor = self._shelf.open(name)
        except ObjectNotFound as exc:
            raise ContentMismatch(f"Part {part.number} is not there.", check="part", expected=part.etag) from exc
        reader = LocalReader(descriptor, self._shelf.describe(name, descriptor).info(name), None, None)
        if reader.info.etag != part.etag:
            reader.close()
            raise ContentMismatch(
                f"Part {part.number} is another.", check="part", expected=part.etag, actual=reader.info.etag
            )
        return reader

    def _bytes(self, upload: str, parts: Sequence[PartRef]) -> Iterator[bytes]:
        for part in parts:
            with self._open_part(upload, part) as reader:
                yield from reader

    # -- the end ----------------------------------------------------------------------------------------------

    def _completed(self, key: str, upload: str, etag: str) -> Record | None:
        """Return the record of the object if it was made from this upload; ContentMismatch if from other parts."""
        try:
            descriptor = self._shelf.open(key)
        except ObjectNotFound:
            return None
        try:
            record = self._shelf.recorded(key, os.fstat(descriptor))
        finally:
            os.close(descriptor)
        if record is None or record.upload != upload:
            return None
        if record.etag != etag:
            raise ContentMismatch(
                "The upload was completed from other parts.", check="parts", expected=record.etag, actual=etag
            )
        return record

    @translated()
    def _clear(self, upload: str) -> None:
        # 1. The description: the upload is over. A crash from here on leaves parts for the sweep.
        self._shelf.remove(_description(upload))
        # 2. The parts, and their folder.
        for number in self._numbers(upload):
            self._shelf.remove(_part(upload, number))
        with suppress(FileNotFoundError), self._shelf.tree.folder(_FOLDER) as folder:
            if status(folder, upload):
                self._files.remove_folder(folder, upload)


def _description(upload: str) -> str:
    return "/".join((*_FOLDER, f"{upload}.json"))


def _part(upload: str, number: int) -> str:
    return "/".join((*_FOLDER, upload, f"{number:05}"))


def _part_info(number: int, record: Record) -> PartInfo:
    return PartInfo(number=number, size=record.size, etag=record.etag, md5=record.md5, sha256=record.sha256)

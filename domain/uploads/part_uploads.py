"""The parts of an upload: sent through us or by URLs, in any order, repeatedly, concurrently, resumed after a crash.

Life of a part: (1) the store's multipart upload is open and recorded, (2) the bytes are in the store, (3) ChunkUploaded
is recorded. Crash before (3): the bytes are in the store unrecorded. They are recorded at completion, sent again, or
removed with the upload. PartUrlsIssued is durable before a URL is handed out. Neither event is recorded once the upload
is over or being completed: both are guarded by the file's version.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.errors import ContentMismatch, ContentTooLarge, InvalidInput, Refused, WrongState
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, parts_stream
from provenstore.domain.files.parts import Chunk, Parts, project
from provenstore.domain.files.upload_decisions import require_taking
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import MultipartNotFound, PartInfo, PartRef, SignedUrl
from provenstore.domain.storage.upload_sizes import expected_size

WRITE_URL_TTL = timedelta(minutes=15)
"""Lifetime of a write URL: long enough to begin sending, short enough to limit the damage of a leak."""

MAX_URLS = 1_000
"""Maximum URLs per request: their part numbers are in one event."""

RECORDED_AT_ONCE = 200
"""Parts recorded by one append."""


_ETAG = re.compile(r"[0-9a-f]{32}")
"""Format of an ETag from a client: a wrong one is written to the log, so no other text is accepted."""


@dataclass(frozen=True, slots=True)
class PartUrl:
    """The upload URL of one part."""

    number: int
    url: SignedUrl


@dataclass(frozen=True, slots=True)
class PartList:
    """The uploaded parts of a file by number, and the size in bytes of every part but the last."""

    part_size: int
    parts: tuple[Chunk, ...]


class PartUploads:
    """Accepts parts, and issues URLs for parts."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`; the parts are in `store`."""
        self._recorder = recorder
        self._store = store

    def part_urls(self, caller: Caller, file_id: UUID, numbers: Sequence[int]) -> tuple[PartUrl, ...]:
        """Return a URL for each of these parts, bound to the part's size, once PartUrlsIssued is durable.

        InvalidInput for numbers that the upload cannot have, or if no size was declared; WrongState once the upload is
        over or being completed; NotSupported.
        """
        if not numbers or len(numbers) > MAX_URLS or len(set(numbers)) != len(numbers):
            raise InvalidInput("parts", f"must be 1 to {MAX_URLS:,} numbers, each once", limit=MAX_URLS)

        def attempt(_: bool) -> tuple[PartUrl, ...]:
            file = self._opened(caller, file_id)
            if file.initiated.declared_size is None:
                raise InvalidInput("size", "was not declared, so no URL can be bound to it; send parts through the API")
            sizes = [_size_of(file, number) for number in numbers]
            until = self._recorder.clock.now().replace(microsecond=0) + WRITE_URL_TTL
            upload = str(file.multipart)
            data = fe.PartUrlsIssued(upload=upload, numbers=tuple(numbers), write_until=until)
            drafts = self._recorder.drafts(caller, parts_stream(file_id), file.workspace, [Fact(data)])
            self._recorder.append(caller, drafts, reads=[Guard(file.stream, file.version)])
            grant = str(drafts[0].id)
            return tuple(
                PartUrl(number, self._url(file, number, size, grant, until))
                for number, size in zip(numbers, sizes, strict=True)
            )

        return self._recorder.attempts(caller, "the file", attempt)

    def _url(self, file: File, number: int, size: int | None, grant: str, until: datetime) -> SignedUrl:
        return self._store.presign_part(
            file.upload_key,
            str(file.multipart),
            number,
            file=str(file.id),
            grant=grant,
            expires_at=until,
            size=size,
        )

    def upload_part(
        self,
        caller: Caller,
        file_id: UUID,
        number: int,
        body: Iterable[bytes],
        *,
        size: int,
        md5: str | None = None,
        upload: str | None = None,
    ) -> Chunk:
        """Store one part of `size` bytes through us and record it.

        InvalidInput for a number or size that the upload cannot have; ContentTooLarge; ContentMismatch if the bytes
        differ from the declared size or MD5; WrongState once the upload is over or being completed: bytes stored then
        are removed with the upload. WrongState also if `upload` is not the current multipart upload of the store.
        """
        file = self._opened(caller, file_id, recent=True)
        if upload not in (None, file.multipart):
            file = self._opened(caller, file_id)
            if upload != file.multipart:
                refusal = WrongState("the upload was restarted; request a new URL")
                self._recorder.deny(caller, file, "file.upload", refusal)
                raise refusal
        expected = _size_of(file, number)
        part_size = _part_size(file)
        if size > part_size or (expected is not None and size != expected):
            raise InvalidInput(
                "part", f"{number} has {size:,} bytes, must have {expected or part_size:,}", limit=expected or part_size
            )
        first = (number - 1) * part_size
        if first + size > file.initiated.max_size:
            raise ContentTooLarge(
                f"the content is larger than {file.initiated.max_size:,} bytes", limit=file.initiated.max_size
            )
        try:
            info = self._store.put_part(file.upload_key, str(file.multipart), number, body, size=size, md5=md5)
        except MultipartNotFound:
            self._opened(caller, file_id, lost=file.multipart)  # says so if the upload is over
            raise WrongState("the store has given this upload's parts up; send them again") from None
        chunk = _chunk(file, info)
        self._record(caller, file, [chunk])
        return chunk

    def parts(self, caller: Caller, file_id: UUID) -> PartList:
        """List the parts that are in the store now, with the recorded data of each."""
        file = self._recorder.authorised_file(caller, "file.upload", file_id)
        _require_parts(file)
        return PartList(_part_size(file), tuple(self._merged(file)))

    def gather(self, caller: Caller, file: File, named: Sequence[PartRef] | None) -> list[Chunk]:
        """Return all parts of the whole, each recorded; missing or wrong parts are refused by number."""
        _require_parts(file)
        recorded = self.recorded(file)
        found = {chunk.number: chunk for chunk in self._merged(file, recorded)}
        if named is not None:
            for ref in named:
                if not _ETAG.fullmatch(ref.etag):
                    raise InvalidInput("parts", f"part {ref.number} has an etag that is no MD5 in hex")
                if ref.number in found and found[ref.number].etag != ref.etag:
                    raise ContentMismatch(
                        f"part {ref.number} has another ETag than named", check="etag", expected=ref.etag, actual=None
                    )
            if missing := sorted({ref.number for ref in named} - found.keys()):
                raise InvalidInput("parts", f"these have not arrived: {_numbers(missing)}; send them first")
            if left := sorted(found.keys() - {ref.number for ref in named}):
                raise InvalidInput("parts", f"these have arrived but are not named: {_numbers(left)}")
        _require_all_parts(file, found)
        known = recorded.of(file.multipart)
        for number, chunk in found.items():
            changed = number in known and known[number].etag != chunk.etag
            if changed and named is None:
                raise ContentMismatch(
                    f"part {number} was overwritten after it was recorded; send it again, or name its ETag",
                    check="etag",
                    expected=known[number].etag,
                    actual=chunk.etag,
                )
        chunks = [found[number] for number in sorted(found)]
        self._record(caller, file, [one for one in chunks if one != known.get(one.number)])
        return chunks

    def recorded(self, file: File) -> Parts:
        """Return the recorded parts of the file."""
        return self._recorder.find(parts_stream(file.id), project) or Parts()

    def _merged(self, file: File, recorded: Parts | None = None) -> list[Chunk]:
        if file.multipart is None or file.stored is not None or file.upload_ended:
            return sorted((recorded or self.recorded(file)).of(file.multipart).values(), key=lambda one: one.number)
        known = (recorded or self.recorded(file)).of(file.multipart)
        try:
            listed = self._store.list_parts(file.upload_key, file.multipart)
        except MultipartNotFound:
            return []
        return [
            known[info.number]
            if info.number in known and (known[info.number].etag, known[info.number].size) == (info.etag, info.size)
            else _chunk(file, info)
            for info in listed
        ]

    def _opened(self, caller: Caller, file_id: UUID, lost: str | None = None, *, recent: bool = False) -> File:
        """Return the file with an open multipart upload in the store; open one if it has none other than `lost`.

        `recent`: use this process's cached state, if the upload accepted parts then.
        """
        recorder = self._recorder
        file = recorder.authorised_file(caller, "file.upload", file_id, recent=recent)
        try:
            require_taking(file)
        except WrongState as refusal:
            if recent:
                return self._opened(caller, file_id, lost)
            recorder.deny(caller, file, "file.upload", refusal)
            raise
        _require_parts(file)
        require_store(file, self._store)
        if file.multipart is not None and file.multipart != lost and self._takes_parts(file):
            return file
        if recent:
            return self._opened(caller, file_id, lost)
        # Crash between the two: an unrecorded multipart upload remains at this file's key, and is removed with it.
        upload = self._store.create_multipart(file.upload_key, media_type=file.initiated.media_type)
        before = file.multipart
        try:
            opened = recorder.change(
                caller,
                "file.upload",
                file_id,
                lambda _, now: c.OpenMultipart(by=caller.actor, now=now, upload=upload, instead=before),
            )
        except Refused:
            self._store.abort_multipart(file.upload_key, upload)
            raise
        if opened.multipart != upload:
            self._store.abort_multipart(opened.upload_key, upload)
        return opened

    def _takes_parts(self, file: File) -> bool:
        """Tell whether the recorded upload is still open; asks the store only after a failed completion."""
        if file.look_after == file.initiated.write_until:
            return True
        try:
            self._store.list_parts(file.upload_key, str(file.multipart))
        except MultipartNotFound:
            return False
        return True

    def _record(self, caller: Caller, file: File, chunks: Sequence[Chunk]) -> None:
        """Record parts that are in the store, unless the upload no longer accepts parts."""
        for start in range(0, len(chunks), RECORDED_AT_ONCE):
            facts = [
                Fact(
                    fe.ChunkUploaded(
                        upload=one.upload,
                        number=one.number,
                        first=one.first,
                        size=one.size,
                        etag=one.etag,
                        md5=one.md5,
                        sha256=one.sha256,
                    )
                )
                for one in chunks[start : start + RECORDED_AT_ONCE]
            ]
            self._append(caller, file, facts)

    def _append(self, caller: Caller, file: File, facts: Sequence[Fact]) -> None:
        recorder = self._recorder

        def attempt(first: bool) -> None:
            now = file if first else self._opened(caller, file.id)
            if now.multipart != file.multipart:
                raise WrongState("the upload was restarted; send the part again")
            drafts = recorder.drafts(caller, parts_stream(now.id), now.workspace, facts)
            recorder.append(caller, drafts, reads=[Guard(now.stream, now.version)])

        recorder.attempts(caller, "the file", attempt, remembered=True)


def _require_parts(file: File) -> None:
    if file.initiated.upload != "multipart":
        raise WrongState(f"this upload takes no parts: it was initiated as {file.initiated.upload}")


def _part_size(file: File) -> int:
    size = file.initiated.part_size
    if size is None:
        raise WrongState("this upload takes no parts")
    return size


def _size_of(file: File, number: int) -> int | None:
    return expected_size(number, part_size=_part_size(file), total=file.initiated.declared_size)


def _chunk(file: File, info: PartInfo) -> Chunk:
    first = (info.number - 1) * _part_size(file)
    return Chunk(info.number, first, info.size, info.etag, info.md5, info.sha256, str(file.multipart))


def _require_all_parts(file: File, found: dict[int, Chunk]) -> None:
    """Refuse parts that do not make a whole: missing parts, parts beyond the end, and parts of a wrong size."""
    total, part_size = file.initiated.declared_size, _part_size(file)
    last = max(found, default=0) if total is None else max(1, -(-total // part_size))
    if missing := [number for number in range(1, last + 1) if number not in found]:
        raise InvalidInput("parts", f"these have not arrived: {_numbers(missing)}; send them first")
    if not found:
        raise InvalidInput("parts", "none has arrived; send them first")
    if beyond := sorted(number for number in found if number > last):
        raise InvalidInput("parts", f"these lie beyond the declared size: {_numbers(beyond)}; abort and initiate anew")
    for number, chunk in found.items():
        expected = part_size if number < last else (chunk.size if total is None else total - (last - 1) * part_size)
        if chunk.size != expected:
            raise InvalidInput("parts", f"part {number} must have {expected:,} bytes; send it again")


def _numbers(numbers: Sequence[int]) -> str:
    """Return up to ten of the numbers as text, with the count of the others."""
    shown = ", ".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10:,} more"

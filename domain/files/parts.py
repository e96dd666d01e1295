"""The parts of one upload, folded from the stream `parts:<id>`: the parts in the store, and the URLs' write deadline.

Only the parts of the current upload count; the last version of a repeated part counts.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from provenstore.domain.errors import ContentMismatch, InvalidInput
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import later
from provenstore.domain.storage.objects import PartRef


@dataclass(frozen=True, slots=True)
class Chunk:
    """A recorded part."""

    number: int
    first: int
    size: int
    etag: str
    md5: str | None
    sha256: str | None
    upload: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The recorded parts of a file, and the latest moment at which a URL may write a part."""

    chunks: Mapping[int, Chunk] = field(default_factory=lambda: MappingProxyType({}))
    write_until: datetime | None = None

    def of(self, upload: str | None) -> dict[int, Chunk]:
        """Return the parts of one upload by number."""
        return {number: chunk for number, chunk in self.chunks.items() if chunk.upload == upload}


def project(state: Parts | None, events: Iterable[Event]) -> Parts | None:
    """Fold events into the state (a projector function of the eventsourcing library)."""
    state = state or Parts()
    chunks, write_until = dict(state.chunks), state.write_until
    for event in events:
        match event.data:
            case e.ChunkUploaded() as data:
                chunks[data.number] = Chunk(**data.model_dump())
            case e.PartUrlsIssued() as data:
                write_until = later(write_until, data.write_until)
    return replace(state, chunks=MappingProxyType(chunks), write_until=write_until)


def parts_etag(md5s: Sequence[bytes]) -> str:
    """Return the ETag that S3 gives an object of parts with these MD5s: the MD5 of all MD5s, and their number."""
    return f"{hashlib.md5(b''.join(md5s), usedforsecurity=False).hexdigest()}-{len(md5s)}"


def combined_etag(parts: Sequence[PartRef]) -> str:
    """Return the ETag of the object of these parts.

    Raises InvalidInput for an empty or unordered list, ContentMismatch for an ETag that is not hexadecimal.
    """
    numbers = [part.number for part in parts]
    if not parts or numbers != sorted(set(numbers)):
        raise InvalidInput("parts", "must be at least one, in ascending order, each once")
    try:
        return parts_etag([bytes.fromhex(part.etag) for part in parts])
    except ValueError as exc:
        raise ContentMismatch("A part's etag is none that was given here.", check="etag") from exc


class PartsEtag:
    """The ETag that S3 gives to an object of parts: the MD5 of their MD5s, and their number."""

    def __init__(self, part_size: int) -> None:
        """Split the content into parts of `part_size` bytes; the last part is the rest; a single part may be empty."""
        self._part_size = part_size
        self._part = hashlib.md5(usedforsecurity=False)
        self._filled = 0
        self._md5s: list[bytes] = []

    def through(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks of `body` and add them to the ETag."""
        for chunk in body:
            rest = memoryview(chunk)
            while rest:
                if self._filled == self._part_size:
                    self._close()
                taken = rest[: self._part_size - self._filled]
                self._part.update(taken)
                self._filled += len(taken)
                rest = rest[len(taken) :]
            yield chunk

    def finish(self) -> str:
        """Return the ETag of the whole content; call once at its end."""
        self._close()
        return parts_etag(self._md5s)

    def _close(self) -> None:
        self._md5s.append(self._part.digest())
        self._part, self._filled = hashlib.md5(usedforsecurity=False), 0

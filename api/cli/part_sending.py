"""A large file in parts: what has arrived is not sent again, whoever was interrupted, and whatever comes is compared.

Each part is read twice: once for its digest and for that of the whole, once to be sent. So a part that arrived before
is recognised, a file that changes is noticed before the upload is completed, and memory stays constant.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import BinaryIO, Final

from provenstore.api.cli.backend import Backend, Document
from provenstore.api.cli.local_files import FileChanged
from provenstore.api.cli.output import Advance
from provenstore.api.cli.parallel import Interrupted
from provenstore.domain.errors import StorageFull, Unavailable

ATTEMPTS: Final = 4
PATIENCE: Final = 60.0
"""Seconds after which a part that did not get through is not sent once more."""

_BLOCK: Final = 1024**2


def send_parts(
    custody: Backend, begun: Document, file: BinaryIO, *, sha256: str, advance: Advance, stop: Event
) -> Document:
    """Send what is missing of a file's content and complete it; answers File.

    FileChanged if the content is no longer that of `sha256`: then nothing is completed. Unavailable after some tries.
    """
    size: int = begun["size"]
    listed = custody.parts(begun["id"])
    arrived = {part["number"]: part for part in listed["parts"]}
    whole = hashlib.sha256()
    for number, first in enumerate(range(0, size, listed["part_size"]), 1):
        length = min(listed["part_size"], size - first)
        md5 = hashlib.md5(usedforsecurity=False)
        for block in blocks(file, first, length, stop):
            whole.update(block)
            md5.update(block)
        if _digest(arrived.get(number)) == md5.hexdigest():
            advance(length)
            continue
        part = _Part(file, number, first, length)
        if _digest(_send(custody, begun["id"], part, advance, stop)) != md5.hexdigest():
            raise FileChanged("the file changed while it was sent")
    if whole.hexdigest() != sha256:
        raise FileChanged("the file changed while it was sent")
    return custody.complete(begun["id"], sha256=sha256)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a local file."""

    file: BinaryIO
    number: int
    first: int
    length: int


def _send(custody: Backend, file_id: str, part: _Part, advance: Advance, stop: Event) -> Document:
    """Send one part until it has arrived."""
    import stamina

    told = 0

    def body() -> Iterator[bytes]:
        nonlocal told
        count = 0
        for block in blocks(part.file, part.first, part.length, stop):
            count += len(block)
            if count > told:
                advance(count - told)
                told = count
            yield block

    for attempt in stamina.retry_context(on=_may_pass, attempts=ATTEMPTS, timeout=PATIENCE, wait_max=5.0):
        with attempt:
            return custody.upload_part(file_id, part.number, body(), size=part.length)
    raise Unavailable  # unreachable: the last attempt returns or raises


def blocks(file: BinaryIO, first: int, length: int, stop: Event) -> Iterator[bytes]:
    """Yield bytes of a local file; FileChanged if it has become shorter, Interrupted once `stop` is set."""
    file.seek(first)
    while length:
        if stop.is_set():
            raise Interrupted
        block = file.read(min(_BLOCK, length))
        if not block:
            raise FileChanged("the file became shorter while it was read")
        length -= len(block)
        yield block


def _digest(part: Document | None) -> str | None:
    """Return the MD5 of a part in the store, as far as the store tells it."""
    return None if part is None else part["md5"] or part["etag"]


def _may_pass(error: Exception) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, StorageFull)

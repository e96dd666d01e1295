"""Digests on the way: a body flows through once, is hashed, bounded and compared with what was declared.

MD5 runs on a thread of its own beside SHA-256 and the writing: hashlib releases the interpreter lock, and a large
upload gains a quarter to four fifths, depending on the disk. MD5 costs twice what SHA-256 does, and is left out where
the caller has no use for it. No more than a few blocks are ever in memory.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from provenstore.domain.errors import ContentMismatch, ContentTooLarge, InvalidInput
from provenstore.domain.storage.objects import Digests

BLOCK = 1024 * 1024  # bytes; below it a thread costs more than it saves

Bytes = bytes | bytearray


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the sender says about the bytes to come; None where it says nothing."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


class Digester:
    """Size, SHA-256 and MD5 of a stream. A context manager, since it may own a thread."""

    def __init__(self, md5_within: int | None = None) -> None:
        """Compute no MD5 of more than `md5_within` bytes."""
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._md5_within = md5_within
        self._md5: hashlib._Hash | None = hashlib.md5(usedforsecurity=False)
        self._thread: ThreadPoolExecutor | None = None
        self._behind: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown()

    def update(self, block: Bytes) -> None:
        """Add `block`, which must not change afterwards: MD5 may still be reading it when this returns."""
        self._catch_up()
        self._size += len(block)
        if self._md5_within is not None and self._size > self._md5_within:
            self._md5 = None
        if self._md5 is not None and len(block) < BLOCK:
            self._md5.update(block)
        elif self._md5 is not None:
            self._thread = self._thread or ThreadPoolExecutor(1, "md5")
            self._behind = self._thread.submit(self._md5.update, block)
        self._sha256.update(block)

    def finish(self) -> Digests:
        """Return the digests of everything so far."""
        self._catch_up()
        md5 = None if self._md5 is None else self._md5.hexdigest()
        return Digests(size=self._size, sha256=self._sha256.hexdigest(), md5=md5)

    def _catch_up(self) -> None:
        if self._behind is not None:
            self._behind.result()
            self._behind = None


def part_count(size: int, part_size: int, *, least: int, most: int, parts: int) -> int:
    """Return into how many parts of `part_size` an object goes; InvalidInput where a store would not take them."""
    if not max(least, 1) <= part_size <= most:
        raise InvalidInput("part_size", f"must be {max(least, 1):,} to {most:,} bytes")
    count = max(1, -(-size // part_size))
    if count > parts:
        raise InvalidInput("part_size", f"would need more than {parts:,} parts", limit=parts)
    return count


def receive(
    body: Iterable[bytes],
    write: Callable[[Bytes], None],
    *,
    max_size: int,
    declared: Declared,
    md5_within: int | None = None,
) -> Digests:
    """Hand `body` to `write` in blocks, which do not change afterwards, and return its digests.

    There is no MD5 of more than `md5_within` bytes, unless one is declared.
    Raises ContentTooLarge or ContentMismatch as soon as it is certain, without reading on; what was written by then
    is the caller's to throw away.
    """
    if declared.size is not None and declared.size > max_size:
        raise _too_large(max_size)
    if declared.md5 is not None:
        md5_within = None
    elif md5_within is not None and declared.size is not None and declared.size > md5_within:
        md5_within = 0  # not even begun
    with Digester(md5_within) as digester:
        for block in _blocks(_bounded(body, max_size, declared.size)):
            digester.update(block)
            write(block)
        digests = digester.finish()
    _compare(digests, declared)
    return digests


def _bounded(body: Iterable[bytes], max_size: int, size: int | None) -> Iterator[bytes]:
    received = 0
    for chunk in body:
        received += len(chunk)
        if received > max_size:
            raise _too_large(max_size)
        if size is not None and received > size:
            raise ContentMismatch("The content is longer than declared.", check="size", expected=size, actual=received)
        yield chunk


def _blocks(body: Iterable[bytes]) -> Iterator[Bytes]:
    """Gather chunks, however small, into blocks of at least BLOCK bytes (the last may be shorter)."""
    block = bytearray()
    for chunk in body:
        if not block and len(chunk) >= BLOCK and isinstance(chunk, bytes):
            yield chunk  # nobody can change it, so it need not be copied
            continue
        block += chunk
        if len(block) >= BLOCK:
            yield block
            block = bytearray()
    if block:
        yield block


def _too_large(max_size: int) -> ContentTooLarge:
    return ContentTooLarge(f"The content is larger than {max_size:,} bytes.", limit=max_size)


def _compare(digests: Digests, declared: Declared) -> None:
    if declared.size not in (None, digests.size):
        raise ContentMismatch(
            "The content is shorter than declared.", check="size", expected=declared.size, actual=digests.size
        )
    if declared.sha256 not in (None, digests.sha256):
        raise ContentMismatch(
            "The content's SHA-256 is not the declared one.",
            check="sha256",
            expected=declared.sha256,
            actual=digests.sha256,
        )
    if declared.md5 not in (None, digests.md5):
        raise ContentMismatch(
            "The content's MD5 is not the declared one.", check="md5", expected=declared.md5, actual=digests.md5
        )

"""An open file of the local folder, or a range of it, read in chunks."""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from provenstore.adapters.local.files import translated
from provenstore.domain.errors import IntegrityViolated, InvalidInput, RangeNotSatisfiable
from provenstore.domain.storage.objects import ObjectInfo

CHUNK = 1024 * 1024  # bytes


class LocalReader:
    """The reader of the port: it holds the file, so a replacement or deletion meanwhile does not reach it."""

    def __init__(self, descriptor: int, info: ObjectInfo, first: int | None, last: int | None) -> None:
        self._descriptor = descriptor
        self.info = info
        self.first, self.length = span(info.size, first, last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; once."""
        os.close(self._descriptor)

    def __iter__(self) -> Iterator[bytes]:
        position, end = self.first, self.first + self.length
        while position < end:
            with translated():
                chunk = os.pread(self._descriptor, min(CHUNK, end - position), position)
            if not chunk:
                raise IntegrityViolated("The object is shorter than recorded.", expected=end, actual=position)
            position += len(chunk)
            yield chunk


def span(size: int, first: int | None, last: int | None) -> tuple[int, int]:
    """Return first position and length of a range of an object of `size` bytes; without a range, the whole."""
    start = first or 0
    if start < 0 or (last is not None and last < start):
        raise InvalidInput("range", "must not begin before 0, nor end before it begins")
    if first is None and last is None:
        return 0, size
    if start >= size:
        raise RangeNotSatisfiable(f"The content has {size:,} bytes.", size=size)
    return start, min(size - 1 if last is None else last, size - 1) - start + 1

"""An open object of a bucket, or a range of it: the body of one GET, read in chunks."""

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from provenstore.adapters.spaces.errors import translated
from provenstore.domain.errors import IntegrityViolated, StoreUnavailable
from provenstore.domain.storage.objects import ObjectInfo

CHUNK = 1024 * 1024  # bytes; each costs a change of threads where it is streamed on

_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


def require_range(said: str | None, length: int, first: int, last: int | None) -> None:
    """Refuse an answer that is not the range that was asked for: what is recorded of a read is what was asked for."""
    found = _RANGE.fullmatch(said or "")
    if found is not None:
        begin, end, size = map(int, found.groups())
        wanted = size - 1 if last is None else min(last, size - 1)
        if (begin, end, length) == (first, wanted, wanted - first + 1):
            return
    raise StoreUnavailable("The store answered another range than it was asked for.", error="range")


class SpacesReader:
    """The reader of the port. It holds a connection until it is closed; a connection that breaks is Unavailable."""

    def __init__(self, body: Any, info: ObjectInfo, first: int, length: int) -> None:  # botocore's
        self._body = body
        self.info = info
        self.first = first
        self.length = length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._body.close()

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        while received < self.length:
            with translated():
                chunk: bytes = self._body.read(min(CHUNK, self.length - received))
            if not chunk:
                raise IntegrityViolated("The object is shorter than told.", expected=self.length, actual=received)
            received += len(chunk)
            yield chunk

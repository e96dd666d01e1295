"""A reader that counts what it hands over, and does not end a content whose bytes are not those that were stored."""

import hashlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from provenstore.domain.errors import ContentDamaged, IntegrityViolated
from provenstore.domain.storage.object_store import ObjectReader
from provenstore.domain.storage.objects import ObjectInfo


class SentReader:
    """An ObjectReader around another one. A chunk counts as sent when it is handed over: never less than left."""

    def __init__(self, reader: ObjectReader, sha256: str | None, wrong: Callable[[str | None], None]) -> None:
        """Deliver what `reader` does; `sha256` is that of the whole, where it is known and the whole is read.

        `wrong` is told of bytes that are not right, with their SHA-256, or with None where they ended early.
        """
        self._reader = reader
        self._sha256 = sha256
        self._wrong = wrong
        self.info: ObjectInfo = reader.info
        self.first = reader.first
        self.length = reader.length
        self.sent = 0
        """Bytes handed over."""

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes; ContentDamaged instead of the last ones if the whole is not what was stored."""
        try:
            for chunk in self._chunks() if self._sha256 is None else self._compared(self._sha256):
                self.sent += len(chunk)
                yield chunk
        except ContentDamaged:
            raise
        except IntegrityViolated:
            self._wrong(None)
            raise

    def _chunks(self) -> Iterator[bytes]:
        return iter(self._reader)

    def _compared(self, sha256: str) -> Iterator[bytes]:
        """Yield each chunk once the next is there, so that the last one leaves only if all are right."""
        digest = hashlib.sha256()
        held: bytes | None = None
        for chunk in self._reader:
            digest.update(chunk)
            if held is not None:
                yield held
            held = chunk
        if (found := digest.hexdigest()) != sha256:
            self._wrong(found)
            raise ContentDamaged("the object's bytes are not those that were stored")
        if held is not None:
            yield held

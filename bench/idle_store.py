# ruff: noqa: ARG002  # it has the port's parameters, and no use for them
"""An object store that keeps nothing: what a command costs is then what its record costs."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, cast

from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import Capabilities, Digests, ObjectInfo, PartInfo
from provenstore.domain.storage.store_marker import IDENTITY_BYTES

_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()
_INFO = ObjectInfo(
    key="any",
    size=0,
    etag=_MD5,
    media_type="application/pdf",
    version_id=None,
    sha256=hashlib.sha256(b"").hexdigest(),
    md5=_MD5,
    modified=datetime(2026, 11, 21, tzinfo=UTC),
)
_CAPABILITIES = Capabilities(
    if_absent_put=True,
    if_absent_copy=True,
    if_absent_complete=True,
    if_etag_delete=True,
    late_parts=False,
    signed_if_absent=True,
    omits_parts=True,
    versioning=False,
    presign=False,
    direct=False,
    checksums=frozenset({"sha256", "md5"}),
    max_put_size=2**40,
    single_put_size=2**40,
    min_part_size=0,
    max_part_size=2**33,
    max_parts=10_000,
)


class IdleReader:
    """An open object without bytes."""

    info, first, length = _INFO, 0, 0

    def __enter__(self) -> Self:
        """Hold nothing open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close nothing."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield nothing."""
        return iter(())


class IdleStore:
    """Answers as if it had done what the measured commands ask of it; every object is empty."""

    name = "idle"

    def identity(self) -> str:
        """Bear one from the beginning: every process of a run has a store of its own."""
        return "1d" * IDENTITY_BYTES

    def identify(self, identity: str) -> str:
        """Keep the one that is there."""
        del identity
        return self.identity()

    def capabilities(self) -> Capabilities:
        """Promise what the local folder promises."""
        return _CAPABILITIES

    def put(self, key: str, body: Iterable[bytes], *, confirm: Callable[[Digests], None], **_: Any) -> ObjectInfo:
        """Confirm an empty object."""
        confirm(Digests(size=0, sha256=cast(str, _INFO.sha256), md5=_MD5))
        return _INFO

    def get(self, key: str, **_: Any) -> IdleReader:
        """Open an empty object."""
        return IdleReader()

    def create_multipart(self, key: str, *, media_type: str) -> str:
        """Begin nothing."""
        return "upload"

    def list_multiparts(self, prefix: str) -> tuple[()]:
        """Find none unfinished."""
        return ()

    def put_part(
        self, key: str, upload: str, number: int, body: Iterable[bytes], *, size: int, md5: str | None = None
    ) -> PartInfo:
        """Keep nothing of a part."""
        return PartInfo(number=number, size=size, etag=_MD5, md5=_MD5, sha256=None)


def idle_store() -> ObjectStore:
    """Return an idle store as the whole port, of which it has the part that is measured."""
    return cast(ObjectStore, IdleStore())

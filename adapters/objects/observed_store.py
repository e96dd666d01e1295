"""An object store that is watched: each call is told to a listener once it is over, and otherwise goes as it would.

It keeps the port's contract to the letter, and nothing of what passes through it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from provenstore.adapters.objects.observed_call import Listener, ObservedCall, ObservedReader
from provenstore.domain.clock import Clock
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import (
    MAX_PAGE,
    Capabilities,
    Digests,
    MultipartInfo,
    ObjectInfo,
    ObjectVersion,
    Page,
    PartInfo,
    PartRef,
    SignedUrl,
)
from provenstore.domain.storage.store_call import StoreAct


class ObservedStore:
    """The ObjectStore that it is given, watched. Thread safe if that is; it keeps nothing."""

    def __init__(self, store: ObjectStore, listener: Listener, clock: Clock) -> None:
        """Tell `listener` of each call to `store`, when it began by `clock`."""
        self._store = store
        self._listener = listener
        self._clock = clock
        self.name = store.name

    def _call(self, act: StoreAct) -> ObservedCall:
        return ObservedCall(self._listener, self._clock, self.name, act)

    def capabilities(self) -> Capabilities:
        """See the port."""
        return self._store.capabilities()

    # -- which store this is ----------------------------------------------------------------------------------

    def identity(self) -> str | None:
        """See the port."""
        with self._call("get"):
            return self._store.identity()

    def identify(self, identity: str) -> str:
        """See the port."""
        with self._call("put"):
            return self._store.identify(identity)

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
        with self._call("put") as call:
            return self._store.put(
                key,
                call.counting(body),
                media_type=media_type,
                max_size=max_size,
                size=size,
                sha256=sha256,
                md5=md5,
                if_absent=if_absent,
                confirm=None if confirm is None else call.confirming(confirm),
            )

    def get(
        self, key: str, *, version: str | None = None, first: int | None = None, last: int | None = None
    ) -> ObservedReader:
        """See the port. The call lasts until the reader is closed."""
        call = self._call("get").__enter__()
        try:
            reader = self._store.get(key, version=version, first=first, last=last)
        except BaseException as exc:
            call.end(exc)
            raise
        call.opened()
        return ObservedReader(reader, call)

    def head(self, key: str, *, version: str | None = None) -> ObjectInfo:
        """See the port."""
        with self._call("head"):
            return self._store.head(key, version=version)

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
        """See the port."""
        with self._call("copy") as call:
            found = self._store.copy(
                source,
                target,
                source_version=source_version,
                if_source_etag=if_source_etag,
                if_absent=if_absent,
                part_size=part_size,
                media_type=media_type,
            )
            call.bytes = found.size
            return found

    def extras(self, key: str, *, version: str | None = None) -> tuple[str, ...]:
        """See the port."""
        with self._call("head"):
            return self._store.extras(key, version=version)

    def versions(self, key: str) -> tuple[ObjectVersion, ...]:
        """See the port."""
        with self._call("versions"):
            return self._store.versions(key)

    def delete(self, key: str, *, version: str | None = None, if_etag: str | None = None) -> None:
        """See the port."""
        with self._call("delete"):
            self._store.delete(key, version=version, if_etag=if_etag)

    def list(self, prefix: str, *, after: str | None = None, limit: int = MAX_PAGE) -> Page:
        """See the port."""
        with self._call("list"):
            return self._store.list(prefix, after=after, limit=limit)

    # -- multipart --------------------------------------------------------------------------------------------

    def create_multipart(self, key: str, *, media_type: str) -> str:
        """See the port."""
        with self._call("create_multipart"):
            return self._store.create_multipart(key, media_type=media_type)

    def put_part(
        self, key: str, upload: str, number: int, body: Iterable[bytes], *, size: int, md5: str | None = None
    ) -> PartInfo:
        """See the port."""
        with self._call("put_part") as call:
            return self._store.put_part(key, upload, number, call.counting(body), size=size, md5=md5)

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """See the port."""
        with self._call("list_parts"):
            return self._store.list_parts(key, upload)

    def complete_multipart(
        self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool = True
    ) -> ObjectInfo:
        """See the port."""
        with self._call("complete_multipart"):
            return self._store.complete_multipart(key, upload, parts, if_absent=if_absent)

    def abort_multipart(self, key: str, upload: str) -> None:
        """See the port."""
        with self._call("abort_multipart"):
            self._store.abort_multipart(key, upload)

    def list_multiparts(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """See the port."""
        with self._call("list_multiparts"):
            return self._store.list_multiparts(prefix)

    # -- signed URLs: these ask nobody ------------------------------------------------------------------------

    def presign_get(
        self,
        key: str,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        version: str | None = None,
        disposition: str | None = None,
        media_type: str | None = None,
    ) -> SignedUrl:
        """See the port."""
        return self._store.presign_get(
            key,
            file=file,
            grant=grant,
            expires_at=expires_at,
            version=version,
            disposition=disposition,
            media_type=media_type,
        )

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
        return self._store.presign_put(
            key,
            file=file,
            grant=grant,
            expires_at=expires_at,
            media_type=media_type,
            size=size,
            sha256=sha256,
            md5=md5,
        )

    def presign_form(
        self, key: str, *, file: str, grant: str, expires_at: datetime, media_type: str, size: int
    ) -> SignedUrl:
        """See the port."""
        return self._store.presign_form(
            key, file=file, grant=grant, expires_at=expires_at, media_type=media_type, size=size
        )

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
        return self._store.presign_part(
            key, upload, number, file=file, grant=grant, expires_at=expires_at, size=size, md5=md5
        )

"""The port to the bytes: what every object store promises, whether a bucket or a folder.

No method of it decides whether something may be done: that was decided, and recorded, before it is called.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

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


class ObjectReader(Protocol):
    """An open object: a context manager that iterates once over its bytes in chunks of bounded size.

    It stays on the object as it was when opened, even if that is replaced or deleted meanwhile. An object that turns
    out shorter than `length` raises IntegrityViolated rather than ending early.
    """

    @property
    def info(self) -> ObjectInfo:
        """The whole object, whatever the range."""
        ...

    @property
    def first(self) -> int:
        """Position of the first byte that is delivered."""
        ...

    @property
    def length(self) -> int:
        """Number of bytes that are delivered."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...


class ObjectStore(Protocol):
    """A place for bytes under keys. Safe to call from many threads; several processes may share one store.

    - Durable on return: what a method reports as stored or deleted survives a power cut.
    - All or nothing: an object is visible with all its bytes or not at all. A method that raises has left nothing
      visible, and nothing that the store does not clear away by itself. The exception is a crash, or an Unavailable
      from a store whose answer was lost: head tells then.
    - Constant memory, whatever the size.
    - Every key is checked with `check_key` (InvalidInput); a store may refuse further keys that it cannot hold.
    - Errors: Refused with a reason, StorageFull, or StoreUnavailable for everything that may pass; an exception
      raised by a body or by `confirm` passes through unchanged.
    """

    @property
    def name(self) -> str:
        """The provider as events record it, e.g. `local`."""
        ...

    def capabilities(self) -> Capabilities:
        """Say what this store can do; constant as long as it is open."""
        ...

    # -- which store this is ----------------------------------------------------------------------------------

    def identity(self) -> str | None:
        """Return the id that the store's marker bears, None without a marker; read from the store at each call.

        WrongStore for a marker that is damaged. The marker is in no list, and no key leads to it.
        """
        ...

    def identify(self, identity: str) -> str:
        """Write a marker that bears `identity` where there is none, durably; return the id that it bears now.

        Of several writers one wins and all are answered its id, where the store can write under a condition.
        """
        ...

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
        """Store what `body` yields and return it with its digests; of one in parts, the MD5 only if it is declared.

        Reads no further than `max_size` (ContentTooLarge) or the declared `size`. Bytes that differ from a declared
        `size`, `sha256` or `md5` raise ContentMismatch (details: check, expected, actual). `confirm` is called once,
        when all bytes are safe and compared but not yet visible; if it raises, they never become visible.
        `if_absent` refuses with AlreadyExists if there is an object, even an equal one, and lets exactly one of
        several writers win: at once where an object is there, or after `confirm`, which is certain only for what
        comes in between and for a declared size within `single_put_size`. Where the capabilities say that it is not
        atomic, writers at the same moment may all win; the last one's object stands, whole. Without
        `if_absent` the object is replaced as a whole.
        """
        ...

    def get(
        self, key: str, *, version: str | None = None, first: int | None = None, last: int | None = None
    ) -> ObjectReader:
        """Open an object, or its bytes `first` to `last` inclusive (`last` beyond the end means the end).

        Raises ObjectNotFound, NoObject for what stands there and is none (so does head), RangeNotSatisfiable (details:
        size) if no byte lies in the range, and InvalidInput for a negative position or a range that ends before it
        begins.
        """
        ...

    def head(self, key: str, *, version: str | None = None) -> ObjectInfo:
        """Describe an object or raise ObjectNotFound. A store without versioning has no version but None."""
        ...

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
        """Copy the bytes. Raises ObjectNotFound, SourceChanged (etag), AlreadyExists (as put does).

        Of what else the source carries only its media type goes along, unless another `media_type` is given: no
        further header, no metadata, no access for others.
        With `part_size` the etag of the copy is that of an upload in parts of so many bytes, all but the last, and
        `if_absent` holds as at complete_multipart; without it, the etag is the store's affair. Raises InvalidInput
        (part_size) if the bytes do not go into parts of that size.
        """
        ...

    def extras(self, key: str, *, version: str | None = None) -> tuple[str, ...]:
        """Name what an object carries that this store's own writes never set, in order; raises ObjectNotFound.

        Lower-case names of headers with which the store would serve it, `metadata`, `tags`, `storage-class`, `access`
        for rights of anybody but its owner, as far as the store tells them. Never a value.
        """
        ...

    def versions(self, key: str) -> tuple[ObjectVersion, ...]:
        """List every version and delete marker of exactly this key, newest first; empty if there is none.

        What stands there and is no object, such as a symbolic link, is one version without an etag.
        """
        ...

    def delete(self, key: str, *, version: str | None = None, if_etag: str | None = None) -> None:
        """Remove the object, or exactly one version or delete marker; what is not there is no error.

        What stands there and is no object is removed itself; what it may point to is not touched.

        With `if_etag` the object goes only if it is still that one: SourceChanged otherwise. That is atomic where the
        capability `if_etag_delete` says so; elsewhere the store compares first and deletes then. In a store with
        versioning, a deletion without a version only lays a delete marker over the versions.
        """
        ...

    def list(self, prefix: str, *, after: str | None = None, limit: int = MAX_PAGE) -> Page:
        """List objects whose keys begin with `prefix` (any text) and come after `after`; `limit` is 1 to 1,000."""
        ...

    # -- multipart --------------------------------------------------------------------------------------------

    def create_multipart(self, key: str, *, media_type: str) -> str:
        """Begin an upload in parts and return its id. Nothing is visible under the key until it is completed."""
        ...

    def put_part(
        self, key: str, upload: str, number: int, body: Iterable[bytes], *, size: int, md5: str | None = None
    ) -> PartInfo:
        """Store one part of `size` bytes, replacing an earlier part of that number; any order, any concurrency.

        Raises MultipartNotFound, InvalidInput (number), ContentTooLarge (max_part_size), ContentMismatch.
        """
        ...

    def list_parts(self, key: str, upload: str) -> tuple[PartInfo, ...]:
        """List the stored parts by number, or raise MultipartNotFound."""
        ...

    def complete_multipart(
        self, key: str, upload: str, parts: Sequence[PartRef], *, if_absent: bool = True
    ) -> ObjectInfo:
        """Make the object of exactly these parts, in ascending order; its etag is S3's `<md5 of md5s>-<count>`.

        Idempotent: again with the same parts it answers the same as long as the object stands; with other parts it
        raises ContentMismatch. A part that is missing or has another etag raises ContentMismatch, too, and leaves
        the upload as it was; so does a part that is not named, where the capabilities say that none may be left out.
        Raises MultipartNotFound, AlreadyExists, InvalidInput (order, min_part_size).
        """
        ...

    def abort_multipart(self, key: str, upload: str) -> None:
        """Throw the upload and its parts away; an unknown or finished upload is no error."""
        ...

    def list_multiparts(self, prefix: str) -> tuple[MultipartInfo, ...]:
        """List the unfinished uploads to keys that begin with `prefix`, by key, then id."""
        ...

    # -- signed URLs ------------------------------------------------------------------------------------------

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
        """Permit reading the object, or exactly one version of it, until `expires_at`.

        `file` and `grant` are the ids of the file and of the event that grants this. A store that serves its URLs
        itself signs the key, and answers with `disposition` and `media_type`, whatever headers were stored, and not
        to be stored; one whose URLs come back to us signs the ids instead, and the HTTP layer asks the ledger at each
        use. So do the other two. The URL never lives longer than `expires_at`, which is cut to the second. Raises
        NotSupported.
        """
        ...

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
        """Permit storing the object, with what is declared here and nothing else, until `expires_at`.

        The URL leads to the store only where the capabilities say that nothing unsigned has an effect there
        (`sound_put_urls`); elsewhere it comes back to us.
        """
        ...

    def presign_form(
        self, key: str, *, file: str, grant: str, expires_at: datetime, media_type: str, size: int
    ) -> SignedUrl:
        """Permit storing an object of this media type and size by one form, until `expires_at`.

        The form may be sent again until then, and replaces what it has stored: its key must be nobody's but the
        upload's. Raises NotSupported without `sound_forms`.
        """
        ...

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
        """Permit storing one part until `expires_at`; as with presign_put, `sound_part_urls` says where that leads."""
        ...

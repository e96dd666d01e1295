"""What is said about objects: keys, digests, versions, parts and signed URLs, and the refusals of a store.

These are facts as a store reports them, never proof: whether the bytes are still those that were sealed is decided
by reading them again and comparing with the ledger.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provenstore.domain.errors import Conflict, IntegrityViolated, InvalidInput, NotFound, Refused

MAX_KEY_BYTES = 1024  # the limit of S3 object keys
MAX_SEGMENT_BYTES = 255  # NAME_MAX of every file system that the local folder may stand on
MAX_PAGE = 1000  # the limit of S3 ListObjectsV2


class ObjectNotFound(NotFound):
    """Object not found."""

    code = "object-not-found"
    advice = "the store has no such object or version"


class NoObject(IntegrityViolated):
    """Stored object cannot be read."""

    advice = "something else is at its key (see kind)"


class MultipartNotFound(NotFound):
    """Multipart upload not found."""

    code = "multipart-not-found"
    advice = "it was never begun, or was completed or aborted"


class SourceChanged(Conflict):
    """Source object has changed."""

    code = "source-changed"
    advice = "copy it again"


class NotSupported(Refused):
    """Not supported by this object store."""

    code = "not-supported"


class UrlExpired(Refused):
    """Signed URL has expired."""

    code = "url-expired"
    advice = "request a new URL"


class UrlInvalid(Refused):
    """Signed URL is not valid."""

    code = "url-invalid"
    advice = "it was not issued here, was altered, or is for another method"


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a caller must know about a store before asking it for more than the contract promises."""

    if_absent_put: bool  # put with if_absent, up to single_put_size, is atomic against every other writer
    if_absent_copy: bool  # and so is copy
    if_absent_complete: bool  # and so is complete_multipart, and put of more than single_put_size
    if_etag_delete: bool  # delete with if_etag is atomic against every other writer
    # a part is taken after its upload was completed, by a URL of before, so that it may change or spoil the object
    late_parts: bool
    # a URL of presign_put never overwrites: the condition is part of the signature, and atomic; or it leads back to us
    signed_if_absent: bool
    omits_parts: bool  # complete_multipart may leave stored parts out; otherwise it raises ContentMismatch
    versioning: bool  # earlier versions and delete markers are kept until deleted one by one
    presign: bool  # presign_* answer; otherwise they raise NotSupported
    direct: bool  # signed URLs lead to the store itself, so the bytes do not pass through us
    checksums: frozenset[Literal["sha256", "md5"]]  # that head reports without the object being read
    max_put_size: int  # bytes in one put
    single_put_size: int  # bytes that one put may have to be one request of the store
    min_part_size: int  # bytes of every part but the last
    max_part_size: int  # bytes
    max_parts: int  # numbered from 1
    # No header that was not signed has an effect on what is stored, who may read it or how it is served, tried header
    # by header: at a URL of presign_put, at one of presign_part, at a form of presign_form. Otherwise, and where nobody
    # has tried, the URLs of presign_put and presign_part lead back to us, and presign_form raises NotSupported.
    sound_put_urls: bool = False
    sound_part_urls: bool = False
    sound_forms: bool = False
    unsigned: tuple[str, ...] = ()  # what had an effect, as `put x-amz-acl`, in order

    @property
    def direct_puts(self) -> bool:
        """Whether a URL of presign_put leads to the store itself."""
        return self.direct and self.sound_put_urls

    @property
    def direct_parts(self) -> bool:
        """Whether a URL of presign_part leads to the store itself."""
        return self.direct and self.sound_part_urls

    @property
    def direct_forms(self) -> bool:
        """Whether presign_form answers; its URL leads to the store itself."""
        return self.direct and self.sound_forms


@dataclass(frozen=True, kw_only=True)
class Digests:
    """What was computed over all bytes while they streamed by; digests in lower-case hexadecimal."""

    size: int
    sha256: str
    md5: str | None  # None where it was left out: of an object in parts, whose etag is none, unless it was declared


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One object as the store holds it. Digests are None where the store did not compute them over the whole."""

    key: str
    size: int
    etag: str  # as the store compares it, without quotes; not a digest of the content in general
    media_type: str
    version_id: str | None  # None in a store without versioning
    sha256: str | None
    md5: str | None
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class ObjectVersion:
    """One version of a key, or one delete marker (then without size and etag)."""

    key: str
    version_id: str | None
    is_latest: bool
    is_delete_marker: bool
    size: int
    etag: str | None
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class ObjectSummary:
    """One line of a listing; etag is None where the store would have to read the object to tell it."""

    key: str
    size: int
    etag: str | None
    modified: datetime


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some objects in order of their keys' UTF-8 bytes; `next` goes into `after` of the next call, None at the end."""

    objects: tuple[ObjectSummary, ...]
    next: str | None


@dataclass(frozen=True)
class PartRef:
    """What an uploader knows of a part: its number and the ETag it was answered."""

    number: int
    etag: str


@dataclass(frozen=True, kw_only=True)
class PartInfo:
    """A stored part of a multipart upload; digests are None where the store does not report them."""

    number: int
    size: int
    etag: str
    md5: str | None
    sha256: str | None

    @property
    def ref(self) -> PartRef:
        """The part as complete_multipart wants it named."""
        return PartRef(self.number, self.etag)


@dataclass(frozen=True, kw_only=True)
class MultipartInfo:
    """A multipart upload that is neither completed nor aborted."""

    upload: str
    key: str
    initiated: datetime


@dataclass(frozen=True, kw_only=True)
class SignedUrl:
    """A permission to do one request until `expires_at`. A secret: never logged, never recorded.

    The body of a POST is a form (multipart/form-data): `fields` in this order, and the content last, as `file`.
    """

    method: Literal["GET", "PUT", "POST"]
    url: str  # absolute, or a path such as /v1/signed/… that the HTTP layer serves and makes absolute
    headers: tuple[tuple[str, str], ...]  # to be sent as they are, or the request is refused
    expires_at: datetime
    fields: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Keep the permission out of logs and tracebacks."""
        return f"SignedUrl({self.method}, expires_at={self.expires_at.isoformat()})"


def check_key(key: str) -> str:
    """Return `key` if every store can hold it: relative, `/`-separated, without surprises; else raise InvalidInput."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput("key", "is not Unicode text") from exc
    if not 1 <= len(encoded) <= MAX_KEY_BYTES:
        raise InvalidInput("key", f"must have 1 to {MAX_KEY_BYTES:,} bytes", limit=MAX_KEY_BYTES)
    if any(unicodedata.category(character) == "Cc" for character in key):
        raise InvalidInput("key", "must not hold control characters")
    for segment in key.split("/"):
        if segment in ("", ".", ".."):
            raise InvalidInput("key", "must not hold an empty segment, '.' or '..', nor begin or end with '/'")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            message = f"must not hold a segment of more than {MAX_SEGMENT_BYTES} bytes"
            raise InvalidInput("key", message, limit=MAX_SEGMENT_BYTES)
    return key

"""The event types of a file: the streams `file:`, `parts:` and `access:`.

Names, times, sizes and digests are in the leaf; values that may name a person, and all free text, are private.
Quota effects are explicit (`reserved`, `quota_bytes`, `quota_files`), so that the counters are a fold of the log.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Moment, StreamHead
from provenstore.domain.eventlog.quota import QuotaChange

AccessLevel = Literal["private", "workspace", "public"]
Variant = Literal["original", "processed", "chunk", "thumbnail"]
UploadMethod = Literal["api", "presigned", "form", "multipart"]
RetentionMode = Literal["compliance", "governance"]
Sha256Status = Literal["verified", "claimed", "none"]
AccessMode = Literal["view", "download", "redirect"]
Disposition = Literal["attachment", "inline"]
LinkDelivery = Literal["redirect", "stream", "direct"]
"""By a redirect to a short-lived URL of the store, streamed through us, or by a direct URL of the store."""

_REASON = frozenset({"reason"})


@REGISTRY.register
class UploadInitiated(EventData):
    """A file was begun: it has a path and reserved space, but no bytes yet."""

    TYPE: ClassVar[str] = "file.upload_initiated.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"filename", "related", "subjects", "metadata"})

    path: str
    extension: str
    category: str
    variant: Variant
    media_type: str
    provider: str
    upload: UploadMethod
    owner: str
    access: AccessLevel
    declared_size: int | None  # bytes
    declared_sha256: str | None  # hex
    declared_md5: str | None  # hex
    max_size: int  # bytes; larger content is refused during the upload
    reserved: int  # bytes taken from the quota until the upload ends
    expires_after: int | None  # seconds from Stored, by category
    expires_at: Moment | None  # requested by the caller
    upload_expires_at: Moment  # an unfinished upload expires after this
    write_until: Moment | None  # the last moment at which the one URL for the whole content works
    landing: str | None = None  # key at which bytes arrive that a URL may write; None: at `path`
    part_size: int | None = None  # bytes of every part but the last
    owner_reach: str | None = None  # workspace of the owner's key, `system` for the whole ledger

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take the reserved bytes, and one file."""
        return QuotaChange(workspace, bytes=self.reserved, files=1)


@REGISTRY.register
class CompletionRequested(EventData):
    """All bytes have arrived, with these digests; from here exactly one attempt may publish them."""

    TYPE: ClassVar[str] = "file.completion_requested.v1"

    size: int
    sha256: str | None
    md5: str | None
    parts: int | None
    quota_bytes: int  # signed: additional reservation if more arrived than was reserved
    etag: str | None = None  # ETag that the object will have, if the bytes went directly to the store

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take or give back the difference to what was reserved."""
        return QuotaChange(workspace, bytes=self.quota_bytes) if self.quota_bytes else None


@REGISTRY.register
class Stored(EventData):
    """The object is stored, and its size and checksum match the declared or streamed content."""

    TYPE: ClassVar[str] = "file.stored.v1"
    HEAD: ClassVar[str | None] = "parts_head"

    size: int
    sha256: str | None
    sha256_status: Sha256Status
    md5: str | None
    etag: str
    version_id: str | None
    expires_at: Moment | None
    quota_bytes: int  # signed: size less what was reserved
    look_after: Moment | None = None  # set if unfinished uploads remained: time of the key recheck
    parts_head: StreamHead | None = None

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take or give back the difference to what was reserved."""
        return QuotaChange(workspace, bytes=self.quota_bytes) if self.quota_bytes else None


@REGISTRY.register
class IntegrityFailed(EventData):
    """The bytes did not match the declaration or announcement; an upload stays open or is reopened.

    `found` says where. `arriving`: in the uploaded bytes; another attempt's announcement stays valid. `nothing`: no
    object at the announced key; the announcement ends. `stray`: an unexpected object at the key; the announcement
    blocks other attempts until the object is removed. `at_rest`: in the stored object when it was read again; its
    content is no longer served. The checks `headers` and `access` concern the object's headers and access settings,
    which `actual` lists.
    """

    TYPE: ClassVar[str] = "file.integrity_failed.v1"

    found: Literal["arriving", "nothing", "stray", "at_rest"]
    # kind: the entry at the key is not an object
    check: Literal["size", "sha256", "md5", "etag", "missing", "headers", "access", "kind"]
    expected: str | None
    actual: str | None
    look_after: Moment | None = None  # for `nothing`: until then the announcing process may still publish


@REGISTRY.register
class IntegrityVerified(EventData):
    """The whole object was read again and matches the record; from here its SHA-256 is verified."""

    TYPE: ClassVar[str] = "file.integrity_verified.v1"

    size: int
    sha256: str
    etag: str
    version_id: str | None


@REGISTRY.register
class ObjectMissing(EventData):
    """The stored object is missing from the store."""

    TYPE: ClassVar[str] = "file.object_missing.v1"

    version_id: str | None


class StrayVersion(BaseModel):
    """One unexpected version or delete marker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    version_id: str | None
    size: int | None
    etag: str | None
    marker: bool


@REGISTRY.register
class StrayFound(EventData):
    """Unexpected objects or uploads were found at the file's keys after its upload ended; they are removed next."""

    TYPE: ClassVar[str] = "file.stray_found.v1"

    versions: tuple[StrayVersion, ...]
    uploads: int  # unfinished multipart uploads
    upload_ids: tuple[str, ...] = ()  # the store's ids of these


@REGISTRY.register
class PlaceChecked(EventData):
    """The file's object keys were rechecked: nothing can write to them any more, and nothing unexpected is there."""

    TYPE: ClassVar[str] = "file.place_checked.v1"

    look_after: Moment  # earliest time of this recheck


@REGISTRY.register
class StrayRemoved(EventData):
    """The unexpected object at the announced key was removed; the upload is open again."""

    TYPE: ClassVar[str] = "file.stray_removed.v1"

    etag: str


@REGISTRY.register
class UploadAborted(EventData):
    """The upload was aborted."""

    TYPE: ClassVar[str] = "file.upload_aborted.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON


@REGISTRY.register
class UploadExpired(EventData):
    """The upload was not finished in time."""

    TYPE: ClassVar[str] = "file.upload_expired.v1"


@REGISTRY.register
class UploadCleared(EventData):
    """The remains of an aborted or expired upload were removed, and its quota was released."""

    TYPE: ClassVar[str] = "file.upload_cleared.v1"

    quota_bytes: int  # signed
    quota_files: int  # signed
    write_until: Moment | None = None  # first moment at which no URL of the upload can write

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Give back what the file took."""
        return QuotaChange(workspace, bytes=self.quota_bytes, files=self.quota_files)


@REGISTRY.register
class SoftDeleted(EventData):
    """The file was soft-deleted: its content cannot be read, its bytes remain."""

    TYPE: ClassVar[str] = "file.soft_deleted.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON
    HEAD: ClassVar[str | None] = "access_head"

    access_head: StreamHead | None = None


@REGISTRY.register
class FileExpired(EventData):
    """The file reached its expiry; as after a soft deletion, its bytes remain until they are purged."""

    TYPE: ClassVar[str] = "file.expired.v1"
    HEAD: ClassVar[str | None] = "access_head"

    expires_at: Moment
    access_head: StreamHead | None = None


@REGISTRY.register
class Restored(EventData):
    """The file can be read again."""

    TYPE: ClassVar[str] = "file.restored.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON


@REGISTRY.register
class MetadataChanged(EventData):
    """The values listed in `changed` are replaced as a whole by this event's private values."""

    TYPE: ClassVar[str] = "file.metadata_changed.v1"
    REPLACES: ClassVar[bool] = True
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"filename", "related", "subjects", "metadata"})

    changed: tuple[str, ...]


class FormerAccess(BaseModel):
    """The access level that was replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access: AccessLevel


@REGISTRY.register
class AccessLevelChanged(EventData):
    """The access level of the content was changed."""

    TYPE: ClassVar[str] = "file.access_level_changed.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("access",)

    access: AccessLevel
    was: FormerAccess | None = None  # before this event


class FormerExpiry(BaseModel):
    """The expiry that was replaced; null for never."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expires_at: Moment | None


@REGISTRY.register
class ExpirySet(EventData):
    """The file's expiry was changed or removed."""

    TYPE: ClassVar[str] = "file.expiry_set.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("expires_at",)

    expires_at: Moment | None
    was: FormerExpiry | None = None  # before this event


class FormerRetention(BaseModel):
    """The retention that was replaced; nulls if the file had none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: Moment | None
    mode: RetentionMode | None


@REGISTRY.register
class RetentionSet(EventData):
    """The file may be neither expired nor purged before `until`."""

    TYPE: ClassVar[str] = "file.retention_set.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON
    CHANGES: ClassVar[tuple[str, ...]] = ("until", "mode")

    until: Moment
    mode: RetentionMode
    was: FormerRetention | None = None  # before this event


@REGISTRY.register
class RetentionReductionRequested(EventData):
    """One person requests to shorten a governance retention; a second person must confirm."""

    TYPE: ClassVar[str] = "file.retention_reduction_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    until: Moment


@REGISTRY.register
class RetentionExtensionRequested(EventData):
    """One person requests a retention beyond the workspace's limit for one person; a second person must confirm."""

    TYPE: ClassVar[str] = "file.retention_extension_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    until: Moment
    mode: RetentionMode


@REGISTRY.register
class LegalHoldPlaced(EventData):
    """A legal hold was placed: under any hold the file is not deleted, expired, purged, published or erased."""

    TYPE: ClassVar[str] = "file.legal_hold_placed.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"name", "matter"}) | _REASON

    hold: str


@REGISTRY.register
class LegalHoldReleased(EventData):
    """A second person released one legal hold."""

    TYPE: ClassVar[str] = "file.legal_hold_released.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    hold: str


@REGISTRY.register
class PurgeRequested(EventData):
    """A caller or a disposal policy requests the destruction of the bytes."""

    TYPE: ClassVar[str] = "file.purge_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str
    four_eyes: bool  # whether it needs a second person, decided at this moment
    missing: bool = False  # the object is known to be missing: the purge ends only its record
    policy: str | None = None  # the disposal policy that approves it, with its version


@REGISTRY.register
class PurgeApproved(EventData):
    """A second person approves the purge; valid for 30 days."""

    TYPE: ClassVar[str] = "file.purge_approved.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str


@REGISTRY.register
class PurgeRejected(EventData):
    """A second person rejects the purge."""

    TYPE: ClassVar[str] = "file.purge_rejected.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str


@REGISTRY.register
class PurgeWithdrawn(EventData):
    """The purge is cancelled: by a person, a hold, a restore, a disposal policy, or because of the store's contents.

    By `missing`: the object was not found. By `found`: it was known to be missing, but an object is at its key.
    By `policy`: the disposal policy that requested it does not allow it. By `altered`: the content differs from the
    stored one, and no policy destroys that.
    """

    TYPE: ClassVar[str] = "file.purge_withdrawn.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str
    by: Literal["request", "hold", "restore", "missing", "found", "policy", "altered"]


Found = Literal["object", "altered", "nothing"]
"""The content of the file's key when its purge began: the stored object, another object, or nothing."""


class DestroyedVersion(BaseModel):
    """One version or delete marker, of the file's path, or of `key` if that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version_id: str | None
    size: int | None
    marker: bool
    key: str | None = None


@REGISTRY.register
class PurgeStarted(EventData):
    """The purge started: hold, retention and approval were checked; from here it cannot be cancelled."""

    TYPE: ClassVar[str] = "file.purge_started.v1"

    purge: str
    sha256: str | None  # of the content to destroy: verified before, or hashed now; None: nothing to read
    versions: tuple[DestroyedVersion, ...]  # to destroy; empty if the list follows in PurgeListed
    found: Found = "object"
    count: int | None = None  # of the whole list; None in events of before: that of `versions`
    list_sha256: str | None = None  # hex, of the whole list, as domain.destroyed has it


@REGISTRY.register
class PurgeListed(EventData):
    """One page of the versions that a purge destroys; recorded before any of them is destroyed."""

    TYPE: ClassVar[str] = "file.purge_listed.v1"

    purge: str
    page: int  # from 1
    versions: tuple[DestroyedVersion, ...]


@REGISTRY.register
class PurgeFailed(EventData):
    """The store did not delete every version; the purge will be retried."""

    TYPE: ClassVar[str] = "file.purge_failed.v1"

    purge: str
    code: str


@REGISTRY.register
class Purged(EventData):
    """The purge is complete: the keys are listed empty; the event has the data of the certificate.

    `found` is `nothing` if two persons purged a missing object: then no byte was destroyed.
    """

    TYPE: ClassVar[str] = "file.purged.v1"
    HEAD: ClassVar[str | None] = "access_head"

    purge: str
    provider: str
    path: str
    size: int
    sha256: str | None
    versions: tuple[DestroyedVersion, ...]  # empty if the list is in PurgeListed
    quota_bytes: int  # signed
    quota_files: int  # signed
    access_head: StreamHead | None = None
    found: Found = "object"
    count: int | None = None  # of the whole list; None in older events: that of `versions`
    list_sha256: str | None = None  # hex, of the whole list, as domain.destroyed has it
    policy: str | None = None  # the disposal policy that approved it, with its version

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Give back what the file took."""
        return QuotaChange(workspace, bytes=self.quota_bytes, files=self.quota_files)


@REGISTRY.register
class PersonalDataErased(EventData):
    """The listed private values of earlier events of this file are erased together with their salts.

    This includes the events of its `parts:` and `access:` streams.
    """

    TYPE: ClassVar[str] = "file.personal_data_erased.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON
    ERASES: ClassVar[bool] = True
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"positions"})

    fields: tuple[str, ...]
    events: int  # how many events held such values
    actor: str | None = None  # only of events of this actor; None: of all
    positions: tuple[int, ...] | None = None  # only of the events there; None: of all earlier ones
    emptied: tuple[str, ...] | None = None  # fields whose current value was erased; None: all of `fields`
    erasure: str | None = None  # the request that two persons approved; None in events without one


@REGISTRY.register
class MultipartOpened(EventData):
    """A multipart upload was opened in the store; an earlier one of this file is no longer used."""

    TYPE: ClassVar[str] = "file.multipart_opened.v1"

    upload: str  # the store's id of it: useless without the store's credentials


@REGISTRY.register
class PartUrlsIssued(EventData):
    """Upload URLs for these parts are about to be handed out; on `parts:`."""

    TYPE: ClassVar[str] = "file.part_urls_issued.v1"

    upload: str
    numbers: tuple[int, ...]
    write_until: Moment  # the first moment at which none of them works


@REGISTRY.register
class ChunkUploaded(EventData):
    """One part of a multipart upload is in the store; on `parts:`."""

    TYPE: ClassVar[str] = "file.chunk_uploaded.v1"

    upload: str
    number: int  # from 1
    first: int  # offset of the first byte
    size: int
    etag: str
    md5: str | None
    sha256: str | None


@REGISTRY.register
class LinkIssued(EventData):
    """A link was issued: any holder may read the content until it expires; recorded before its URL is handed out."""

    TYPE: ClassVar[str] = "file.link_issued.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"recipient", "purpose"})

    link: str
    version_id: str | None  # the one version of the object that the URL reads
    disposition: Disposition
    ttl: int  # seconds
    expires_at: Moment  # to the second, no more than `ttl` after the decision
    observed: bool  # whether its uses come through us and are recorded
    delivery: LinkDelivery | None = None  # how the content is delivered; None in older events


@REGISTRY.register
class LinkRevoked(EventData):
    """The link is revoked; recorded on `file:`, so that reads in progress through it are checked again."""

    TYPE: ClassVar[str] = "file.link_revoked.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    link: str
    expires_at: Moment  # when it would have ended by itself


@REGISTRY.register
class Accessed(EventData):
    """Content was accessed; recorded before the first byte is sent."""

    TYPE: ClassVar[str] = "file.accessed.v1"

    mode: AccessMode
    first: int | None  # requested byte range, None for the whole
    last: int | None
    size: int  # maximum bytes sent; for a redirect, at each use of its URL
    link: str | None = None  # id of the link that was used, whose LinkIssued is the cause


class SentRange(BaseModel):
    """Bytes that were sent, from `first` to `last` inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    last: int


@REGISTRY.register
class AccessEnded(EventData):
    """The bytes actually sent in an access; its cause is the Accessed event, which has the maximum.

    Written when no more reads are merged into that event and its transfers are over. After a crash it may be missing.
    """

    TYPE: ClassVar[str] = "file.access_ended.v1"

    mode: AccessMode
    link: str | None  # as in Accessed
    ranges: tuple[SentRange, ...]  # all bytes that were handed to the connection, in order and apart from each other
    exact: bool  # false: too many ranges, so some are joined across bytes that were not sent
    count: int  # requests that the Accessed event covers
    size: int  # total bytes sent, including repeated ones
    granted: int  # `size` of the Accessed event
    began: Moment  # time of the Accessed event


@REGISTRY.register
class AccessDenied(EventData):
    """An authenticated caller was refused; one event covers `count` identical refusals within a minute."""

    TYPE: ClassVar[str] = "file.access_denied.v1"

    operation: str
    code: str
    count: int
    link: str | None = None  # id of the link that was used

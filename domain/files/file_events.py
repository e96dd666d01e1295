"""What can happen to a file: the event types of the streams `file:`, `parts:` and `access:`.

Names, times, sizes and digests stand in the leaf; whatever may name a person, and all free text, is private.
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
"""By a redirect to a URL of the store that lives for seconds, through us, or by a URL of the store alone."""

_REASON = frozenset({"reason"})


@REGISTRY.register
class UploadInitiated(EventData):
    """A file has a place, a path and reserved space; no byte of it exists yet."""

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
    max_size: int  # bytes; more than this is refused while it arrives
    reserved: int  # bytes taken from the quota until the upload ends
    expires_after: int | None  # seconds from Stored, by category
    expires_at: Moment | None  # asked for by the caller
    upload_expires_at: Moment  # an unfinished upload is given up after this
    write_until: Moment | None  # the last moment at which the one URL for the whole content works
    landing: str | None = None  # key at which bytes arrive that a URL may write; None: at `path`
    part_size: int | None = None  # bytes of every part but the last
    owner_reach: str | None = None  # workspace of the owner's key, `system` for the whole ledger

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take what is reserved, and one file."""
        return QuotaChange(workspace, bytes=self.reserved, files=1)


@REGISTRY.register
class CompletionRequested(EventData):
    """All bytes are at hand, with these digests; from here exactly one attempt may publish them."""

    TYPE: ClassVar[str] = "file.completion_requested.v1"

    size: int
    sha256: str | None
    md5: str | None
    parts: int | None
    quota_bytes: int  # signed: reserved in addition where more arrived than was reserved
    etag: str | None = None  # that the object will have, where it was at hand before us

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take or give back the difference to what was reserved."""
        return QuotaChange(workspace, bytes=self.quota_bytes) if self.quota_bytes else None


@REGISTRY.register
class Stored(EventData):
    """The object is in its place, and its size and checksum are what was declared or streamed."""

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
    look_after: Moment | None = None  # unfinished uploads lay beside it, and are looked after then
    parts_head: StreamHead | None = None

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Take or give back the difference to what was reserved."""
        return QuotaChange(workspace, bytes=self.quota_bytes) if self.quota_bytes else None


@REGISTRY.register
class IntegrityFailed(EventData):
    """The bytes were not what was declared or announced; the upload stays, or becomes, open.

    `found` says where: in what arrived (an announcement by another attempt stands), nothing in the announced object's
    place (the announcement is over), a stray object there (the announcement keeps others out until it is removed), or
    in the stored object itself, when it was read again (`at_rest`): its content is not given out any more. The checks
    `headers` and `access` are about what the object carries beside its bytes, which `actual` names.
    """

    TYPE: ClassVar[str] = "file.integrity_failed.v1"

    found: Literal["arriving", "nothing", "stray", "at_rest"]
    # kind: no object at all stands there
    check: Literal["size", "sha256", "md5", "etag", "missing", "headers", "access", "kind"]
    expected: str | None
    actual: str | None
    look_after: Moment | None = None  # where nothing was found: until then its process may wake and publish after all


@REGISTRY.register
class IntegrityVerified(EventData):
    """The whole object was read again, and is what was recorded; from here its SHA-256 is proven."""

    TYPE: ClassVar[str] = "file.integrity_verified.v1"

    size: int
    sha256: str
    etag: str
    version_id: str | None


@REGISTRY.register
class ObjectMissing(EventData):
    """The stored object is not in its place."""

    TYPE: ClassVar[str] = "file.object_missing.v1"

    version_id: str | None


class StrayVersion(BaseModel):
    """One version, or delete marker, that nobody announced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    version_id: str | None
    size: int | None
    etag: str | None
    marker: bool


@REGISTRY.register
class StrayFound(EventData):
    """Something stands at the file's keys that should not, since its upload is over: it is removed after this."""

    TYPE: ClassVar[str] = "file.stray_found.v1"

    versions: tuple[StrayVersion, ...]
    uploads: int  # unfinished multipart uploads
    upload_ids: tuple[str, ...] = ()  # the store's names of these


@REGISTRY.register
class PlaceChecked(EventData):
    """Nothing can write at the file's keys any more, and nothing stands there but what should."""

    TYPE: ClassVar[str] = "file.place_checked.v1"

    look_after: Moment  # from when on this could be said


@REGISTRY.register
class StrayRemoved(EventData):
    """The object that stood where the announced one should is gone; the upload is open again."""

    TYPE: ClassVar[str] = "file.stray_removed.v1"

    etag: str


@REGISTRY.register
class UploadAborted(EventData):
    """Somebody gave the upload up."""

    TYPE: ClassVar[str] = "file.upload_aborted.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON


@REGISTRY.register
class UploadExpired(EventData):
    """The upload was not finished in time."""

    TYPE: ClassVar[str] = "file.upload_expired.v1"


@REGISTRY.register
class UploadCleared(EventData):
    """What an aborted or expired upload had left is gone, and its space is free again."""

    TYPE: ClassVar[str] = "file.upload_cleared.v1"

    quota_bytes: int  # signed
    quota_files: int  # signed
    write_until: Moment | None = None  # since when no URL of the upload can write

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Give back what the file took."""
        return QuotaChange(workspace, bytes=self.quota_bytes, files=self.quota_files)


@REGISTRY.register
class SoftDeleted(EventData):
    """Nobody reads the content any more; its bytes remain."""

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
    """The values named in `changed` are replaced as a whole by this event's private values."""

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
    """Who may read the content is different now."""

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
    """The file expires at another time, or never."""

    TYPE: ClassVar[str] = "file.expiry_set.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("expires_at",)

    expires_at: Moment | None
    was: FormerExpiry | None = None  # before this event


class FormerRetention(BaseModel):
    """The retention that was replaced; nulls where the file had none."""

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
    """One person asks to shorten a governance retention; another must agree."""

    TYPE: ClassVar[str] = "file.retention_reduction_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    until: Moment


@REGISTRY.register
class RetentionExtensionRequested(EventData):
    """One person asks for a retention beyond what the workspace lets one set alone; another must agree."""

    TYPE: ClassVar[str] = "file.retention_extension_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    until: Moment
    mode: RetentionMode


@REGISTRY.register
class LegalHoldPlaced(EventData):
    """While any hold stands, the file is neither deleted, expired, purged, published nor erased."""

    TYPE: ClassVar[str] = "file.legal_hold_placed.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"name", "matter"}) | _REASON

    hold: str


@REGISTRY.register
class LegalHoldReleased(EventData):
    """A second person ended one hold."""

    TYPE: ClassVar[str] = "file.legal_hold_released.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    hold: str


@REGISTRY.register
class PurgeRequested(EventData):
    """Somebody asks for the destruction of the bytes, or a disposal policy does."""

    TYPE: ClassVar[str] = "file.purge_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str
    four_eyes: bool  # whether it takes a second person, as was decided at this moment
    missing: bool = False  # the object is known to be missing: what is ended is the record of it
    policy: str | None = None  # the disposal policy that approves it, with its version


@REGISTRY.register
class PurgeApproved(EventData):
    """A different person agrees; good for 30 days."""

    TYPE: ClassVar[str] = "file.purge_approved.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str


@REGISTRY.register
class PurgeRejected(EventData):
    """A different person does not agree."""

    TYPE: ClassVar[str] = "file.purge_rejected.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str


@REGISTRY.register
class PurgeWithdrawn(EventData):
    """The purge is cancelled: by a person, a hold, a restore, a disposal policy, or because of what the store holds.

    By `missing`: the object was not found. By `found`: it was known to be missing, and something stands in its place.
    By `policy`: the disposal policy that asked for it does not allow it. By `altered`: the content is not what was
    stored, and no policy destroys that.
    """

    TYPE: ClassVar[str] = "file.purge_withdrawn.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    purge: str
    by: Literal["request", "hold", "restore", "missing", "found", "policy", "altered"]


Found = Literal["object", "altered", "nothing"]
"""What stood in the file's place when its purge began: the stored object, something else, or nothing at all."""


class DestroyedVersion(BaseModel):
    """One version, or delete marker, of the file's path, or of another key where one is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version_id: str | None
    size: int | None
    marker: bool
    key: str | None = None


@REGISTRY.register
class PurgeStarted(EventData):
    """Hold, retention and approval were checked; from here the bytes go and nothing calls them back."""

    TYPE: ClassVar[str] = "file.purge_started.v1"

    purge: str
    sha256: str | None  # of what is to be destroyed: verified before, or read and hashed now; None: nothing to read
    versions: tuple[DestroyedVersion, ...]  # what the store holds; none where the list follows in PurgeListed
    found: Found = "object"
    count: int | None = None  # of the whole list; None in events of before: that of `versions`
    list_sha256: str | None = None  # hex, of the whole list, as domain.destroyed has it


@REGISTRY.register
class PurgeListed(EventData):
    """A part of the list of what a purge destroys; recorded before any of it is."""

    TYPE: ClassVar[str] = "file.purge_listed.v1"

    purge: str
    page: int  # from 1
    versions: tuple[DestroyedVersion, ...]


@REGISTRY.register
class PurgeFailed(EventData):
    """The store did not let every version go; it will be tried again."""

    TYPE: ClassVar[str] = "file.purge_failed.v1"

    purge: str
    code: str


@REGISTRY.register
class Purged(EventData):
    """The key is listed empty: what was destroyed, as the certificate says it.

    `found` says `nothing` where two persons had decided to give the missing object up: then no byte was destroyed.
    """

    TYPE: ClassVar[str] = "file.purged.v1"
    HEAD: ClassVar[str | None] = "access_head"

    purge: str
    provider: str
    path: str
    size: int
    sha256: str | None
    versions: tuple[DestroyedVersion, ...]  # none where the list stands in PurgeListed
    quota_bytes: int  # signed
    quota_files: int  # signed
    access_head: StreamHead | None = None
    found: Found = "object"
    count: int | None = None  # of all that was destroyed; None in events of before: that of `versions`
    list_sha256: str | None = None  # hex, of the whole list, as domain.destroyed has it
    policy: str | None = None  # the disposal policy that approved it, with its version

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Give back what the file took."""
        return QuotaChange(workspace, bytes=self.quota_bytes, files=self.quota_files)


@REGISTRY.register
class PersonalDataErased(EventData):
    """The named private values of earlier events of this file are erased together with their salts.

    Also those of its `parts:` and `access:` streams.
    """

    TYPE: ClassVar[str] = "file.personal_data_erased.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON
    ERASES: ClassVar[bool] = True
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"positions"})

    fields: tuple[str, ...]
    events: int  # how many events held such values
    actor: str | None = None  # only of events of this actor; None: of all
    positions: tuple[int, ...] | None = None  # only of the events there; None: of all earlier ones
    emptied: tuple[str, ...] | None = None  # fields whose present value went; None: all of `fields`
    erasure: str | None = None  # the request that two persons agreed on; None in events without one


@REGISTRY.register
class MultipartOpened(EventData):
    """The store takes parts for this file; an upload that was opened before is not used any more."""

    TYPE: ClassVar[str] = "file.multipart_opened.v1"

    upload: str  # the store's id of it: of no use without its keys


@REGISTRY.register
class PartUrlsIssued(EventData):
    """URLs for these parts are about to leave; on `parts:`."""

    TYPE: ClassVar[str] = "file.part_urls_issued.v1"

    upload: str
    numbers: tuple[int, ...]
    write_until: Moment  # the first moment at which none of them works


@REGISTRY.register
class ChunkUploaded(EventData):
    """One part of a multipart upload lies in the store; on `parts:`."""

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
    """Anybody who has the link may read the content until it expires; recorded before its URL is handed out."""

    TYPE: ClassVar[str] = "file.link_issued.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"recipient", "purpose"})

    link: str
    version_id: str | None  # the one version of the object that the URL reads
    disposition: Disposition
    ttl: int  # seconds
    expires_at: Moment  # to the second, no more than `ttl` after the decision
    observed: bool  # whether its uses come by us, and each is recorded
    delivery: LinkDelivery | None = None  # how the content gets to its reader; None: recorded before there was a choice


@REGISTRY.register
class LinkRevoked(EventData):
    """The link is revoked; recorded on `file:`, so that reads through it that are under way are checked again."""

    TYPE: ClassVar[str] = "file.link_revoked.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    link: str
    expires_at: Moment  # when it would have ended by itself


@REGISTRY.register
class Accessed(EventData):
    """Content was given out; recorded before the first byte leaves."""

    TYPE: ClassVar[str] = "file.accessed.v1"

    mode: AccessMode
    first: int | None  # byte range asked for, None for the whole
    last: int | None
    size: int  # bytes given out at most; of a redirect, at each use of its URL
    link: str | None = None  # id of the link that was used, whose LinkIssued is the cause


class SentRange(BaseModel):
    """Bytes that were sent, from `first` to `last` inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    last: int


@REGISTRY.register
class AccessEnded(EventData):
    """What was really sent of an access; its cause is the Accessed event, which said what was sent at most.

    Written when nothing more is merged into that event and its transfers are over. After a crash it may be missing.
    """

    TYPE: ClassVar[str] = "file.access_ended.v1"

    mode: AccessMode
    link: str | None  # as in Accessed
    ranges: tuple[SentRange, ...]  # all bytes that were handed to the connection, in order and apart from each other
    exact: bool  # false: there were too many ranges, and some are joined with bytes between them that were not sent
    count: int  # requests that the Accessed event stands for
    size: int  # bytes sent in all, those that were sent again each time
    granted: int  # `size` of the Accessed event
    began: Moment  # time of the Accessed event


@REGISTRY.register
class AccessDenied(EventData):
    """A known caller was refused; `count` identical refusals within a minute are one event."""

    TYPE: ClassVar[str] = "file.access_denied.v1"

    operation: str
    code: str
    count: int
    link: str | None = None  # id of the link that was used

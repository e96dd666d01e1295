"""The state of one file, folded from its stream `file:<id>`: the fields that decisions need, nothing private.

`evolve` never refuses an event in the log: it has happened. `domain.files.file_decisions` decides what may follow.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from uuid import UUID

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files import file_events as e
from provenstore.domain.tenants.second_person import Act

Status = Literal["initiated", "stored", "soft_deleted", "purged", "aborted", "expired"]


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold in force, and who placed it."""

    id: str
    placed: Act

    @property
    def placed_by(self) -> str:
        """The subject who placed it."""
        return self.placed.by.id


@dataclass(frozen=True, slots=True)
class Retention:
    """A retention: the file may neither expire nor be purged before `until`."""

    until: datetime
    mode: e.RetentionMode


@dataclass(frozen=True, slots=True)
class RetentionWish:
    """A retention that one person has requested and that a second person must confirm."""

    until: datetime
    mode: e.RetentionMode
    asked: Act


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge in progress. Subjects are actors' ids: a person is the same with any of their API keys."""

    id: str
    requested: Act
    four_eyes: bool
    approved: Act | None = None
    """The approval; without four eyes the request itself."""
    started: e.PurgeStarted | None = None
    failed: bool = False
    missing: bool = False
    policy: str | None = None
    """The disposal policy that requested it, with its version; None if a caller did."""
    pages: tuple[e.PurgeListed, ...] = ()

    @property
    def listed(self) -> tuple[e.DestroyedVersion, ...]:
        """The versions that are recorded as to be destroyed."""
        started = self.started.versions if self.started else ()
        return (*started, *(version for page in self.pages for version in page.versions))

    @property
    def requested_by(self) -> str:
        """The subject who requested it."""
        return self.requested.by.id

    @property
    def approved_at(self) -> datetime | None:
        """When it was approved."""
        return self.approved.at if self.approved else None


@dataclass(frozen=True, slots=True)
class Completion:
    """The digests announced by the one attempt to publish, and when."""

    size: int
    sha256: str | None
    md5: str | None
    parts: int | None
    etag: str | None
    at: datetime
    stray_at: datetime | None = None
    """When an unexpected object was last found at its key; until the lease ends, only the finder may remove it."""

    @property
    def stray(self) -> bool:
        """Whether an unexpected object was found at its key and is being removed."""
        return self.stray_at is not None

    def being_removed(self, now: datetime) -> bool:
        """Whether the finder's lease to remove the unexpected object still runs."""
        return self.stray_at is not None and now - self.stray_at < REMOVAL_LEASE


@dataclass(frozen=True, slots=True)
class File:
    """The state of a file: everything in its stream that a decision may depend on."""

    id: UUID
    workspace: str
    version: int
    head: bytes
    status: Status
    initiated: e.UploadInitiated
    created_at: datetime
    reserved: int
    access: e.AccessLevel
    completion: Completion | None = None
    stored: e.Stored | None = None
    stored_at: datetime | None = None
    expires_at: datetime | None = None
    disposal_since: datetime | None = None
    """Start of a disposal policy's period: the deletion or expiry, or the last rejection of a purge since.

    None before that, and while the content can be read.
    """
    expiry_set: bool = False
    """Whether the expiry was set after the initiation: it then overrides the category's, even if set to never."""
    retention: Retention | None = None
    retention_wish: RetentionWish | None = None
    holds: tuple[Hold, ...] = ()
    purge: Purge | None = None
    cleared: bool = False
    purged: e.Purged | None = None
    multipart: str | None = None
    """The store's id of the multipart upload for this file."""
    look_after: datetime | None = None
    """When the file's object keys are to be rechecked; URLs for parts may delay it (`domain.files.parts`)."""
    looked_after: datetime | None = None
    """The `look_after` of the last completed recheck."""
    strays: frozenset[e.StrayVersion] = frozenset()
    """Unexpected objects found at the file's keys since the last clean recheck; they are being removed."""
    stray_uploads: frozenset[str] = frozenset()
    """Likewise, the store's ids of unfinished multipart uploads."""
    verified_at: datetime | None = None
    """When the whole object was last read and verified."""
    damage: Literal["altered", "missing"] | None = None
    """The damage that a verification found; the content is no longer served."""
    links_ended: int = 0
    """Position of the event that last ended all links: links issued before it stay invalid."""
    revoked_links: tuple[tuple[str, datetime], ...] = ()
    """Revoked links: their ids and expiry times; kept until a day after they would have expired."""
    private_events: tuple[UUID, ...] = field(default=())
    """Events of this stream with private values about the file itself."""

    @property
    def stream(self) -> str:
        """The lifecycle stream."""
        return file_stream(self.id)

    @property
    def path(self) -> str:
        """The object's key."""
        return self.initiated.path

    @property
    def upload_key(self) -> str:
        """The object key that direct uploads write to."""
        return self.initiated.landing or self.path

    @property
    def keys(self) -> tuple[str, ...]:
        """All object keys at which this file may have objects."""
        return (self.path,) if self.initiated.landing is None else (self.path, self.initiated.landing)

    @property
    def upload_ended(self) -> bool:
        """Whether the upload ended without content."""
        return self.status in {"aborted", "expired"} and self.stored is None

    @property
    def size(self) -> int | None:
        """The stored size in bytes; the declared size until then."""
        return self.stored.size if self.stored else self.initiated.declared_size

    @property
    def held(self) -> bool:
        """Whether a legal hold is in force."""
        return bool(self.holds)

    def retained(self, now: datetime) -> bool:
        """Whether retention still runs; it counts from Stored, so an unfinished upload is never retained."""
        return self.stored is not None and self.retention is not None and now < self.retention.until

    def completion_timed_out(self, now: datetime) -> bool:
        """Whether the upload's time plus the grace period for a completion has passed."""
        return now >= self.initiated.upload_expires_at + COMPLETION_GRACE


COMPLETION_GRACE = timedelta(minutes=5)
"""How long an announced completion is left to the process that announced it; then another process settles it."""

REMOVAL_LEASE = timedelta(minutes=5)
"""How long only the finder may remove an unexpected object; longer than a request to a store with all its retries.

If two processes removed it, one could pause before its deletion, and delete what the client has sent meanwhile.
"""

STRAGGLERS_COME_FOR = timedelta(hours=1)
"""How long after a failed announcement its process may still resume and publish."""

REVOCATION_KEPT_FOR = timedelta(days=1)
"""How long after its expiry a revoked link is remembered: longer than the clocks of two servers can differ."""

APPROVAL_GOOD_FOR = timedelta(days=30)
"""An approval older than this no longer permits a purge."""


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two moments; None counts as earliest."""
    return max((moment for moment in (one, other) if moment is not None), default=None)


@lru_cache(maxsize=4_096)
def file_stream(file_id: UUID) -> str:
    """Return the lifecycle stream of a file."""
    return f"file:{file_id}"


@lru_cache(maxsize=4_096)
def parts_stream(file_id: UUID) -> str:
    """Return the stream of a file's chunks."""
    return f"parts:{file_id}"


@lru_cache(maxsize=4_096)
def access_stream(file_id: UUID) -> str:
    """Return the stream of a file's accesses and refusals."""
    return f"access:{file_id}"


def project(state: File | None, events: Iterable[Event]) -> File | None:
    """Fold events into the state (a projector function of the eventsourcing library)."""
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: File | None, event: Event) -> File | None:
    """Return the state after one event of the lifecycle stream; an unknown type moves only version and head."""
    data = event.data
    if state is None:
        if not isinstance(data, e.UploadInitiated):
            raise IntegrityViolated("a file's stream does not begin with its initiation", position=event.position)
        return File(
            id=UUID(event.stream.partition(":")[2]),
            workspace=event.workspace,
            version=event.version,
            head=event.leaf,
            status="initiated",
            initiated=data,
            created_at=event.time,
            reserved=data.reserved,
            access=data.access,
            expires_at=data.expires_at,
            private_events=(event.id,),
            look_after=data.write_until,
        )
    state = replace(state, version=event.version, head=event.leaf)
    if isinstance(data, _UPLOAD_EVENTS):
        return _evolve_upload(state, event)
    if isinstance(data, _PURGE_EVENTS):
        return _evolve_purge(state, event)
    return _evolve_custody(state, event)


_UPLOAD_EVENTS = (
    e.MultipartOpened,
    e.CompletionRequested,
    e.Stored,
    e.IntegrityFailed,
    e.IntegrityVerified,
    e.ObjectMissing,
    e.PlaceChecked,
    e.StrayFound,
    e.StrayRemoved,
    e.UploadAborted,
    e.UploadExpired,
    e.UploadCleared,
)
_PURGE_EVENTS = (
    e.PurgeRequested,
    e.PurgeApproved,
    e.PurgeRejected,
    e.PurgeWithdrawn,
    e.PurgeStarted,
    e.PurgeListed,
    e.PurgeFailed,
    e.Purged,
)


def _act(event: Event) -> Act:
    return Act(event.actor, event.time, event.position)


def _evolve_upload(state: File, event: Event) -> File:
    match event.data:
        case e.MultipartOpened() as data:
            return replace(state, multipart=data.upload)
        case e.CompletionRequested() as data:
            announced = Completion(data.size, data.sha256, data.md5, data.parts, data.etag, event.time)
            return replace(state, completion=announced, reserved=state.reserved + data.quota_bytes)
        case e.Stored() as data:
            return replace(
                state,
                status="stored",
                completion=None,
                stored=data,
                stored_at=event.time,
                expires_at=data.expires_at,
                reserved=state.reserved + data.quota_bytes,
                look_after=later(state.look_after, data.look_after),
            )
        case e.IntegrityFailed(found="nothing") as data:
            return replace(state, completion=None, look_after=later(state.look_after, data.look_after))
        case e.IntegrityFailed(found="stray") if state.completion is not None:
            return replace(state, completion=replace(state.completion, stray_at=event.time))
        case e.StrayRemoved():
            return replace(state, completion=None)
        case e.UploadAborted():
            return replace(state, status="aborted", completion=None)
        case e.UploadExpired():
            return replace(state, status="expired", completion=None)
        case e.UploadCleared() as data:
            return replace(_tidy(state, data.write_until), cleared=True, reserved=0)
        case e.PlaceChecked() as data:
            return _tidy(state, data.look_after)
        case e.StrayFound() as data:
            uploads = state.stray_uploads.union(data.upload_ids)
            return replace(state, strays=state.strays.union(data.versions), stray_uploads=uploads)
    return _evolve_integrity(state, event)


def _tidy(state: File, looked_after: datetime | None) -> File:
    """Return the file's state after its keys were rechecked and no unexpected object is left."""
    looked_after = later(state.looked_after, looked_after)
    return replace(state, looked_after=looked_after, strays=frozenset(), stray_uploads=frozenset())


def _evolve_integrity(state: File, event: Event) -> File:
    match event.data:
        case e.IntegrityFailed(found="at_rest"):
            return replace(state, damage="altered")
        case e.ObjectMissing():
            return replace(state, damage="missing")
        case e.IntegrityVerified() as data if state.stored is not None:
            proven = state.stored.model_copy(update={"sha256": data.sha256, "sha256_status": "verified"})
            return replace(state, stored=proven, verified_at=event.time, damage=None)
    return state


def _evolve_purge(state: File, event: Event) -> File:
    purge = state.purge
    match event.data:
        case e.PurgeRequested() as data:
            requested = _act(event)
            approved = None if data.four_eyes else requested
            asked = Purge(data.purge, requested, data.four_eyes, approved, missing=data.missing, policy=data.policy)
            return replace(state, purge=asked)
        case e.PurgeRejected():
            # The rejection asks to keep the file: a disposal policy's period starts again.
            return replace(state, purge=None, disposal_since=event.time if state.disposal_since else None)
        case e.PurgeWithdrawn():
            return replace(state, purge=None)
        case e.Purged() as data:
            return replace(state, status="purged", purge=None, purged=data, reserved=0)
    if purge is None:
        raise IntegrityViolated("a purge goes on that nobody requested", position=event.position)
    match event.data:
        case e.PurgeApproved():
            return replace(state, purge=replace(purge, approved=_act(event)))
        case e.PurgeStarted() as started:
            return replace(state, purge=replace(purge, started=started))
        case e.PurgeListed() as page:
            return replace(state, purge=replace(purge, pages=(*purge.pages, page)))
        case e.PurgeFailed():
            return replace(state, purge=replace(purge, failed=True))
    return state


def _evolve_custody(state: File, event: Event) -> File:
    match event.data:
        case e.SoftDeleted():
            return replace(state, status="soft_deleted", links_ended=event.position, disposal_since=event.time)
        case e.FileExpired():
            return replace(state, status="expired", links_ended=event.position, disposal_since=event.time)
        case e.LinkRevoked() as data:
            alive = tuple(one for one in state.revoked_links if one[1] + REVOCATION_KEPT_FOR > event.time)
            return replace(state, revoked_links=(*alive, (data.link, data.expires_at)))
        case e.Restored():
            # An expiry in the past would take effect at once; it is removed until a new one is set.
            over = state.status == "expired" or (state.expires_at is not None and state.expires_at <= event.time)
            keep = None if over else state.expires_at
            return replace(state, status="stored", expires_at=keep, disposal_since=None)
        case e.AccessLevelChanged() as data:
            return replace(state, access=data.access)
        case e.ExpirySet() as data:
            return replace(state, expires_at=data.expires_at, expiry_set=True)
        case e.RetentionSet() as data:
            return replace(state, retention=Retention(data.until, data.mode), retention_wish=None)
        case e.RetentionReductionRequested() as data:
            return replace(state, retention_wish=RetentionWish(data.until, "governance", _act(event)))
        case e.RetentionExtensionRequested() as data:
            return replace(state, retention_wish=RetentionWish(data.until, data.mode, _act(event)))
        case e.LegalHoldPlaced() as data:
            return replace(
                state,
                holds=(*state.holds, Hold(data.hold, _act(event))),
                private_events=(*state.private_events, event.id),
            )
        case e.LegalHoldReleased() as data:
            return replace(state, holds=tuple(hold for hold in state.holds if hold.id != data.hold))
        case e.MetadataChanged():
            return replace(state, private_events=(*state.private_events, event.id))
    return state

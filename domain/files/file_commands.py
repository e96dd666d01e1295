"""The commands on a file: one frozen class each, with the actor and the time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.files import file_events as e
from provenstore.domain.files.purge_approval import Grounds
from provenstore.domain.tenants.second_person import Person

Found = Literal["arriving", "nothing", "stray", "at_rest"]
Check = Literal["size", "sha256", "md5", "etag", "missing", "headers", "access", "kind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommand:
    """A command on a file: the actor, and the time of the decision."""

    by: Actor
    now: datetime

    @property
    def reads(self) -> tuple[Guard, ...]:
        """Streams other than the file's that the decision depends on."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCommand(FileCommand):
    """A command that may need a second person: `person` is the acting person, with their origin.

    `first` is the person whose act this command may confirm, by the log at that act. `Recorder.change` fills in both
    from the log; a decision that needs them refuses without them.
    """

    person: Person | None = None
    first: Person | None = None

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that say where the person comes from."""
        return self.person.reads if self.person else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeCommand(PersonCommand):
    """A command that depends on a purge's approval: `grounds` come from the log, filled in as in PersonCommand."""

    grounds: Grounds | None = None

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that hold the person's origin, and the grounds of the purge."""
        return (*(self.person.reads if self.person else ()), *(self.grounds.reads if self.grounds else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCompletion(FileCommand):
    """Announce the digests of uploaded bytes before they are published."""

    size: int
    sha256: str | None
    md5: str | None
    parts: int | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiate(FileCommand):
    """Begin a file; everything in `data` was checked against category and workspace.

    `announcing` is the completion to announce together with it, if all bytes came with the command.
    """

    data: e.UploadInitiated
    private: dict[str, Json]
    announcing: RequestCompletion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMultipart(FileCommand):
    """Record the store's multipart upload for the file, replacing `instead`."""

    upload: str
    instead: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStored(FileCommand):
    """Record that the object is at its key with these properties."""

    size: int
    sha256: str | None
    sha256_status: e.Sha256Status
    md5: str | None
    etag: str
    version_id: str | None
    leftovers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIntegrityFailure(FileCommand):
    """Record that the bytes did not match."""

    found: Found
    check: Check
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStrayRemoved(FileCommand):
    """Record that the unexpected object found at `found_at` is removed."""

    etag: str
    found_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVerified(FileCommand):
    """Record that the whole object was read and has these properties."""

    size: int
    sha256: str
    etag: str
    version_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMissing(FileCommand):
    """Record that the stored object is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStrayFound(FileCommand):
    """Record unexpected objects and uploads before they are removed."""

    versions: tuple[e.StrayVersion, ...]
    uploads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlaceChecked(FileCommand):
    """Record that the file's object keys were rechecked; nothing can write to them after `look_after`."""

    look_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort(FileCommand):
    """Abort an unfinished upload."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireUpload(FileCommand):
    """Expire an upload whose time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCleared(FileCommand):
    """Record that nothing of an ended upload is left; its last write URL expired at `write_until`."""

    write_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDelete(FileCommand):
    """Soft-delete the file: the content cannot be read, the bytes remain."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(FileCommand):
    """Expire a file whose time has passed: the content cannot be read, the bytes remain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(FileCommand):
    """Restore a soft-deleted or expired file."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFile(FileCommand):
    """Change the given fields atomically.

    `values` replaces whole private values (filename, metadata, related, subjects); `expiry` is (when,), with None for
    never.
    """

    values: dict[str, Json]
    access: e.AccessLevel | None = None
    expiry: tuple[datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class RetentionBound:
    """The years for which one person alone may set a compliance retention, and the stream that sets this limit."""

    years: int
    reads: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeLink(FileCommand):
    """Revoke one link."""

    link: str
    expires_at: datetime
    issued_at: int  # position of its LinkIssued
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRetention(PersonCommand):
    """Set or extend the retention, or request to shorten it."""

    until: datetime
    mode: e.RetentionMode
    reason: str
    bound: RetentionBound

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that hold the person's origin, and the limit for one person."""
        return (*(self.person.reads if self.person else ()), *self.bound.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(FileCommand):
    """Place a legal hold."""

    hold: str
    name: str
    matter: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHold(PersonCommand):
    """Release one legal hold."""

    hold: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPurge(FileCommand):
    """Request a purge; `four_eyes` is the workspace's current policy, from the streams in `policy`."""

    purge: str
    four_eyes: bool
    reason: str | None
    missing: bool = False
    policy: tuple[Guard, ...] = ()

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that hold the workspace's policy."""
        return self.policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispose(PurgeCommand):
    """Request a purge under the disposal policy in force, which is in the grounds."""

    purge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawPurge(FileCommand):
    """Withdraw a purge request."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovePurge(PurgeCommand):
    """Approve another person's purge request."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectPurge(FileCommand):
    """Reject another person's purge request."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPurge(PurgeCommand):
    """Start destroying these versions, after a fresh check, or cancel the purge if `found` differs from the request."""

    sha256: str | None
    versions: tuple[e.DestroyedVersion, ...]
    found: e.Found = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurgeListed(FileCommand):
    """Record versions at the file's keys that are not listed yet, before they are destroyed."""

    versions: tuple[e.DestroyedVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurgeFailure(FileCommand):
    """Record that the store did not delete every version."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurged(FileCommand):
    """Record that all keys of the file are listed empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePersonalData(FileCommand):
    """Erase private values of the file's earlier events; the leaves stay as they are."""

    fields: tuple[str, ...]
    events: int
    reason: str | None
    positions: tuple[int, ...] | None = None
    emptied: tuple[str, ...] | None = None
    erasure: str
    """The erasure request that two persons approved."""

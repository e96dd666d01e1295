"""What may be asked of a file: one frozen command each, naming who asks and when."""

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
    """Who asks, and the time at which it is decided."""

    by: Actor
    now: datetime

    @property
    def reads(self) -> tuple[Guard, ...]:
        """Streams beside the file's that the decision depends on."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCommand(FileCommand):
    """What may take a second person: `person` is who asks, with where it comes from.

    `first` is the first person whose act this one may agree to, by what the log said at that act. `Recorder.change`
    fills both in, from the log; a decision that needs them refuses without them.
    """

    person: Person | None = None
    first: Person | None = None

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that say where the person comes from."""
        return self.person.reads if self.person else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeCommand(PersonCommand):
    """What depends on the approval of a purge: `grounds` is what the log says of it, filled in as in PersonCommand."""

    grounds: Grounds | None = None

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that say where the person comes from, and what the purge stands on."""
        return (*(self.person.reads if self.person else ()), *(self.grounds.reads if self.grounds else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCompletion(FileCommand):
    """Announce the digests of bytes that are at hand, before they are published."""

    size: int
    sha256: str | None
    md5: str | None
    parts: int | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiate(FileCommand):
    """Begin a file; everything in `data` was checked against category and workspace.

    `announcing` is what is announced in the same breath, where all bytes are at hand already.
    """

    data: e.UploadInitiated
    private: dict[str, Json]
    announcing: RequestCompletion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMultipart(FileCommand):
    """Record the store's upload that takes the file's parts, in place of `instead`."""

    upload: str
    instead: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStored(FileCommand):
    """Record that the object stands in its place with these properties."""

    size: int
    sha256: str | None
    sha256_status: e.Sha256Status
    md5: str | None
    etag: str
    version_id: str | None
    leftovers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIntegrityFailure(FileCommand):
    """Record that the bytes were not what they should be."""

    found: Found
    check: Check
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStrayRemoved(FileCommand):
    """Record that the stray object is gone that was found at that moment."""

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
    """Record that the stored object is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStrayFound(FileCommand):
    """Record what stands where nothing should, before it is removed."""

    versions: tuple[e.StrayVersion, ...]
    uploads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlaceChecked(FileCommand):
    """Record that the file's keys were looked at; nothing of theirs can be written after `look_after`."""

    look_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort(FileCommand):
    """Give an unfinished upload up."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireUpload(FileCommand):
    """Give an upload up whose time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCleared(FileCommand):
    """Record that nothing of a given-up upload is left; its last URL for writing died at `write_until`."""

    write_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDelete(FileCommand):
    """Take the content out of reach, keeping its bytes."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(FileCommand):
    """Take the content of a file whose time has passed out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(FileCommand):
    """Bring a soft-deleted or expired file back."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFile(FileCommand):
    """Change what is named, all of it or nothing.

    `values` replaces private values as a whole each (filename, metadata, related, subjects); `expiry` is (when,), with
    None for never.
    """

    values: dict[str, Json]
    access: e.AccessLevel | None = None
    expiry: tuple[datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class RetentionBound:
    """How many years ahead one person alone may set a compliance retention, and the stream that says so."""

    years: int
    reads: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeLink(FileCommand):
    """End one link before its time."""

    link: str
    expires_at: datetime
    issued_at: int  # position of its LinkIssued
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRetention(PersonCommand):
    """Set, lengthen, or ask to shorten the retention."""

    until: datetime
    mode: e.RetentionMode
    reason: str
    bound: RetentionBound

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that say where the person comes from, and how far one may go alone."""
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
    """End one legal hold."""

    hold: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPurge(FileCommand):
    """Ask for the destruction of the bytes; `four_eyes` is the workspace's policy now, as the streams `policy` say."""

    purge: str
    four_eyes: bool
    reason: str | None
    missing: bool = False
    policy: tuple[Guard, ...] = ()

    @property
    def reads(self) -> tuple[Guard, ...]:
        """The streams that say what the workspace's policy is."""
        return self.policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispose(PurgeCommand):
    """Ask for the destruction of the bytes under the disposal policy in force, which the grounds name."""

    purge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawPurge(FileCommand):
    """Take a purge request back."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovePurge(PurgeCommand):
    """Agree to a purge that somebody else asked for."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectPurge(FileCommand):
    """Refuse a purge that somebody else asked for."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPurge(PurgeCommand):
    """Begin the destruction of these versions, after a fresh check, or end the purge if the object is not `found`."""

    sha256: str | None
    versions: tuple[e.DestroyedVersion, ...]
    found: e.Found = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurgeListed(FileCommand):
    """Record what stands at the file's keys and is on no list yet, before it is destroyed."""

    versions: tuple[e.DestroyedVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPurgeFailure(FileCommand):
    """Record that the store kept something."""

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
    """The request that two persons agreed on."""

"""The event types of workspaces, actors and credentials: streams `workspace:`, `actor:`, `credential:`, `audit:`."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from provenstore.domain.eventlog.caller import Role
from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Moment
from provenstore.domain.eventlog.quota import QuotaChange, new_limits

ActorKind = Literal["service", "person", "system"]


@REGISTRY.register
class WorkspaceCreated(EventData):
    """A workspace was created, with its purge policy and its quota."""

    TYPE: ClassVar[str] = "workspace.created.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"name"})

    workspace: str
    four_eyes: bool
    max_bytes: int | None  # quota; None is no limit
    max_files: int | None

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Set the limits of the workspace."""
        return new_limits(workspace, self.max_bytes, self.max_files)


class FormerQuota(BaseModel):
    """The quota that was replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int | None
    max_files: int | None


@REGISTRY.register
class QuotaSet(EventData):
    """The quota was changed; stored files beyond it stay."""

    TYPE: ClassVar[str] = "workspace.quota_set.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("max_bytes", "max_files")

    max_bytes: int | None
    max_files: int | None
    was: FormerQuota | None = None  # before this event

    def quota_change(self, workspace: str) -> QuotaChange | None:
        """Set the limits of the workspace."""
        return new_limits(workspace, self.max_bytes, self.max_files)


class FormerPurgePolicy(BaseModel):
    """The policy for purges that was replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    four_eyes: bool


@REGISTRY.register
class PurgePolicySet(EventData):
    """The purge policy was set: whether a purge requires a second person."""

    TYPE: ClassVar[str] = "workspace.purge_policy_set.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})
    CHANGES: ClassVar[tuple[str, ...]] = ("four_eyes",)

    four_eyes: bool
    was: FormerPurgePolicy | None = None  # before this event


@REGISTRY.register
class PurgePolicyChangeRequested(EventData):
    """One person requests to switch four eyes off; a second person must approve."""

    TYPE: ClassVar[str] = "workspace.purge_policy_change_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    four_eyes: bool


@REGISTRY.register
class PurgePolicyChangeApproved(EventData):
    """A second person approves; PurgePolicySet puts it in force at `effective_at`, unless it is cancelled before."""

    TYPE: ClassVar[str] = "workspace.purge_policy_change_approved.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    four_eyes: bool
    effective_at: Moment


class FormerRetentionPolicy(BaseModel):
    """The policy for retention that was replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_years: int


@REGISTRY.register
class RetentionPolicyRequested(EventData):
    """One person requests a higher limit for compliance retentions set by one person; a second person must approve."""

    TYPE: ClassVar[str] = "workspace.retention_policy_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    max_years: int
    was: FormerRetentionPolicy | None = None  # in force until it is agreed to


@REGISTRY.register
class RetentionPolicySet(EventData):
    """The limit for compliance retentions set by one person alone was changed."""

    TYPE: ClassVar[str] = "workspace.retention_policy_set.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})
    CHANGES: ClassVar[tuple[str, ...]] = ("max_years",)

    max_years: int
    was: FormerRetentionPolicy | None = None  # before this event


class Limits(BaseModel):
    """Limits of a category; None keeps the built-in limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_size: int | None = None  # bytes a file
    extensions: tuple[str, ...] | None = None
    expires_after: int | None = None  # seconds from Stored; 0 is never
    allow_empty: bool | None = None
    reserve: int | None = None  # bytes taken from the quota for a file of undeclared size
    link_ttl: int | None = None  # seconds that a link lives at most
    direct_links: bool | None = None  # whether links may lead straight to the bucket, where nobody sees their uses


class FormerLimits(BaseModel):
    """The limits that were replaced; all null where the built-in ones held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: Limits


@REGISTRY.register
class LimitsSet(EventData):
    """The limits of one category of this workspace were changed."""

    TYPE: ClassVar[str] = "workspace.limits_set.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("limits",)

    category: str
    limits: Limits
    was: FormerLimits | None = None  # before this event


@REGISTRY.register
class CategoryRegistered(EventData):
    """The workspace added a category of its own."""

    TYPE: ClassVar[str] = "workspace.category_registered.v1"

    category: str
    template: str
    limits: Limits


@REGISTRY.register
class ActorRegistered(EventData):
    """An opaque id was registered for a person or a service."""

    TYPE: ClassVar[str] = "actor.registered.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"issuer", "subject", "name", "email"})

    actor: str
    kind: ActorKind


@REGISTRY.register
class ActorKeyAdded(EventData):
    """A registered actor gets a further API key: its issuer counts as having changed the actor."""

    TYPE: ClassVar[str] = "actor.key_added.v1"

    actor: str
    credential: str


@REGISTRY.register
class CredentialIssued(EventData):
    """An API key was issued; the log holds only a digest of its 256 random bits."""

    TYPE: ClassVar[str] = "credential.issued.v1"
    HIDDEN: ClassVar[frozenset[str]] = frozenset({"digest"})

    credential: str
    actor: str
    kind: ActorKind
    roles: tuple[Role, ...]
    scope: str | None  # workspace; None is the whole ledger
    digest: str  # hex SHA-256 of the secret
    expires_at: Moment | None


@REGISTRY.register
class CredentialRevoked(EventData):
    """The API key was revoked."""

    TYPE: ClassVar[str] = "credential.revoked.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    credential: str


@REGISTRY.register
class AuditRead(EventData):
    """Audit records were read, by the principal of this stream."""

    TYPE: ClassVar[str] = "audit.read.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"searched_for"})
    # `searched_for`: conditions that may name a person or have more than 1,024 characters, with their values, by name

    what: Literal[
        "history", "certificate", "search", "receipt", "proof", "entries", "list", "rows", "differences", "event",
        "as_of", "keys", "file", "holds", "purge", "erasure", "disposal", "workspace",
    ]  # fmt: skip
    file: str | None  # None: not of one file
    by: tuple[str, ...] = ()  # of a search or a list: which conditions were asked
    asked: tuple[str, ...] = ()  # those of them that are not in `searched_for`, with their values: `name=value`
    model: str | None = None  # the read model, of rows, differences and a raw event
    position: int | None = None  # as of which; of an event: where it stands
    from_position: int | None = None  # of entries, and of a range: the first; entries are read up to the newest
    to_position: int | None = None  # of a range: the last
    shown: int | None = None  # how many of what was asked for are shown

"""The event types of disposal policies (streams `workspace:`) and of disposal runs (`disposal:`)."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from provenstore.domain.eventlog.event_types import REGISTRY, EventData

_REASON = frozenset({"reason"})


@REGISTRY.register
class DisposalPolicyRequested(EventData):
    """One person requests a policy that destroys deleted and expired files of a category; nothing changes yet."""

    TYPE: ClassVar[str] = "workspace.disposal_policy_requested.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    request: str
    category: str
    after_days: int | None  # from the deletion or expiry; None: never


class FormerDisposalPolicy(BaseModel):
    """The policy that was replaced; `policy` is None if the category had none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str | None
    after_days: int | None


@REGISTRY.register
class DisposalPolicyApproved(EventData):
    """A second person approves: the policy is in force, and destroys nothing in its first 7 days."""

    TYPE: ClassVar[str] = "workspace.disposal_policy_approved.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON
    CHANGES: ClassVar[tuple[str, ...]] = ("policy", "after_days")

    request: str
    category: str
    policy: str  # with its version, as purges name it: the category and the number of its approvals
    after_days: int | None
    was: FormerDisposalPolicy | None = None  # before this event


@REGISTRY.register
class DisposalPolicyRejected(EventData):
    """A requested policy was rejected, or withdrawn by its requester."""

    TYPE: ClassVar[str] = "workspace.disposal_policy_rejected.v1"
    PRIVATE: ClassVar[frozenset[str]] = _REASON

    request: str
    category: str


@REGISTRY.register
class DisposalRunEnded(EventData):
    """A disposal run in one workspace ended; each file's own events record its destruction."""

    TYPE: ClassVar[str] = "disposal.run_ended.v1"

    run: str
    files: int  # destroyed
    bytes: int  # that no longer count towards the quota
    failed: int  # not destroyed; they are tried again
    files_sha256: str  # hex, over one line per destroyed file, sorted: its id and a line feed
    policies: tuple[str, ...]  # that were applied, with their versions, sorted; at most 50
    more: bool  # whether due files were left for the next run

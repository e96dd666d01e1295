"""The state of one workspace (tenant): its purge policy, quota, limits and own categories; and what may change them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel

from provenstore.domain.canonical import MAX_INTEGER, Json
from provenstore.domain.errors import AlreadyExists, IntegrityViolated, InvalidInput, NotFound
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import disposal as dp
from provenstore.domain.tenants import purge_policy, retention_policy
from provenstore.domain.tenants import workspace_events as e
from provenstore.domain.tenants.categories import BUILT_IN, DAY, EVERY_TYPE, Category, require_template
from provenstore.domain.tenants.purge_policy import PolicyChange, carry_out, set_purge_policy
from provenstore.domain.tenants.retention_policy import DEFAULT_RETENTION_YEARS, BoundRequest, set_retention_policy
from provenstore.domain.tenants.second_person import Act
from provenstore.domain.text import MAX_ID_BYTES, require_slug, require_text

MAX_OWN_CATEGORIES = 200

MAX_EXPIRES_AFTER = 100 * 366 * 24 * 60 * 60
"""Seconds: a century. Far more would end beyond the calendar, when the file is stored and it is too late to refuse."""

MAX_LINK_TTL = 7 * DAY
"""Seconds: as long as a signed URL of a bucket can live (AWS signature version 4)."""

MAX_EXTENSION = 25
"""Characters of a file type, dots among them."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that a decision about a workspace, or about a file in it, may depend on."""

    id: str
    version: int
    four_eyes: bool
    max_bytes: int | None
    max_files: int | None
    limits: Mapping[str, e.Limits] = field(default_factory=lambda: MappingProxyType({}))
    templates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    policy_change: PolicyChange | None = None
    """Four eyes are asked, or agreed, to be switched off."""
    policies: tuple[tuple[int, bool], ...] = ()
    """From which position of the log on four eyes were on or off."""
    max_retention_years: int = DEFAULT_RETENTION_YEARS
    bound_request: BoundRequest | None = None
    """A higher one is asked for."""
    disposal: dp.Disposal = dp.NONE
    """Its disposal policies, and those that wait for a second person."""

    def four_eyes_at(self, position: int) -> bool:
        """Tell whether four eyes were on for what was recorded at a position."""
        return next((on for since, on in reversed(self.policies) if since <= position), True)

    def at(self, now: datetime) -> "Workspace":
        """Return the workspace as it is at this moment: a change that is due counts before it is recorded."""
        due = self.policy_change is not None and self.policy_change.due(now)
        return replace(self, four_eyes=False, policy_change=None) if due else self

    def category(self, name: str) -> Category:
        """Return a category under this workspace's limits; InvalidInput if there is none of this name."""
        category = BUILT_IN.get(name)
        if name in self.templates:
            category = Category(name, self.templates[name], EVERY_TYPE)
        if category is None:
            raise InvalidInput("category", f"is {name!r}, which this workspace does not have")
        limits = self.limits.get(name)
        return category.limited(limits) if limits else category


def workspace_stream(workspace: str) -> str:
    """Return the stream of a workspace."""
    return f"workspace:{workspace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWorkspace:
    """Make a tenant."""

    id: str
    name: str | None = None
    four_eyes: bool = True
    max_bytes: int | None = None
    max_files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuota:
    """Change the quota; None is no limit, and what is not named stays."""

    max_bytes: int | Literal["unchanged"] | None = "unchanged"
    max_files: int | Literal["unchanged"] | None = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimits:
    """Give a category other limits."""

    category: str
    limits: e.Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCategory:
    """Add a category of the workspace's own."""

    category: str
    template: str
    limits: e.Limits


SetPurgePolicy = purge_policy.SetPurgePolicy
CarryOutPolicyChange = purge_policy.CarryOutPolicyChange
SetRetentionPolicy = retention_policy.SetRetentionPolicy

WorkspaceCommand = (
    CreateWorkspace
    | SetQuota
    | SetPurgePolicy
    | CarryOutPolicyChange
    | SetRetentionPolicy
    | SetLimits
    | RegisterCategory
    | dp.Command
)


def decide(state: Workspace | None, command: WorkspaceCommand) -> tuple[Fact, ...]:
    """Return the facts that `command` makes, changes with what they replace; Refused errors where it may not be."""
    return tuple(_with_former(state, fact) for fact in _decide(state, command))


def first_act(state: Workspace, command: WorkspaceCommand) -> Act | None:
    """Return the act of a first person to which `command` may be the second one's; None if it waits for nobody."""
    match command:
        case SetPurgePolicy():
            return None if state.policy_change is None else state.policy_change.requested
        case SetRetentionPolicy():
            return None if state.bound_request is None else state.bound_request.asked
        case dp.ApproveDisposalPolicy():
            return next((one.asked for one in state.disposal.requests.values() if one.id == command.request), None)
    return None


def _with_former(state: Workspace | None, fact: Fact) -> Fact:
    """Return the fact with what it replaces, of the state that was decided by."""
    if state is None:
        return fact
    was: BaseModel
    match fact.data:
        case e.QuotaSet():
            was = e.FormerQuota(max_bytes=state.max_bytes, max_files=state.max_files)
        case e.PurgePolicySet():
            was = e.FormerPurgePolicy(four_eyes=state.four_eyes)
        case e.RetentionPolicySet() | e.RetentionPolicyRequested():
            was = e.FormerRetentionPolicy(max_years=state.max_retention_years)
        case e.LimitsSet(category=category):
            was = e.FormerLimits(limits=state.limits.get(category, e.Limits()))
        case _:
            return fact
    return replace(fact, data=fact.data.model_copy(update={"was": was}))


def _decide(state: Workspace | None, command: WorkspaceCommand) -> tuple[Fact, ...]:
    if isinstance(command, CreateWorkspace):
        return _create(state, command)
    if state is None:
        raise NotFound("there is no such workspace")
    match command:
        case SetQuota():
            max_bytes = state.max_bytes if command.max_bytes == "unchanged" else command.max_bytes
            max_files = state.max_files if command.max_files == "unchanged" else command.max_files
            _require_quota(max_bytes, max_files)
            return (Fact(e.QuotaSet(max_bytes=max_bytes, max_files=max_files)),)
        case SetPurgePolicy():
            return set_purge_policy(state.four_eyes, state.policy_change, command)
        case CarryOutPolicyChange():
            return carry_out(state.policy_change, command)
        case SetRetentionPolicy():
            return set_retention_policy(state.max_retention_years, state.bound_request, command)
        case SetLimits():
            state.category(command.category)
            _require_limits(command.limits)
            return (Fact(e.LimitsSet(category=command.category, limits=command.limits)),)
        case RegisterCategory():
            return _register(state, command)
        case dp.RequestDisposalPolicy():
            state.category(command.category)
            return dp.decide(state.disposal, command)
        case dp.ApproveDisposalPolicy() | dp.RejectDisposalPolicy():
            return dp.decide(state.disposal, command)


def _create(state: Workspace | None, command: CreateWorkspace) -> tuple[Fact, ...]:
    require_slug("id", command.id)
    if command.id == SYSTEM_WORKSPACE:
        raise InvalidInput("id", f"{SYSTEM_WORKSPACE!r} is the ledger's own")
    if state is not None:
        raise AlreadyExists("there is a workspace of this id already")
    _require_quota(command.max_bytes, command.max_files)
    private: dict[str, Json] = {"name": require_text("name", command.name, MAX_ID_BYTES)} if command.name else {}
    data = e.WorkspaceCreated(
        workspace=command.id, four_eyes=command.four_eyes, max_bytes=command.max_bytes, max_files=command.max_files
    )
    return (Fact(data, private),)


def _register(state: Workspace, command: RegisterCategory) -> tuple[Fact, ...]:
    require_slug("category", command.category)
    require_template(command.template)
    _require_limits(command.limits)
    if command.category in BUILT_IN or command.category in state.templates:
        raise AlreadyExists("there is a category of this name already")
    if len(state.templates) >= MAX_OWN_CATEGORIES:
        raise InvalidInput("category", f"would be one more than {MAX_OWN_CATEGORIES}", limit=MAX_OWN_CATEGORIES)
    data = e.CategoryRegistered(category=command.category, template=command.template, limits=command.limits)
    return (Fact(data),)


def _require_quota(max_bytes: int | None, max_files: int | None) -> None:
    for name, value in (("max_bytes", max_bytes), ("max_files", max_files)):
        if value is not None and not 0 <= value <= MAX_INTEGER:
            raise InvalidInput(name, "is negative or too large to count")


def _require_limits(limits: e.Limits) -> None:
    for name in ("max_size", "expires_after", "reserve"):
        value = getattr(limits, name)
        if value is not None and not 0 <= value <= MAX_INTEGER:
            raise InvalidInput(name, "is negative or too large to count")
    if limits.link_ttl is not None and not 1 <= limits.link_ttl <= MAX_LINK_TTL:
        raise InvalidInput("link_ttl", f"is not 1 to {MAX_LINK_TTL:,} seconds", limit=MAX_LINK_TTL)
    if limits.expires_after is not None and limits.expires_after > MAX_EXPIRES_AFTER:
        raise InvalidInput("expires_after", f"is more than {MAX_EXPIRES_AFTER:,} seconds", limit=MAX_EXPIRES_AFTER)
    if limits.extensions == ():
        raise InvalidInput("extensions", "names no type; name one or more, or * for every type")
    for extension in limits.extensions or () if limits.extensions != EVERY_TYPE else ():
        if not extension.replace(".", "").isalnum() or extension != extension.lower() or len(extension) > MAX_EXTENSION:
            raise InvalidInput("extensions", f"holds {extension[:40]!r}, which is no extension")


def project(state: Workspace | None, events: Iterable[Event]) -> Workspace | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state


def evolve(state: Workspace | None, event: Event) -> Workspace | None:
    """Return the state after one event."""
    data = event.data
    if state is None:
        if not isinstance(data, e.WorkspaceCreated):
            raise IntegrityViolated("a workspace's stream does not begin with its creation", position=event.position)
        policies = ((event.position, data.four_eyes),)
        return Workspace(
            data.workspace, event.version, data.four_eyes, data.max_bytes, data.max_files, policies=policies
        )
    changes: dict[str, Any] = {"version": event.version, "disposal": dp.evolve(state.disposal, event)}
    match data:
        case e.QuotaSet():
            changes |= {"max_bytes": data.max_bytes, "max_files": data.max_files}
        case e.PurgePolicySet():
            changes |= {"four_eyes": data.four_eyes, "policy_change": None}
            changes["policies"] = (*state.policies, (event.position, data.four_eyes))
        case e.PurgePolicyChangeRequested():
            changes["policy_change"] = PolicyChange(Act(event.actor, event.time, event.position))
        case e.PurgePolicyChangeApproved() if state.policy_change is not None:
            approved = Act(event.actor, event.time, event.position)
            effective_at = data.effective_at
            changes["policy_change"] = replace(state.policy_change, approved=approved, effective_at=effective_at)
        case e.RetentionPolicySet():
            changes |= {"max_retention_years": data.max_years, "bound_request": None}
        case e.RetentionPolicyRequested():
            act, before = Act(event.actor, event.time, event.position), state.bound_request
            replaced = None if before is None else replace(before, replaced=None)
            changes["bound_request"] = BoundRequest(data.max_years, act, replaced)
        case e.LimitsSet():
            changes["limits"] = MappingProxyType({**state.limits, data.category: data.limits})
        case e.CategoryRegistered():
            changes["templates"] = MappingProxyType({**state.templates, data.category: data.template})
            changes["limits"] = MappingProxyType({**state.limits, data.category: data.limits})
    return replace(state, **changes)

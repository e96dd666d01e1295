"""Disposal policies: when deleted and expired files are destroyed without a request for each. Pure.

Temporary files and exports have a built-in policy. Other categories have none until one person of the workspace has
requested it and a second person has approved it, independent of the workspace's purge policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from provenstore.domain.errors import IntegrityViolated, InvalidInput, NotFound
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import disposal_events as e
from provenstore.domain.tenants.second_person import Act, Person, require_person, require_second_person
from provenstore.domain.text import require_reason

DEFAULT_DAYS: Final = 90
"""Default days from the deletion or expiry."""

MAX_DAYS: Final = 36_500

BUILT_IN_DAYS: Final = 7
"""Days for which an expired or deleted temporary file or export can still be restored."""

NOTICE: Final = timedelta(days=7)
"""How long a policy destroys nothing after its approval, also of files deleted long ago: time to restore them.

For a built-in policy it counts from the first start of a release that has it.
"""

BUILT_IN_CATEGORIES: Final = ("temp", "temp_processing", "export")

RULE: Final = "disposal-policy-by-two"


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days after their deletion or expiry files of a category are destroyed; None: never."""

    category: str
    after_days: int | None
    version: str
    """`built-in/1`, or the number of the category's approvals so far."""
    requested: Act | None = None
    approved: Act | None = None
    """Its request and its approval; None for a built-in policy."""
    since: datetime | None = None
    """For a built-in policy, when the store was first recorded: earlier releases had no built-in policy."""

    @property
    def name(self) -> str:
        """The policy with its version, as recorded in purges."""
        return f"{self.category}/{self.version}"

    @property
    def built_in(self) -> bool:
        """Whether it is in force without an approval."""
        return self.approved is None

    @property
    def not_before(self) -> datetime | None:
        """The first moment at which it may destroy files; None for a built-in policy without a recorded start."""
        begun = self.approved.at if self.approved else self.since
        return None if begun is None else begun + NOTICE

    def due_at(self, since: datetime) -> datetime | None:
        """Return when a file whose period began at `since` is due; None for never."""
        if self.after_days is None:
            return None
        due = since + timedelta(days=self.after_days)
        return due if self.not_before is None else max(due, self.not_before)


BUILT_IN: Final[Mapping[str, Policy]] = MappingProxyType(
    {category: Policy(category, BUILT_IN_DAYS, "built-in/1") for category in BUILT_IN_CATEGORIES}
)


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """A policy that one person has requested."""

    id: str
    category: str
    after_days: int | None
    asked: Act


@dataclass(frozen=True, slots=True)
class Disposal:
    """The approved policies of one workspace, and the requested ones, by category."""

    approved: Mapping[str, Policy]
    requests: Mapping[str, PolicyRequest]

    def policy(self, category: str) -> Policy | None:
        """Return the policy in force for a category: the approved one, else the built-in one; None if neither."""
        return self.approved.get(category) or BUILT_IN.get(category)

    def request(self, request: str) -> PolicyRequest:
        """Return a request that waits for a second person; NotFound."""
        found = next((one for one in self.requests.values() if one.id == request), None)
        if found is None:
            raise NotFound("no such disposal policy is requested")
        return found


NONE: Final = Disposal(MappingProxyType({}), MappingProxyType({}))
"""The policies of a workspace without decisions: only the built-in ones are in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDisposalPolicy:
    """Request a policy; `after_days` None means that no policy destroys files of the category."""

    by: Actor
    request: str
    category: str
    after_days: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveDisposalPolicy:
    """Approve a requested policy. `Administration.change` fills in the approver and the requester."""

    by: Actor
    request: str
    reason: str | None
    person: Person | None = None
    first: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectDisposalPolicy:
    """Reject a requested policy, or withdraw one's own request."""

    by: Actor
    request: str
    reason: str | None


Command = RequestDisposalPolicy | ApproveDisposalPolicy | RejectDisposalPolicy


def decide(state: Disposal, command: Command) -> tuple[Fact, ...]:
    """Return the facts of a command on a workspace's policies; a later request for a category replaces the earlier."""
    reason = {} if command.reason is None else {"reason": require_reason(command.reason)}
    if isinstance(command, RequestDisposalPolicy):
        if command.after_days is not None and not 1 <= command.after_days <= MAX_DAYS:
            raise InvalidInput("after_days", f"is not between 1 and {MAX_DAYS:,}", limit=MAX_DAYS)
        require_person(command.by, "ask for a disposal policy", rule="disposal-policy-by-two")
        requested = e.DisposalPolicyRequested(
            request=command.request, category=command.category, after_days=command.after_days
        )
        return (Fact(requested, reason, decision="disposal-policy-awaits-second-person/1"),)
    request = state.request(command.request)
    if isinstance(command, ApproveDisposalPolicy):
        require_second_person(
            request.asked,
            command.first,
            command.person,
            done="a disposal policy is approved",
            first_did="asked for it",
            rule=RULE,
        )
        return (Fact(_approved(state, request), reason, decision="disposal-policy-by-two/1"),)
    require_person(command.by, "reject a disposal policy", rule="disposal-policy-by-two")
    rejected = e.DisposalPolicyRejected(request=request.id, category=request.category)
    return (Fact(rejected, reason, decision="disposal-policy-by-two/1"),)


def _approved(state: Disposal, request: PolicyRequest) -> e.DisposalPolicyApproved:
    before, in_force = state.approved.get(request.category), state.policy(request.category)
    was = e.FormerDisposalPolicy(
        policy=in_force.name if in_force else None, after_days=in_force.after_days if in_force else None
    )
    version = next_version(before)
    policy = Policy(request.category, request.after_days, version)
    return e.DisposalPolicyApproved(
        request=request.id, category=request.category, policy=policy.name, after_days=request.after_days, was=was
    )


def next_version(before: Policy | None) -> str:
    """Return the version of the policy that follows an approved one."""
    return "1" if before is None else str(int(before.version) + 1)


def evolve(state: Disposal, event: Event) -> Disposal:
    """Return the state after one event of the workspace."""
    match event.data:
        case e.DisposalPolicyRequested() as data:
            return Disposal(state.approved, MappingProxyType({**state.requests, data.category: request_of(event)}))
        case e.DisposalPolicyRejected() as data:
            return Disposal(state.approved, _without(state.requests, data.category))
        case e.DisposalPolicyApproved() as data:
            asked = state.requests.get(data.category)
            requested = asked.asked if asked is not None and asked.id == data.request else None
            version = next_version(state.approved.get(data.category))
            policy = Policy(data.category, data.after_days, version, requested, _act(event))
            approved = MappingProxyType({**state.approved, data.category: policy})
            return Disposal(approved, _without(state.requests, data.category))
    return state


def request_of(event: Event) -> PolicyRequest:
    """Return the policy request in an event; IntegrityViolated if it is not one."""
    data = event.data
    if not isinstance(data, e.DisposalPolicyRequested):
        raise IntegrityViolated("the event requests no disposal policy", position=event.position)
    return PolicyRequest(data.request, data.category, data.after_days, _act(event))


def _act(event: Event) -> Act:
    return Act(event.actor, event.time, event.position)


def _without(requests: Mapping[str, PolicyRequest], category: str) -> Mapping[str, PolicyRequest]:
    return MappingProxyType({name: request for name, request in requests.items() if name != category})

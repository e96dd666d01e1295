"""The purge policy of a workspace: whether purges require a second person, and how that is changed. Pure.

Switching four eyes on takes effect at once. Switching off requires two persons and a day: one requests, a second
approves, and the change takes effect 24 hours later, when it is recorded as PurgePolicySet. Until then any caller who
may change the workspace can cancel it by switching four eyes on. A purge keeps the policy under which it was requested.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from provenstore.domain.errors import SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import workspace_events as e
from provenstore.domain.tenants.second_person import Act, Person, require_person, require_second_person
from provenstore.domain.text import require_reason

TAKES_EFFECT_AFTER = timedelta(hours=24)
"""Long enough for others to notice the change and cancel it."""

RULE = "four-eyes-off-by-two"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPurgePolicy:
    """Require a second person for purges, or no longer.

    `Administration.change_workspace` fills in the actor, the persons and the time.
    """

    four_eyes: bool
    reason: str
    by: Actor | None = None
    now: datetime | None = None
    person: Person | None = None
    first: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOutPolicyChange:
    """Record that an approved change is in force after its day."""

    now: datetime


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A pending change to switch four eyes off: its request, its approval, and when it takes effect."""

    requested: Act
    approved: Act | None = None
    effective_at: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Tell whether its day is over."""
        return self.effective_at is not None and now >= self.effective_at


def set_purge_policy(four_eyes: bool, change: PolicyChange | None, command: SetPurgePolicy) -> tuple[Fact, ...]:
    """Switch on at once; switch off by two persons, neither of whom made or changed the other."""
    reason = {"reason": require_reason(command.reason)}
    if command.four_eyes:
        if four_eyes and change is None:
            return ()
        return (Fact(e.PurgePolicySet(four_eyes=True), reason, decision="four-eyes-on-at-once/1"),)
    if not four_eyes:
        return ()
    if command.by is None or command.now is None:
        raise SecondPersonRequired("who asks to switch four eyes off is not known", rule="four-eyes-off-by-two")
    require_person(command.by, "switch four eyes off", rule=RULE)
    if change is None:
        asked = e.PurgePolicyChangeRequested(four_eyes=False)
        return (Fact(asked, reason, decision="four-eyes-off-awaits-second-person/1"),)
    if change.approved is not None:
        return ()
    require_second_person(
        change.requested,
        command.first,
        command.person,
        done="four eyes are switched off",
        first_did="asked for it",
        rule=RULE,
    )
    agreed = e.PurgePolicyChangeApproved(four_eyes=False, effective_at=command.now + TAKES_EFFECT_AFTER)
    return (Fact(agreed, reason, decision="four-eyes-off-by-two/1"),)


def carry_out(change: PolicyChange | None, command: CarryOutPolicyChange) -> tuple[Fact, ...]:
    """Record the change once it is due; nothing before."""
    if change is None or not change.due(command.now):
        return ()
    return (Fact(e.PurgePolicySet(four_eyes=False), decision="four-eyes-off-after-a-day/1"),)

"""The limit up to which one person alone may set a compliance retention in a workspace, and its changes. Pure.

Lowering takes effect at once. Raising requires two persons, since a retention set under the higher limit can never be
undone: one person requests it, and a second person sets the same value. A request waits until then. A different higher
value replaces it; setting the current limit or a lower one ends it.
"""

from dataclasses import dataclass

from provenstore.domain.canonical import Json
from provenstore.domain.errors import InvalidInput, SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import workspace_events as e
from provenstore.domain.tenants.second_person import Act, Person, require_person, require_second_person
from provenstore.domain.text import require_reason

DEFAULT_RETENTION_YEARS = 10
"""As long as most bookkeeping laws require; a workspace with longer duties raises it once, by two persons."""

MAX_RETENTION_YEARS = 100
"""Maximum limit for one person: a compliance retention can never be shortened."""

RULE = "retention-bound-by-two"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRetentionPolicy:
    """Set the years up to which one person alone may set a compliance retention.

    `Administration.change_workspace` fills in the actor and the persons.
    """

    max_years: int
    reason: str | None = None
    by: Actor | None = None
    person: Person | None = None
    first: Person | None = None


@dataclass(frozen=True, slots=True)
class BoundRequest:
    """A higher limit that one person has requested."""

    max_years: int
    asked: Act
    replaced: "BoundRequest | None" = None
    """The pending request that this one replaced; earlier ones are not kept."""


def set_retention_policy(max_years: int, request: BoundRequest | None, command: SetRetentionPolicy) -> tuple[Fact, ...]:
    """Lower at once; raise by two persons, neither of whom made or changed the other."""
    if not 1 <= command.max_years <= MAX_RETENTION_YEARS:
        raise InvalidInput("max_retention_years", f"is not 1 to {MAX_RETENTION_YEARS}", limit=MAX_RETENTION_YEARS)
    reason: dict[str, Json] = {} if command.reason is None else {"reason": require_reason(command.reason)}
    wanted = e.RetentionPolicySet(max_years=command.max_years)
    if command.max_years <= max_years:
        if command.max_years == max_years and request is None:
            return ()
        return (Fact(wanted, reason, decision="retention-bound-lowered-at-once/1"),)
    if command.by is None:
        raise SecondPersonRequired("who asks to raise the bound of retentions is not known", rule=RULE)
    require_person(command.by, "raise the bound of retentions", rule=RULE)
    if request is None or request.max_years != command.max_years:
        asked = e.RetentionPolicyRequested(max_years=command.max_years)
        return (Fact(asked, reason, decision="retention-bound-awaits-second-person/1"),)
    require_second_person(
        request.asked,
        command.first,
        command.person,
        done="the bound of retentions is raised",
        first_did="asked for it",
        rule=RULE,
    )
    return (Fact(wanted, reason, decision="retention-bound-by-two/1"),)

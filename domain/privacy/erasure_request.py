"""A request to erase private values: its state and its decisions. Pure.

It requires two persons by the rule of `domain.tenants.second_person`, and waits seven days for the second one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.errors import IntegrityViolated, SecondPersonRequired, WrongState
from provenstore.domain.eventlog.caller import Role
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files.purge_approval import key_objection
from provenstore.domain.privacy import erasure_events as e
from provenstore.domain.tenants.credential import Credential
from provenstore.domain.tenants.second_person import Act, Person, objection, require_second_person
from provenstore.domain.text import require_reason

GOOD_FOR = timedelta(days=7)
"""How long a request waits for its second person; a later request counts the values again."""

ERASING: frozenset[Role] = frozenset({"admin", "approver", "privacy"})
"""An approver's API key must have one of these roles; a test compares them with the permission table."""

Status = Literal["requested", "approved", "completed", "rejected", "withdrawn", "expired"]


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """The state of a request."""

    id: str
    version: int
    workspace: str
    event: UUID
    """Id of the requesting event, which holds the search term."""
    asked: e.ErasureRequested
    requested: Act
    approved: Act | None = None
    rejected: e.ErasureRejected | None = None
    completed: e.ErasureCompleted | None = None

    @property
    def stream(self) -> str:
        """The stream of its events."""
        return erasure_stream(self.id)

    @property
    def expires_at(self) -> datetime:
        """When it expires without an approval."""
        return self.requested.at + GOOD_FOR

    def status(self, now: datetime) -> Status:
        """Return its status."""
        if self.completed is not None:
            return "completed"
        if self.rejected is not None:
            return self.rejected.because
        if self.approved is not None:
            return "approved"
        return "expired" if now >= self.expires_at else "requested"


def erasure_stream(erasure: str) -> str:
    """Return the stream of a request."""
    return f"erasure:{erasure}"


def approve(
    state: ErasureRequest, requester: Person | None, by: Person | None, now: datetime, reason: str | None
) -> tuple[Fact, ...]:
    """Approve as a second person (rule erasure-second-person); no facts if it is approved already.

    `requester` is the requester, by the log at that time.
    """
    if state.approved is not None:
        return ()
    _require_pending(state, now)
    if by is None:
        raise SecondPersonRequired("who approves the erasure is not known", rule="erasure-second-person")
    require_second_person(
        state.requested,
        requester,
        by,
        done="private values are erased",
        first_did="asked for it",
        rule="erasure-second-person",
    )
    return (Fact(e.ErasureApproved(erasure=state.id), _why(reason), decision="erasure-second-person/1"),)


def approval_objection(
    state: ErasureRequest, requester: Person | None, by: Person, key: Credential | None
) -> str | None:
    """Return why the recorded approval is not valid; None if it is.

    `requester` and `by` are the requester and the approver, by the log at those times, and `key` is the approver's API
    key. They are checked because an event can be forged.
    """
    approved = state.approved
    if approved is None:
        return "nobody has approved it"
    if (because := objection(state.requested, requester, by, None)) is not None:
        return because[1] or "it was approved by the one who asked for it"
    return None if approved.by.credential is None else key_objection(key, approved, state.workspace, ERASING)


def reject(state: ErasureRequest, by: Actor, now: datetime, reason: str | None) -> tuple[Fact, ...]:
    """Reject a request; a rejection by its requester is a withdrawal."""
    if state.rejected is not None:
        return ()
    _require_pending(state, now)
    because: Literal["rejected", "withdrawn"] = "withdrawn" if by.id == state.requested.by.id else "rejected"
    return (Fact(e.ErasureRejected(erasure=state.id, because=because), _why(reason)),)


def expire(state: ErasureRequest, now: datetime) -> tuple[Fact, ...]:
    """End a request that was not approved in time."""
    over = state.approved is not None or state.rejected is not None or now < state.expires_at
    return () if over else (Fact(e.ErasureRejected(erasure=state.id, because="expired")),)


def _require_pending(state: ErasureRequest, now: datetime) -> None:
    if (status := state.status(now)) != "requested":
        raise WrongState(f"the erasure is {status}", status=status)


def _why(reason: str | None) -> dict[str, Json]:
    return {} if reason is None else {"reason": require_reason(reason)}


def evolve(state: ErasureRequest | None, event: Event) -> ErasureRequest:
    """Return the state after one event."""
    act = Act(event.actor, event.time, event.position)
    data = event.data
    if state is None:
        if not isinstance(data, e.ErasureRequested):
            raise IntegrityViolated("an erasure's stream does not begin with its request", position=event.position)
        return ErasureRequest(data.erasure, event.version, event.workspace, event.id, data, act)
    state = replace(state, version=event.version)
    match data:
        case e.ErasureApproved():
            return replace(state, approved=act)
        case e.ErasureRejected():
            return replace(state, rejected=data)
        case e.ErasureCompleted():
            return replace(state, completed=data)
    return state


def project(state: ErasureRequest | None, events: Iterable[Event]) -> ErasureRequest | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

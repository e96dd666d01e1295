"""The state of an actor, an opaque id that permanently stands for one person or service, and its registration."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from provenstore.domain.canonical import Json
from provenstore.domain.errors import AlreadyExists, IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import workspace_events as e
from provenstore.domain.tenants.second_person import Act
from provenstore.domain.text import require_id, require_text

MAX_PRIVATE_BYTES = 1_024
"""Limit for each of issuer, subject, name and e-mail."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A registered actor, and the workspace of its events."""

    id: str
    version: int
    kind: e.ActorKind
    workspace: str
    changes: tuple[Act, ...]
    """Its registration, and its changes since."""
    keys: tuple[Act, ...] = ()
    """The issues of further API keys; the first one came with the registration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterActor:
    """Register an id for a person or a service; `about` holds private values."""

    id: str
    kind: e.ActorKind
    about: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Record a further API key in the actor's stream."""

    credential: str


def actor_stream(actor: str, scope: str | None) -> str:
    """Return the stream of an actor of the whole ledger, or of one workspace: tenants may choose the same ids."""
    return f"actor:{actor}" if scope is None else f"actor:{scope}/{actor}"


def decide(state: Actor | None, command: RegisterActor) -> tuple[Fact, ...]:
    """Register an actor once; AlreadyExists if the id is registered with another kind in its workspace."""
    require_id("actor", command.id)
    if state is not None:
        if state.kind != command.kind:
            raise AlreadyExists(f"there is a {state.kind} of this id already; a {command.kind} takes another id")
        return ()
    for name, value in command.about.items():
        require_text(name, str(value), MAX_PRIVATE_BYTES)
    return (Fact(e.ActorRegistered(actor=command.id, kind=command.kind), command.about),)


def add_key(state: Actor | None, command: AddKey) -> tuple[Fact, ...]:
    """Record a further API key; the first one is covered by the registration."""
    return () if state is None else (Fact(e.ActorKeyAdded(actor=state.id, credential=command.credential)),)


def evolve(state: Actor | None, event: Event) -> Actor:
    """Return the state after one event."""
    act = Act(event.actor, event.time, event.position)
    if state is None:
        if not isinstance(event.data, e.ActorRegistered):
            raise IntegrityViolated("an actor's stream does not begin with its registration", position=event.position)
        return Actor(event.data.actor, event.version, event.data.kind, event.workspace, (act,))
    if isinstance(event.data, e.ActorKeyAdded):
        return replace(state, version=event.version, keys=(*state.keys, act))
    if event.data.ERASES:
        return replace(state, version=event.version)  # an erasure does not change the person
    # Any other event type changes the actor.
    return replace(state, version=event.version, changes=(*state.changes, act))


def project(state: Actor | None, events: Iterable[Event]) -> Actor | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

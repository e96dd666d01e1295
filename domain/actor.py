"""The state of an actor: an opaque id that stands for one person or one service, for ever, and what may register it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from provenstore.domain import workspace_events as e
from provenstore.domain.canonical import Json
from provenstore.domain.envelope import Event
from provenstore.domain.errors import AlreadyExists, IntegrityViolated
from provenstore.domain.event_types import Fact
from provenstore.domain.text import require_id, require_text

MAX_PRIVATE_BYTES = 1_024
"""Of each of issuer, subject, name and e-mail."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A registered actor, and the workspace whose log tells of it."""

    id: str
    version: int
    kind: e.ActorKind
    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterActor:
    """Let an id stand for a person or a service; `about` holds private values."""

    id: str
    kind: e.ActorKind
    about: dict[str, Json] = field(default_factory=dict)


def actor_stream(actor: str, scope: str | None) -> str:
    """Return the stream of an actor of the whole ledger, or of one workspace: tenants choose ids alike."""
    return f"actor:{actor}" if scope is None else f"actor:{scope}/{actor}"


def decide(state: Actor | None, command: RegisterActor) -> tuple[Fact, ...]:
    """Register an actor once; AlreadyExists if the id stands for something else already, in its workspace."""
    require_id("actor", command.id)
    if state is not None:
        if state.kind != command.kind:
            raise AlreadyExists(f"there is a {state.kind} of this id already; a {command.kind} takes another id")
        return ()
    for name, value in command.about.items():
        require_text(name, str(value), MAX_PRIVATE_BYTES)
    return (Fact(e.ActorRegistered(actor=command.id, kind=command.kind), command.about),)


def evolve(state: Actor | None, event: Event) -> Actor:
    """Return the state after one event."""
    if isinstance(event.data, e.ActorRegistered):
        return Actor(event.data.actor, event.version, event.data.kind, event.workspace)
    if state is None:
        raise IntegrityViolated("an actor's stream does not begin with its registration", position=event.position)
    return replace(state, version=event.version)


def project(state: Actor | None, events: Iterable[Event]) -> Actor | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

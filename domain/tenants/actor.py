"""The state of an actor: an opaque id that stands for one person or one service, for ever, and what may register it."""

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
"""Of each of issuer, subject, name and e-mail."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A registered actor, and the workspace whose log tells of it."""

    id: str
    version: int
    kind: e.ActorKind
    workspace: str
    changes: tuple[Act, ...]
    """Who registered it, and who changed it since."""
    keys: tuple[Act, ...] = ()
    """Who issued it further keys; its first one came with the registration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterActor:
    """Let an id stand for a person or a service; `about` holds private values."""

    id: str
    kind: e.ActorKind
    about: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Record on the actor's stream that it gets a further key."""

    credential: str


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


def add_key(state: Actor | None, command: AddKey) -> tuple[Fact, ...]:
    """Record a further key; the first one is issued together with the registration, which says the same."""
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
        return replace(state, version=event.version)  # nobody becomes another by being forgotten
    # Of whatever type: what else happens to an actor changes it.
    return replace(state, version=event.version, changes=(*state.changes, act))


def project(state: Actor | None, events: Iterable[Event]) -> Actor | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

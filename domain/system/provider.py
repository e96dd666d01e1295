"""The state of a storage provider: the identity of its store, its last probe, and its capabilities."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.storage.objects import Capabilities
from provenstore.domain.system.provider_events import IdentityDrawn, ProviderIdentified, ProviderProbed
from provenstore.domain.text import require_slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One probe of a store: its endpoint, its settings, and its result."""

    host: str  # of the endpoint; public
    place: str  # hex SHA-256 of endpoint and bucket
    probe: int  # version of the way in which it was tried
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its newest probe, and the id in the marker of its store."""

    name: str
    version: int
    probed: Probed | None = None
    identity: str | None = None
    identified_at: datetime | None = None
    """When an identity was first recorded; releases before that recorded none."""
    drawn: str | None = None
    """The id drawn for a marker that is not recorded as written yet."""


def provider_stream(name: str) -> str:
    """Return the stream of a provider."""
    return f"provider:{require_slug('provider', name)}"


def decide(state: Provider | None, name: str, probed: Probed) -> tuple[Fact, ...]:
    """Record a probe unless its result is known already."""
    if state is not None and state.probed == probed:
        return ()
    can = {**vars(probed.capabilities), "checksums": tuple(sorted(probed.capabilities.checksums))}
    return (Fact(ProviderProbed(provider=name, host=probed.host, place=probed.place, probe=probed.probe, **can)),)


def evolve(state: Provider | None, event: Event) -> Provider:
    """Return the state after one event."""
    data = event.data
    state = replace(state or Provider(event.stream.partition(":")[2], 0), version=event.version)
    match data:
        case ProviderProbed():
            can: dict[str, Any] = {field.name: getattr(data, field.name) for field in fields(Capabilities)}
            capabilities = Capabilities(**{**can, "checksums": frozenset(data.checksums)})
            probed = Probed(host=data.host, place=data.place, probe=data.probe, capabilities=capabilities)
            return replace(state, probed=probed)
        case IdentityDrawn():
            return replace(state, drawn=data.identity)
        case ProviderIdentified():
            at = state.identified_at or event.time
            return replace(state, identity=data.identity, identified_at=at, drawn=None)
    return state


def project(state: Provider | None, events: Iterable[Event]) -> Provider | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

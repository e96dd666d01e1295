"""Where a person comes from, read from the log: who issued its key, registered it, changed it, and who made those."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants.second_person import Act, Person

MAX_FOLLOWED = 1_000
"""Actors in a chain of issuers that are followed; nobody is made by more, and a forged log must not keep us busy."""

MAX_KEYS = 10_000
"""Keys of all of them that are looked up. Renewing a key every day takes 27 years to reach this."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Looks up what the log says of actors; each lookup answers None where it says nothing."""

    key: Callable[[str], cr.Credential | None]
    """Looks up a key by its id."""
    actor: Callable[[cr.Credential], ac.Actor | None]
    """Looks up the registration of the actor that a key was issued to."""


@dataclass(slots=True)
class _Chain:
    """The makers met so far, and the streams that were read."""

    makers: list[Act] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    seen: set[Actor] = field(default_factory=set)
    followed: dict[str, ac.Actor] = field(default_factory=dict)
    """Actors by their streams: each is read once, whichever of its keys was used."""
    until: int | None = None

    def by_then(self, acts: Iterable[Act]) -> list[Act]:
        """Return those acts that count."""
        return [act for act in acts if self.until is None or act.position <= self.until]

    def within_bounds(self) -> bool:
        """Tell whether one more may be followed."""
        return len(self.followed) <= MAX_FOLLOWED and len(self.seen) <= MAX_KEYS


def person_of(actor: Actor, origins: Origins, *, until: int | None = None) -> Person:
    """Return who acts with all that made it; not `known` where the log does not say, or says too much to be followed.

    With `until`, as the log said it at that position: what came later makes nobody.
    """
    chain = _Chain(until=until)
    issued, changed, known = _follow(actor, origins, chain)
    waiting = [made.by for made in chain.makers]
    while waiting and chain.within_bounds():
        maker = waiting.pop()
        if maker in chain.seen:
            continue
        before = len(chain.makers)
        _, _, known_maker = _follow(maker, origins, chain)
        known = known and known_maker
        waiting += [made.by for made in chain.makers[before:]]
    followed = chain.seen.issuperset(waiting)
    return Person(
        actor,
        known=known and followed,
        newest=_newest([*issued, *changed]),
        changed=_newest(changed),
        makers=tuple(chain.makers),
        reads=tuple(Guard(stream, version) for stream, version in chain.reads.items()),
        followed=followed,
    )


def _newest(acts: Sequence[Act]) -> Act | None:
    return max(acts, key=lambda act: act.position, default=None)


def _follow(actor: Actor, origins: Origins, chain: _Chain) -> tuple[list[Act], list[Act], bool]:
    """Add what made one actor; return the issue of its key, what changed the actor, and whether the log knows it.

    Of an actor that was met with another key only the issue of this one is new.
    """
    chain.seen.add(actor)
    if actor.credential is None:
        # Somebody on the data directory itself, or this program: made by nobody.
        return [], [], actor.via in {"cli", "system"}
    key = origins.key(actor.credential)
    if key is None or key.actor != actor.id or key.kind != actor.kind:
        return [], [], False
    stream = ac.actor_stream(key.actor, key.scope)
    registered = chain.followed.get(stream) or origins.actor(key)
    if registered is None:
        return [], [], False
    chain.reads[cr.credential_stream(key.id)] = key.version
    chain.reads[stream] = registered.version
    issued, changed = chain.by_then([key.issued]), list[Act]()
    if stream not in chain.followed:
        chain.followed[stream] = registered
        changed = chain.by_then(registered.changes)
        chain.makers += chain.by_then(registered.keys)
    chain.makers += [*issued, *changed]
    return issued, changed, bool(issued)

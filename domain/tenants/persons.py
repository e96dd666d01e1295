"""A person's origin, read from the log: who issued their API key, registered or changed them, and who made those."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants.second_person import Act, Person

MAX_FOLLOWED = 1_000
"""Maximum actors followed in a chain of issuers; real chains are shorter, and a forged log must not keep us busy."""

MAX_KEYS = 10_000
"""Maximum API keys looked up in total. Renewing a key every day takes 27 years to reach this."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Looks up actors in the log; each lookup returns None if the log has no record."""

    key: Callable[[str], cr.Credential | None]
    """Looks up a key by its id."""
    actor: Callable[[cr.Credential], ac.Actor | None]
    """Looks up the registration of the actor that a key was issued to."""


@dataclass(slots=True)
class _Chain:
    """The makers found so far, and the streams that were read."""

    makers: list[Act] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    seen: set[Actor] = field(default_factory=set)
    followed: dict[str, ac.Actor] = field(default_factory=dict)
    """Actors by their streams: each is read once for all of its API keys."""
    until: int | None = None

    def by_then(self, acts: Iterable[Act]) -> list[Act]:
        """Return the acts up to position `until`."""
        return [act for act in acts if self.until is None or act.position <= self.until]

    def within_bounds(self) -> bool:
        """Tell whether the limits allow following one more actor."""
        return len(self.followed) <= MAX_FOLLOWED and len(self.seen) <= MAX_KEYS


def person_of(actor: Actor, origins: Origins, *, until: int | None = None) -> Person:
    """Return an actor with all acts that made it; not `known` if the log lacks them or the chain is too long.

    With `until`, use only the log up to that position.
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
    """Add the acts that made one actor; return the issue of its key, its changes, and whether the log knows it.

    For an actor already found with another API key, only the issue of this key is new.
    """
    chain.seen.add(actor)
    if actor.credential is None:
        # An actor on the data directory itself, or this program: no act made it.
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

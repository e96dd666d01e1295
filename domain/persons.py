"""Where a person comes from, read from the log: who issued its key, registered it, changed it, and who made those."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from provenstore.domain import actor as ac
from provenstore.domain import credential as cr
from provenstore.domain.envelope import Actor
from provenstore.domain.event_log import Guard
from provenstore.domain.second_person import Act, Person

MAX_FOLLOWED = 1_000
"""Keys in a chain of issuers that are looked up; nobody is made by more, and a forged log must not keep us busy."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the log says of one actor and the key it used: their states, either None where there is none."""

    credential: cr.Credential | None
    actor: ac.Actor | None


FindOrigin = Callable[[Actor], Origin]
"""Looks up the credential that an actor used, and the actor's own registration."""


@dataclass(slots=True)
class _Chain:
    """The makers met so far, and the streams that were read."""

    makers: list[Act] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    seen: set[Actor] = field(default_factory=set)
    until: int | None = None

    def by_then(self, acts: Iterable[Act]) -> list[Act]:
        """Return those acts that count."""
        return [act for act in acts if self.until is None or act.position <= self.until]


def person_of(actor: Actor, find: FindOrigin, *, until: int | None = None) -> Person:
    """Return who acts with all that made it; not `known` where the log does not say, or says too much to be followed.

    With `until`, as the log said it at that position: what came later makes nobody.
    """
    chain = _Chain(until=until)
    issued, changed, known = _follow(actor, find, chain)
    waiting = [made.by for made in chain.makers]
    while waiting and len(chain.seen) <= MAX_FOLLOWED:
        maker = waiting.pop()
        if maker in chain.seen:
            continue
        before = len(chain.makers)
        _, _, known_maker = _follow(maker, find, chain)
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


def _follow(actor: Actor, find: FindOrigin, chain: _Chain) -> tuple[list[Act], list[Act], bool]:
    """Add what made one actor; return the issue of its key, what changed the actor, and whether the log knows it."""
    chain.seen.add(actor)
    if actor.credential is None:
        # Somebody on the data directory itself, or this program: made by nobody.
        return [], [], actor.via in {"cli", "system"}
    origin = find(actor)
    credential, registered = origin.credential, origin.actor
    if credential is None or registered is None or credential.actor != actor.id or credential.kind != actor.kind:
        return [], [], False
    chain.reads[cr.credential_stream(credential.id)] = credential.version
    chain.reads[ac.actor_stream(credential.actor, credential.scope)] = registered.version
    issued, changed = chain.by_then([credential.issued]), chain.by_then(registered.changes)
    chain.makers += [*issued, *changed, *chain.by_then(registered.keys)]
    return issued, changed, bool(issued)

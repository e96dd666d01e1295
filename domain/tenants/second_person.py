"""What a second person is: the one rule of every decision that takes two persons. Pure.

Two persons count as two if neither made or changed the other, and the second was there before the first one's request.
To make a person is to register its actor or to issue a key to it, and to make one of its makers: the chain of issuers
counts, however long. Who acts on the data directory itself, without a key, is one subject per system user and made by
nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from provenstore.domain.errors import SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard

KNOWN_AFTER = timedelta(days=30)
"""How long a person must have been there to release a hold that is older than it.

A hold outlives the keys, and often the employment, of everybody who was there when it was placed. All other requests
can be withdrawn and made again, so nobody who came after them needs to count.
"""

_SEPARATORS = "._:@+-"
"""What an id may hold beside letters and digits: at its ends and in its kind it tells nobody apart."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who did something, when, and at which position of the log."""

    by: Actor
    at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks or decides, and what the log says of where it comes from."""

    actor: Actor
    known: bool = True
    """Whether the log says so: the key that was used, and the registration of its actor, are on record."""
    newest: Act | None = None
    """The newest act that made or changed it or its key; None for who was made by nobody."""
    changed: Act | None = None
    """The newest act that registered or changed the person; their keys do not count. None if nobody made them."""
    makers: tuple[Act, ...] = ()
    """Every act that made or changed it or one of its makers."""
    reads: tuple[Guard, ...] = ()
    """The streams that say so."""
    followed: bool = True
    """Whether `makers` are all of them; not where the chain of issuers is too long to be followed."""


def same_person(one: str, other: str) -> bool:
    """Tell whether two ids may stand for one person: case and punctuation tell nobody apart (`bob`, `Bob`, `bob.`)."""
    return _skeleton(one) == _skeleton(other)


def _skeleton(actor: str) -> str:
    """Return an id in lower case, without separators at its ends, with every run of them inside as one dot."""
    plain = "".join("." if one in _SEPARATORS else one for one in actor.casefold())
    return ".".join(part for part in plain.split(".") if part)


def require_person(by: Actor, what: str, *, rule: str) -> None:
    """Refuse services: a key cannot answer for what it does."""
    if by.kind != "person":
        raise SecondPersonRequired(f"only a person may {what}", rule=rule, because="not-a-person")


def require_second_person(
    first: Act,
    first_person: Person | None,
    second: Person | None,
    *,
    done: str,
    first_did: str,
    rule: str,
    now: datetime | None = None,
) -> None:
    """Refuse unless `second` counts as one beside the person of the first act; SecondPersonRequired says why not.

    `done` and `first_did` are for the sentence: "a hold is released", "placed it". With `now`, one that came after the
    first act counts once it has been there for `KNOWN_AFTER`.
    """
    if (because := objection(first, first_person, second, now)) is not None:
        code, reason = because
        said = f"{done} by a person other than the one who {first_did}"
        raise SecondPersonRequired(said if code == "same-person" else f"{said}: {reason}", rule=rule, because=code)


def objection(
    first: Act, first_person: Person | None, second: Person | None, now: datetime | None
) -> tuple[str, str] | None:
    """Return why somebody is no second person, as code and words; None if nothing speaks against it.

    `first_person` is who did the first act, by what the log said at that position. What the log does not say of it
    speaks against nobody: else what it asked for could never be decided.
    """
    if second is None or not second.known:
        return "unknown-person", "the log does not say who registered the second person"
    if first_person is None or first_person.actor != first.by:
        return "unknown-person", "the first person was not looked up in the log"
    if second.actor.kind != "person":
        return "not-a-person", "a service cannot be the second person"
    if same_person(first.by.id, second.actor.id):
        return "same-person", ""
    if any(same_person(first.by.id, made.by.id) for made in second.makers):
        return "made-by-the-first", "the second person, or one of their keys, was made or changed by the first"
    if any(same_person(second.actor.id, made.by.id) for made in first_person.makers):
        return "made-the-first", "the first person, or one of their keys, was made or changed by the second"
    if not first_person.followed and now is None:
        # A caller who builds such a chain to place a hold can only release a hold of their own.
        return "unknown-person", "the chain of issuers behind the first person is too long to follow"
    # A hold outlives keys: a person who renews theirs every month would never have been there for long enough.
    newest = second.newest if now is None else second.changed
    if newest is not None and newest.position > first.position:
        if now is None:
            return "newer-than-the-request", "the second person, or the key used, is newer than the first act"
        if now - newest.at < KNOWN_AFTER:
            days = KNOWN_AFTER.days
            return "newer-than-the-request", f"the second person is newer than the first act, and than {days} days"
    return None

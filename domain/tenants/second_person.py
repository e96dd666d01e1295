"""The second-person rule: the one rule of every decision that requires two persons. Pure.

Two persons count as two if neither made or changed the other, and the second existed before the first one's request.
Making a person means registering its actor, issuing a key to it, or making one of its makers: the chain of issuers
counts at any length. An actor on the data directory itself, without an API key, is one subject per system user, made by
no one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from provenstore.domain.errors import SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_log import Guard

KNOWN_AFTER = timedelta(days=30)
"""How long a person must have existed to release a hold that is older than the person.

A hold outlives the API keys, and often the employment, of all persons who existed when it was placed. All other
requests can be withdrawn and made again, so later persons need not count for them.
"""

_SEPARATORS = "._:@+-"
"""Separators in ids: their kind, and separators at the ends, do not distinguish persons."""


@dataclass(frozen=True, slots=True)
class Act:
    """A recorded act: its actor, time, and position in the log."""

    by: Actor
    at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person who requests or decides, with its origin by the log."""

    actor: Actor
    known: bool = True
    """Whether the API key that was used, and the registration of its actor, are on record."""
    newest: Act | None = None
    """The newest act that made or changed the person or its key; None if there was no such act."""
    changed: Act | None = None
    """The newest act that registered or changed the person, without its keys; None if there was no such act."""
    makers: tuple[Act, ...] = ()
    """All acts that made or changed the person or one of its makers."""
    reads: tuple[Guard, ...] = ()
    """The streams with these acts."""
    followed: bool = True
    """Whether `makers` is complete; false if the chain of issuers is too long to follow."""


def same_person(one: str, other: str) -> bool:
    """Tell whether two ids may be the same person: case and punctuation do not count (`bob`, `Bob`, `bob.`)."""
    return _skeleton(one) == _skeleton(other)


def _skeleton(actor: str) -> str:
    """Return an id in lower case, without separators at its ends, with every run of them inside as one dot."""
    plain = "".join("." if one in _SEPARATORS else one for one in actor.casefold())
    return ".".join(part for part in plain.split(".") if part)


def require_person(by: Actor, what: str, *, rule: str) -> None:
    """Refuse services: only a person can be accountable."""
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
    """Refuse unless `second` counts as a second person for the first act; SecondPersonRequired has the reason.

    `done` and `first_did` are parts of the message: "a hold is released", "placed it". With `now`, a person newer than
    the first act counts once it has existed for `KNOWN_AFTER`.
    """
    if (because := objection(first, first_person, second, now)) is not None:
        code, reason = because
        said = f"{done} by a person other than the one who {first_did}"
        raise SecondPersonRequired(said if code == "same-person" else f"{said}: {reason}", rule=rule, because=code)


def objection(
    first: Act, first_person: Person | None, second: Person | None, now: datetime | None
) -> tuple[str, str] | None:
    """Return why `second` does not count as a second person, as code and words; None if it does.

    `first_person` is the person of the first act, by the log at that position. Missing records of its origin are no
    objection: otherwise its request could never be decided.
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
    # A hold outlives API keys: a person who renews theirs every month would otherwise always be too new.
    newest = second.newest if now is None else second.changed
    if newest is not None and newest.position > first.position:
        if now is None:
            return "newer-than-the-request", "the second person, or the key used, is newer than the first act"
        if now - newest.at < KNOWN_AFTER:
            days = KNOWN_AFTER.days
            return "newer-than-the-request", f"the second person is newer than the first act, and than {days} days"
    return None

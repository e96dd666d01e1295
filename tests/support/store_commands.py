"""Commands for tests of the event store: two event types of their own, and short ways to draft them."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID, uuid4

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.envelope import Actor, Draft, Origin, draft
from provenstore.domain.eventlog.event_log import Append, Guard
from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Fact, StreamHead
from provenstore.domain.eventlog.quota import QuotaChange

ORIGIN = Origin(Actor("svc-1", "service", "api_key", "cred-1"))
SECRETS = ("address", "reason")


@REGISTRY.register
class Happened(EventData):
    """Something happened, with private values or not."""

    TYPE: ClassVar[str] = "test.happened.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset(SECRETS)
    what: str


@REGISTRY.register
class Closed(EventData):
    """Something ended, and seals the head of another stream in the midst of its data."""

    TYPE: ClassVar[str] = "test.closed.v1"
    HEAD: ClassVar[str | None] = "head"
    before: str
    head: StreamHead | None = None
    head_of: str
    why: str


def happened(
    stream: str,
    what: str = "it",
    *,
    workspace: str = "acme",
    event_id: UUID | None = None,
    private: Mapping[str, Json] | None = None,
) -> Draft:
    """Return a draft of Happened."""
    return draft(
        Fact(Happened(what=what), private or {}),
        event_id=event_id or uuid4(),
        stream=stream,
        workspace=workspace,
        origin=ORIGIN,
        salts={name: secrets.token_bytes(32) for name in private or {}},
    )


def closed(stream: str, head_of: str, *, workspace: str = "acme") -> Draft:
    """Return a draft of Closed that seals the head of `head_of`."""
    return draft(
        Fact(Closed(before="b", head_of=head_of, why='é€ \u2028 "quoted" % \\'), {}),
        event_id=uuid4(),
        stream=stream,
        workspace=workspace,
        origin=ORIGIN,
        salts={},
        head_of=head_of,
    )


def command(*drafts: Draft, **wishes: Any) -> Append:
    """Return a command of these drafts."""
    return Append(drafts, **wishes)


def mixed(number: int) -> Append:
    """Return the command of this number: one in eight is refused, and one in 64 rolls back whatever goes with it.

    Those that cannot be recorded have a number that leaves 3 divided by 8, or 5 divided by 64.
    """
    drafts = [happened(f"access:{(number + more) % 3}") for more in range(1 + number % 3)]
    if number % 8 == 3:
        return command(*drafts, expected=[Guard(drafts[0].stream, 1_000_000_000)])
    if number % 64 == 5:
        much = QuotaChange("acme", "too much", bytes=2**62)
        return command(*drafts, quota=[much, much])  # together more than a counter can hold
    return command(*drafts)

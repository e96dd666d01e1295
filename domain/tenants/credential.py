"""Keys: the state of a credential, what issues and revokes it, how a key is written, and how it is proven.

A key reads `pvs_<credential id>_<43 characters>`: the id finds the credential, the rest is 256 random bits of which
the log holds only SHA-256. A digest of that many random bits cannot be guessed, so no slow hash is needed.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from provenstore.domain.canonical import Json
from provenstore.domain.errors import AlreadyExists, IntegrityViolated, InvalidInput, NotFound, Unauthenticated
from provenstore.domain.eventlog.caller import Role
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.tenants import workspace_events as e
from provenstore.domain.tenants.second_person import Act
from provenstore.domain.text import require_reason

SECRET_BYTES = 32
CREDENTIALS = "credential:"
"""How the streams of credentials begin."""

KEY = re.compile(r"pvs_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Credential:
    """An issued key: whom it stands for, what it may do and where, and until when."""

    id: str
    version: int
    actor: str
    kind: e.ActorKind
    roles: tuple[Role, ...]
    scope: str | None
    digest: str
    expires_at: datetime | None
    issued: Act
    revoked: Act | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCredential:
    """Issue a key with these roles; `digest` is what the log keeps of its secret, `scope` None the whole ledger."""

    id: str
    actor: str
    kind: e.ActorKind
    roles: tuple[Role, ...]
    scope: str | None
    digest: str
    expires_at: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCredential:
    """Let a key open nothing any more."""

    reason: str | None


CredentialCommand = IssueCredential | RevokeCredential


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A fresh key; `key` is shown once and kept nowhere."""

    id: str
    key: str

    def __repr__(self) -> str:
        """Hide the key."""
        return f"IssuedKey(id={self.id!r})"


def credential_stream(credential: str) -> str:
    """Return the stream of a credential."""
    return f"{CREDENTIALS}{credential}"


def make_key(credential: UUID, secret: bytes) -> IssuedKey:
    """Return the key in writing for 32 random bytes."""
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return IssuedKey(str(credential), f"pvs_{credential.hex}_{text}")


def parse_key(key: str) -> tuple[str, str]:
    """Return the credential's id and the hex digest of the secret; Unauthenticated if it is not a key."""
    found = KEY.fullmatch(key) if len(key) < 128 else None
    if found is None:
        raise Unauthenticated("the key is not of the form pvs_…")
    secret = base64.urlsafe_b64decode(found[2] + "=")
    return str(UUID(found[1])), hashlib.sha256(secret).hexdigest()


def credential_id(text: str) -> str | None:
    """Return the id in an API key, or an id of one with or without dashes, in its one spelling; None for other text.

    The secret half of a key is left behind here.
    """
    found = KEY.fullmatch(text) if len(text) < 128 else None
    try:
        return str(UUID(found[1] if found else text))
    except ValueError:
        return None


def digest_of(secret: bytes) -> str:
    """Return what the log keeps of a secret."""
    return hashlib.sha256(secret).hexdigest()


def decide(state: Credential | None, command: CredentialCommand) -> tuple[Fact, ...]:
    """Return the facts that `command` makes; Refused errors where it may not be."""
    match command:
        case IssueCredential():
            return _issue(state, command)
        case RevokeCredential():
            return _revoke(state, command)


def _issue(state: Credential | None, command: IssueCredential) -> tuple[Fact, ...]:
    """Issue a key; InvalidInput where it would be useless or where a service would get a person's role."""
    if state is not None:
        raise AlreadyExists("there is a credential of this id already")
    if not command.roles:
        raise InvalidInput("roles", "are none; a key takes at least one")
    if command.kind == "system":
        raise InvalidInput("kind", "is system, which is this program itself and takes no key")
    if command.kind == "service" and "approver" in command.roles:
        raise InvalidInput("roles", "hold approver, which only a person can be")
    if command.expires_at is not None and command.expires_at <= command.now:
        raise InvalidInput("expires_at", "lies in the past")
    data = e.CredentialIssued(
        credential=command.id,
        actor=command.actor,
        kind=command.kind,
        roles=tuple(sorted(set(command.roles))),
        scope=command.scope,
        digest=command.digest,
        expires_at=command.expires_at,
    )
    return (Fact(data),)


def _revoke(state: Credential | None, command: RevokeCredential) -> tuple[Fact, ...]:
    """Revoke a key; doing it twice changes nothing."""
    if state is None:
        raise NotFound("there is no such key")
    if state.revoked is not None:
        return ()
    private: dict[str, Json] = {} if command.reason is None else {"reason": require_reason(command.reason)}
    return (Fact(e.CredentialRevoked(credential=state.id), private),)


def prove(state: Credential, digest: str) -> None:
    """Refuse a wrong secret, in constant time and in the words for a key that is unknown, revoked or expired."""
    if not hmac.compare_digest(state.digest, digest):
        raise Unauthenticated("the key is unknown, expired or revoked")


def usable(state: Credential, now: datetime) -> bool:
    """Tell whether the key is neither revoked nor expired."""
    return state.revoked is None and (state.expires_at is None or now < state.expires_at)


def evolve(state: Credential | None, event: Event) -> Credential:
    """Return the state after one event."""
    match event.data:
        case e.CredentialIssued() as data:
            return Credential(
                data.credential,
                event.version,
                data.actor,
                data.kind,
                data.roles,
                data.scope,
                data.digest,
                data.expires_at,
                Act(event.actor, event.time, event.position),
            )
        case _ if state is None:
            raise IntegrityViolated("a credential's stream does not begin with its issue", position=event.position)
        case e.CredentialRevoked():
            revoked = state.revoked or Act(event.actor, event.time, event.position)
            return replace(state, version=event.version, revoked=revoked)
    return replace(state, version=event.version)


def project(state: Credential | None, events: Iterable[Event]) -> Credential | None:
    """Fold events into the state (eventsourcing's projector function)."""
    for event in events:
        state = evolve(state, event)
    return state

"""Keys and whom they stand for: states of an actor and of a credential, how a key is written, and how it is proven.

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

from provenstore.domain import workspace_events as e
from provenstore.domain.canonical import Json
from provenstore.domain.envelope import Event
from provenstore.domain.errors import Conflict, IntegrityViolated, InvalidInput, Unauthenticated
from provenstore.domain.event_types import Fact
from provenstore.domain.text import require_id, require_reason, require_text

SECRET_BYTES = 32
_KEY = re.compile(r"pvs_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ActorState:
    """A registered actor."""

    id: str
    version: int
    kind: e.ActorKind
    workspace: str


@dataclass(frozen=True, slots=True)
class Credential:
    """An issued key: whom it stands for, what it may do and where, and until when."""

    id: str
    version: int
    actor: str
    kind: e.ActorKind
    roles: tuple[e.Role, ...]
    scope: str | None
    digest: str
    expires_at: datetime | None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A fresh key; `key` is shown once and kept nowhere."""

    id: str
    key: str

    def __repr__(self) -> str:
        """Hide the key."""
        return f"IssuedKey(id={self.id!r})"


def actor_stream(actor: str, scope: str | None) -> str:
    """Return the stream of an actor of the whole ledger, or of one workspace: tenants choose ids alike."""
    return f"actor:{actor}" if scope is None else f"actor:{scope}/{actor}"


def credential_stream(credential: str) -> str:
    """Return the stream of a credential."""
    return f"credential:{credential}"


def make_key(credential: UUID, secret: bytes) -> IssuedKey:
    """Return the key in writing for 32 random bytes."""
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return IssuedKey(str(credential), f"pvs_{credential.hex}_{text}")


def parse_key(key: str) -> tuple[str, str]:
    """Return the credential's id and the hex digest of the secret; Unauthenticated if it is not a key."""
    found = _KEY.fullmatch(key) if len(key) < 128 else None
    if found is None:
        raise Unauthenticated("the key is not of the form pvs_…")
    secret = base64.urlsafe_b64decode(found[2] + "=")
    return str(UUID(found[1])), hashlib.sha256(secret).hexdigest()


def digest_of(secret: bytes) -> str:
    """Return what the log keeps of a secret."""
    return hashlib.sha256(secret).hexdigest()


def register_actor(
    state: ActorState | None, actor: str, kind: e.ActorKind, private: dict[str, Json]
) -> tuple[Fact, ...]:
    """Register an actor once; within its workspace the same id never stands for something else."""
    require_id("actor", actor)
    if state is not None:
        if state.kind != kind:
            raise Conflict(f"the actor is a {state.kind}, not a {kind}")
        return ()
    for name, value in private.items():
        require_text(name, str(value), 1_024)
    return (Fact(e.ActorRegistered(actor=actor, kind=kind), private),)


def issue(
    credential: str,
    *,
    actor: str,
    kind: e.ActorKind,
    roles: tuple[e.Role, ...],
    scope: str | None,
    secret: bytes,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[Fact, ...]:
    """Issue a key; InvalidInput where it would be useless or where a service would get a person's role."""
    if not roles:
        raise InvalidInput("role", "is missing")
    if kind == "system":
        raise InvalidInput("kind", "is system, which is this program itself and takes no key")
    if kind == "service" and "approver" in roles:
        raise InvalidInput("role", "is approver, which only a person can be")
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("expires_at", "lies in the past")
    if len(secret) != SECRET_BYTES:
        raise InvalidInput("secret", f"is not {SECRET_BYTES} bytes")
    data = e.CredentialIssued(
        credential=credential,
        actor=actor,
        kind=kind,
        roles=tuple(sorted(set(roles))),
        scope=scope,
        digest=digest_of(secret),
        expires_at=expires_at,
    )
    return (Fact(data),)


def revoke(state: Credential, reason: str | None) -> tuple[Fact, ...]:
    """Revoke a key; doing it twice changes nothing."""
    if state.revoked:
        return ()
    return (
        Fact(e.CredentialRevoked(credential=state.id), {} if reason is None else {"reason": require_reason(reason)}),
    )


def prove(state: Credential, digest: str, now: datetime) -> None:
    """Refuse a wrong, revoked or expired key, in constant time and with one answer for all of them."""
    genuine = hmac.compare_digest(state.digest, digest)
    if not genuine or not usable(state, now):
        raise Unauthenticated("the key is unknown, expired or revoked")


def usable(state: Credential, now: datetime) -> bool:
    """Tell whether the key is neither revoked nor expired."""
    return not state.revoked and (state.expires_at is None or now < state.expires_at)


def project_actor(state: ActorState | None, events: Iterable[Event]) -> ActorState | None:
    """Fold an actor's stream."""
    for event in events:
        if isinstance(event.data, e.ActorRegistered):
            state = ActorState(event.data.actor, event.version, event.data.kind, event.workspace)
        elif state is not None:
            state = replace(state, version=event.version)
    return state


def project_credential(state: Credential | None, events: Iterable[Event]) -> Credential | None:
    """Fold a credential's stream."""
    for event in events:
        match event.data:
            case e.CredentialIssued() as data:
                state = Credential(
                    data.credential,
                    event.version,
                    data.actor,
                    data.kind,
                    data.roles,
                    data.scope,
                    data.digest,
                    data.expires_at,
                )
            case e.CredentialRevoked() if state is not None:
                state = replace(state, version=event.version, revoked=True)
            case _ if state is None:
                raise IntegrityViolated("a credential's stream does not begin with its issue", position=event.position)
    return state

"""The envelope: how an event becomes the exact bytes that are stored, hashed, exported and read.

Life of an event's bytes. A decision yields facts. `draft()` turns each into canonical JSON, cut into fragments around
the fields that only the log knows (`number`, `prev`, `time`, `version`, `workspace_prev`, and another stream's head if
the type requires it). The database joins fragments and sealed fields under the append lock, hashes the result
(RFC 6962 leaf hash) and stores it. `Event.parse` reads it back. Verification never re-serialises the bytes.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal, cast
from uuid import UUID

from provenstore.domain.canonical import Json, canonical, parse_canonical
from provenstore.domain.errors import EventTooLarge, IntegrityViolated, InvalidInput
from provenstore.domain.eventlog.event_types import REGISTRY, EventData, Fact, Registry, format_time
from provenstore.domain.transparency.merkle import leaf_hash

MAX_EVENT_BYTES = 65_535
"""Entries of C2SP tlog-tiles carry a 16-bit length."""

SALT_BYTES = 32
"""As long as the hash, so that a commitment to a short value cannot be guessed."""

SYSTEM_WORKSPACE = "system"
"""The workspace of events that belong to no tenant: actors and credentials of the whole ledger."""

_SEALED_BYTES = 400
"""Upper bound for the size of an event's sealed fields."""


ActorKind = Literal["service", "person", "system"]
Via = Literal["api_key", "oidc", "cli", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor: an opaque id, its kind, how it authenticated, and its credential."""

    id: str
    kind: ActorKind
    via: Via
    credential: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return the envelope's `actor`."""
        return {"id": self.id, "kind": self.kind, "via": self.via, "credential": self.credential}


@dataclass(frozen=True, slots=True)
class Origin:
    """Fields that all events of one command share: actor, on whose behalf, session, request and cause."""

    actor: Actor
    on_behalf_of: str | None = None
    session: str | None = None
    request: str | None = None
    cause: UUID | None = None


@dataclass(frozen=True, slots=True)
class PrivateValue:
    """A value outside the leaf: its field, its salt and its canonical bytes."""

    field: str
    salt: bytes
    value: bytes

    @property
    def commitment(self) -> str:
        """Return hex SHA-256(salt ‖ canonical JSON of the value), which is in the leaf."""
        return commitment(self.salt, self.value)

    def __repr__(self) -> str:
        """Hide salt and value: both can be erased and must not remain in a log file."""
        return f"PrivateValue(field={self.field!r})"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event ready to be sealed.

    Six fragments: `[0] head [1] number [2] prev [3] time [4] version [5] workspace_prev "}"`. If `head_of` is None, the
    first fragment is empty and no head follows it.
    """

    id: UUID
    type: str
    stream: str
    workspace: str
    fragments: tuple[bytes, bytes, bytes, bytes, bytes, bytes]
    fact: Fact
    origin: Origin
    occurred: datetime | None = None
    private: tuple[PrivateValue, ...] = ()
    commitments: Mapping[str, str] = field(default_factory=dict)
    """Commitments to the private values by field, as in the leaf."""
    head_of: str | None = None


def commitment(salt: bytes, value: bytes) -> str:
    """Return the hex commitment to a private value's canonical bytes."""
    return hashlib.sha256(salt + value).hexdigest()


def draft(
    fact: Fact,
    *,
    event_id: UUID,
    stream: str,
    workspace: str,
    origin: Origin,
    salts: Mapping[str, bytes],
    occurred: datetime | None = None,
    head_of: str | None = None,
    registry: Registry = REGISTRY,
) -> Draft:
    """Return the draft of `fact` for `stream`; `salts` holds fresh random bytes for each private value.

    UnknownEventType, InvalidInput or EventTooLarge if it may not be written.
    """
    data = fact.data
    registry.require_writable(data.TYPE)
    if (data.HEAD is None) != (head_of is None):
        raise InvalidInput("head_of", f"{data.TYPE} seals a head exactly when its type says so")
    private = tuple(
        PrivateValue(name, _salt(salts, name), canonical(value)) for name, value in sorted(fact.private.items())
    )
    commitments = {value.field: value.commitment for value in private}
    fragments = _fragments(
        fact,
        origin,
        event_id=event_id,
        stream=stream,
        workspace=workspace,
        occurred=occurred,
        commitments=commitments,
    )
    if sum(map(len, fragments)) + _SEALED_BYTES > MAX_EVENT_BYTES:
        raise EventTooLarge(f"the event would be larger than {MAX_EVENT_BYTES} bytes", limit=MAX_EVENT_BYTES)
    return Draft(
        event_id,
        data.TYPE,
        stream,
        workspace,
        fragments,
        fact,
        origin,
        occurred=occurred,
        private=private,
        commitments=commitments,
        head_of=head_of,
    )


def _salt(salts: Mapping[str, bytes], name: str) -> bytes:
    salt = salts[name]
    if len(salt) != SALT_BYTES:
        raise InvalidInput("salt", f"is not {SALT_BYTES} bytes long")
    return salt


def _fragments(
    fact: Fact,
    origin: Origin,
    *,
    event_id: UUID,
    stream: str,
    workspace: str,
    occurred: datetime | None,
    commitments: Mapping[str, str],
) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
    """Write the canonical form around the sealed fields: all members ordered by name (RFC 8785 §3.2.3)."""
    before_data = b'{"actor":%b,"cause":%b,"data":' % (
        _actor(origin.actor),
        _text(str(origin.cause) if origin.cause else None),
    )
    after_data = b',"decision":%b,"id":"%b","number":' % (_text(fact.decision), str(event_id).encode())
    head, data = fact.data.HEAD, fact.data.to_json()
    if head is None:
        before_head, opening = b"", before_data + canonical(data) + after_data
    else:
        before = canonical({name: value for name, value in data.items() if name < head})[1:-1]
        after = canonical({name: value for name, value in data.items() if name > head})[1:-1]
        before_head = before_data + b"{" + before + (b"," if before else b"") + canonical(head) + b":"
        opening = (b"," if after else b"") + after + b"}" + after_data
    return (
        before_head,
        opening,
        b',"occurred":%b,"on_behalf_of":%b,"outcome":%b,"prev":'
        % (_text(format_time(occurred) if occurred else None), _text(origin.on_behalf_of), _text(fact.outcome)),
        b',"private":%b,"request":%b,"session":%b,"stream":%b,"time":"'
        % (canonical(commitments), _text(origin.request), _text(origin.session), canonical(stream)),
        b'","type":%b,"version":' % _text(fact.data.TYPE),
        b',"workspace":%b,"workspace_prev":' % _text(workspace),
    )


@lru_cache(maxsize=1_024)
def _actor(actor: Actor) -> bytes:
    """Return an actor's canonical form; cached, since few actors cause most events."""
    return canonical(actor.to_json())


def _text(text: str | None) -> bytes:
    return b"null" if text is None else canonical(text)


@dataclass(frozen=True)
class Event:
    """A sealed event as stored in the log, with its position (dense from 1) and exact bytes.

    Has no slots, so that all fields can be filled in one step.
    """

    position: int
    state: bytes
    leaf: bytes
    id: UUID
    type: str
    stream: str
    version: int
    prev: str | None
    workspace: str
    number: int
    workspace_prev: str | None
    time: datetime
    occurred: datetime | None
    actor: Actor
    on_behalf_of: str | None
    session: str | None
    outcome: str
    decision: str | None
    request: str | None
    cause: UUID | None
    private: Mapping[str, str]
    data: EventData

    @property
    def originator_id(self) -> str:
        """The stream, under the name that the eventsourcing library uses."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, under the name that the eventsourcing library uses."""
        return self.version

    @classmethod
    def parse(cls, position: int, state: bytes, *, registry: Registry = REGISTRY) -> "Event":
        """Parse exact bytes; IntegrityViolated if they are not an envelope in canonical form."""
        fields = parse_fields(state, position)
        try:
            fields |= {
                "position": position,
                "state": state,
                "leaf": leaf_hash(state),
                "id": UUID(fields["id"]),
                "time": datetime.fromisoformat(fields["time"]),
                "occurred": datetime.fromisoformat(fields["occurred"]) if fields["occurred"] else None,
                "actor": _acting(**fields["actor"]),
                "cause": UUID(fields["cause"]) if fields["cause"] else None,
                "data": registry.read(fields["type"], fields["data"]),
            }
            event = object.__new__(cls)
            # Equals `cls(**fields)`, which sets field by field and would slow down every read of the log.
            vars(event).update(fields)
        except IntegrityViolated as exc:
            raise IntegrityViolated(exc.message, position=position) from exc
        except (InvalidInput, TypeError, ValueError, AttributeError, KeyError, OverflowError) as exc:
            raise IntegrityViolated("the stored bytes are not an envelope", position=position) from exc
        return event

    def to_json(self) -> dict[str, Any]:
        """Return the envelope as JSON values, as stored."""
        return cast(dict[str, Any], parse_canonical(self.state))


def parse_fields(state: bytes, position: int | None = None) -> dict[str, Any]:
    """Return an envelope's members as type-checked JSON, without typed data: takes a quarter of the time of `parse`.

    IntegrityViolated if the bytes are not an envelope in canonical form.
    """
    try:
        fields = parse_canonical(state)
    except InvalidInput as exc:
        raise IntegrityViolated("the stored bytes are not an envelope", position=position) from exc
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise IntegrityViolated("the stored bytes are not an envelope", position=position)
    if not _well_typed(fields):
        raise IntegrityViolated("a field of the envelope is not of its type", position=position)
    if not _well_spelled(fields):
        raise IntegrityViolated("an id, a time or a hash of the envelope is not in its one spelling", position=position)
    return fields


_FIELDS = frozenset(Event.__dataclass_fields__) - {"position", "state", "leaf"}

_acting = lru_cache(maxsize=1_024)(Actor)
"""Returns the actor: the same object for all events of one actor."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEAF = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[ !#-\[\]-~]*")
"""Name of a private value: ASCII that JSON does not escape."""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z")
"""With a check of the calendar day, each moment has exactly one such text, and earlier texts sort first."""

_texts = itemgetter("id", "outcome", "stream", "time", "type", "workspace")
_texts_or_null = itemgetter(
    "cause", "decision", "occurred", "on_behalf_of", "prev", "request", "session", "workspace_prev"
)
_acting_texts = itemgetter("id", "kind", "via")
_ACTOR = frozenset({"credential", "id", "kind", "via"})
_TEXT = frozenset({str})
_TEXT_OR_NULL = frozenset({str, type(None)})


def _well_typed(fields: dict[str, Any]) -> bool:
    """Tell whether each field has its type, so that readers of the event need not check again."""
    private, actor = fields["private"], fields["actor"]
    return (
        _TEXT.issuperset(map(type, _texts(fields)))
        and _TEXT_OR_NULL.issuperset(map(type, _texts_or_null(fields)))
        and type(fields["number"]) is int
        and fields["number"] > 0
        and type(fields["version"]) is int
        and fields["version"] > 0
        and isinstance(fields["data"], dict)
        and isinstance(private, dict)
        and _TEXT.issuperset(map(type, private.values()))
        and isinstance(actor, dict)
        and actor.keys() == _ACTOR
        and _TEXT.issuperset(map(type, _acting_texts(actor)))
        and type(actor["credential"]) in _TEXT_OR_NULL
    )


def _well_spelled(fields: dict[str, Any]) -> bool:
    """Tell whether ids, times and hashes are in their canonical spelling."""
    cause, occurred, private, time = fields["cause"], fields["occurred"], fields["private"], fields["time"]
    prev, before = fields["prev"], fields["workspace_prev"]
    # Written out for speed: this runs for every event that is read.
    return bool(
        (prev is None or _LEAF.fullmatch(prev))
        and (before is None or _LEAF.fullmatch(before))
        and _ID.fullmatch(fields["id"])
        and (_TIME.fullmatch(time) and _is_day(time[:10]))
        and (cause is None or _ID.fullmatch(cause))
        and (occurred is None or (_TIME.fullmatch(occurred) and _is_day(occurred[:10])))
        and (not private or (all(map(_NAME.fullmatch, private)) and all(map(_LEAF.fullmatch, private.values()))))
    )


@lru_cache(maxsize=1_024)
def _is_day(text: str) -> bool:
    """Tell whether this is a calendar day; cached, since most events fall on few days."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

"""One event as an officer asks about it: the row of the audit trail, and the action that its type amounts to.

Private values are None or absent once erased. Nothing here decides anything; the envelope and its proof are in the
history of the stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from provenstore.domain.canonical import Json
from provenstore.domain.custody.event_catalog import EVENT_TYPES
from provenstore.domain.eventlog.envelope import Actor, ActorKind, Via
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.audit import filters as audit_filters
from provenstore.projections.engine.private_values import Related

Action = audit_filters.Action | Literal["other"]
"""What can be asked for, and what types amount to that this release cannot read."""

_FILE: Final[Mapping[Action, str]] = MappingProxyType(
    {
        "upload": "upload_initiated multipart_opened part_urls_issued chunk_uploaded completion_requested stored "
        "upload_aborted upload_expired upload_cleared",
        "edit": "metadata_changed access_level_changed expiry_set restored",
        "delete": "soft_deleted expired",
        "link": "link_issued link_revoked",
        "hold": "legal_hold_placed legal_hold_released",
        "retention": "retention_set retention_reduction_requested retention_extension_requested",
        "purge": "purge_requested purge_approved purge_rejected purge_withdrawn purge_listed purge_started "
        "purge_failed purged",
        "verify": "integrity_verified integrity_failed object_missing stray_found stray_removed place_checked",
        "refuse": "access_denied",
        "erase": "personal_data_erased",
        "download": "accessed access_ended",
    }
)
REPLACING: Final = frozenset(one.TYPE for one in EVENT_TYPES if one.REPLACES)
"""Types whose private values replace earlier ones."""

_BY_NAME: Final[Mapping[str, Action]] = MappingProxyType(
    {
        **{f"file.{name}": action for action, names in _FILE.items() for name in names.split()},
        "request.refused": "refuse",
        "credential.refused": "refuse",
    }
)
_BY_STREAM: Final[Mapping[str, Action]] = MappingProxyType(
    {
        "workspace": "administer",
        "actor": "administer",
        "credential": "administer",
        "provider": "administer",
        "projection": "administer",
        "disposal": "purge",
        "log": "administer",
        "audit": "audit",
        "personal_data": "erase",
        "erasure": "erase",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """What one event says, flat."""

    position: int
    id: str  # of the event
    type: str  # as recorded, with its version
    stream: str
    workspace: str
    time: datetime
    occurred: datetime | None  # where it happened earlier than it was recorded
    actor: str
    actor_kind: str
    via: str
    credential: str | None
    on_behalf_of: str | None
    session: str | None
    request: str | None
    cause: str | None  # id of the event that caused this one
    outcome: str
    decision: str | None
    file: str | None  # whose history it belongs to, or was read
    mode: str | None = None  # of an access
    purge: str | None = None
    hold: str | None = None
    link: str | None = None
    operation: str | None = None  # that was refused
    code: str | None = None  # why it was refused, or failed
    count: int | None = None  # identical refusals that this one event stands for
    bytes: int | None = None  # that the event speaks of; of an access: given out at most
    first: int | None = None  # offset of the first byte
    last: int | None = None
    sha256: str | None = None  # of the file's content
    path: str | None = None
    details: Mapping[str, Any] | None = None  # public data that no field above holds; None for none
    address: str | None = None  # private, as all below
    user_agent: str | None = None
    client_request: str | None = None  # the id that the client gave its request
    reason: str | None = None
    related: tuple[Related, ...] = ()  # that this event gave the file
    subjects: tuple[str, ...] = ()  # that this event gave the file
    values: tuple[tuple[str, Any], ...] = ()  # all other private values by name; None once erased

    @property
    def acted(self) -> Actor:
        """Who acted."""
        kind, via = cast(ActorKind, self.actor_kind), cast(Via, self.via)  # as the envelope has them
        return Actor(self.actor, kind, via, self.credential)

    @property
    def action(self) -> Action:
        """What the event amounts to."""
        found = action_of(self.type)
        return "view" if found == "download" and self.mode == "view" else found


def action_of(event_type: str) -> Action:
    """Return the action of a type in any version; of an access `download`, as only its mode tells a viewing."""
    name = event_type.rpartition(".v")[0]
    return _BY_NAME.get(name) or _BY_STREAM.get(name.partition(".")[0], "other")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, and what other events say about what it names; private values are None once erased."""

    row: AuditRow
    filename: str | None = None
    """What the file is called now."""
    filename_then: str | None = None
    """What the file was called when it happened."""
    was: Mapping[str, Any] = field(default_factory=dict)
    """The private values that those of this event replaced, by name."""
    held: Mapping[str, Any] = field(default_factory=dict)
    """Name and matter of the legal hold that it speaks of."""


def audit_json(entry: Entry, reach: str | None = None) -> dict[str, Json]:
    """Return the entry as the contract shows it; `reach` is how far its actor's key reached."""
    row = entry.row
    return {
        "position": row.position,
        "id": row.id,
        "time": format_time(row.time),
        "occurred": format_time(row.occurred) if row.occurred else None,
        "type": row.type,
        "action": row.action,
        "outcome": row.outcome,
        "decision": row.decision,
        "workspace": row.workspace,
        "stream": row.stream,
        "file_id": row.file,
        "filename": entry.filename,
        "filename_then": entry.filename_then,
        "actor": {**row.acted.to_json(), "reach": reach},
        "on_behalf_of": row.on_behalf_of,
        "session": row.session,
        "request": row.request,
        "client_request": row.client_request,
        "cause": row.cause,
        "address": row.address,
        "user_agent": row.user_agent,
        "reason": row.reason,
        "related": [{"type": one.type, "id": one.id} for one in row.related],
        "subjects": list(row.subjects),
        "details": _details(entry),
    }


def _details(entry: Entry) -> dict[str, Json]:
    """Return the event's own data, public and private, and of a change what it was and what it became."""
    row = entry.row
    named = {name: getattr(row, name) for name in _NAMED}
    found: dict[str, Json] = {name: value for name, value in named.items() if value is not None}
    if row.bytes is not None:
        found["size"] = row.bytes
    found |= row.details or {}
    private = dict(row.values)
    if row.type in REPLACING:
        found |= {"was": {name: entry.was.get(name) for name in private}, "became": private}
    else:
        found |= private
    return {**found, **entry.held}


_NAMED: Final = (
    "mode", "purge", "hold", "link", "operation", "code", "count", "bytes", "first", "last", "sha256", "path",
)  # fmt: skip

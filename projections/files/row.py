"""One file as readers see it: the row of the file index, and the `File` of the HTTP contract.

Whatever may name a person (file name, related ids, subjects, metadata, names of holds) is erasable: None or empty
after `PersonalDataErased`. Nothing here decides anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.files.file_events import AccessLevel, RetentionMode, Sha256Status, UploadMethod, Variant
from provenstore.projections.engine.private_values import Related

Status = Literal["initiated", "stored", "soft_deleted", "purged", "aborted", "expired"]
Disposal = Literal["requested", "approved", "purging", "failed"]
Effect = Literal["complete", "clear", "purge"]
Damage = Literal["altered", "missing"]
View = Literal["default", "full"]


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that stands."""

    id: str
    name: str | None  # private
    matter: str | None  # private
    placed_by: str
    placed_at: datetime
    placed_by_credential: str | None = None
    reason: str | None = None  # private


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """What the events of one file say about it; without slots, so that the fold of an access may copy it quickly."""

    id: str
    workspace: str
    created_position: int  # of UploadInitiated: the order of lists
    version: int  # of the stream `file:<id>`
    filename: str | None  # private
    size: int | None  # bytes; as declared until stored
    media_type: str
    category: str
    variant: Variant
    status: Status
    disposal: Disposal | None = None
    purge: str | None = None  # id of the purge that `disposal` is about
    purge_policy: str | None = None  # the disposal policy that asks for it, with its version
    purge_requested_by: str | None = None
    purge_requested_by_credential: str | None = None  # the API key; with it None where somebody acted without one
    purge_requested_at: datetime | None = None
    purge_reason: str | None = None  # private
    purge_approved_by: str | None = None  # None where nobody had to
    purge_approved_by_credential: str | None = None
    purge_approved_at: datetime | None = None
    purge_approval_reason: str | None = None  # private
    pending: Effect | None = None  # an intent without an outcome: what is left to be done outside
    pending_since: datetime | None = None
    provider: str
    path: str
    extension: str
    upload: UploadMethod
    sha256: str | None  # hex; as declared until stored
    sha256_status: Sha256Status
    md5: str | None  # hex; as declared until stored
    etag: str | None = None  # of the object
    object_version: str | None = None
    access: AccessLevel
    owner: str
    owner_credential: str | None = None
    related: tuple[Related, ...]  # private
    subjects: tuple[str, ...]  # private
    metadata: tuple[tuple[str, str], ...]  # private; sorted by key
    created_at: datetime
    stored_at: datetime | None = None
    deleted_at: datetime | None = None
    disposal_since: datetime | None = None  # from when a disposal policy counts its days
    deleted_by: str | None = None
    deleted_by_credential: str | None = None
    deletion_reason: str | None = None  # private
    expires_at: datetime | None  # as asked for until stored
    upload_expires_at: datetime
    look_after: datetime | None  # from then on nothing can write at the file's keys any more
    looked_after: datetime | None = None  # the `look_after` that was dealt with
    verified_at: datetime | None = None  # when the whole object was last read and found right
    damage: Damage | None = None  # what a reading found
    retention_until: datetime | None = None
    retention_mode: RetentionMode | None = None
    retention_set_by: str | None = None
    retention_set_by_credential: str | None = None
    retention_set_at: datetime | None = None
    retention_reason: str | None = None  # private
    retention_wish_until: datetime | None = None  # what one person has asked for, and a second one must agree to
    retention_wish_mode: RetentionMode | None = None
    retention_wish_by: str | None = None
    retention_wish_by_credential: str | None = None
    retention_wish_reason: str | None = None  # private
    retention_wish_at: datetime | None = None
    legal_holds: tuple[Hold, ...] = ()
    downloads: int = 0
    last_access: datetime | None = None


KeyReach = Callable[[str | None], str | None]
"""Looks up how far an API key reaches: its workspace, or `system`; None is who acted without one."""


def to_json(row: FileRow, view: View = "default", *, reach: KeyReach) -> dict[str, Json]:
    """Return the `File` of the HTTP contract; the full view adds what stands outside its ETag."""
    file: dict[str, Json] = {
        "id": row.id,
        "workspace": row.workspace,
        "filename": row.filename,
        "size": row.size,
        "media_type": row.media_type,
        "category": row.category,
        "variant": row.variant,
        "status": row.status,
        "disposal": row.disposal,
        "path": row.path,
        "sha256": row.sha256,
        "sha256_status": row.sha256_status,
        "damage": row.damage,
        "etag": row.etag,
        "access": row.access,
        "owner": row.owner,
        "owner_reach": reach(row.owner_credential),
        "related": [{"type": one.type, "id": one.id} for one in row.related],
        "subjects": list(row.subjects),
        "metadata": dict(row.metadata),
        "created_at": format_time(row.created_at),
        "stored_at": _time(row.stored_at),
        "deleted_at": _time(row.deleted_at),
        "deleted_by": row.deleted_by,
        "deleted_by_reach": _reach(row.deleted_by, row.deleted_by_credential, reach),
        "deletion_reason": row.deletion_reason,
        "expires_at": _time(row.expires_at),
        "retention_until": _time(row.retention_until),
        "retention": retention_json(row, reach),
        "purge": _purge(row, reach),
        "legal_holds": holds_json(row, reach),
        "version": row.version,
    }
    if view == "full":
        file |= {
            "stored_name": row.path.rpartition("/")[2],
            "extension": row.extension,
            "upload_method": row.upload,
            "checksums": {"sha256": row.sha256, "md5": row.md5},
            "verified_at": _time(row.verified_at),
            "download_count": row.downloads,
            "last_access": _time(row.last_access),
        }
    return file


def _reach(actor: str | None, credential: str | None, reach: KeyReach) -> str | None:
    """Return how far somebody reached; None where nobody acted."""
    return None if actor is None else reach(credential)


def retention_json(row: FileRow, reach: KeyReach) -> Json:
    """Return the retention, and what waits for a second person; null where there is neither."""
    pending: Json = None
    if row.retention_wish_until is not None:
        pending = {
            "until": _time(row.retention_wish_until),
            "mode": row.retention_wish_mode,
            "requested_by": row.retention_wish_by,
            "requested_by_reach": _reach(row.retention_wish_by, row.retention_wish_by_credential, reach),
            "requested_at": _time(row.retention_wish_at),
            "reason": row.retention_wish_reason,
            "replaced": None,  # said in answers to changes alone
        }
    if row.retention_until is None and pending is None:
        return None
    return {
        "until": _time(row.retention_until),
        "mode": row.retention_mode,
        "set_by": row.retention_set_by,
        "set_by_reach": _reach(row.retention_set_by, row.retention_set_by_credential, reach),
        "set_at": _time(row.retention_set_at),
        "reason": row.retention_reason,
        "pending": pending,
    }


def _purge(row: FileRow, reach: KeyReach) -> Json:
    """Return the purge that is under way, or was carried out; null where there is none."""
    if row.purge is None:
        return None
    return {
        "id": row.purge,
        "policy": row.purge_policy,
        "requested_by": row.purge_requested_by,
        "requested_by_reach": _reach(row.purge_requested_by, row.purge_requested_by_credential, reach),
        "requested_at": _time(row.purge_requested_at),
        "reason": row.purge_reason,
        "approved_by": row.purge_approved_by,
        "approved_by_reach": _reach(row.purge_approved_by, row.purge_approved_by_credential, reach),
        "approved_at": _time(row.purge_approved_at),
        "approval_reason": row.purge_approval_reason,
    }


def holds_json(row: FileRow, reach: KeyReach) -> list[Json]:
    """Return the legal holds that stand."""
    return [_hold(hold, reach) for hold in row.legal_holds]


def _hold(hold: Hold, reach: KeyReach) -> dict[str, Json]:
    return {
        "id": hold.id,
        "name": hold.name,
        "matter": hold.matter,
        "placed_by": hold.placed_by,
        "placed_by_reach": reach(hold.placed_by_credential),
        "placed_at": format_time(hold.placed_at),
        "reason": hold.reason,
    }


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None

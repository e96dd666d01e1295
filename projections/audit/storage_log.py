"""The audit trail in the words of an ordinary storage audit log: six actions, flat fields, one entry per event.

A mapping of rows and nothing more. What such a log has no word for (holds, retention requests, purge approvals,
background work) is not in it; whoever needs all of it reads the audit trail itself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_types import format_time
from provenstore.projections.audit.row import AuditRow, Entry

StorageAction = Literal["UPLOAD", "VIEW", "EDIT", "DELETE", "SIGNED_URL_GENERATED", "DOWNLOAD"]

STORAGE_TYPES: Final[Mapping[str, StorageAction]] = MappingProxyType(
    {
        "file.stored.v1": "UPLOAD",
        "file.accessed.v1": "DOWNLOAD",  # VIEW where its mode says so
        "file.metadata_changed.v1": "EDIT",
        "file.access_level_changed.v1": "EDIT",
        "file.expiry_set.v1": "EDIT",
        "file.restored.v1": "EDIT",
        "file.personal_data_erased.v1": "EDIT",
        "file.soft_deleted.v1": "DELETE",
        "file.expired.v1": "DELETE",
        "file.purged.v1": "DELETE",
        "file.link_issued.v1": "SIGNED_URL_GENERATED",
        "file.part_urls_issued.v1": "SIGNED_URL_GENERATED",
        "file.access_denied.v1": "EDIT",  # what was refused, by its operation
    }
)

_REFUSED: Final[Mapping[str, StorageAction]] = MappingProxyType(
    {
        "file.initiate": "UPLOAD",
        "file.upload": "UPLOAD",
        "file.abort": "UPLOAD",
        "file.get": "VIEW",
        "file.list": "VIEW",
        "file.history": "VIEW",
        "file.certificate": "VIEW",
        "file.verify": "VIEW",
        "file.content": "DOWNLOAD",
        "file.link": "SIGNED_URL_GENERATED",
        "file.soft_delete": "DELETE",
        "file.purge_request": "DELETE",
        "file.purge_withdraw": "DELETE",
        "file.purge_approve": "DELETE",
        "file.purge_reject": "DELETE",
    }
)
"""What was refused; all others would have changed the file."""


def storage_action(row: AuditRow) -> StorageAction | None:
    """Return which of the six actions the event is, None if it is none of them."""
    found = STORAGE_TYPES.get(row.type)
    if row.operation is not None and found is not None:
        return _REFUSED.get(row.operation, "EDIT")
    return "VIEW" if found == "DOWNLOAD" and row.mode == "view" else found


def storage_json(entry: Entry, reach: str | None = None) -> dict[str, Json]:
    """Return the entry of a row that is one of the six actions; the file's name is that of then."""
    row = entry.row
    return {
        "id": row.id,
        "timestamp": format_time(row.time),
        "action": storage_action(row),
        "user_id": row.actor,
        "workspace_id": row.workspace,
        "file_id": row.file,
        "file_name": entry.filename_then,
        "ip_address": row.address,
        "user_agent": row.user_agent,
        "success": row.outcome == "ok",
        "error_message": row.code,
        "bytes": row.bytes,
        "request_id": row.request,
        "metadata": {
            "position": row.position,
            "type": row.type,
            "on_behalf_of": row.on_behalf_of,
            "credential": row.credential,
            "actor_reach": reach,
            "reason": row.reason,
            "count": row.count,
        },
    }

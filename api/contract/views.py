"""The JSON of the contract, from states and read models: what HTTP answers and what the CLI prints on a data directory.

Pure. Nothing here decides what a caller may see: it shows what it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from provenstore.domain.access.key_list import KeyDescription
from provenstore.domain.access.links import Link
from provenstore.domain.access.reads import History
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.errors import NotFound, ProvenstoreError, WrongState
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosure, Disclosures, QuotaUse, disclosed
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.decided import read_decision
from provenstore.domain.files.destruction import ReachOf
from provenstore.domain.files.file import File
from provenstore.domain.files.parts import Chunk
from provenstore.domain.privacy.erasure_events import FoundValues
from provenstore.domain.removal.erasures import Preview
from provenstore.domain.tenants.categories import BUILT_IN, Category
from provenstore.domain.tenants.credential import IssuedKey
from provenstore.domain.tenants.retention_policy import BoundRequest
from provenstore.domain.tenants.second_person import Act
from provenstore.domain.tenants.workspace import Workspace
from provenstore.domain.uploads.part_uploads import PartList, PartUrl
from provenstore.projections.files.fold import fold_file, without_reasons
from provenstore.projections.files.query import Page
from provenstore.projections.files.row import FileRow, KeyReach, View, holds_json, retention_json, to_json

Why = Callable[[Act], Json]
"""Looks up the reason of something that somebody did; None where there is none, or it may not be seen."""

PurgeStatus = Literal["requested", "approved", "purging", "failed", "purged", "rejected", "withdrawn"]


@dataclass(frozen=True, slots=True)
class UploadWay:
    """How the bytes of an initiated file are to be sent."""

    method: fe.UploadMethod
    url: str  # absolute
    headers: Mapping[str, str]  # to be sent as they are
    expires_at: datetime
    part_size: int | None = None  # bytes; None for an upload that takes no parts
    parts: int | None = None  # how many; None where the size is not known
    fields: Mapping[str, str] | None = None  # of a form, in order; its last field, `file`, is the content

    def __repr__(self) -> str:
        """Hide the URL, which may carry a permission."""
        return f"UploadWay({self.method})"


def row_of(lifecycle: History) -> FileRow:
    """Return a file as readers see it, folded from its lifecycle events."""
    row = fold_file(lifecycle.events, lifecycle.disclosures)
    if row is None:
        raise NotFound("there is no such file")
    return row


def file_json(row: FileRow, reach: KeyReach, view: View = "default") -> dict[str, Json]:
    """Return `File`; `reach` says how far the keys of the actors reach that it names."""
    return to_json(row, view, reach=reach)


def changed_file_json(lifecycle: History) -> dict[str, Json]:
    """Return `File` to who has just changed it: also which request the one for a retention that waits has replaced."""
    file = file_json(row_of(lifecycle), lifecycle.key_reach)
    retention = file["retention"]
    pending = retention["pending"] if isinstance(retention, dict) else None
    if isinstance(pending, dict):
        pending["replaced"] = _replaced_wish(lifecycle)
    return file


def _replaced_wish(lifecycle: History) -> Json:
    """Return the request for another retention that waited until the newest one took its place."""
    before: tuple[Event, datetime, fe.RetentionMode] | None = None
    newest: tuple[Event, datetime, fe.RetentionMode] | None = None
    for event in lifecycle.events:
        match event.data:
            case fe.RetentionReductionRequested() as data:
                before, newest = newest, (event, data.until, "governance")
            case fe.RetentionExtensionRequested() as data:
                before, newest = newest, (event, data.until, data.mode)
            case fe.RetentionSet():
                before = newest = None
    if before is None:
        return None
    event, until, mode = before
    return {
        "until": format_time(until),
        "mode": mode,
        "requested_by": event.actor.id,
        "requested_by_reach": lifecycle.reach(event.actor),
        "requested_at": format_time(event.time),
    }


def files_json(page: Page, reach: KeyReach, *, name_holds: bool = True) -> dict[str, Json]:
    """Return a page of a list of files; `next` is the cursor of the page after it, or null.

    Without `name_holds` names and matters of holds, and reasons, are null, as in the history of a caller who may not
    see them.
    """
    rows = page.rows if name_holds else [_with_nameless_holds(row) for row in page.rows]
    return {"files": [to_json(row, reach=reach) for row in rows], "next": page.next}


def _with_nameless_holds(row: FileRow) -> FileRow:
    row = without_reasons(row)
    return replace(row, legal_holds=tuple(replace(hold, name=None, matter=None) for hold in row.legal_holds))


def upload_json(way: UploadWay) -> dict[str, Json]:
    """Return how to send the bytes. Only a form has `fields`: it is a POST, and everything else a PUT."""
    in_parts: dict[str, Json] = {} if way.part_size is None else {"part_size": way.part_size, "parts": way.parts}
    return {
        "method": way.method,
        "url": way.url,
        "headers": dict(way.headers),
        **({} if way.fields is None else {"fields": dict(way.fields)}),
        **in_parts,
        "expires_at": format_time(way.expires_at),
    }


def part_json(chunk: Chunk) -> dict[str, Json]:
    """Return a part that has arrived."""
    return {
        "number": chunk.number,
        "first": chunk.first,
        "size": chunk.size,
        "etag": chunk.etag,
        "md5": chunk.md5,
        "sha256": chunk.sha256,
    }


def parts_json(found: PartList) -> dict[str, Json]:
    """Return the parts that have arrived."""
    return {"part_size": found.part_size, "parts": [part_json(one) for one in found.parts]}


def part_urls_json(urls: Sequence[PartUrl], base: str) -> dict[str, Json]:
    """Return where parts may be sent, with `base` before URLs that lead to us."""
    return {
        "parts": [
            {
                "number": one.number,
                "url": absolute(one.url.url, base),
                "headers": dict(one.url.headers),
                "expires_at": format_time(one.url.expires_at),
            }
            for one in urls
        ]
    }


def absolute(url: str, base: str) -> str:
    """Return a signed URL with `base` before it if it leads to us."""
    return base + url if url.startswith("/") else url


def history_json(history: History) -> dict[str, Json]:
    """Return a page of a file's history; `next` goes into `after`, null at the end."""
    return {"events": [_event_json(event, history) for event in history.events], "next": history.next}


def _event_json(event: Event, history: History) -> dict[str, Json]:
    values, told = history.disclosures.get(event.id, {}), history.details_by_event.get(event.id)
    return {
        "actor_reach": history.reach(event.actor),
        "decision": read_decision(event.type, event.decision),
        "details": {} if told is None else dict(told.details),
        "filename_then": None if told is None else told.filename,
        "position": event.position,
        "leaf_hash": event.leaf.hex(),
        "event": event.to_json(),
        "disclosures": {name: _disclosure_json(one) for name, one in sorted(values.items())},
    }


def _disclosure_json(one: Disclosure) -> Json:
    if one.value is None:
        return {"erased_by": str(one.erased_by) if one.erased_by else None}
    return parse_canonical(one.value)


def link_json(link: Link, base: str) -> dict[str, Json]:
    """Return a link just issued, with `base` before a URL that comes back to us."""
    return {
        "id": link.id,
        "url": absolute(link.url.url, base),
        "expires_at": format_time(link.expires_at),
        "observed": link.observed,
        "delivery": link.delivery,
    }


def purge_json(lifecycle: History) -> dict[str, Json]:
    """Return the file's newest purge, with what keeps the file now; NotFound if none was ever requested."""
    found: dict[str, Json] | None = None
    for event in lifecycle.events:
        if isinstance(event.data, fe.PurgeRequested):
            found = {
                "id": event.data.purge,
                "file_id": event.stream.partition(":")[2],
                "status": "requested" if event.data.four_eyes else "approved",
                "four_eyes": event.data.four_eyes,
                "requested_by": event.actor.id,
                "requested_by_reach": lifecycle.reach(event.actor),
                "requested_at": format_time(event.time),
                "reason": _reason(event, lifecycle.disclosures),
                "approved_by": None,
                "approved_by_reach": None,
                "approved_at": None,
                "approval_reason": None,
                "ended_by": None,
                "ended_by_reach": None,
                "ended_at": None,
                "end_reason": None,
                "missing": event.data.missing,
                "policy": event.data.policy,
            }
        elif found is not None and isinstance(event.data, fe.PurgeApproved):
            found |= {
                "status": "approved",
                "approved_by": event.actor.id,
                "approved_by_reach": lifecycle.reach(event.actor),
                "approved_at": format_time(event.time),
                "approval_reason": _reason(event, lifecycle.disclosures),
            }
        elif found is not None and (status := _purge_status(event)) is not None:
            found["status"] = status
            if status in _ENDS:
                found |= {
                    "ended_by": event.actor.id,
                    "ended_by_reach": lifecycle.reach(event.actor),
                    "ended_at": format_time(event.time),
                    "end_reason": _reason(event, lifecycle.disclosures),
                }
    if found is None:
        raise NotFound("no purge of this file was requested")
    row = row_of(lifecycle)
    return {
        **found,
        "filename": row.filename,
        "retention": retention_json(row, lifecycle.key_reach),
        "legal_holds": holds_json(row, lifecycle.key_reach),
    }


_ENDS: Final = frozenset({"purged", "rejected", "withdrawn"})


def _reason(event: Event, disclosures: Disclosures) -> Json:
    """Return why, where the reader may see it and it has not been erased."""
    return disclosed(disclosures, event.id, parse_canonical).get("reason")


def _purge_status(event: Event) -> PurgeStatus | None:
    match event.data:
        case fe.PurgeRejected():
            return "rejected"
        case fe.PurgeWithdrawn():
            return "withdrawn"
        case fe.PurgeStarted():
            return "purging"
        case fe.PurgeFailed():
            return "failed"
        case fe.Purged():
            return "purged"
    return None


def standing_holds_json(lifecycle: History) -> dict[str, Json]:
    """Return the legal holds that stand."""
    return {"legal_holds": holds_json(row_of(lifecycle), lifecycle.key_reach)}


def workspace_json(
    workspace: Workspace, name: str | None, use: QuotaUse | None, why: Why, reach: ReachOf
) -> dict[str, Json]:
    """Return a workspace: its policy, quota and use, and every category with the limits that hold in it.

    `why` says for which reason something was asked for or agreed to, `reach` how far who did that reaches.
    """
    return {
        "id": workspace.id,
        "name": name,
        "four_eyes": workspace.four_eyes,
        "pending": _policy_change(workspace, why, reach),
        "max_retention_years": workspace.max_retention_years,
        "pending_retention": _bound_request(workspace, why, reach),
        "quota": {"max_bytes": workspace.max_bytes, "max_files": workspace.max_files},
        "used": {"bytes": use.bytes if use else 0, "files": use.files if use else 0},
        "categories": [
            _category_json(workspace.category(category)) for category in sorted({*BUILT_IN, *workspace.templates})
        ],
        "version": workspace.version,
    }


def _policy_change(workspace: Workspace, why: Why, reach: ReachOf) -> Json:
    """Return the change of the purge policy that waits for a second person or for its day; null where none does."""
    change = workspace.policy_change
    if change is None:
        return None
    return {
        "four_eyes": False,
        **two_persons(change.requested, change.approved, why, reach),
        "effective_at": format_time(change.effective_at) if change.effective_at else None,
    }


def _bound_request(workspace: Workspace, why: Why, reach: ReachOf) -> Json:
    """Return the higher bound of retentions that waits for a second person; null where none does."""
    request = workspace.bound_request
    if request is None:
        return None
    return {
        "max_retention_years": request.max_years,
        "requested_by": request.asked.by.id,
        "requested_by_reach": reach(request.asked.by),
        "requested_at": format_time(request.asked.at),
        "reason": why(request.asked),
        "replaced": _replaced_bound(request.replaced, reach),
    }


def _replaced_bound(request: BoundRequest | None, reach: ReachOf) -> Json:
    if request is None:
        return None
    return {
        "max_retention_years": request.max_years,
        "requested_by": request.asked.by.id,
        "requested_by_reach": reach(request.asked.by),
        "requested_at": format_time(request.asked.at),
    }


def workspaces_json(ids: Sequence[str], following: str | None) -> dict[str, Json]:
    """Return a page of the ids of workspaces; `next` goes into `after`."""
    return {"workspaces": [{"id": one} for one in ids], "next": following}


def _category_json(category: Category) -> dict[str, Json]:
    return {
        "category": category.name,
        "template": category.template,
        "max_size": category.max_size,
        "extensions": list(category.extensions),
        "expires_after": category.expires_after,
        "allow_empty": category.allow_empty,
        "reserve": category.reserve,
        "link_ttl": category.link_ttl,
        "direct_links": category.direct_links,
    }


def two_persons(requested: Act | None, approved: Act | None, why: Why, reach: ReachOf) -> dict[str, Json]:
    """Return who asked for something and who agreed, when and why; null for nobody and for what may not be seen."""
    return {
        "requested_by": requested.by.id if requested else None,
        "requested_by_reach": reach(requested.by) if requested else None,
        "requested_at": format_time(requested.at) if requested else None,
        "reason": why(requested) if requested else None,
        "approved_by": approved.by.id if approved else None,
        "approved_by_reach": reach(approved.by) if approved else None,
        "approved_at": format_time(approved.at) if approved else None,
        "approval_reason": why(approved) if approved else None,
    }


def keys_json(keys: Sequence[KeyDescription], following: UUID | None, now: datetime, reach: ReachOf) -> dict[str, Json]:
    """Return a page of API keys; `next` goes into `after`, null at the end."""
    return {
        "keys": [key_description_json(one, now, reach) for one in keys],
        "next": None if following is None else str(following),
    }


def key_description_json(key: KeyDescription, now: datetime, reach: ReachOf) -> dict[str, Json]:
    """Return what may be known of an API key: neither its secret nor its digest."""
    revoked = key.revoked
    return {
        "id": key.data.credential,
        "actor": key.data.actor,
        "kind": key.data.kind,
        "roles": list(key.data.roles),
        "workspace": key.data.scope,
        "status": key.status(now),
        "issued_at": format_time(key.issued.time),
        "issued_by": key.issued.actor.id,
        "issued_by_reach": reach(key.issued.actor),
        "expires_at": format_time(key.data.expires_at) if key.data.expires_at else None,
        "revoked_at": format_time(revoked.time) if revoked else None,
        "revoked_by": revoked.actor.id if revoked else None,
        "revoked_by_reach": reach(revoked.actor) if revoked else None,
        "revoked_reason": key.reason,
    }


def key_json(issued: IssuedKey) -> dict[str, Json]:
    """Return a fresh key, the one time that it is shown."""
    return {"id": issued.id, "key": issued.key}


def verification_json(file: File) -> dict[str, Json]:
    """Return what a verifying read of a file proved."""
    stored = file.stored
    if stored is None or (file.damage is None and stored.sha256_status != "verified"):
        raise WrongState("the content was destroyed while it was read", status=file.status)
    return {
        "file_id": str(file.id),
        "outcome": file.damage or "verified",
        "size": stored.size,
        "sha256": stored.sha256,
        "verified_at": format_time(file.verified_at) if file.verified_at else None,
    }


def error_json(error: ProvenstoreError) -> dict[str, Json]:
    """Return what a problem says about an error, without the HTTP status: its stable URN, title, sentence, details."""
    # `status` is the HTTP status in a problem, so the file's goes by its full name.
    details = {
        "file_status" if name == "status" else name: value for name, value in error.details.items() if value is not None
    }
    return {
        **details,
        "type": f"urn:provenstore:problem:{error.code}",
        "title": error.title(),
        "detail": error.message,
        "code": error.code,
    }


def erasure_preview_json(found: Preview) -> dict[str, Json]:
    """Return what an erasure would erase now."""
    return {"found": found_json(found.found), "files": found.files}


def found_json(found: Sequence[FoundValues]) -> Json:
    """Return how many private values were found, by kind of stream and name."""
    return [{"kind": one.kind, "field": one.field, "values": one.values} for one in found]

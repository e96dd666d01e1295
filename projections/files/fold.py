"""How the events of a file become its row: the fold of the file index and of a single file.

Events of types that this release does not know change nothing but the version. A private value that is absent has
been erased. An event that does not fit the row (an access before the file exists) changes nothing: the fold records
what the log says and never judges it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Disclosures, Values
from provenstore.domain.files import file_events as events
from provenstore.domain.files.file import later
from provenstore.domain.files.file_events import RetentionMode
from provenstore.projections.engine.fold import fold_events
from provenstore.projections.engine.private_values import metadata_of, related_of, subjects_of, text_of
from provenstore.projections.files.row import Disposal, FileRow, Hold

_STREAMS: Final = ("file:", "access:")
"""Chunks (`parts:`) are not here: they change nothing that a reader of the file sees. URLs for parts do."""


class FileFold:
    """The fold of the streams `file:` and `access:` into one row per file, keyed by the file's id."""

    private: Final = True
    adds: Final = False

    def keys(self, event: Event) -> tuple[str, ...]:
        """Return the id of the file whose history the event belongs to."""
        mine = event.stream.startswith(_STREAMS) or isinstance(event.data, events.PartUrlsIssued)
        return (event.stream.partition(":")[2],) if mine else ()

    def fold(self, key: str, row: FileRow | None, event: Event, values: Values) -> FileRow | None:
        """Return the file's row after `event`."""
        if isinstance(event.data, events.UploadInitiated):
            return _initiated(key, event, event.data, values)
        if row is None:
            return None
        if isinstance(event.data, events.Accessed):  # most of all events, and nothing else changes
            return _accessed(row, event, event.data)
        before = row
        row = _uploaded(row, event)
        row = _looked_at(row, event)
        row = _removed(row, event, values)
        row = _disposed(row, event, values)
        row = _described(row, event, values)
        row = _held(row, event, values)
        # An approval given anew counts from then.
        if row.pending != before.pending or isinstance(event.data, events.PurgeApproved):
            row = replace(row, pending_since=event.time if row.pending else None)
        return replace(row, version=event.version) if event.stream.startswith("file:") else row


def fold_file(history: Iterable[Event], disclosures: Disclosures) -> FileRow | None:
    """Return the row of the one file whose streams, merged in log order, are `history`; None without events."""
    rows = fold_events(FileFold(), {}, history, disclosures)
    return next(iter(rows.values()), None)


def _initiated(key: str, event: Event, data: events.UploadInitiated, values: Values) -> FileRow:
    return FileRow(
        id=key,
        workspace=event.workspace,
        created_position=event.position,
        version=event.version,
        filename=text_of(values, "filename"),
        size=data.declared_size,
        media_type=data.media_type,
        category=data.category,
        variant=data.variant,
        status="initiated",
        provider=data.provider,
        path=data.path,
        extension=data.extension,
        upload=data.upload,
        sha256=data.declared_sha256,
        sha256_status="claimed" if data.declared_sha256 else "none",
        md5=data.declared_md5,
        access=data.access,
        owner=data.owner,
        owner_credential=event.actor.credential,
        related=related_of(values),
        subjects=subjects_of(values),
        metadata=metadata_of(values),
        created_at=event.time,
        expires_at=data.expires_at,
        upload_expires_at=data.upload_expires_at,
        look_after=data.write_until,
    )


def _accessed(row: FileRow, event: Event, data: events.Accessed) -> FileRow:
    """Return the row after one more access, as `replace` would at ten times the cost."""
    after = object.__new__(FileRow)
    downloads = row.downloads + (data.mode == "download")
    vars(after).update(vars(row), downloads=downloads, last_access=event.time)
    return after


def _uploaded(row: FileRow, event: Event) -> FileRow:
    """Follow the upload from its completion, or its end, to the last byte cleared away."""
    match event.data:
        case events.CompletionRequested():
            return replace(row, pending="complete")
        case events.IntegrityFailed(found="nothing") | events.StrayRemoved():
            return replace(row, pending=None if row.pending == "complete" else row.pending)
        case events.Stored() as data:
            return replace(
                row,
                status="stored",
                pending=None,
                size=data.size,
                sha256=data.sha256,
                sha256_status=data.sha256_status,
                md5=data.md5,
                etag=data.etag,
                object_version=data.version_id,
                expires_at=data.expires_at,
                stored_at=event.time,
            )
        case events.UploadAborted():
            return replace(row, status="aborted", pending="clear")
        case events.UploadExpired():
            return replace(row, status="expired", pending="clear")
        case events.UploadCleared():
            return replace(row, pending=None)
    return row


def _looked_at(row: FileRow, event: Event) -> FileRow:
    """Follow what is known of the object since: readings, and until when something may still appear in its place."""
    match event.data:
        case events.PartUrlsIssued() as data:
            return replace(row, look_after=later(row.look_after, data.write_until))
        case events.IntegrityFailed(found="nothing") as data:
            return replace(row, look_after=later(row.look_after, data.look_after))
        case events.Stored() as data:
            return replace(row, look_after=later(row.look_after, data.look_after))
        case events.UploadCleared() as data:
            return replace(row, looked_after=later(row.looked_after, data.write_until))
        case events.PlaceChecked() as data:
            return replace(row, looked_after=later(row.looked_after, data.look_after))
        case events.IntegrityVerified() as data:
            return replace(row, sha256=data.sha256, sha256_status="verified", verified_at=event.time, damage=None)
        case events.IntegrityFailed(found="at_rest"):
            return replace(row, damage="altered")
        case events.ObjectMissing():
            return replace(row, damage="missing")
    return row


def _removed(row: FileRow, event: Event, values: Values) -> FileRow:
    """Follow deletion and restoration, which leave the bytes alone."""
    match event.data:
        case events.SoftDeleted():
            return replace(
                row,
                status="soft_deleted",
                deleted_at=event.time,
                deleted_by=event.actor.id,
                deleted_by_credential=event.actor.credential,
                deletion_reason=text_of(values, "reason"),
                disposal_since=event.time,
            )
        case events.FileExpired():
            return replace(
                row,
                status="expired",
                deleted_at=event.time,
                deleted_by=event.actor.id,
                deleted_by_credential=event.actor.credential,
                disposal_since=event.time,
            )
        case events.Restored():
            # What had expired, or would have meanwhile, would expire at once; it is kept until somebody says otherwise.
            over = row.status == "expired" or (row.expires_at is not None and row.expires_at <= event.time)
            keep = None if over else row.expires_at
            row = replace(_without_purge(row), deleted_at=None, disposal_since=None, deleted_by=None)
            row = replace(row, deleted_by_credential=None, deletion_reason=None)
            return replace(row, status="stored", expires_at=keep)
    return row


def _disposed(row: FileRow, event: Event, values: Values) -> FileRow:
    """Follow a purge from its request to the empty key."""
    match event.data:
        case events.PurgeRequested() as data:
            disposal: Disposal = "requested" if data.four_eyes else "approved"
            row = replace(_without_purge(row), disposal=disposal, purge=data.purge)
            return replace(
                row,
                pending=None if data.four_eyes else "purge",
                purge_policy=data.policy,
                purge_requested_by=event.actor.id,
                purge_requested_by_credential=event.actor.credential,
                purge_requested_at=event.time,
                purge_reason=text_of(values, "reason"),
            )
        case events.PurgeApproved():
            # From the approval on the purge is carried out; a crash right after it must not leave it lying.
            return replace(
                row,
                disposal="approved",
                pending="purge",
                purge_approved_by=event.actor.id,
                purge_approved_by_credential=event.actor.credential,
                purge_approved_at=event.time,
                purge_approval_reason=text_of(values, "reason"),
            )
        case events.PurgeRejected():
            since = event.time if row.deleted_at else None
            return replace(_without_purge(row), pending=None, disposal_since=since)
        case events.PurgeWithdrawn():
            return replace(_without_purge(row), pending=None)
        case events.PurgeStarted():
            return replace(row, disposal="purging", pending="purge")
        case events.PurgeFailed():
            return replace(row, disposal="failed")
        case events.Purged():
            return replace(row, status="purged", disposal=None, pending=None)
    return row


def _without_purge(row: FileRow) -> FileRow:
    return replace(
        row,
        disposal=None,
        purge=None,
        purge_policy=None,
        purge_requested_by=None,
        purge_requested_by_credential=None,
        purge_requested_at=None,
        purge_reason=None,
        purge_approved_by=None,
        purge_approved_by_credential=None,
        purge_approved_at=None,
        purge_approval_reason=None,
    )


def _described(row: FileRow, event: Event, values: Values) -> FileRow:
    """Follow what is said about the file, and who read it."""
    match event.data:
        case events.MetadataChanged() as data:
            return replace(
                row,
                filename=text_of(values, "filename") if "filename" in data.changed else row.filename,
                related=related_of(values) if "related" in data.changed else row.related,
                subjects=subjects_of(values) if "subjects" in data.changed else row.subjects,
                metadata=metadata_of(values) if "metadata" in data.changed else row.metadata,
            )
        case events.PersonalDataErased():
            return without_erased(row, event)
        case events.AccessLevelChanged() as data:
            return replace(row, access=data.access)
        case events.ExpirySet() as data:
            return replace(row, expires_at=data.expires_at)
    return row


def _held(row: FileRow, event: Event, values: Values) -> FileRow:
    """Follow what forbids deletion: retention and legal holds."""
    match event.data:
        case events.RetentionSet() as data:
            row = replace(
                row,
                retention_until=data.until,
                retention_mode=data.mode,
                retention_set_by=event.actor.id,
                retention_set_by_credential=event.actor.credential,
                retention_set_at=event.time,
                retention_reason=text_of(values, "reason"),
            )
            return _without_wish(row)
        case events.RetentionReductionRequested() as data:
            return _wishing(row, data.until, "governance", event, values)
        case events.RetentionExtensionRequested() as data:
            return _wishing(row, data.until, data.mode, event, values)
        case events.LegalHoldPlaced() as data:
            hold = Hold(
                data.hold,
                text_of(values, "name"),
                text_of(values, "matter"),
                event.actor.id,
                event.time,
                event.actor.credential,
                text_of(values, "reason"),
            )
            return replace(row, legal_holds=(*row.legal_holds, hold))
        case events.LegalHoldReleased() as data:
            return replace(row, legal_holds=tuple(hold for hold in row.legal_holds if hold.id != data.hold))
    return row


def _wishing(row: FileRow, until: datetime, mode: RetentionMode, event: Event, values: Values) -> FileRow:
    """Return the row with a retention that waits for a second person."""
    return replace(
        row,
        retention_wish_until=until,
        retention_wish_mode=mode,
        retention_wish_by=event.actor.id,
        retention_wish_by_credential=event.actor.credential,
        retention_wish_at=event.time,
        retention_wish_reason=text_of(values, "reason"),
    )


def _without_wish(row: FileRow) -> FileRow:
    return replace(
        row,
        retention_wish_until=None,
        retention_wish_mode=None,
        retention_wish_by=None,
        retention_wish_by_credential=None,
        retention_wish_at=None,
        retention_wish_reason=None,
    )


def without_erased(row: FileRow, event: Event) -> FileRow:
    """Return the row without the values that `event` erased, and in nothing else changed."""
    if not isinstance(event.data, events.PersonalDataErased):
        return row
    fields = frozenset(event.data.fields if event.data.emptied is None else event.data.emptied)
    if "reason" in fields:
        row = without_reasons(row)
    return replace(
        row,
        filename=None if "filename" in fields else row.filename,
        related=() if "related" in fields else row.related,
        subjects=() if "subjects" in fields else row.subjects,
        metadata=() if "metadata" in fields else row.metadata,
        legal_holds=tuple(
            replace(
                hold,
                name=None if "name" in fields else hold.name,
                matter=None if "matter" in fields else hold.matter,
            )
            for hold in row.legal_holds
        ),
    )


def without_reasons(row: FileRow) -> FileRow:
    """Return the row without any reason, and in nothing else changed."""
    return replace(
        row,
        deletion_reason=None,
        purge_reason=None,
        purge_approval_reason=None,
        retention_reason=None,
        retention_wish_reason=None,
        legal_holds=tuple(replace(hold, reason=None) for hold in row.legal_holds),
    )

"""The entry point to a file's decisions: `decide(state, command)` returns the facts to record, or refuses.

Pure: the same state and command always give the same facts. No facts means that nothing changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from provenstore.domain.errors import NotFound
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import custody_decisions as custody
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files import integrity_decisions as integrity
from provenstore.domain.files import purge_decisions as purge
from provenstore.domain.files import upload_decisions as upload
from provenstore.domain.files.file import File
from provenstore.domain.tenants.second_person import Act

_DECISIONS: Mapping[type[c.FileCommand], Callable[[File, Any], tuple[Fact, ...]]] = {
    c.OpenMultipart: upload.open_multipart,
    c.RequestCompletion: upload.request_completion,
    c.RecordStored: upload.record_stored,
    c.RecordIntegrityFailure: upload.record_integrity_failure,
    c.RecordStrayRemoved: upload.record_stray_removed,
    c.RecordVerified: integrity.record_verified,
    c.RecordMissing: integrity.record_missing,
    c.RecordStrayFound: integrity.record_stray_found,
    c.RecordPlaceChecked: integrity.record_place_checked,
    c.Abort: upload.abort,
    c.ExpireUpload: upload.expire_upload,
    c.RecordCleared: upload.record_cleared,
    c.SoftDelete: custody.soft_delete,
    c.Expire: custody.expire,
    c.Restore: custody.restore,
    c.ChangeFile: custody.change_file,
    c.RevokeLink: custody.revoke_link,
    c.SetRetention: custody.set_retention,
    c.PlaceHold: custody.place_hold,
    c.ReleaseHold: custody.release_hold,
    c.ErasePersonalData: custody.erase_personal_data,
    c.RequestPurge: purge.request_purge,
    c.Dispose: purge.dispose,
    c.WithdrawPurge: purge.withdraw_purge,
    c.ApprovePurge: purge.approve_purge,
    c.RejectPurge: purge.reject_purge,
    c.StartPurge: purge.start_purge,
    c.RecordPurgeListed: purge.record_purge_listed,
    c.RecordPurgeFailure: purge.record_purge_failure,
    c.RecordPurged: purge.record_purged,
}


def decide(file: File | None, command: c.FileCommand) -> tuple[Fact, ...]:
    """Return the facts of `command` on `file`; raises a Refused error if a rule forbids it."""
    if isinstance(command, c.Initiate):
        return upload.initiate(file, command)
    if file is None:
        raise NotFound("there is no such file")
    return tuple(_with_former(file, fact) for fact in _DECISIONS[type(command)](file, command))


def first_act(file: File, command: c.FileCommand) -> Act | None:
    """Return the first person's act that `command` may confirm as a second person; None if there was none."""
    match command:
        case c.ApprovePurge():
            return None if file.purge is None else file.purge.requested
        case c.ReleaseHold():
            return next((hold.placed for hold in file.holds if hold.id == command.hold), None)
        case c.SetRetention():
            return None if file.retention_wish is None else file.retention_wish.asked
    return None


_FORMER: Mapping[type[EventData], Callable[[File], BaseModel]] = {
    e.AccessLevelChanged: lambda file: e.FormerAccess(access=file.access),
    e.ExpirySet: lambda file: e.FormerExpiry(expires_at=file.expires_at),
    e.RetentionSet: lambda file: e.FormerRetention(
        until=file.retention.until if file.retention else None, mode=file.retention.mode if file.retention else None
    ),
}
"""The values that each change of a file replaces, from the state before it."""


def _with_former(file: File, fact: Fact) -> Fact:
    former = _FORMER.get(type(fact.data))
    return fact if former is None else replace(fact, data=fact.data.model_copy(update={"was": former(file)}))

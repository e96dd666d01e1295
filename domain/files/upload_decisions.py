"""Decisions about an upload: from its initiation to Stored, or to its abort or expiry."""

from datetime import datetime, timedelta

from provenstore.domain.errors import ContentMismatch, ContentTooLarge, InvalidInput, LegalHold, Refused, WrongState
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.custody_decisions import require_offered, why
from provenstore.domain.files.file import STRAGGLERS_COME_FOR, File
from provenstore.domain.files.integrity_decisions import altered

Facts = tuple[Fact, ...]


def initiate(file: File | None, command: c.Initiate) -> Facts:
    """Begin a new file; an expiry must lie in the future.

    If the content came with the command, also announce its completion, under the rules of `request_completion`.
    """
    if file is not None:
        raise WrongState("the file exists already")
    if command.data.expires_at is not None and command.data.expires_at <= command.now:
        raise InvalidInput("expires_at", "lies in the past")
    require_offered(command.data.access)
    begun = Fact(command.data, command.private)
    if command.announcing is None:
        return (begun,)
    if mismatch := _mismatch(command.data, command.announcing):
        raise mismatch
    return (begun, _announcement(command.announcing, reserved=command.data.reserved))


def open_multipart(file: File, command: c.OpenMultipart) -> Facts:
    """Record the opened multipart upload, unless another one was recorded first."""
    require_taking(file)
    if file.multipart != command.instead:
        return ()
    return (Fact(e.MultipartOpened(upload=command.upload)),)


def request_completion(file: File, command: c.RequestCompletion) -> Facts:
    """Announce a completion, so that one attempt may publish; refused on a mismatch (rule stored-only-after-check)."""
    require_open(file)
    if file.completion is not None and file.completion.stray:
        raise WrongState("an object that nobody announced is being removed; upload again in a moment")
    if file.completion is not None:
        # The same digests mean the same attempt, continued after a crash; any other attempt came second.
        announced = file.completion
        same = (announced.size, announced.sha256, announced.etag) == (command.size, command.sha256, command.etag)
        if same and (command.sha256 is not None or command.etag is not None):
            return ()
        raise WrongState("another upload of this file is being completed")
    if mismatch := declared_mismatch(file, command):
        raise mismatch
    return (_announcement(command, reserved=file.reserved),)


def _announcement(command: c.RequestCompletion, *, reserved: int) -> Fact:
    data = e.CompletionRequested(
        size=command.size,
        sha256=command.sha256,
        md5=command.md5,
        parts=command.parts,
        quota_bytes=max(0, command.size - reserved),
        etag=command.etag,
    )
    return Fact(data, decision="quota-reserved/1")


def declared_mismatch(file: File, found: c.RequestCompletion | c.RecordStored) -> Refused | None:
    """Return the refusal if size or digests differ from the client's declaration, or None."""
    return _mismatch(file.initiated, found)


def _mismatch(declared: e.UploadInitiated, found: c.RequestCompletion | c.RecordStored) -> Refused | None:
    if found.size > declared.max_size:
        return ContentTooLarge(f"the content is larger than {declared.max_size:,} bytes", limit=declared.max_size)
    pairs = (
        ("size", declared.declared_size, found.size),
        ("sha256", declared.declared_sha256, found.sha256),
        ("md5", declared.declared_md5, found.md5),
    )
    for check, expected, actual in pairs:
        if expected is not None and actual is not None and expected != actual:
            return ContentMismatch(
                f"the content's {check} is {actual}, declared was {expected}",
                check=check,
                expected=str(expected),
                actual=str(actual),
            )
    return None


def record_stored(file: File, command: c.RecordStored) -> Facts:
    """Record Stored for exactly the bytes that were announced (rule stored-only-after-check)."""
    if file.stored is not None and _same_object(file.stored, command):
        return ()  # another process, settling the same announcement, was quicker
    require_open(file)
    announced = file.completion
    if announced is None or announced.stray:
        raise WrongState("nothing was announced for this file")
    for check, expected, actual in (
        ("size", announced.size, command.size),
        ("sha256", announced.sha256, command.sha256),
        ("etag", announced.etag, command.etag),
    ):
        if expected is not None and actual is not None and expected != actual:
            raise ContentMismatch(
                "the object in its place is not the one that was announced",
                check=check,
                expected=str(expected),
                actual=str(actual),
            )
    if mismatch := declared_mismatch(file, command):
        raise mismatch
    data = e.Stored(
        size=command.size,
        sha256=command.sha256,
        sha256_status=command.sha256_status,
        md5=command.md5,
        etag=command.etag,
        version_id=command.version_id,
        expires_at=_expiry(file, command),
        quota_bytes=command.size - file.reserved,
        look_after=command.now + STRAGGLERS_COME_FOR if command.leftovers else None,
    )
    return (Fact(data, decision="stored-only-after-check/1"),)


def _same_object(stored: e.Stored, command: c.RecordStored) -> bool:
    if (stored.size, stored.sha256) != (command.size, command.sha256):
        return False
    return command.sha256 is not None or stored.etag == command.etag


def _expiry(file: File, command: c.RecordStored) -> datetime | None:
    if file.expiry_set:
        return file.expires_at
    if file.initiated.expires_at is not None:
        return file.initiated.expires_at
    if file.initiated.expires_after is None:
        return None
    return command.now + timedelta(seconds=file.initiated.expires_after)


def record_integrity_failure(file: File, command: c.RecordIntegrityFailure) -> Facts:
    """Record a mismatch; a mismatch of the announced object is recorded once."""
    if command.found == "at_rest":
        return altered(file, command)
    require_open(file)
    announced = file.completion
    if command.found == "nothing" and (announced is None or announced.stray):
        return ()  # another process, settling the same announcement, was quicker
    if command.found == "stray" and (announced is None or announced.being_removed(command.now)):
        return ()  # and removes it
    data = e.IntegrityFailed(
        found=command.found,
        check=command.check,
        expected=command.expected,
        actual=command.actual,
        look_after=command.now + STRAGGLERS_COME_FOR if command.found == "nothing" else None,
    )
    return (Fact(data, outcome="failed", decision="stored-only-after-check/1"),)


def record_stray_removed(file: File, command: c.RecordStrayRemoved) -> Facts:
    """Reopen the upload after the unexpected object was removed; ignored unless it is the removal on record."""
    if file.completion is None or not file.completion.stray or file.completion.stray_at != command.found_at:
        return ()
    return (Fact(e.StrayRemoved(etag=command.etag), decision="one-completion/1"),)


def abort(file: File, command: c.Abort) -> Facts:
    """Abort an unfinished upload; refused under a legal hold or while its bytes are being published.

    Adds no fact if it is aborted already, since a caller may retry after a lost reply.
    """
    if file.status == "aborted":
        return ()
    require_open(file)
    if file.held:
        raise LegalHold("a legal hold on the upload refuses to abort it", rule="hold-refuses-abort")
    _not_completing(file)
    return (Fact(e.UploadAborted(), why(command.reason), decision="abort-not-held/1"),)


def expire_upload(file: File, command: c.ExpireUpload) -> Facts:
    """Expire an upload after its time; refused under a legal hold or while its bytes are being published."""
    if file.status == "expired" and file.stored is None:
        return ()  # another process was quicker
    require_open(file)
    if file.held:
        raise LegalHold("a legal hold on the upload refuses its expiry", rule="hold-refuses-expiry")
    if not (file.completion is not None and file.completion.stray and file.completion_timed_out(command.now)):
        # An announcement with an unexpected object at its key cannot succeed after its time, even if that stays.
        _not_completing(file)
    if command.now < file.initiated.upload_expires_at:
        raise WrongState("the upload's time has not passed")
    return (Fact(e.UploadExpired(), decision="upload-expiry-not-held/1"),)


def record_cleared(file: File, command: c.RecordCleared) -> Facts:
    """Release the reserved quota, but only once no write URL of the upload works (rule quota-released-late)."""
    if not file.upload_ended:
        raise WrongState("the upload has not been given up")
    if file.cleared:
        return ()
    if command.write_until is not None and command.now < command.write_until:
        raise WrongState("a write URL of the upload is still alive", rule="quota-released-late")
    data = e.UploadCleared(quota_bytes=-file.reserved, quota_files=-1, write_until=command.write_until)
    return (Fact(data, decision="quota-released-late/1"),)


def require_open(file: File) -> None:
    """Refuse unless the upload is unfinished."""
    if file.status != "initiated":
        raise WrongState(f"the file is {file.status.replace('_', ' ')}, so its upload is over", status=file.status)


def require_taking(file: File) -> None:
    """Refuse unless the upload still accepts bytes: unfinished, and not being completed."""
    require_open(file)
    _not_completing(file)


def _not_completing(file: File) -> None:
    if file.completion is not None:
        raise WrongState("the upload is being completed")

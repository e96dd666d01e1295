"""Decisions about findings: when a stored object is read again, and when a file's object keys are rechecked."""

from provenstore.domain.errors import ContentMismatch, WrongState
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File

Facts = tuple[Fact, ...]


def record_verified(file: File, command: c.RecordVerified) -> Facts:
    """Record that the object matches the stored one; every verification is recorded, to show when it last matched."""
    stored = _at_rest(file)
    if stored is None:
        return ()
    expected = (stored.size, stored.sha256 or command.sha256, stored.etag, stored.version_id)
    if expected != (command.size, command.sha256, command.etag, command.version_id):
        raise ContentMismatch("the object is not the one that was stored", check="sha256")
    data = e.IntegrityVerified(
        size=command.size, sha256=command.sha256, etag=command.etag, version_id=command.version_id
    )
    return (Fact(data, decision="verified-by-reading/1"),)


def altered(file: File, command: c.RecordIntegrityFailure) -> Facts:
    """Record that the object was altered; recorded once until a verification succeeds again."""
    if _at_rest(file) is None or file.damage == "altered":
        return ()
    data = e.IntegrityFailed(found="at_rest", check=command.check, expected=command.expected, actual=command.actual)
    return (Fact(data, outcome="failed", decision="verified-by-reading/1"),)


def record_missing(file: File, command: c.RecordMissing) -> Facts:  # noqa: ARG001  # one shape for all decisions
    """Record that the object is missing; recorded once until a verification succeeds again."""
    stored = _at_rest(file)
    if stored is None or file.damage == "missing":
        return ()
    return (Fact(e.ObjectMissing(version_id=stored.version_id), outcome="failed"),)


def record_stray_found(file: File, command: c.RecordStrayFound) -> Facts:
    """Record unexpected objects and uploads before their removal; each is recorded once until a clean recheck.

    Repeated attempts to remove the same object add no event.
    """
    if file.status == "initiated" or file.completion is not None:
        raise WrongState("the upload is open, so what stands at its keys may be its own")
    versions = tuple(one for one in command.versions if one not in file.strays)
    uploads = tuple(one for one in command.uploads if one not in file.stray_uploads)
    if not versions and not uploads:
        return ()
    data = e.StrayFound(versions=versions, uploads=len(uploads), upload_ids=uploads)
    return (Fact(data, outcome="failed"),)


def record_place_checked(file: File, command: c.RecordPlaceChecked) -> Facts:
    """Record the key recheck, but only once no write URL of the upload works (rule looked-at-again)."""
    if file.status == "initiated":
        raise WrongState("the upload is open")
    if command.now < command.look_after:
        raise WrongState("a write URL of the upload is still alive", rule="looked-at-again")
    if file.looked_after is not None and file.looked_after >= command.look_after:
        return ()  # another process was quicker
    return (Fact(e.PlaceChecked(look_after=command.look_after), decision="looked-at-again/1"),)


def _at_rest(file: File) -> e.Stored | None:
    """Return the Stored event's data, None once a purge has started; WrongState if the file was never stored."""
    if file.stored is None:
        raise WrongState(f"the file is {file.status}; there is no content to verify", status=file.status)
    if file.status == "purged" or (file.purge is not None and file.purge.started is not None):
        return None
    return file.stored

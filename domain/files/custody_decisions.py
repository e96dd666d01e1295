"""Decisions about an existing file: deletion, expiry, restoring, changes, retention, holds, erasure."""

from dataclasses import replace
from datetime import datetime

from provenstore.domain.canonical import Json
from provenstore.domain.errors import (
    InvalidInput,
    LegalHold,
    NotFound,
    Retained,
    WrongState,
)
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File, RetentionWish
from provenstore.domain.tenants.second_person import require_person, require_second_person
from provenstore.domain.text import require_reason

Facts = tuple[Fact, ...]


def soft_delete(file: File, command: c.SoftDelete) -> Facts:
    """Soft-delete a stored file; refused under a legal hold, not under retention, since the bytes remain."""
    if file.held:
        raise LegalHold("a legal hold on the file refuses to delete it", rule="hold-refuses-delete")
    require_status(file, "stored")
    return (Fact(e.SoftDeleted(), why(command.reason), decision="delete-not-held/1"),)


def expire(file: File, command: c.Expire) -> Facts:
    """Expire a stored file whose expiry has passed; refused under a legal hold and before retention ends."""
    if file.status == "expired" and file.stored is not None:
        return ()  # another process was quicker
    if file.held:
        raise LegalHold("a legal hold on the file refuses its expiry", rule="hold-refuses-expiry")
    require_status(file, "stored")
    if file.expires_at is None or command.now < file.expires_at:
        raise WrongState("the file's time has not passed")
    if file.retained(command.now):
        raise Retained(_until(file, "expiry"), rule="retention-refuses-expiry")
    return (Fact(e.FileExpired(expires_at=file.expires_at), decision="expiry-not-held-nor-retained/1"),)


def restore(file: File, command: c.Restore) -> Facts:
    """Restore a deleted or expired file; cancels a purge that has not started."""
    if file.purge is not None and file.purge.started:
        raise WrongState("the purge has started; nothing can be restored", rule="purge-started-is-final")
    if file.status == "purged":
        raise WrongState("the file was purged; its bytes no longer exist", status=file.status)
    if file.stored is None:
        raise WrongState(f"the file is {file.status}; it never had content", status=file.status)
    require_status(file, "soft_deleted", "expired")
    cancelled = cancel_purge(file, "restore")
    return (*cancelled, Fact(e.Restored(), why(command.reason), decision="restore-before-purge/1"))


def cancel_purge(file: File, by: str) -> Facts:
    """Return the facts that cancel a purge, if any (rules hold-cancels-purge, restore-cancels-purge)."""
    if file.purge is None:
        return ()
    data = e.PurgeWithdrawn.model_validate({"purge": file.purge.id, "by": by})
    return (Fact(data, decision=f"{by}-cancels-purge/1"),)


def change_file(file: File, command: c.ChangeFile) -> Facts:
    """Change private values, access level and expiry until a purge starts; unchanged level or expiry adds no fact."""
    _require_changeable(file)
    facts: Facts = ()
    if command.values:
        facts += (Fact(e.MetadataChanged(changed=tuple(sorted(command.values))), command.values),)
    if command.access is not None and command.access != file.access:
        if command.access == "public" and file.held:
            raise LegalHold("a legal hold on the file refuses to publish it", rule="hold-refuses-publish")
        require_offered(command.access)
        facts += (Fact(e.AccessLevelChanged(access=command.access), decision="access-change-not-held/1"),)
    if command.expiry is not None and not _expires_already(file, command.expiry[0]):
        when = command.expiry[0]
        if when is not None and when <= command.now:
            raise InvalidInput("expires_at", "lies in the past")
        facts += (Fact(e.ExpirySet(expires_at=when)),)
    return facts


def require_offered(access: e.AccessLevel) -> None:
    """Refuse `public`: files are not served publicly yet, so the level would be untrue."""
    if access == "public":
        said = "is public, which is not offered yet; take workspace, and links for people outside it"
        raise InvalidInput("access", said, rule="public-not-offered")


def revoke_link(file: File, command: c.RevokeLink) -> Facts:
    """Revoke a link; a link that has ended already adds no fact."""
    ended = command.expires_at <= command.now or command.issued_at < file.links_ended
    if ended or command.link in {link for link, _ in file.revoked_links}:
        return ()
    data = e.LinkRevoked(link=command.link, expires_at=command.expires_at)
    return (Fact(data, why(command.reason), decision="link-revoked/1"),)


def _expires_already(file: File, when: datetime | None) -> bool:
    """Tell whether this is the file's expiry already; before Stored, its category may still set one."""
    settled = file.stored is not None or file.expiry_set or when is not None
    return settled and when == file.expires_at


def set_retention(file: File, command: c.SetRetention) -> Facts:
    """Set or extend retention; compliance is never shortened, governance is shortened by two persons with a reason."""
    _require_changeable(file)
    if file.stored is None:
        raise WrongState("the file is not stored yet; retention counts from there")
    if command.until <= command.now:
        raise InvalidInput("until", "lies in the past")
    current = file.retention if file.retained(command.now) else None
    data = e.RetentionSet(until=command.until, mode=command.mode)
    wanted = Fact(data, why(command.reason), decision="retention-not-shortened/1")
    if current is None or (command.until >= current.until and _as_strict(current.mode, command.mode)):
        beyond = command.mode == "compliance" and command.until > years_after(command.now, command.bound.years)
        return _extend(file, command, wanted) if beyond else (wanted,)
    if current.mode == "compliance":
        raise Retained(_until(file, "any shortening, in compliance mode,"), rule="compliance-only-lengthens")
    if command.mode == "compliance":
        raise InvalidInput("until", "shortens the retention while changing its mode; do one after the other")
    return _shorten(file, command, wanted)


def _as_strict(current: e.RetentionMode, wanted: e.RetentionMode) -> bool:
    return wanted == "compliance" or current == "governance"


def years_after(now: datetime, years: int) -> datetime:
    """Return the same day `years` later; 1 March for 29 February in a year without one."""
    try:
        return now.replace(year=now.year + years)
    except ValueError:
        return now.replace(year=now.year + years, month=3, day=1)


def _shorten(file: File, command: c.SetRetention, wanted: Fact) -> Facts:
    """Record the first person's request; apply it when a second person makes exactly the same request."""
    require_person(command.by, "shorten a retention", rule="governance-shortened-by-two")
    wish = _same_wish(file, command)
    if wish is None:
        asked = e.RetentionReductionRequested(until=command.until)
        return (Fact(asked, why(command.reason), decision="shortening-awaits-second-person/1"),)
    require_second_person(
        wish.asked,
        command.first,
        command.person,
        done="a retention is shortened",
        first_did="asked for it",
        rule="governance-shortened-by-two",
    )
    return (replace(wanted, decision="governance-shortened-by-two/2"),)


def _extend(file: File, command: c.SetRetention, wanted: Fact) -> Facts:
    """Likewise for a retention beyond the workspace's limit for one person, since it can never be undone."""
    require_person(command.by, "set a retention this long", rule="long-retention-by-two")
    wish = _same_wish(file, command)
    if wish is None:
        asked = e.RetentionExtensionRequested(until=command.until, mode=command.mode)
        return (Fact(asked, why(command.reason), decision="long-retention-awaits-second-person/1"),)
    require_second_person(
        wish.asked,
        command.first,
        command.person,
        done=f"a compliance retention of more than {command.bound.years} years is set",
        first_did="asked for it",
        rule="long-retention-by-two",
    )
    return (replace(wanted, decision="long-retention-by-two/1"),)


def _same_wish(file: File, command: c.SetRetention) -> RetentionWish | None:
    wish = file.retention_wish
    return wish if wish is not None and (wish.until, wish.mode) == (command.until, command.mode) else None


def place_hold(file: File, command: c.PlaceHold) -> Facts:
    """Place a legal hold at any time before PurgeStarted, also on unfinished uploads; it cancels a purge."""
    if file.purge is not None and file.purge.started:
        raise WrongState("the purge has started; a hold comes too late", rule="purge-started-is-final")
    if file.status == "purged" or file.upload_ended:
        raise WrongState("the file has no bytes any more, or they are being cleared away", status=file.status)
    values: dict[str, Json] = {"name": command.name, "reason": command.reason}
    if command.matter is not None:
        values["matter"] = command.matter
    placed = Fact(e.LegalHoldPlaced(hold=command.hold), values, decision="hold-any-time/1")
    return (placed, *cancel_purge(file, "hold"))


def release_hold(file: File, command: c.ReleaseHold) -> Facts:
    """Release one legal hold; requires a person other than the one who placed it."""
    hold = next((hold for hold in file.holds if hold.id == command.hold), None)
    if hold is None:
        raise NotFound("the file has no such legal hold")
    require_second_person(
        hold.placed,
        command.first,
        command.person,
        done="a legal hold is released",
        first_did="placed it",
        rule="hold-release-second-person",
        now=command.now,
    )
    data = e.LegalHoldReleased(hold=command.hold)
    return (Fact(data, why(command.reason), decision="hold-release-second-person/2"),)


def erase_personal_data(file: File, command: c.ErasePersonalData) -> Facts:
    """Erase private values; refused under a legal hold."""
    if file.held:
        raise LegalHold("a legal hold on the file refuses erasure", rule="hold-refuses-erasure")
    data = e.PersonalDataErased(
        fields=command.fields,
        events=command.events,
        positions=command.positions,
        emptied=command.emptied,
        erasure=command.erasure,
    )
    return (Fact(data, why(command.reason), decision="erasure-not-held/1"),)


def require_status(file: File, *allowed: str, stored: str | None = None) -> None:
    """Refuse unless the file has content, is in one of these states, and is not being purged.

    `stored` is advice for the error message if a stored file is refused.
    """
    if file.purge is not None and file.purge.started:
        raise WrongState("the file is being purged", rule="purge-started-is-final")
    if file.status not in allowed or file.stored is None:
        help_with = f"; {stored}" if stored is not None and file.status == "stored" else ""
        raise WrongState(f"the file is {file.status.replace('_', ' ')}{help_with}", status=file.status)


def why(reason: str | None) -> dict[str, Json]:
    """Return the reason as a private value, if any; InvalidInput if it is not valid text."""
    return {} if reason is None else {"reason": require_reason(reason)}


def _require_changeable(file: File) -> None:
    if file.status in {"purged", "aborted"} or (file.status == "expired" and file.stored is None):
        raise WrongState(f"the file is {file.status}", status=file.status)
    if file.purge is not None and file.purge.started:
        raise WrongState("the file is being purged", rule="purge-started-is-final")


def _until(file: File, what: str) -> str:
    until = file.retention.until.date().isoformat() if file.retention else ""
    return f"the file's retention until {until} refuses {what}"

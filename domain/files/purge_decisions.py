"""Decisions about a purge: request, a second person's approval, a fresh check at the start, and the outcome."""

from typing import Literal

from provenstore.domain.errors import LegalHold, ObjectMissing, Retained, SecondPersonRequired, WrongState
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.paging import MAX_LIST_BYTES, pages
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.custody_decisions import require_status, why
from provenstore.domain.files.destroyed import list_digest
from provenstore.domain.files.file import APPROVAL_GOOD_FOR, File, Purge
from provenstore.domain.files.purge_approval import approval_objection, disposal_objection, policy_objection
from provenstore.domain.tenants.second_person import require_person, require_second_person, same_person

Facts = tuple[Fact, ...]

PAGES_AT_ONCE = 20
"""Pages of a list that one command records: many more would delay every other append."""


def request_purge(file: File, command: c.RequestPurge) -> Facts:
    """Request the purge of a deleted or expired file that is under no legal hold or retention."""
    require_status(file, "soft_deleted", "expired", stored="delete it first")
    if file.purge is not None:
        raise WrongState("a purge of this file is requested already")
    _free_to_purge(file, command)
    require_known_missing(file, command)
    data = e.PurgeRequested(
        purge=command.purge, four_eyes=command.four_eyes or command.missing, missing=command.missing
    )
    return (Fact(data, why(command.reason), decision="purge-not-held-nor-retained/1"),)


def dispose(file: File, command: c.Dispose) -> Facts:
    """Request, as the system, the purge of a file that is due under its disposal policy."""
    if file.status == "purged" or file.purge is not None:
        return ()  # somebody decides about it, or another process was quicker
    require_status(file, "soft_deleted", "expired")
    _free_to_purge(file, command)
    if file.damage is not None:
        said = f"the file's content was found {file.damage}; no disposal policy destroys it"
        raise WrongState(said, rule="disposal-spares-damaged")
    grounds = command.grounds
    if command.by.kind != "system" or grounds is None or grounds.policy is None:
        raise WrongState("no disposal policy is in force for the file", rule="disposal-by-policy")
    if (because := disposal_objection(grounds, file.disposal_since, file.workspace, command.now)) is not None:
        raise WrongState(f"the file is not disposed of: {because}", rule="disposal-by-policy")
    data = e.PurgeRequested(purge=command.purge, four_eyes=False, policy=grounds.policy.name)
    return (Fact(data, decision="disposal-by-policy/1"),)


def require_known_missing(file: File, command: c.RequestPurge) -> None:
    """Refuse an ordinary purge of a missing object, and the purge as missing of an object not known to be missing.

    Purging a missing object always requires two persons, since nothing will prove later what became of the bytes.
    """
    if file.damage == "missing" and not command.missing:
        raise ObjectMissing(
            "the file's object is missing, so there is nothing to destroy; to end the file all the same, ask for the "
            "purge of a missing object",
            rule="purge-finds-the-object",
        )
    if command.missing and file.damage != "missing":
        raise WrongState("the file's object is not known to be missing; verify its content first")
    if command.missing:
        require_person(command.by, "ask for the purge of a missing object", rule="missing-takes-two-persons")


def withdraw_purge(file: File, command: c.WithdrawPurge) -> Facts:
    """Withdraw a purge request before the purge starts."""
    purge = _pending(file)
    data = e.PurgeWithdrawn(purge=purge.id, by="request")
    return (Fact(data, why(command.reason)),)


def approve_purge(file: File, command: c.ApprovePurge) -> Facts:
    """Approve a purge as a person other than its requester; API keys of services never approve."""
    purge = _pending(file)
    require_person(command.by, "approve a purge", rule="service-never-approves")
    require_second_person(
        purge.requested,
        command.first,
        command.person,
        done="a purge is approved",
        first_did="asked for it",
        rule="purge-second-person",
    )
    fresh = purge.approved_at is not None and command.now - purge.approved_at <= APPROVAL_GOOD_FOR
    if fresh and approval_objection(purge, command.grounds, file.workspace) is None:
        raise WrongState("the purge is approved already")
    _free_to_purge(file, command)
    return (Fact(e.PurgeApproved(purge=purge.id), why(command.reason), decision="purge-second-person/2"),)


def reject_purge(file: File, command: c.RejectPurge) -> Facts:
    """Reject a purge as a person; the requester must withdraw it instead."""
    purge = _pending(file)
    require_person(command.by, "reject a purge", rule="service-never-approves")
    if same_person(purge.requested_by, command.by.id):
        raise SecondPersonRequired("one's own purge request is withdrawn, not rejected", rule="purge-second-person")
    return (Fact(e.PurgeRejected(purge=purge.id), why(command.reason), decision="purge-second-person/1"),)


def start_purge(file: File, command: c.StartPurge) -> Facts:
    """Start the purge, which is final, after a fresh check of hold, retention and the approval."""
    if file.status == "purged":
        return ()  # another process, carrying out the same purge, was quicker
    purge = file.purge
    if purge is None:
        raise WrongState("no purge of this file is requested")
    if purge.started and (purge.listed or purge.missing or command.found != "nothing"):
        return ()  # already started: the recorded list stays, even if some of it is destroyed
    if (ended := _not_as_requested(file, purge, command)) or purge.started:
        return ended
    require_status(file, "soft_deleted", "expired")
    if purge.policy is None:
        _require_approval(file, purge, command)
    elif policy_objection(purge, command.grounds, file, command.now) is not None:
        return (Fact(e.PurgeWithdrawn(purge=purge.id, by="policy"), decision="disposal-start-checks-policy/1"),)
    _free_to_purge(file, command)
    data = e.PurgeStarted(
        purge=purge.id,
        sha256=command.sha256,
        versions=_in_one_event(command.versions),
        found=command.found,
        count=len(command.versions),
        list_sha256=list_digest(command.versions),
    )
    return (Fact(data, decision="purge-fresh-check/2"),)


def _require_approval(file: File, purge: Purge, command: c.StartPurge) -> None:
    """Refuse a purge without an approval, with one older than 30 days, or without a required second person."""
    if purge.approved_at is None:
        raise WrongState("the purge is not approved", rule="purge-second-person")
    if command.now - purge.approved_at > APPROVAL_GOOD_FOR:
        raise WrongState("the approval is older than 30 days; approve again", rule="approval-expires")
    if (because := approval_objection(purge, command.grounds, file.workspace)) is not None:
        said = f"the purge does not start: {because}"
        raise SecondPersonRequired(said, rule="purge-start-checks-approval")


def _not_as_requested(file: File, purge: Purge, command: c.StartPurge) -> Facts:
    """Return the facts that cancel a purge whose object is missing, or was known to be missing but is there.

    A purge under a disposal policy is also cancelled if the object was altered: a policy does not destroy that.
    """
    gone = command.found == "nothing"
    if purge.policy is not None and not purge.started and (command.found == "altered" or file.damage == "altered"):
        return (Fact(e.PurgeWithdrawn(purge=purge.id, by="altered"), decision="disposal-spares-damaged/1"),)
    if gone == purge.missing:
        return ()
    by: Literal["missing", "found"] = "missing" if gone else "found"
    off = Fact(e.PurgeWithdrawn(purge=purge.id, by=by), decision="purge-finds-the-object/1")
    if not gone or file.damage == "missing" or file.stored is None:
        return (off,)
    missing = e.ObjectMissing(version_id=file.stored.version_id)
    return (Fact(missing, outcome="failed", decision="purge-finds-the-object/1"), off)


def _in_one_event(versions: tuple[e.DestroyedVersion, ...]) -> tuple[e.DestroyedVersion, ...]:
    """Return the list if one event can hold it; otherwise an empty one, and the list follows in PurgeListed."""
    in_pages = list(pages(versions, MAX_LIST_BYTES))
    return versions if len(in_pages) <= 1 else ()


def record_purge_listed(file: File, command: c.RecordPurgeListed) -> Facts:
    """Record, page by page, the versions that are not listed yet; only recorded versions are destroyed."""
    if file.status == "purged":
        return ()
    purge, _ = _started(file)
    known = frozenset(purge.listed)
    new = [version for version in command.versions if version not in known]
    listed = enumerate(pages(new), start=len(purge.pages) + 1)
    return tuple(
        Fact(e.PurgeListed(purge=purge.id, page=number, versions=page), decision="purge-listed-before/1")
        for number, page in listed
    )[:PAGES_AT_ONCE]


def record_purge_failure(file: File, command: c.RecordPurgeFailure) -> Facts:
    """Record that the store did not delete every version; recorded once per purge."""
    if file.status == "purged" or (file.purge is not None and file.purge.failed):
        return ()
    data = e.PurgeFailed(purge=_started(file)[0].id, code=command.code)
    return (Fact(data, outcome="failed"),)


def record_purged(file: File, command: c.RecordPurged) -> Facts:  # noqa: ARG001  # one shape for all decisions
    """Record the destroyed versions and release the file's quota (rule quota-until-purged)."""
    if file.status == "purged":
        return ()
    purge, started = _started(file)
    if file.stored is None:
        raise WrongState("the file has no content")
    if not purge.listed and not purge.missing:
        raise ObjectMissing("nothing of the file was found, so nothing was destroyed", rule="purge-finds-the-object")
    data = e.Purged(
        purge=purge.id,
        provider=file.initiated.provider,
        path=file.path,
        size=file.stored.size,
        sha256=started.sha256,
        versions=_in_one_event(purge.listed),
        quota_bytes=-file.reserved,
        quota_files=-1,
        found=started.found,
        count=len(purge.listed),
        list_sha256=list_digest(purge.listed),
        policy=purge.policy,
    )
    return (Fact(data, decision="purge-lists-empty/1"),)


def _free_to_purge(file: File, command: c.FileCommand) -> None:
    if file.held:
        raise LegalHold("a legal hold on the file refuses to purge it", rule="hold-refuses-purge")
    if file.retained(command.now) and file.retention is not None:
        until = file.retention.until.date().isoformat()
        raise Retained(f"the file's retention until {until} refuses to purge it", rule="retention-refuses-purge")


def _pending(file: File) -> Purge:
    if file.purge is None:
        raise WrongState("no purge of this file is requested")
    if file.purge.started:
        raise WrongState("the purge has started", rule="purge-started-is-final")
    if file.purge.policy is not None:
        said = f"the disposal policy {file.purge.policy} asked for this purge; restore the file, or place a hold on it"
        raise WrongState(said, rule="disposal-policy-decides")
    return file.purge


def _started(file: File) -> tuple[Purge, e.PurgeStarted]:
    if file.purge is None or file.purge.started is None:
        raise WrongState("no purge of this file has started")
    return file.purge, file.purge.started

"""When bytes may be destroyed: request, a second person's approval, a fresh check, and the outcome."""

from provenstore.domain import file_commands as c
from provenstore.domain import file_events as e
from provenstore.domain.custody_decisions import require_status, why
from provenstore.domain.errors import LegalHold, Retained, SecondPersonRequired, WrongState
from provenstore.domain.event_types import Fact
from provenstore.domain.file import APPROVAL_GOOD_FOR, File, Purge
from provenstore.domain.purge_approval import approval_objection
from provenstore.domain.second_person import require_person, require_second_person, same_person

Facts = tuple[Fact, ...]


def request_purge(file: File, command: c.RequestPurge) -> Facts:
    """Ask for the destruction of a deleted or expired file that is neither held nor retained."""
    require_status(file, "soft_deleted", "expired", stored="delete it first")
    if file.purge is not None:
        raise WrongState("a purge of this file is requested already")
    _free_to_purge(file, command)
    data = e.PurgeRequested(purge=command.purge, four_eyes=command.four_eyes)
    return (Fact(data, why(command.reason), decision="purge-not-held-nor-retained/1"),)


def withdraw_purge(file: File, command: c.WithdrawPurge) -> Facts:
    """Take a request back before it starts."""
    purge = _pending(file)
    data = e.PurgeWithdrawn(purge=purge.id, by="request")
    return (Fact(data, why(command.reason)),)


def approve_purge(file: File, command: c.ApprovePurge) -> Facts:
    """Agree, as a person other than the one who asked; keys of services never approve."""
    purge = _pending(file)
    require_person(command.by, "approve a purge", rule="service-never-approves")
    require_second_person(
        purge.requested,
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
    """Disagree, as a person; one's own request is withdrawn instead."""
    purge = _pending(file)
    require_person(command.by, "reject a purge", rule="service-never-approves")
    if same_person(purge.requested_by, command.by.id):
        raise SecondPersonRequired("one's own purge request is withdrawn, not rejected", rule="purge-second-person")
    return (Fact(e.PurgeRejected(purge=purge.id), why(command.reason), decision="purge-second-person/1"),)


def start_purge(file: File, command: c.StartPurge) -> Facts:
    """Pass the point of no return, after a fresh check of hold, retention and the approval's age."""
    if file.status == "purged":
        return ()  # another process, carrying out the same purge, was quicker
    purge = file.purge
    if purge is None:
        raise WrongState("no purge of this file is requested")
    if purge.started:
        return ()
    require_status(file, "soft_deleted", "expired")
    if purge.approved_at is None:
        raise WrongState("the purge is not approved", rule="purge-second-person")
    if command.now - purge.approved_at > APPROVAL_GOOD_FOR:
        raise WrongState("the approval is older than 30 days; approve again", rule="approval-expires")
    if (because := approval_objection(purge, command.grounds, file.workspace)) is not None:
        said = f"the purge does not start: {because}"
        raise SecondPersonRequired(said, rule="purge-start-checks-approval")
    _free_to_purge(file, command)
    data = e.PurgeStarted(purge=purge.id, sha256=command.sha256, versions=command.versions)
    return (Fact(data, decision="purge-fresh-check/2"),)


def record_purge_failure(file: File, command: c.RecordPurgeFailure) -> Facts:
    """Record that the store kept something; once is enough until it succeeds."""
    if file.status == "purged" or (file.purge is not None and file.purge.failed):
        return ()
    data = e.PurgeFailed(purge=_started(file)[0].id, code=command.code)
    return (Fact(data, outcome="failed"),)


def record_purged(file: File, command: c.RecordPurged) -> Facts:
    """Record what was destroyed; only now does its space count no more (rule quota-until-purged)."""
    if file.status == "purged":
        return ()
    purge, started = _started(file)
    if file.stored is None:
        raise WrongState("the file has no content")
    later = tuple(version for version in command.versions if version not in started.versions)
    data = e.Purged(
        purge=purge.id,
        provider=file.initiated.provider,
        path=file.path,
        size=file.stored.size,
        sha256=started.sha256,
        versions=started.versions + later,
        quota_bytes=-file.reserved,
        quota_files=-1,
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
    return file.purge


def _started(file: File) -> tuple[Purge, e.PurgeStarted]:
    if file.purge is None or file.purge.started is None:
        raise WrongState("no purge of this file has started")
    return file.purge, file.purge.started

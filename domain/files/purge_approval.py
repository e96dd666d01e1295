"""Checks whether a purge may start on its approval: repeated at the start, from the log and not from a flag. Pure.

An approval is an event, and the owner of the database can forge an event. So the check at the start covers the
requester, the approver, the approver's API key, and the workspace's policy when the purge was requested.
"""

from dataclasses import dataclass
from datetime import datetime

from provenstore.domain.eventlog.caller import Role
from provenstore.domain.eventlog.event_log import Guard
from provenstore.domain.files.file import File, Purge
from provenstore.domain.tenants.credential import Credential
from provenstore.domain.tenants.disposal import Policy
from provenstore.domain.tenants.second_person import Act, Person, objection

APPROVING: frozenset[Role] = frozenset({"admin", "approver"})
"""An approver's API key must have one of these roles; a test compares them with the permission table."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """The facts about a purge from streams other than the file's."""

    four_eyes: bool
    """Whether the workspace required a second person when the purge was requested."""
    requester: Person | None = None
    """The requester of the purge or of the disposal policy, by the log at that time."""
    approver: Person | None = None
    key: Credential | None = None
    """The API key that the approver used."""
    policy: Policy | None = None
    """The disposal policy in force for the file's category; `requester`, `approver` and `key` are those of its
    request and its approval then."""
    reads: tuple[Guard, ...] = ()


def approval_objection(purge: Purge, grounds: Grounds | None, workspace: str) -> str | None:
    """Return why the purge may not start on its approval; None if it may."""
    if purge.policy is not None:
        return "a disposal policy asked for it"  # which `policy_objection` judges, and no person's approval replaces
    if grounds is None or purge.approved is None:
        return "nobody has approved it"
    if purge.approved == purge.requested:
        if purge.four_eyes or grounds.four_eyes:
            return "the workspace asked for a second person when it was requested"
        return None
    because = objection(purge.requested, grounds.requester, grounds.approver, None)
    if because is not None:
        return because[1] or "it was approved by the one who asked for it"
    if purge.approved.by.credential is not None:
        return key_objection(grounds.key, purge.approved, workspace)
    return None


def policy_objection(purge: Purge, grounds: Grounds | None, file: File, now: datetime) -> str | None:
    """Return why a purge may not start under the disposal policy that requested it; None if it may."""
    policy = None if grounds is None else grounds.policy
    if policy is None or policy.name != purge.policy:
        return "the disposal policy that asked for it is not in force"
    if purge.requested.by.kind != "system" or purge.approved != purge.requested:
        return "somebody else than the policy asked for it"
    return disposal_objection(grounds, file.disposal_since, file.workspace, now)


def disposal_objection(grounds: Grounds | None, since: datetime | None, workspace: str, now: datetime) -> str | None:
    """Return why the disposal policy in force does not destroy a file whose period began at `since`, or None.

    A policy that is not built in must have been approved by a second person, by the log at that time.
    """
    policy = None if grounds is None else grounds.policy
    if grounds is None or policy is None or since is None or (policy.built_in and policy.since is None):
        return "no disposal policy is in force for it"
    if (because := two_persons_objection(policy, grounds, workspace)) is not None:
        return because
    due = policy.due_at(since)
    if due is None:
        return "the disposal policy destroys nothing"
    return None if now >= due else "its time under the disposal policy has not come"


def two_persons_objection(policy: Policy, grounds: Grounds, workspace: str) -> str | None:
    """Return why a disposal policy lacks a valid second person's approval; None if it has one, or is built in."""
    if policy.approved is None:
        return None
    if policy.requested is None:
        return "nobody had asked for the disposal policy"
    if (because := objection(policy.requested, grounds.requester, grounds.approver, None)) is not None:
        return f"the disposal policy was approved by no second person: {because[1] or 'it was the first one'}"
    if policy.approved.by.credential is not None:
        return key_objection(grounds.key, policy.approved, workspace)
    return None


def key_objection(
    key: Credential | None, approved: Act, workspace: str, roles: frozenset[Role] = APPROVING
) -> str | None:
    """Return why the approver's API key, which needs one of `roles`, could not approve at that time, or None."""
    if key is None or key.id != approved.by.credential:
        return "the approver's key is not on record"
    ended = key.revoked is not None and key.revoked.position < approved.position
    expired = key.expires_at is not None and approved.at >= key.expires_at
    if ended or expired or key.issued.position > approved.position:
        return "the approver's key was not good at that time"
    if roles.isdisjoint(key.roles) or key.scope not in (None, workspace):
        return "the approver's key approves nothing of the kind here"
    return None

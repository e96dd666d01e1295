"""Disposal for HTTP and the CLI alike: policies, what they destroy and when, and the reports of the runs."""

from datetime import datetime
from typing import Literal

from provenstore.api.acts.reasons import Reasons
from provenstore.api.acts.workspace_views import shown_runs
from provenstore.api.background.completer import Completer
from provenstore.api.background.disposal_terms import terms_of
from provenstore.api.contract.views import two_persons
from provenstore.api.services import Services
from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.eventlog.event_types import format_time
from provenstore.domain.eventlog.on_record import recording
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.tenants.disposal import BUILT_IN, Disposal, Policy, PolicyRequest
from provenstore.domain.tenants.disposal_events import DisposalRunEnded
from provenstore.domain.tenants.second_person import Act
from provenstore.domain.tenants.workspace import workspace_stream
from provenstore.projections.files.disposal import Due, Sum, Term
from provenstore.projections.files.row import FileRow, to_json


def policies(services: Services, caller: Caller, workspace: str) -> dict[str, Json]:
    """Return the policies of a workspace, built-in ones included, and those that wait for a second person.

    That their reasons are read is recorded before.
    """
    state = services.ledger.disposing.policies(caller, workspace)
    found = _disposal_json(state, Reasons(services, caller, workspace_stream(workspace)))
    services.ledger.audit_reads.shown(caller, workspace, "disposal", found)
    return found


def request(
    services: Services,
    caller: Caller,
    workspace: str,
    category: str,
    *,
    after_days: int | None,
    reason: str,
    key: IdempotencyKey | None = None,
) -> dict[str, Json]:
    """Ask for a policy and return the request; of a repetition that was decided meanwhile, what was asked."""
    services.ledger.recorder.authorised_workspace(caller, "disposal.request", workspace)  # before any of it is read
    reasons = Reasons(services, caller, workspace_stream(workspace))
    ask = services.ledger.request_disposal_policy
    with recording() as scope:
        asked = ask(caller, workspace, category, after_days=after_days, reason=reason, key=key)
    reasons.after(scope)
    return _request_json(asked, reasons)


def decide(
    services: Services,
    caller: Caller,
    workspace: str,
    policy_request: str,
    decision: Literal["approve", "reject"],
    *,
    reason: str | None,
    key: IdempotencyKey | None = None,
) -> dict[str, Json]:
    """Approve or reject a requested policy and return the policies as they are then."""
    ledger = services.ledger
    act = ledger.approve_disposal_policy if decision == "approve" else ledger.reject_disposal_policy
    operation: Operation = "disposal.approve" if decision == "approve" else "disposal.reject"
    ledger.recorder.authorised_workspace(caller, operation, workspace)  # before any of it is read
    reasons = Reasons(services, caller, workspace_stream(workspace))
    with recording() as scope:
        state = act(caller, workspace, policy_request, reason, key)
    reasons.after(scope)
    return _disposal_json(state, reasons)


def due(
    services: Services,
    caller: Caller,
    workspace: str,
    *,
    category: str | None = None,
    after_days: int | None = None,
    before: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> dict[str, Json]:
    """Return what the policies of a workspace destroy, and when: sums of each policy, and a page of files.

    With `category` of that one only (InvalidInput if the workspace does not have it); with `after_days` as if policies
    of so many days were approved now. Names of files are shown to those who may list them, and that they are read is
    recorded as of a list.
    """
    services.ledger.disposing.policies(caller, workspace)
    if category is not None:
        services.ledger.recorder.workspace(workspace).category(category)
    now = services.clock.now()
    Completer(services).catch_up()
    if after_days is None:
        terms = terms_of(services, workspace)
    else:
        found = services.disposals.categories(workspace)
        terms = [Term(workspace, _supposed(one, after_days, now)) for _, one in found]
    terms = [one for one in terms if category in {None, one.policy.category}]
    cursor = services.marks.read_cursor(caller.scope, cursor)
    page = services.disposals.list(terms, before=before, cursor=cursor, limit=limit)
    named = services.ledger.recorder.permitted(caller, "file.list")
    if named and any(one.filename is not None for one in page.files):
        asked = {"category": category, "after_days": after_days, "before": before}
        services.ledger.audit_reads.listed(caller, workspace, asked, "disposal")
    policies = {one.policy.category: one.policy for one in terms}
    return {
        "now": format_time(now),
        "policies": [_sum_json(one, policies[one.category]) for one in services.disposals.sums(now, terms)],
        "files": [_due_json(one, named=named) for one in page.files],
        "next": services.marks.cursor(caller.scope, page.next),
    }


def _supposed(category: str, after_days: int, now: datetime) -> Policy:
    """Return the policy that an approval of this moment would put in force."""
    return Policy(category, after_days, "supposed", approved=Act(SYSTEM.actor, now, 0))


def full_view(services: Services, row: FileRow) -> dict[str, Json]:
    """Return the full view of a file as it stands, with the policy that will destroy it, if one will."""
    reach = services.ledger.recorder.reaches.of_key
    return {**to_json(row, "full", reach=reach), "planned_disposal": _planned(services, row)}


def _planned(services: Services, row: FileRow) -> Json:
    """Return by which policy a file is destroyed, and when; null if by none as things stand."""
    removed = row.status in {"soft_deleted", "expired"} and row.stored_at is not None
    kept = bool(row.legal_holds) or row.disposal is not None or row.damage is not None
    if not removed or kept or row.disposal_since is None:
        return None
    policy = services.ledger.disposing.in_force(row.workspace, row.category)
    due = policy.due_at(row.disposal_since) if policy else None
    if policy is None or due is None:
        return None
    at = max(due, row.retention_until or due)
    return {"policy": policy.name, "days_since": format_time(row.disposal_since), "at": format_time(at)}


def runs(services: Services, caller: Caller, workspace: str, *, after: str = "0", limit: int = 100) -> dict[str, Json]:
    """Return the reports of runs in a workspace, oldest first; `next` goes into `after`."""
    begin = 0 if after == "0" else services.marks.read_position("after", caller.scope, after)
    found = services.ledger.disposing.runs(caller, workspace, after=begin, limit=limit + 1)
    page = found[:limit]
    following = page[-1].position if len(found) > limit else None
    return shown_runs(services, caller, {"runs": [_run_json(one) for one in page], "next": following})


def _disposal_json(state: Disposal, reasons: Reasons) -> dict[str, Json]:
    """Return policies and requests, in order of their categories."""
    in_force = {**BUILT_IN, **state.approved}
    return {
        "policies": [_policy_json(in_force[name], reasons) for name in sorted(in_force)],
        "requests": [_request_json(state.requests[name], reasons) for name in sorted(state.requests)],
    }


def _policy_json(policy: Policy, reasons: Reasons) -> dict[str, Json]:
    return {
        "category": policy.category,
        "policy": policy.name,
        "after_days": policy.after_days,
        "built_in": policy.built_in,
        **two_persons(policy.requested, policy.approved, reasons.why, reasons.reach),
        "not_before": format_time(policy.not_before) if policy.not_before else None,
    }


def _request_json(request: PolicyRequest, reasons: Reasons) -> dict[str, Json]:
    return {
        "id": request.id,
        "category": request.category,
        "after_days": request.after_days,
        "requested_by": request.asked.by.id,
        "requested_by_reach": reasons.reach(request.asked.by),
        "requested_at": format_time(request.asked.at),
        "reason": reasons.why(request.asked),
    }


def _sum_json(one: Sum, policy: Policy) -> dict[str, Json]:
    return {
        "category": one.category,
        "policy": one.policy,
        "after_days": policy.after_days,
        "not_before": format_time(policy.not_before) if policy.not_before else None,
        "due_files": one.due_files,
        "due_bytes": one.due_bytes,
        "later_files": one.later_files,
        "later_bytes": one.later_bytes,
        "kept_files": one.kept_files,
        "kept_bytes": one.kept_bytes,
        "next_at": format_time(one.next_at) if one.next_at else None,
    }


def _due_json(one: Due, *, named: bool) -> dict[str, Json]:
    return {
        "file_id": one.file,
        "filename": one.filename if named else None,
        "category": one.category,
        "policy": one.policy,
        "size": one.size,
        "removed_at": format_time(one.removed_at),
        "days_since": format_time(one.days_since),
        "retention_until": format_time(one.retention_until) if one.retention_until else None,
        "due_at": format_time(one.due_at),
    }


def _run_json(event: Event) -> dict[str, Json]:
    found: dict[str, Json] = {"position": event.position, "ended_at": format_time(event.time)}
    if isinstance(event.data, DisposalRunEnded):
        found |= event.data.to_json()
    return found

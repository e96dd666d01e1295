"""Disposal: setting the policies of a workspace, destroying what is due under them, and the report of each run.

Life of a run, and what a crash leaves at each point:
 1. Each due file is purged under its policy: PurgeRequested contains the policy, and then it is a purge like any other
    (`domain.removal.purges`). Crash: background work continues it.
 2. DisposalRunEnded records how much the run destroyed. Crash before it: only the files' own events record it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from provenstore.domain.administration.workspaces import Administration
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Append, IdempotencyKey
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File
from provenstore.domain.removal.purges import Purges
from provenstore.domain.tenants import disposal as dp
from provenstore.domain.tenants.disposal_events import DisposalRunEnded
from provenstore.domain.text import require_reason

MAX_POLICIES = 50
"""Maximum policies listed in the report of a run; a workspace has few."""


@dataclass(slots=True)
class Run:
    """The results of a run in one workspace so far."""

    id: str
    workspace: str
    destroyed: list[UUID] = field(default_factory=list)
    bytes: int = 0
    failed: int = 0
    policies: set[str] = field(default_factory=set)
    more: bool = False

    def count(self, file: File, purge: str) -> None:
        """Count a file if this run's own purge destroyed it: of two concurrent runs, only one counts it."""
        if file.purged is not None and file.purged.purge == purge and file.purged.policy is not None:
            self.destroyed.append(file.id)
            self.bytes -= file.purged.quota_bytes
            self.policies.add(file.purged.policy)


class PolicyDisposal:
    """Sets policies, destroys files due under them, and reports it. Safe to repeat and to run concurrently."""

    def __init__(self, recorder: Recorder, purging: Purges, administration: Administration, *, store_name: str) -> None:
        """Record with `recorder`, destroy by `purging`, change workspaces by `administration`."""
        self._recorder = recorder
        self._store_name = store_name
        self._purging = purging
        self._administration = administration

    # -- policies --------------------------------------------------------------------------------------------

    def policies(self, caller: Caller, workspace_id: str) -> dp.Disposal:
        """Return the policies of a workspace and the requested ones."""
        return self._recorder.authorised_workspace(caller, "disposal.get", workspace_id).disposal

    def in_force(self, workspace_id: str, category: str) -> dp.Policy | None:
        """Return the policy in force for a category's files in this store; see `Recorder.policy_in_force`."""
        return self._recorder.policy_in_force(self._recorder.workspace(workspace_id), category, self._store_name)

    def request_policy(
        self,
        caller: Caller,
        workspace_id: str,
        category: str,
        *,
        after_days: int | None,
        reason: str,
        key: IdempotencyKey | None = None,
    ) -> dp.PolicyRequest:
        """Request a policy for a category, and return the request; a second person approves it.

        NotFound, InvalidInput, SecondPersonRequired.
        """
        require_reason(reason)
        request = str(self._recorder.entropy.event_id())
        command = dp.RequestDisposalPolicy(
            by=caller.actor, request=request, category=category, after_days=after_days, reason=reason
        )
        state = self._administration.change(caller, "disposal.request", workspace_id, command, key=key)
        if key is not None and key.replay.seen and (known := self._recorder.log.recall(key)) is not None:
            return dp.request_of(self._recorder.log.find(known.events[0].id))
        return state.disposal.request(request)

    def approve_policy(
        self, caller: Caller, workspace_id: str, request: str, reason: str | None, key: IdempotencyKey | None = None
    ) -> dp.Disposal:
        """Approve a requested policy as a second person, which puts it in force. NotFound, SecondPersonRequired."""
        command = dp.ApproveDisposalPolicy(by=caller.actor, request=request, reason=reason)
        return self._administration.change(caller, "disposal.approve", workspace_id, command, key=key).disposal

    def reject_policy(
        self, caller: Caller, workspace_id: str, request: str, reason: str | None, key: IdempotencyKey | None = None
    ) -> dp.Disposal:
        """Reject a requested policy, or withdraw one's own request. NotFound."""
        command = dp.RejectDisposalPolicy(by=caller.actor, request=request, reason=reason)
        return self._administration.change(caller, "disposal.reject", workspace_id, command, key=key).disposal

    # -- runs ------------------------------------------------------------------------------------------------

    def begin(self, workspace_id: str) -> Run:
        """Begin a run in a workspace; records nothing yet."""
        return Run(str(self._recorder.entropy.event_id()), workspace_id)

    def dispose(self, caller: Caller, run: Run, file_id: UUID) -> File:
        """Destroy a file that is due under its policy, as the system; unchanged if it is no longer due.

        WrongStore, Misconfigured and StoreUnavailable before anything is recorded; ObjectMissing; WrongState if the
        purge was cancelled at its start.
        """
        recorder, system = self._recorder, self._recorder.system(caller)
        file = recorder.file(file_id)
        if not self._due(file, recorder.clock.now()):
            return file
        self._purging.require_ready(file)
        purge = str(recorder.entropy.event_id())
        file = recorder.change(
            system, "system.sweep", file_id, lambda _, now: c.Dispose(by=system.actor, now=now, purge=purge)
        )
        if file.purge is not None and file.purge.id == purge:
            file = self._purging.carry_out(system, file_id)
        run.count(file, purge)
        return file

    def _due(self, file: File, now: datetime) -> bool:
        """Tell whether the file seems due; the decision checks everything again."""
        free = file.purge is None and not file.held and not file.retained(now) and file.damage is None
        if file.disposal_since is None or file.stored is None or file.status == "purged" or not free:
            return False
        tenant = self._recorder.workspace(file.workspace)
        policy = self._recorder.policy_in_force(tenant, file.initiated.category, file.initiated.provider)
        due = policy.due_at(file.disposal_since) if policy else None
        return due is not None and now >= due

    def end(self, caller: Caller, run: Run) -> None:
        """Record the results of a run; nothing if it neither destroyed a file nor failed to."""
        if not run.destroyed and not run.failed:
            return
        lines = sorted(f"{file}\n" for file in run.destroyed)
        data = DisposalRunEnded(
            run=run.id,
            files=len(run.destroyed),
            bytes=run.bytes,
            failed=run.failed,
            files_sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
            policies=tuple(sorted(run.policies)[:MAX_POLICIES]),
            more=run.more,
        )
        system = self._recorder.system(caller)
        drafts = self._recorder.drafts(system, disposal_stream(run.workspace), run.workspace, [Fact(data)])
        self._recorder.log.append(Append(drafts=drafts))

    def runs(self, caller: Caller, workspace_id: str, *, after: int = 0, limit: int = 100) -> Sequence[Event]:
        """Return the reports of runs in a workspace, oldest first, at positions above `after`."""
        self._recorder.authorised_workspace(caller, "disposal.get", workspace_id)
        return self._recorder.log.events([disposal_stream(workspace_id)], after=after, limit=limit)


def disposal_stream(workspace_id: str) -> str:
    """Return the stream of the reports of a workspace."""
    return f"disposal:{workspace_id}"

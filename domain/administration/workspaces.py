"""Workspaces, actors and keys: who there is, and what rules hold for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    NotFound,
    SecondPersonRequired,
)
from provenstore.domain.eventlog.caller import Caller, Operation, Role
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE
from provenstore.domain.eventlog.event_log import Guard, IdempotencyKey, QuotaUse, disclosed
from provenstore.domain.eventlog.recording import Decision, Subject
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.disposal import ApproveDisposalPolicy
from provenstore.domain.text import require_id

_OF_TWO = ApproveDisposalPolicy | ws.SetPurgePolicy | ws.SetRetentionPolicy
"""Commands that may take a second person."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace as its people see it."""

    state: ws.Workspace
    name: str | None
    use: QuotaUse | None

    def after(self, state: ws.Workspace, now: datetime) -> "Tenant":
        """Return it with the state that a command has left: names stay, and so does what is used."""
        use = self.use and replace(self.use, max_bytes=state.max_bytes, max_files=state.max_files)
        return Tenant(state.at(now), self.name, use)


class Administration:
    """Creates and changes workspaces, registers actors, issues and revokes keys."""

    def __init__(self, recorder: Recorder) -> None:
        """Record with `recorder`."""
        self._recorder = recorder

    # -- workspaces ----------------------------------------------------------------------------------------

    def create_workspace(
        self, caller: Caller, command: ws.CreateWorkspace, key: IdempotencyKey | None = None
    ) -> ws.Workspace:
        """Make a tenant; AlreadyExists if there is one of this id."""
        self._recorder.require(caller, "workspace.create", None)
        try:
            return self._create(caller, command, key)
        except AlreadyExists:
            # It may have been made by the same request, now or before.
            if self._recorder.recall(key) is None:
                raise
        return self._recorder.workspace(command.id)

    def _create(self, caller: Caller, command: ws.CreateWorkspace, key: IdempotencyKey | None) -> ws.Workspace:
        stream = ws.workspace_stream(command.id)
        facts = ws.decide(self._recorder.find(stream, ws.project), command)
        drafts = self._recorder.drafts(caller, stream, command.id, facts)
        try:
            appended = self._recorder.append(caller, drafts, expected=[Guard(stream, 0)], key=key)
        except Conflict as conflict:
            if conflict.details.get("stream") != stream:
                raise
            raise AlreadyExists("there is a workspace of this id already") from conflict
        if appended.replayed:
            return self._recorder.workspace(command.id)
        return self._recorder.folded(ws.project, None, drafts, appended)

    def describe_workspace(self, caller: Caller, workspace_id: str) -> Tenant:
        """Return a workspace with its name and the use of its quota."""
        self._recorder.require(caller, "workspace.get", workspace_id)
        return self._tenant(workspace_id)

    def before_change(self, workspace_id: str) -> Tenant:
        """Return a workspace as it is before a command on it; only for the answer of a caller who may change it."""
        return self._tenant(workspace_id)

    def _tenant(self, workspace_id: str) -> Tenant:
        recorder = self._recorder
        state = recorder.workspace(workspace_id).at(recorder.clock.now())
        created = recorder.log.events([ws.workspace_stream(workspace_id)], limit=1)[0]
        name = disclosed(recorder.log.disclosures([created.id]), created.id, parse_canonical).get("name")
        return Tenant(state, None if name is None else str(name), recorder.log.quota(workspace_id))

    def list_workspaces(self, caller: Caller, *, after: str = "", limit: int = 100) -> Sequence[str]:
        """Return the ids of up to `limit` workspaces that the caller reaches, in order, above `after`."""
        recorder = self._recorder
        recorder.require(caller, "workspace.get", caller.scope)
        if caller.scope is not None:
            return [caller.scope] if caller.scope > after else []
        return recorder.log.workspaces(after=after, limit=limit)

    def change_workspace(self, caller: Caller, workspace_id: str, *commands: ws.WorkspaceCommand) -> ws.Workspace:
        """Change quota, purge policy, limits or own categories: all of the commands or none."""
        return self.change(caller, "workspace.change", workspace_id, *commands)

    def change(
        self,
        caller: Caller,
        operation: Operation,
        workspace_id: str,
        *commands: ws.WorkspaceCommand,
        key: IdempotencyKey | None = None,
    ) -> ws.Workspace:
        """Decide commands on a workspace, of which none builds on another, and record what they make together.

        A refused second person is on record.

        Conflict only after 20 attempts in which somebody else was quicker.
        """
        self._recorder.require(caller, operation, workspace_id)
        if self._recorder.recall(key) is not None:
            return self._recorder.workspace(workspace_id)

        def decide(state: ws.Workspace | None) -> Decision:
            if state is None:
                raise NotFound("there is no such workspace")
            informed, reads = self._informed(caller, state, commands)
            try:
                return Decision([fact for one in informed for fact in ws.decide(state, one)], reads)
            except SecondPersonRequired as refusal:
                raise self._recorder.refused(caller, operation, refusal, Asked(target=workspace_id)) from None

        load = partial(current_workspace, self._recorder, caller, workspace_id)
        return self._recorder.commit(caller, _subject(workspace_id, load), decide, key=key).state

    def _informed(
        self, caller: Caller, state: ws.Workspace, commands: Sequence[ws.WorkspaceCommand]
    ) -> tuple[list[ws.WorkspaceCommand], list[Guard]]:
        """Say in commands that may take a second person who asks, and who had asked; with the streams that say so."""
        if not any(isinstance(one, _OF_TWO) for one in commands):
            return list(commands), []
        person, now = self._recorder.person(caller.actor), self._recorder.clock.now()

        def informed(command: ws.WorkspaceCommand) -> ws.WorkspaceCommand:
            if not isinstance(command, _OF_TWO):
                return command
            command = replace(command, person=person, first=self._recorder.first_person(ws.first_act(state, command)))
            if isinstance(command, ws.SetPurgePolicy):
                return replace(command, by=caller.actor, now=now)
            if isinstance(command, ws.SetRetentionPolicy):
                return replace(command, by=caller.actor)
            return command

        return [informed(one) for one in commands], caller.unguarded(person.reads)

    # -- keys ----------------------------------------------------------------------------------------------

    def issue_key(
        self,
        caller: Caller,
        *,
        actor: str,
        kind: we.ActorKind,
        roles: tuple[Role, ...],
        scope: str | None,
        expires_at: datetime | None = None,
        about: Mapping[str, Json] | None = None,
    ) -> cr.IssuedKey:
        """Register the actor if it is new, and issue a key for it; the key is in the answer and nowhere else."""
        recorder = self._recorder
        if scope is None and caller.scope is not None and recorder.permitted(caller, "credential.issue"):
            what = f"name your workspace, {caller.scope}: a key without one is for the whole ledger, and yours is not"
            raise recorder.refused(
                caller, "credential.issue", Forbidden(what, operation="credential.issue"), Asked(target=None)
            )
        recorder.require(caller, "credential.issue", scope)
        if scope is not None:
            recorder.existing_workspace(caller, "credential.issue", scope)
        home = scope or SYSTEM_WORKSPACE
        actor_stream = ac.actor_stream(require_id("actor", actor), scope)

        def attempt(_: bool) -> cr.IssuedKey:
            state = recorder.find(actor_stream, ac.project)
            registering = ac.decide(state, ac.RegisterActor(id=actor, kind=kind, about=dict(about or {})))
            credential, secret = recorder.entropy.event_id(), recorder.entropy.secret(cr.SECRET_BYTES)
            stream = cr.credential_stream(str(credential))
            issue = cr.IssueCredential(
                id=str(credential),
                actor=actor,
                kind=kind,
                roles=roles,
                scope=scope,
                digest=cr.digest_of(secret),
                expires_at=expires_at,
                now=recorder.clock.now(),
            )
            issuing = cr.decide(None, issue)
            adding = ac.add_key(state, ac.AddKey(credential=str(credential)))
            drafts = recorder.drafts(caller, actor_stream, home, (*registering, *adding))
            drafts += recorder.drafts(caller, stream, home, issuing)
            expected = [Guard(stream, 0), Guard(actor_stream, state.version if state else 0)]
            recorder.append(caller, drafts, expected=expected)
            return cr.make_key(credential, secret)

        return recorder.attempts(caller, "the actor", attempt)

    def revoke_key(self, caller: Caller, credential: UUID, reason: str | None) -> None:
        """Revoke a key; it opens nothing from the moment this returns."""
        recorder = self._recorder
        stream = cr.credential_stream(str(credential))
        recorder.require(caller, "credential.revoke", caller.scope)  # before it is told whether there is such a key
        state = recorder.find(stream, cr.project)
        if state is None or not caller.reaches(state.scope or SYSTEM_WORKSPACE):
            refusal = NotFound("there is no such key")
            raise recorder.refused(caller, "credential.revoke", refusal, Asked(target=str(credential)))
        revoke = cr.RevokeCredential(reason=reason)
        key = Subject("the API key", stream, state.scope or SYSTEM_WORKSPACE, cr.project)
        recorder.commit(caller, key, lambda found: Decision(cr.decide(found, revoke)))


def current_workspace(recorder: Recorder, caller: Caller, workspace_id: str) -> ws.Workspace:
    """Return a workspace with whatever change of its policy is due by now; that is recorded first, as the system."""

    def decide(state: ws.Workspace | None) -> Decision:
        return Decision(ws.decide(state, ws.CarryOutPolicyChange(now=recorder.clock.now())))

    workspace = _subject(workspace_id, partial(recorder.workspace, workspace_id))
    return recorder.commit(recorder.system(caller), workspace, decide).state


def _subject(workspace_id: str, load: Callable[[], ws.Workspace]) -> Subject[ws.Workspace]:
    return Subject("the workspace", ws.workspace_stream(workspace_id), workspace_id, ws.project, load)

"""Command pipeline: load, authorise, decide, append; retried on conflict.

Steps of a command on a file: (1) fold the file's stream, (2) check reach and permission, (3) decide, purely,
(4) append, guarded by the versions that the decision saw. A crash before (4) leaves nothing; after it the event is
durable. Refusals to an authenticated caller on a file within its reach are recorded on the file's `access:` stream, all
others in the caller's own workspace (`domain.eventlog.refusals`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.clock import Clock
from provenstore.domain.entropy import Entropy
from provenstore.domain.errors import (
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
    Refused,
)
from provenstore.domain.eventlog.backlog import Backlog
from provenstore.domain.eventlog.caller import Caller, Operation, Permits
from provenstore.domain.eventlog.deduplication import WindowedCounter
from provenstore.domain.eventlog.envelope import Actor, Draft, Event
from provenstore.domain.eventlog.event_log import (
    Append,
    Appended,
    Disclosures,
    Erasure,
    EventLog,
    Guard,
    IdempotencyKey,
)
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.recording import LookAgain, Recording, is_for_the_record, slug_of
from provenstore.domain.eventlog.refusals import MAX_FILES, NOTHING, Asked
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, access_stream, file_stream, project
from provenstore.domain.files.file_commands import FileCommand, PersonCommand, PurgeCommand
from provenstore.domain.files.file_decisions import decide, first_act
from provenstore.domain.files.private_files import may_touch, private_refusal
from provenstore.domain.files.purge_approval import Grounds, approval_objection
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.system import provider as pr
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants import workspace
from provenstore.domain.tenants.disposal import Policy
from provenstore.domain.tenants.persons import Origins, person_of
from provenstore.domain.tenants.reach import Reaches
from provenstore.domain.tenants.second_person import Act, Person
from provenstore.domain.tenants.workspace import Workspace

State = TypeVar("State")
Command = TypeVar("Command", bound=FileCommand)
Params = ParamSpec("Params")
Answer = TypeVar("Answer")

DENIALS_MERGED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Denial:
    """A refusal to be recorded."""

    caller: Caller
    file_id: UUID
    workspace: str
    operation: Operation
    refusal: Refused


_NO_SUCH_FILE = "there is no such file"
"""The same message for a file that does not exist and for a foreign one."""


class Recorder(Recording):
    """Records events of files, workspaces and actors. Safe to share between threads."""

    def __init__(self, log: EventLog, clock: Clock, entropy: Entropy, permits: Permits) -> None:
        """Work on `log`; `permits` is the permission table."""
        super().__init__(log, clock, entropy, permits)
        self._denials: WindowedCounter[_Denial] = WindowedCounter(DENIALS_MERGED_FOR)
        self.reaches = Reaches(log)
        self.reach_of = self.reaches.of
        self._backlog = Backlog(log)

    # -- loading -------------------------------------------------------------------------------------------

    def file(self, file_id: UUID, *, recent: bool = False) -> File:
        """Return a file's state, or raise NotFound with the same message as for a foreign file.

        `recent`: use this process's cached state, for decisions whose append is guarded by its version.
        """
        try:
            return (self.log.recent if recent else self.log.load)(file_stream(file_id), project)
        except NotFound:
            raise NotFound(_NO_SUCH_FILE) from None

    def workspace(self, workspace_id: str, *, recent: bool = False) -> workspace.Workspace:
        """Return a workspace's state, or raise NotFound with the same message as for a foreign workspace."""
        try:
            text.require_slug("workspace", workspace_id)
            stream = workspace.workspace_stream(workspace_id)
            return (self.log.recent if recent else self.log.load)(stream, workspace.project)
        except (InvalidInput, NotFound):
            raise NotFound("there is no such workspace") from None

    # -- authorising ---------------------------------------------------------------------------------------

    def authorised_workspace(self, caller: Caller, operation: Operation, workspace_id: str) -> Workspace:
        """Return a workspace if the caller may perform the operation; refusals, also NotFound, are recorded."""
        self.require(caller, operation, workspace_id)
        return self.existing_workspace(caller, operation, workspace_id)

    def existing_workspace(self, caller: Caller, operation: Operation, workspace_id: str) -> Workspace:
        """Return a workspace within the caller's reach; raise and record NotFound if it does not exist."""
        try:
            return self.workspace(workspace_id)
        except NotFound as refusal:
            raise self.refused(caller, operation, refusal, Asked(target=slug_of(workspace_id))) from None

    @contextmanager
    def noting(
        self, caller: Caller, operation: Operation, asked: Asked = NOTHING, file_id: UUID | None = None
    ) -> Iterator[None]:
        """Record refusals raised in the block for permission, state or a rule, unless they are recorded already.

        Records on the file if it is within the caller's reach; otherwise in the caller's own workspace.
        """
        try:
            yield
        except Refused as refusal:
            self._note(caller, operation, refusal, asked, file_id)
            raise

    def _note(self, caller: Caller, operation: Operation, refusal: Refused, asked: Asked, file_id: UUID | None) -> None:
        if caller.actor.kind == "system" or refusal.noted or not is_for_the_record(refusal):
            return
        file = None if file_id is None else self.find(file_stream(file_id), project)
        if file is not None and caller.reaches(file.workspace):
            self.deny(caller, file, operation, refusal)
        else:
            about = asked if file_id is None else replace(asked, file=str(file_id))
            self.refused(caller, operation, refusal, about)

    def noted(
        self, operation: Operation, command: Callable[Concatenate[Caller, Params], Answer]
    ) -> Callable[Concatenate[Caller, Params], Answer]:
        """Wrap a command so that all its refusals are recorded; see `noting`."""

        @wraps(command)
        def noting(caller: Caller, /, *args: Params.args, **named: Params.kwargs) -> Answer:
            # Does what `noting` does at a tenth of the cost: every command runs through here, and few are refused.
            try:
                return command(caller, *args, **named)
            except Refused as refusal:
                first = args[0] if args else None
                file_id = first if isinstance(first, UUID) and operation.startswith("file.") else None
                target = None if file_id is not None else _target_of(first)
                self._note(caller, operation, refusal, Asked(target=target), file_id)
                raise

        return noting

    def authorised_file(self, caller: Caller, operation: Operation, file_id: UUID, *, recent: bool = False) -> File:
        """Return the file if the caller may perform the operation; refusals are recorded.

        `recent` as in `file`; used only for a caller who may touch the file at any access level.
        """
        try:
            file = self.file(file_id, recent=recent)
            if recent and not may_touch(caller, file):
                file = self.file(file_id)
        except NotFound as refusal:
            raise self.refused(caller, operation, refusal, Asked(file=str(file_id))) from None
        return self._authorised(caller, operation, file)

    def authorised_history(
        self, caller: Caller, operation: Operation, file_id: UUID
    ) -> tuple[Sequence[Event], Disclosures]:
        """Return a file's lifecycle events with all private values, if the caller may perform the operation.

        Reads in one exchange; refusals as in `authorised_file`. Does not filter the values by what the caller may see.
        """
        events, disclosures = self.log.events_with_private_values(file_stream(file_id))
        file = project(None, events)
        if file is None:
            raise self.refused(caller, operation, NotFound(_NO_SUCH_FILE), Asked(file=str(file_id)))
        self._authorised(caller, operation, file)
        return events, disclosures

    def allows(self, caller: Caller, operation: Operation, file: File) -> bool:
        """Tell whether the caller may perform the operation on this file. Records nothing, unlike `authorised_file`."""
        return (
            caller.reaches(file.workspace)
            and self.permitted(caller, operation)
            and private_refusal(caller, operation, file) is None
        )

    def _authorised(self, caller: Caller, operation: Operation, file: File) -> File:
        if not caller.reaches(file.workspace):
            # Must equal the refusal for a file that does not exist: the event, its stream, and the answer.
            raise self.refused(caller, operation, NotFound(_NO_SUCH_FILE), Asked(file=str(file.id)))
        if not self.permitted(caller, operation):
            refusal = Forbidden(f"none of your roles allows {operation}", operation=operation)
            self.deny(caller, file, operation, refusal)
            raise refusal
        if (private := private_refusal(caller, operation, file)) is not None:
            self.deny(caller, file, operation, private)
            raise private
        return file

    def deny(self, caller: Caller, file: File, operation: Operation, refusal: Refused) -> None:
        """Record a refusal at once; identical ones within a minute are counted, and recorded by the next flush.

        Beyond `refusals.MAX_VARIETY` different ones of a caller on a file, or `MAX_FILES` files, they are counted
        together, without a file.
        """
        denial = _Denial(caller, file.id, file.workspace, operation, refusal)
        origin = (caller.on_behalf_of, caller.session, caller.address, caller.user_agent, caller.cause)
        link = None if caller.link is None else caller.link.id
        key = (file.id, caller.actor, caller.scope, link, *origin, operation, refusal.code, refusal.details.get("rule"))
        now = self.clock.now()
        # Refusals to users of a link count neither against its issuer's limit nor against another link's.
        who = ("file", caller.principal, link)
        if caller.actor.kind == "system" or (
            self.refusals.told_apart(who, file.id, now, most=MAX_FILES)
            and self.refusals.told_apart((*who, file.id), key, now)
        ):
            self._denials.once(key, denial, now, lambda: self._record_denial(denial))
        else:
            self.refusals.count(caller, file.workspace, operation, refusal.code, link)
        refusal.noted = True

    def _record_denial(self, denial: _Denial) -> None:
        self.log.append(self._denial(denial, 1))

    def flush_denials(self) -> None:
        """Record the counts of repeated refusals since the last flush; on Unavailable the counts are kept."""
        self._backlog.record(
            lambda: [self._denial(one.payload, one.count) for one in self._denials.drain(self.clock.now())]
        )
        self.refusals.flush()

    def _denial(self, denial: _Denial, count: int) -> Append:
        link = None if denial.caller.link is None else denial.caller.link.id
        data = fe.AccessDenied(operation=denial.operation, code=denial.refusal.code, count=count, link=link)
        rule = denial.refusal.details.get("rule")
        fact = Fact(data, outcome="denied", decision=f"{rule}/1" if rule else None)
        # No guards: a refusal stays true if the file or the credential has changed meanwhile.
        return Append(self.drafts(denial.caller, access_stream(denial.file_id), denial.workspace, [fact]))

    # -- recording -----------------------------------------------------------------------------------------

    def change(
        self,
        caller: Caller,
        operation: Operation,
        file_id: UUID,
        make: Callable[[File, datetime], FileCommand],
        *,
        erase: Callable[[File], Sequence[Erasure]] | None = None,
        key: IdempotencyKey | None = None,
        if_version: int | None = None,
    ) -> File:
        """Decide and record one command on a file; return the file's new state.

        PreconditionFailed unless the file is at `if_version`, if that is set. Conflict after 20 conflicting attempts,
        and at once if the caller's own credential has changed.
        """
        if self.recall(key) is not None:
            return self.authorised_file(caller, operation, file_id)

        # The first attempt uses cached state. If that is stale, the append fails. Before the command is refused, or
        # found to change nothing, the state is loaded from the log.
        def attempt(recent: bool) -> File:
            file = self.authorised_file(caller, operation, file_id, recent=recent)
            if if_version is not None and file.version != if_version and self.recall(key) is None:
                raise PreconditionFailed(
                    f"the file is at version {file.version}, not {if_version}", actual=file.version
                )
            command = self._informed(caller, file, make(file, self.clock.now()))
            facts = self._decide(caller, operation, file, command, recent=recent, key=key)
            if not facts:
                if recent:
                    raise LookAgain
                self.recall(key)  # the same request, sent concurrently, may have done it already
                return file
            drafts = self.drafts(caller, file.stream, file.workspace, facts)
            try:
                appended = self.append(
                    caller,
                    drafts,
                    expected=[Guard(file.stream, file.version)],
                    reads=caller.unguarded(command.reads),
                    erase=erase(file) if erase else (),
                    key=key,
                )
            except QuotaExceeded as refusal:
                self.deny(caller, file, operation, refusal)
                raise
            return self.file(file_id) if appended.replayed else self.advanced(file, drafts, appended)

        return self.attempts(caller, "the file", attempt, remembered=if_version is None)

    def person(self, actor: Actor, *, until: int | None = None) -> Person:
        """Return an actor as a person with its origin, by the log as of now, or `until` a position.

        See `domain.tenants.second_person`.
        """
        return person_of(actor, Origins(self._key, self._registration), until=until)

    def first_person(self, first: Act | None) -> Person | None:
        """Return the person of a first act, by the log at that act: no later event changes that."""
        return None if first is None else self.person(first.by, until=first.position)

    def _key(self, credential: str) -> cr.Credential | None:
        return self.find(cr.credential_stream(credential), cr.project)

    def _registration(self, key: cr.Credential) -> ac.Actor | None:
        return self.find(ac.actor_stream(key.actor, key.scope), ac.project)

    def purge_objection(self, file: File) -> str | None:
        """Return why the file's purge may not start on its approval; None if it may."""
        return approval_objection(file.purge, self._grounds(file), file.workspace) if file.purge else "there is none"

    def _grounds(self, file: File) -> Grounds | None:
        """Return what the log outside the file's stream says about its purge, or about its disposal policy."""
        tenant = self.workspace(file.workspace)
        if file.purge is None or file.purge.policy is not None:
            policy = self.policy_in_force(tenant, file.initiated.category, file.initiated.provider)
            return self._policy_grounds(tenant, policy)
        four_eyes = tenant.four_eyes_at(file.purge.requested.position)
        reads = (Guard(workspace.workspace_stream(tenant.id), tenant.version),)
        approved = file.purge.approved
        if approved is None:
            return Grounds(four_eyes, reads=reads)
        requester = self.first_person(file.purge.requested)
        person = self.person(approved.by, until=approved.position)  # later API keys of the approver undo no approval
        key = None
        if approved.by.credential is not None:
            key = self.find(cr.credential_stream(approved.by.credential), cr.project)
        return Grounds(four_eyes, requester, person, key, reads=(*reads, *person.reads))

    def policy_in_force(self, tenant: Workspace, category: str, provider: str) -> Policy | None:
        """Return the disposal policy for a category's files at a provider, with the start of a built-in one.

        None also if that start is not known, because the store of the provider has not been recorded.
        """
        policy = tenant.disposal.policy(category)
        if policy is None or not policy.built_in:
            return policy
        store = self.find(pr.provider_stream(provider), pr.project)
        since = None if store is None else store.identified_at
        return None if since is None else replace(policy, since=since)

    def _policy_grounds(self, tenant: Workspace, policy: Policy | None) -> Grounds:
        """Return a workspace's disposal policy with its requester and approver, by the log at those moments."""
        reads = (Guard(workspace.workspace_stream(tenant.id), tenant.version),)
        if policy is None or policy.approved is None:
            return Grounds(four_eyes=tenant.four_eyes, policy=policy, reads=reads)
        by = policy.approved.by
        requester, person = self.first_person(policy.requested), self.person(by, until=policy.approved.position)
        key = None if by.credential is None else self.find(cr.credential_stream(by.credential), cr.project)
        return Grounds(tenant.four_eyes, requester, person, key, policy, (*reads, *person.reads))

    def _informed(self, caller: Caller, file: File, command: FileCommand) -> FileCommand:
        """Add to a command what its decision needs from other streams: the persons, or the grounds of a purge.

        Decisions get these facts only from here.
        """
        if isinstance(command, PersonCommand):
            first = self.first_person(first_act(file, command))
            command = replace(command, person=self.person(caller.actor), first=first)
        if isinstance(command, PurgeCommand):
            command = replace(command, grounds=self._grounds(file))
        return command

    def advanced(self, before: File | None, drafts: Sequence[Draft], appended: Appended) -> File:
        """Return the file's state after the recorded events, and cache it; `before` is None for a new file."""
        return self.folded(project, before, drafts, appended)

    def _decide(
        self,
        caller: Caller,
        operation: Operation,
        file: File,
        command: FileCommand,
        *,
        recent: bool,
        key: IdempotencyKey | None = None,
    ) -> tuple[Fact, ...]:
        """Decide, and record a refusal; return no facts instead if the refusal is based on cached state.

        Return no facts also if the same request, sent concurrently, was carried out.
        """
        try:
            return decide(file, command)
        except Refused as refusal:
            if recent or self.recall(key) is not None:
                return ()
            if is_for_the_record(refusal):
                self.deny(caller, file, operation, refusal)
            raise


def require_store(file: File, store: ObjectStore) -> None:
    """Raise Misconfigured if the file's object is not kept in this store.

    An object that is not found in the wrong store is neither missing nor destroyed.
    """
    if file.initiated.provider != store.name:
        raise Misconfigured(
            f"the file's object is kept in {file.initiated.provider}, and this is {store.name}: "
            "start with the settings of the store that the file was stored in"
        )


def _target_of(asked: object) -> str | None:
    """Return the subject of a command in a form that events may contain: an id, or the name of a workspace."""
    if isinstance(asked, UUID):
        return str(asked)
    return slug_of(asked if isinstance(asked, str) else getattr(asked, "id", None))

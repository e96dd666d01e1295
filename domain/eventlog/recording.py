"""Recording: how a command's facts become events of the log. Knows no file, no workspace and no actor's history.

A command (1) authorises its caller here, (2) decides, (3) makes drafts of the facts and (4) appends them, guarded by
the versions that the decision saw. A crash before (4) leaves nothing; after it the event is durable. Refusals are
recorded in the caller's own workspace (`refusals`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.clock import Clock
from provenstore.domain.entropy import Entropy
from provenstore.domain.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    IntegrityViolated,
    InvalidInput,
    LegalHold,
    NotFound,
    Refused,
    Retained,
    SecondPersonRequired,
    WrongState,
)
from provenstore.domain.eventlog.caller import Caller, Operation, Permits
from provenstore.domain.eventlog.envelope import SALT_BYTES, Actor, Draft, Event, draft
from provenstore.domain.eventlog.event_log import Append, Appended, Erasure, EventLog, Guard, IdempotencyKey
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.on_record import under_way
from provenstore.domain.eventlog.quota import quota_changes
from provenstore.domain.eventlog.refusals import NOTHING, Asked, Refusals
from provenstore.domain.eventlog.sealed import event_from_draft

Answer = TypeVar("Answer")


class Versioned(Protocol):
    """The state of one stream: its events up to `version`, folded."""

    @property
    def version(self) -> int:
        """The version of the stream's last event."""
        ...


State = TypeVar("State")
Held = TypeVar("Held", bound=Versioned)

MAX_ATTEMPTS = 20
"""Attempts at a command on conflict; after the last one Conflict is raised."""

_RECORDED_REFUSALS = (
    AlreadyExists, Forbidden, Gone, LegalHold, NotFound, Retained, SecondPersonRequired, WrongState,
)  # fmt: skip


class LookAgain(Exception):
    """The cached state is not sufficient for a decision: load from the log. Never leaves `Recording.attempts`."""


@dataclass(frozen=True, slots=True)
class Subject(Generic[Held]):
    """One stream that a command decides about, and its name in messages."""

    what: str
    stream: str
    workspace: str
    project: Callable[[Held | None, Iterable[Event]], Held | None]
    load: Callable[[], Held | None] | None = None
    """Loads the state if it depends on more than this stream."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The facts to record, the other streams that the decision read, and the private values to erase."""

    facts: Sequence[Fact]
    reads: Sequence[Guard] = ()
    erase: Sequence[Erasure] = ()


@dataclass(frozen=True, slots=True)
class Change(Generic[Held]):
    """The state of a stream before and after a command; both are the same if nothing was recorded."""

    before: Held | None
    after: Held | None
    recorded: bool = False

    @property
    def state(self) -> Held:
        """The state after the command; IntegrityViolated if the stream does not exist."""
        if self.after is None:
            raise IntegrityViolated("nothing was recorded")
        return self.after


class Recording:
    """Turns facts into recorded events. Holds ports only; safe to share between threads."""

    def __init__(self, log: EventLog, clock: Clock, entropy: Entropy, permits: Permits) -> None:
        """Work on `log`; `permits` is the permission table."""
        self.log = log
        self.clock = clock
        self.entropy = entropy
        self._permits = permits
        self.refusals = Refusals(log, clock, self.drafts)

    def find(self, stream: str, project_with: Callable[[State | None, Iterable[Event]], State | None]) -> State | None:
        """Return a stream's state, or None if it has no events."""
        try:
            return self.log.load(stream, project_with)
        except NotFound:
            return None

    # -- authorising ---------------------------------------------------------------------------------------

    def require(self, caller: Caller, operation: Operation, workspace_id: str | None) -> None:
        """Refuse an operation outside the caller's roles or reach: Forbidden, or NotFound for a foreign workspace.

        Checks a named workspace first, then roles, then ledger-wide reach: without a role that allows it, a ledger-wide
        API key would not help. The refusal is recorded.
        """
        refusal: Refused | None = None
        if workspace_id is not None and not caller.reaches(workspace_id):
            refusal = NotFound("there is no such workspace")
        elif not self.permitted(caller, operation):
            refusal = Forbidden(f"none of your roles allows {operation}", operation=operation)
        elif workspace_id is None and caller.scope is not None:
            refusal = Forbidden("this requires a ledger-wide API key", operation=operation)
        if refusal is not None:
            raise self.refused(caller, operation, refusal, Asked(target=slug_of(workspace_id)))

    def refused(self, caller: Caller, operation: Operation, refusal: Refused, asked: Asked = NOTHING) -> Refused:
        """Record the refusal in the caller's own workspace, and return it to be raised."""
        rule = refusal.details.get("rule")
        self.refusals.request(caller, operation, refusal.code, asked, rule=None if rule is None else str(rule))
        refusal.noted = True
        return refusal

    def permitted(self, caller: Caller, operation: Operation) -> bool:
        """Tell whether the caller's roles allow the operation; the system, which is only this program, may do all."""
        return caller.actor.kind == "system" or self._permits(caller, operation)

    @staticmethod
    def system(caller: Caller) -> Caller:
        """Return the system as a caller, acting within this caller's request."""
        return Caller(
            Actor("provenstore", "system", "system"),
            frozenset(),
            None,
            request=caller.request,
            address=caller.address,
            user_agent=caller.user_agent,
            client_request=caller.client_request,
        )

    # -- recording -----------------------------------------------------------------------------------------

    def drafts(
        self, caller: Caller, stream: str, workspace_id: str, facts: Sequence[Fact], *, first_id: UUID | None = None
    ) -> list[Draft]:
        """Return drafts of `facts` with fresh ids and salts; each has the request's origin in private values.

        `first_id` is the id of the first event, if its data contain it.
        """
        if client := caller.client:
            facts = [Fact(one.data, {**one.private, **client}, one.outcome, one.decision) for one in facts]
        origin, salts = caller.origin, self._salts(facts)
        return [
            draft(
                fact,
                event_id=first_id if first_id is not None and number == 0 else self.entropy.event_id(),
                stream=stream,
                workspace=workspace_id,
                origin=origin,
                salts={name: salts.pop() for name in fact.private},
                head_of=_head_of(fact, stream),
            )
            for number, fact in enumerate(facts)
        ]

    def _salts(self, facts: Sequence[Fact]) -> list[bytes]:
        """Return a salt for each private value, from a single read of the random source, since each read is slow."""
        size = SALT_BYTES * sum([len(fact.private) for fact in facts])
        random = self.entropy.secret(size) if size else b""
        return [random[at : at + SALT_BYTES] for at in range(0, size, SALT_BYTES)]

    def append(
        self,
        caller: Caller,
        drafts: Sequence[Draft],
        *,
        expected: Sequence[Guard] = (),
        reads: Sequence[Guard] = (),
        erase: Sequence[Erasure] = (),
        key: IdempotencyKey | None = None,
    ) -> Appended:
        """Append one command's drafts; the guards of the caller's credential and the quota changes are added."""
        quota = quota_changes(drafts[0].workspace, [one.fact.data for one in drafts]) if drafts else ()
        appended = self.log.append(
            Append(
                drafts=drafts,
                expected=expected,
                reads=(*caller.guards, *reads),
                quota=quota,
                erase=erase,
                key=key,
            )
        )
        if (scope := under_way()) is not None:
            scope.note(drafts, appended, erase)
        if key is not None and appended.replayed:
            key.replay.seen = True
        return appended

    def recall(self, key: IdempotencyKey | None) -> Appended | None:
        """Return the events of an earlier request with this key, and mark the key as replayed; None without one."""
        known = None if key is None else self.log.recall(key)
        if key is not None and known is not None:
            key.replay.seen = True
            if (scope := under_way()) is not None:
                scope.asked = True
        return known

    def require_unmoved(self, caller: Caller, reads: Sequence[Guard]) -> None:
        """Raise Conflict unless the caller's credential and these streams are still at their versions in the log.

        For actions based on an earlier event. If an action records its own event, the append checks the guards.
        """
        guards = (*caller.guards, *reads)
        versions = self.log.versions([guard.stream for guard in guards])
        for guard in guards:
            if (actual := versions.get(guard.stream, 0)) != guard.version:
                message = "somebody else changed it first"
                raise Conflict(message, stream=guard.stream, expected=guard.version, actual=actual)

    def folded(
        self,
        project_with: Callable[[State | None, Iterable[Event]], State | None],
        before: State | None,
        drafts: Sequence[Draft],
        appended: Appended,
    ) -> State:
        """Return the state of the stream of `drafts` after they were sealed, and cache it.

        Does not query the log: recorded events can be answered even if the database has since become unavailable.
        """
        events = [
            event_from_draft(one, sealed.position, sealed.state)
            for one, sealed in zip(drafts, appended.events, strict=True)
        ]
        state = project_with(before, events)
        if state is None:
            raise IntegrityViolated("nothing was recorded")
        self.log.keep(project_with, state, events[-1])
        return state

    # -- deciding ------------------------------------------------------------------------------------------

    def attempts(
        self, caller: Caller, what: str, attempt: Callable[[bool], Answer], *, remembered: bool = False
    ) -> Answer:
        """Run a command with optimistic concurrency: return the answer of `attempt`, retried on conflict.

        `attempt(recent)` loads the state, decides, and appends, guarded by the versions that it saw. With `remembered`,
        the first attempt may use cached state; if that is not sufficient, it raises LookAgain. All later attempts load
        from the log. Raises Conflict after 20 attempts, and at once if a retry cannot help: on the caller's own
        credential.
        """
        recent = remembered
        for _ in range(MAX_ATTEMPTS):
            try:
                return attempt(recent)
            except LookAgain:
                pass
            except Conflict as conflict:
                if conflict.details.get("stream") in {None, *(guard.stream for guard in caller.guards)}:
                    raise
            recent = False
        raise Conflict(f"too many concurrent updates to {what}; retry")

    def commit(
        self,
        caller: Caller,
        subject: Subject[Held],
        decide: Callable[[Held | None], Decision],
        *,
        key: IdempotencyKey | None = None,
    ) -> Change[Held]:
        """Decide about one stream, record the decision, and return the state before and after it.

        `decide` may be called several times; a decision without facts records nothing. If `decide` raises, nothing is
        recorded and the error propagates.
        """

        def attempt(_: bool) -> Change[Held]:
            before = self.find(subject.stream, subject.project) if subject.load is None else subject.load()
            decision = decide(before)
            if not decision.facts:
                return Change(before, before)
            drafts = self.drafts(caller, subject.stream, subject.workspace, decision.facts)
            appended = self.append(
                caller,
                drafts,
                expected=[Guard(subject.stream, before.version if before else 0)],
                reads=decision.reads,
                erase=decision.erase,
                key=key,
            )
            if appended.replayed:
                return Change(before, self.find(subject.stream, subject.project))
            return Change(before, self.folded(subject.project, before, drafts, appended), recorded=True)

        return self.attempts(caller, subject.what, attempt)


def first_event(appended: Appended) -> Event:
    """Return the first event that a command recorded, as sealed."""
    return Event.parse(appended.events[0].position, appended.events[0].state)


def is_for_the_record(refusal: Refused) -> bool:
    """Tell whether an event records this refusal: for permission, state or a rule, not for malformed input."""
    return isinstance(refusal, _RECORDED_REFUSALS) or type(refusal) is Refused or "rule" in refusal.details


def slug_of(name: str | None) -> str | None:
    """Return a workspace or category name that may be written in an event, None if it is not a valid name."""
    try:
        return None if name is None else text.require_slug("name", name)
    except InvalidInput:
        return None


def _head_of(fact: Fact, stream: str) -> str | None:
    """Return the stream whose head the event seals: `access_head` in `file:x` is the head of `access:x`."""
    if fact.data.HEAD is None:
        return None
    return f"{fact.data.HEAD.removesuffix('_head')}:{stream.partition(':')[2]}"

"""What takes two persons was decided by two: every such act of a log, judged by what the log said at that moment. Pure.

Takes events in order. An act that bears the decision of this release is judged by its rule; one of an earlier release
by the rule of then (another id, a person), as long as nothing of this release stands before it: whoever forges an act
cannot choose the easier rule. So is a purge under a disposal policy, which two persons decided once for all files of a
category. In memory for one state per credential, actor and workspace, per file its category until it is purged, and
while something of it waits or stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.custody_decisions import years_after
from provenstore.domain.files.file import Purge, Retention, RetentionWish
from provenstore.domain.files.purge_approval import (
    Grounds,
    approval_objection,
    disposal_objection,
    two_persons_objection,
)
from provenstore.domain.privacy import erasure_events as ee
from provenstore.domain.privacy import erasure_request as er
from provenstore.domain.privacy.erasure import ErasedBy
from provenstore.domain.system import provider_events as pe
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants import disposal_events as de
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.disposal import Policy, next_version
from provenstore.domain.tenants.persons import Origins, person_of
from provenstore.domain.tenants.purge_policy import TAKES_EFFECT_AFTER, PolicyChange
from provenstore.domain.tenants.retention_policy import DEFAULT_RETENTION_YEARS, BoundRequest
from provenstore.domain.tenants.second_person import Act, Person, objection

SKEW = timedelta(minutes=5)
"""How far the clock that decided and the one that sealed may be apart."""

NEW_TYPES = (
    pe.IdentityDrawn,
    pe.ProviderIdentified,
    we.ActorKeyAdded,
    we.PurgePolicyChangeRequested,
    we.PurgePolicyChangeApproved,
    we.RetentionPolicyRequested,
    we.RetentionPolicySet,
    fe.RetentionExtensionRequested,
    de.DisposalPolicyRequested,
    de.DisposalPolicyApproved,
    ee.ErasureRequested,
)
NEW_DECISIONS = frozenset(
    {
        "purge-second-person/2",
        "purge-fresh-check/2",
        "hold-release-second-person/2",
        "governance-shortened-by-two/2",
        "long-retention-by-two/1",
        "retention-bound-by-two/1",
        "retention-bound-lowered-at-once/1",
        "four-eyes-off-after-a-day/1",
        "disposal-by-policy/1",
    }
)
"""What no earlier release wrote, the identity of the store before all else: from there on this one's rules count."""


@dataclass(slots=True)
class _Kept:
    """What stands or waits on one file."""

    holds: dict[str, Act] = field(default_factory=dict)
    retention: Retention | None = None
    wish: RetentionWish | None = None
    purge: Purge | None = None
    disposal_since: datetime | None = None


@dataclass(slots=True)
class TwoPersonCheck:
    """Says of each event in turn what is wrong with who decided it."""

    _keys: dict[str, cr.Credential] = field(default_factory=dict)
    _actors: dict[str, ac.Actor] = field(default_factory=dict)
    _workspaces: dict[str, ws.Workspace] = field(default_factory=dict)
    _files: dict[str, _Kept] = field(default_factory=dict)
    _kinds: dict[str, fe.UploadInitiated] = field(default_factory=dict)
    """Of each file, its category and provider."""
    _stores: dict[str, datetime] = field(default_factory=dict)
    """When each provider's store was first recorded."""
    _erasures: dict[str, Act] = field(default_factory=dict)
    _agreed_erasures: set[str] = field(default_factory=set)
    _new: bool = False
    _new_before: bool = False
    """Whether something that no earlier release wrote stood before the event at hand."""

    def take(self, event: Event) -> tuple[str, ...]:
        """Return what is wrong with the event; nothing for most."""
        self._new_before = self._new
        self._new = self._new or isinstance(event.data, NEW_TYPES) or event.decision in NEW_DECISIONS
        if isinstance(event.data, ErasedBy):
            return (*self._judge_erased(event), *self._take(event))
        return self._take(event)

    def _take(self, event: Event) -> tuple[str, ...]:
        kind = event.stream.partition(":")[0]
        try:
            match kind:
                case "file":
                    return tuple(self._judge_file(event))
                case "workspace":
                    return tuple(self._judge_workspace(event))
                case "erasure":
                    return tuple(self._judge_erasure(event))
                case "credential":
                    self._keys[event.stream] = cr.evolve(self._keys.get(event.stream), event)
                case "provider":
                    if isinstance(event.data, pe.ProviderIdentified):
                        self._stores.setdefault(event.data.provider, event.time)
                case "actor":
                    self._actors[event.stream] = ac.evolve(self._actors.get(event.stream), event)
        except IntegrityViolated:
            pass  # a stream that does not begin as it must is a finding of the chains, or of its bytes
        return ()

    # -- files ---------------------------------------------------------------------------------------------

    def _judge_file(self, event: Event) -> Iterator[str]:
        kept = self._files.setdefault(event.stream, _Kept())
        match event.data:
            case fe.LegalHoldPlaced() as data:
                kept.holds[data.hold] = _act(event)
            case fe.LegalHoldReleased() as data:
                if (placed := kept.holds.pop(data.hold, None)) is not None:
                    yield from self._second(event, placed, "the hold was released", now=event.time)
            case fe.RetentionReductionRequested() as data:
                kept.wish = RetentionWish(data.until, "governance", _act(event))
            case fe.RetentionExtensionRequested() as data:
                kept.wish = RetentionWish(data.until, data.mode, _act(event))
            case fe.RetentionSet() as data:
                yield from self._retention(event, data, kept)
                kept.retention, kept.wish = Retention(data.until, data.mode), None
            case fe.UploadInitiated() as data:
                self._kinds[event.stream] = data
            case fe.SoftDeleted() | fe.FileExpired():
                kept.disposal_since = event.time
            case fe.Restored():
                kept.disposal_since = None
            case _:
                yield from self._judge_purge(event, kept)
        if kept == _Kept():
            del self._files[event.stream]

    def _retention(self, event: Event, data: fe.RetentionSet, kept: _Kept) -> Iterator[str]:
        current = kept.retention
        running = current is not None and event.time < current.until
        weaker = current is not None and current.mode == "compliance" and data.mode == "governance"
        if current is not None and running and (data.until < current.until or weaker):
            if current.mode == "compliance":
                yield "a compliance retention was shortened"
            else:
                yield from self._agreed(event, data, kept.wish, "the retention was shortened")
            return
        tenant = self._workspaces.get(event.workspace)
        years = DEFAULT_RETENTION_YEARS if tenant is None else tenant.max_retention_years
        beyond = data.mode == "compliance" and data.until > years_after(event.time, years) + SKEW
        if beyond and self._new:
            yield from self._agreed(event, data, kept.wish, f"a retention of more than {years} years was set")

    def _agreed(self, event: Event, data: fe.RetentionSet, wish: RetentionWish | None, what: str) -> Iterator[str]:
        if wish is None or (wish.until, wish.mode) != (data.until, data.mode):
            yield f"{what} by one person alone"
        else:
            yield from self._second(event, wish.asked, what)

    def _judge_purge(self, event: Event, kept: _Kept) -> Iterator[str]:
        match event.data:
            case fe.PurgeRequested() as data:
                asked = _act(event)
                approved = None if data.four_eyes else asked
                kept.purge = Purge(data.purge, asked, data.four_eyes, approved, policy=data.policy)
                if data.policy is not None:
                    yield from self._under_policy(event, kept, "requested")
                elif not data.four_eyes and self._four_eyes(event.workspace, event.position):
                    yield "the purge was requested as if the workspace asked for no second person"
            case fe.PurgeApproved() if kept.purge is not None and kept.purge.policy is not None:
                yield "a purge was approved that a disposal policy had asked for"
            case fe.PurgeApproved() if kept.purge is not None:
                kept.purge = replace(kept.purge, approved=_act(event))
                yield from self._second(event, kept.purge.requested, "the purge was approved")
                yield from self._key_of(kept.purge, event)
            case fe.PurgeStarted():
                if kept.purge is None or kept.purge.approved is None:
                    yield "the purge was started without an approval"
                elif kept.purge.policy is not None:
                    yield from self._under_policy(event, kept, "started")
            case fe.PurgeRejected():
                kept.purge, kept.disposal_since = None, event.time if kept.disposal_since else None
            case fe.PurgeWithdrawn():
                kept.purge = None
            case fe.Purged():
                kept.purge = kept.disposal_since = None
                self._kinds.pop(event.stream, None)

    def _under_policy(self, event: Event, kept: _Kept, what: str) -> Iterator[str]:
        """Say what is wrong with a purge under a disposal policy: whether that was in force, and its time had come."""
        tenant = self._workspaces.get(event.workspace)
        kind = self._kinds.get(event.stream)
        policy = None if tenant is None or kind is None else tenant.disposal.policy(kind.category)
        if policy is not None and kind is not None and policy.built_in:
            policy = replace(policy, since=self._stores.get(kind.provider))
        if kept.purge is None or policy is None or policy.name != kept.purge.policy:
            yield f"the purge was {what} under a disposal policy that was not in force"
            return
        if kept.purge.requested.by.kind != "system":
            yield f"the purge was {what} under a disposal policy, and somebody else had asked for it"
        because = disposal_objection(
            self._policy_grounds(policy), kept.disposal_since, event.workspace, event.time + SKEW
        )
        if because is not None:
            yield f"the purge was {what} under a disposal policy, and {because}"

    def _policy_grounds(self, policy: Policy) -> Grounds:
        if policy.approved is None:
            return Grounds(four_eyes=False, policy=policy)
        by = policy.approved.by
        requester = None if policy.requested is None else self._first(policy.requested)
        person = person_of(by, self._origins, until=policy.approved.position)
        return Grounds(False, requester, person, self._keys.get(cr.credential_stream(str(by.credential))), policy)

    def _key_of(self, purge: Purge, event: Event) -> Iterator[str]:
        """Say what is wrong with the key of an approval; who the person is has been asked before."""
        approved = purge.approved
        if not self._by_the_new_rule(event) or approved is None or approved.by.credential is None:
            return
        key = self._keys.get(cr.credential_stream(approved.by.credential))
        other = Actor("", "person", "cli")
        grounds = Grounds(True, Person(other), Person(approved.by), key)
        asked = replace(purge, requested=replace(purge.requested, by=other))
        if (because := approval_objection(asked, grounds, event.workspace)) is not None:
            yield f"the purge was approved, and {because}"

    # -- erasures ------------------------------------------------------------------------------------------

    def _judge_erasure(self, event: Event) -> Iterator[str]:
        match event.data:
            case ee.ErasureRequested():
                self._erasures[event.stream] = _act(event)
            case ee.ErasureApproved():
                if (asked := self._erasures.pop(event.stream, None)) is None:
                    yield "an erasure was approved that nobody had asked for"
                else:
                    self._agreed_erasures.add(event.stream)
                    yield from self._second(event, asked, "the erasure was approved")
            case ee.ErasureRejected():
                self._erasures.pop(event.stream, None)
            case ee.ErasureCompleted():
                if event.stream not in self._agreed_erasures:
                    yield "an erasure was completed that nobody had approved"
                self._agreed_erasures.discard(event.stream)

    def _judge_erased(self, event: Event) -> Iterator[str]:
        """Say whether two persons agreed on the erasure; earlier releases let one person erase values of a file."""
        erasure = event.data.erasure if isinstance(event.data, ErasedBy) else None
        if erasure is None and not self._new:
            return
        if erasure is None or er.erasure_stream(erasure) not in self._agreed_erasures:
            yield "private values were erased without an approved request"

    # -- workspaces ----------------------------------------------------------------------------------------

    def _judge_workspace(self, event: Event) -> Iterator[str]:
        before = self._workspaces.get(event.stream.partition(":")[2])
        if before is not None:
            match event.data:
                case we.PurgePolicyChangeApproved() as data:
                    yield from self._policy_approved(event, data, before.policy_change)
                case we.PurgePolicySet(four_eyes=False) if before.four_eyes and self._by_the_new_rule(event):
                    change = before.policy_change
                    if change is None or change.effective_at is None:
                        yield "four eyes were switched off without two persons"
                    elif event.time + SKEW < change.effective_at:
                        yield "four eyes were switched off before their day was over"
                case we.RetentionPolicySet() as data if data.max_years > before.max_retention_years:
                    yield from self._bound_raised(event, data, before.bound_request)
        after = ws.evolve(before, event)
        if after is not None:
            self._workspaces[after.id] = after
            if isinstance(event.data, de.DisposalPolicyApproved):
                yield from self._disposal_approved(event, event.data, before, after)

    def _policy_approved(
        self, event: Event, data: we.PurgePolicyChangeApproved, change: PolicyChange | None
    ) -> Iterator[str]:
        if change is None:
            yield "switching four eyes off was agreed to, and nobody had asked for it"
            return
        yield from self._second(event, change.requested, "switching four eyes off was agreed to")
        if data.effective_at + SKEW < event.time + TAKES_EFFECT_AFTER:
            yield "four eyes are switched off in less than a day"

    def _bound_raised(self, event: Event, data: we.RetentionPolicySet, request: BoundRequest | None) -> Iterator[str]:
        if not (self._new_before or event.decision in NEW_DECISIONS):
            return
        if request is None or request.max_years != data.max_years:
            yield "the bound of retentions was raised by one person alone"
        else:
            yield from self._second(event, request.asked, "the bound of retentions was raised")

    def _disposal_approved(
        self, event: Event, data: de.DisposalPolicyApproved, before: ws.Workspace | None, after: ws.Workspace
    ) -> Iterator[str]:
        request = None if before is None else before.disposal.requests.get(data.category)
        asked = None if request is None else (request.id, request.after_days)
        version = next_version(before.disposal.approved.get(data.category) if before else None)
        if asked != (data.request, data.after_days) or data.policy != f"{data.category}/{version}":
            yield "a disposal policy was approved that nobody had asked for"
            return
        policy = after.disposal.approved[data.category]
        if (because := two_persons_objection(policy, self._policy_grounds(policy), event.workspace)) is not None:
            yield because

    def _four_eyes(self, workspace: str, position: int) -> bool:
        tenant = self._workspaces.get(workspace)
        return tenant is not None and tenant.four_eyes_at(position)

    # -- persons -------------------------------------------------------------------------------------------

    def _by_the_new_rule(self, event: Event) -> bool:
        return self._new or event.decision in NEW_DECISIONS

    def _second(self, event: Event, first: Act, what: str, *, now: datetime | None = None) -> Iterator[str]:
        """Say why the actor of an event is no second person beside the first one, by the rule that holds for it."""
        if not self._by_the_new_rule(event):
            if event.actor.kind != "person" or event.actor.id == first.by.id:
                yield f"{what} by no second person"
            return
        found = objection(first, self._first(first), person_of(event.actor, self._origins), now)
        if found is not None:
            yield f"{what} by no second person: {found[1] or 'it was the first one'}"

    def _first(self, first: Act) -> Person:
        """Return who did a first person's act, as the log said it then."""
        return person_of(first.by, self._origins, until=first.position)

    @property
    def _origins(self) -> Origins:
        return Origins(
            lambda key: self._keys.get(cr.credential_stream(key)),
            lambda key: self._actors.get(ac.actor_stream(key.actor, key.scope)),
        )


def _act(event: Event) -> Act:
    return Act(event.actor, event.time, event.position)

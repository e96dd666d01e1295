"""Disposal policies: by two persons, after their days, and never what is kept, damaged or before somebody."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife, key_of
from provenstore.domain.errors import (
    InvalidInput,
    LegalHold,
    NotFound,
    ProvenstoreError,
    Retained,
    SecondPersonRequired,
    WrongState,
)
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import project
from provenstore.domain.files.purge_approval import Grounds
from provenstore.domain.tenants import disposal as dp
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.second_person import Act, Person
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE, START, SealedLog

SYSTEM = Actor("provenstore", "system", "system")
DAY = timedelta(days=1)


class Tenant:
    """A workspace whose policies are decided by the real rules and sealed."""

    def __init__(self) -> None:
        self.log = SealedLog()
        self.state: ws.Workspace | None = None
        self._do(ws.CreateWorkspace(id="acme", four_eyes=False))

    def _do(self, command: Any, by: Actor = ALICE) -> "Tenant":
        facts = ws.decide(self.state, command)
        self.state = ws.project(self.state, self.log.record(facts, stream="workspace:acme", by=by))
        self.log.pass_time(seconds=1)
        return self

    @property
    def disposal(self) -> dp.Disposal:
        assert self.state is not None
        return self.state.disposal

    def request(
        self, days: int | None = 30, by: Actor = ALICE, category: str = "book_content", named: str = "r1"
    ) -> "Tenant":
        said = dp.RequestDisposalPolicy(by=by, request=named, category=category, after_days=days, reason="law")
        return self._do(said, by)

    def approve(self, by: Actor = BOB, named: str = "r1", first_makers: Any = (), **person: Any) -> "Tenant":
        """Approve a request; `first_makers` have made the one who asked."""
        assert self.state is not None
        said = dp.ApproveDisposalPolicy(by=by, request=named, reason=None, person=Person(by, **person))
        first = ws.first_act(self.state, said)
        return self._do(replace(said, first=None if first is None else Person(first.by, makers=first_makers)), by)

    def reject(self, by: Actor, named: str = "r1") -> "Tenant":
        return self._do(dp.RejectDisposalPolicy(by=by, request=named, reason=None), by)


def policy(days: int | None = 30, approved: Any = START, category: str = "book_content") -> dp.Policy:
    """Return a policy that Alice asked for and Bob approved."""
    return dp.Policy(category, days, "1", Act(ALICE, approved - DAY, 0), Act(BOB, approved, 0))


def grounds(found: dp.Policy | None, **changes: Any) -> Grounds:
    key = None if found is None else key_of(found.approved)
    people = {"requester": Person(ALICE), "approver": Person(BOB)}
    return Grounds(**{"four_eyes": True, **people, "key": key, "policy": found, **changes})


def deleted(days: float = 0, **changes: Any) -> FileLife:
    """Return a file that was deleted so many days ago."""
    life = FileLife(**changes).deleted()
    life.log.pass_time(days=days)
    return life


def dispose(life: FileLife, found: dp.Policy | None, by: Actor = SYSTEM, **changes: Any) -> FileLife:
    return life.do(c.Dispose, by=by, purge="purge-1", grounds=grounds(found, **changes))


def refused(life: FileLife, found: dp.Policy | None, error: type[ProvenstoreError], **changes: Any) -> str:
    """Return the rule by which a file is not disposed of."""
    with pytest.raises(error) as caught:
        dispose(life, found, **changes)
    return str(caught.value.details["rule"])


def start(life: FileLife, found: dp.Policy | None, kind: e.Found = "object", **changes: Any) -> Any:
    """Return what the start of the purge records."""
    (fact,) = life.decide(
        c.StartPurge, by=SYSTEM, sha256=SHA, versions=(VERSION,), found=kind, grounds=grounds(found, **changes)
    )
    return fact.data


# -- policies ------------------------------------------------------------------------------------------------


def test_temporary_files_and_exports_have_a_policy_and_nothing_else() -> None:
    """disposal-by-policy: restoring stays possible for a week; other categories are for two persons to decide."""
    found = {name: dp.NONE.policy(name) for name in ("temp", "temp_processing", "export", "misc", "book_content")}
    assert [name for name, one in found.items() if one is not None] == ["temp", "temp_processing", "export"]
    assert {one.after_days for one in found.values() if one} == {7}
    assert dp.BUILT_IN["temp"].name == "temp/built-in/1"


def test_a_policy_takes_two_persons() -> None:
    """disposal-policy-by-two: also in a workspace that asks for no second person at purges."""
    tenant = Tenant().request(30)
    assert tenant.disposal.policy("book_content") is None
    found = tenant.approve().disposal.policy("book_content")
    assert found is not None
    assert (found.name, found.after_days, tenant.disposal.requests) == ("book_content/1", 30, {})


@pytest.mark.parametrize(
    "how", ["the same", "another key", "a service", "made by the first", "made the first", "newer", "unknown"]
)
def test_the_second_is_a_second_person(how: str) -> None:
    """disposal-policy-by-two: the same rule as everywhere."""
    tenant = Tenant().request(30)
    by = {"the same": ALICE, "another key": ALICE_AGAIN, "a service": SERVICE}.get(how, BOB)
    made, late = (Act(ALICE, START, 0),), Act(SERVICE, tenant.log.now, 10)
    people: dict[str, Any] = {
        "made by the first": {"makers": made},
        "made the first": {"first_makers": (Act(BOB, START, 0),)},
        "newer": {"newest": late},
        "unknown": {"known": False},
    }
    with pytest.raises(SecondPersonRequired):
        tenant.approve(by, **people.get(how, {}))
    assert tenant.disposal.policy("book_content") is None


def test_services_ask_for_no_policy_and_reject_none() -> None:
    """disposal-policy-by-two: persons, not keys."""
    with pytest.raises(SecondPersonRequired):
        Tenant().request(30, SERVICE)
    with pytest.raises(SecondPersonRequired):
        Tenant().request(30).reject(SERVICE)


def test_what_is_approved_is_what_was_requested() -> None:
    """A later request takes the place of an earlier one, which nobody can approve any more."""
    tenant = Tenant().request(90).request(1, named="r2")
    with pytest.raises(NotFound):
        tenant.approve(named="r1")
    assert tenant.approve(named="r2").disposal.policy("book_content").after_days == 1  # type: ignore[union-attr]


def test_a_rejected_policy_is_not_in_force() -> None:
    """By another person, or taken back by the one who asked."""
    for by in (ALICE, BOB):
        tenant = Tenant().request(30).reject(by)
        assert tenant.disposal.requests == {}
        with pytest.raises(NotFound):
            tenant.approve()


def test_approvals_are_numbered_and_say_what_they_replace() -> None:
    """Each purge names the policy and its version; `None` days stop disposal, of temporary files too."""
    tenant = Tenant().request(None, category="temp").approve().request(3, category="temp").approve()
    assert tenant.disposal.policy("temp").name == "temp/2"  # type: ignore[union-attr]
    approvals = [one.data.to_json() for one in tenant.log.events if "approved" in one.type]
    assert [(one["policy"], one["was"]) for one in approvals] == [
        ("temp/1", {"policy": "temp/built-in/1", "after_days": 7}),
        ("temp/2", {"policy": "temp/1", "after_days": None}),
    ]


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_days_are_bounded(days: int) -> None:
    """At once is too soon, and a century is never."""
    with pytest.raises(InvalidInput):
        Tenant().request(days)


def test_a_policy_is_of_a_category_that_there_is() -> None:
    """A mistyped category would keep for ever what was to be destroyed."""
    with pytest.raises(InvalidInput):
        Tenant().request(30, category="book_contents")


def test_a_new_policy_destroys_nothing_for_a_week() -> None:
    """disposal-not-at-once: of what was deleted long ago either."""
    approved = START + timedelta(days=100)
    assert policy(1, approved).due_at(START) == approved + dp.NOTICE
    assert policy(120, approved).due_at(START) == START + timedelta(days=120)
    assert policy(None).due_at(START) is None


# -- files ---------------------------------------------------------------------------------------------------


def test_a_file_is_disposed_of_once_its_days_are_over() -> None:
    """disposal-by-policy: and the request names the policy."""
    life = deleted(29.9)
    assert refused(life, policy(), WrongState) == "disposal-by-policy"
    life.log.pass_time(days=0.2)
    asked = dispose(life, policy()).state.purge
    assert asked is not None
    assert (asked.policy, asked.approved == asked.requested) == ("book_content/1", True)
    assert isinstance(start(life, policy()), e.PurgeStarted)


def test_a_built_in_policy_takes_a_store_that_is_recorded() -> None:
    """disposal-not-at-once: without that it is not known when its first week is over."""
    built_in = dp.Policy("book_content", 7, "built-in/1")
    assert refused(deleted(31), built_in, WrongState) == "disposal-by-policy"
    assert refused(deleted(31), replace(built_in, since=START + 30 * DAY), WrongState) == "disposal-by-policy"
    assert dispose(deleted(31), replace(built_in, since=START)).state.purge is not None


def test_days_count_from_the_last_deletion() -> None:
    """disposal-by-policy: what was restored meanwhile has all its days again."""
    life = deleted(29)
    life.do(c.Restore, reason=None).do(c.SoftDelete, reason=None)
    life.log.pass_time(days=2)
    assert refused(life, policy(), WrongState) == "disposal-by-policy"


def test_days_count_again_from_a_rejected_purge() -> None:
    """disposal-by-policy: a person has said that the file is still needed; a withdrawn request says nothing."""
    life = deleted(31).purge_requested().do(c.RejectPurge, by=BOB, reason=None)
    life.log.pass_time(days=29)
    assert refused(life, policy(), WrongState) == "disposal-by-policy"
    life.log.pass_time(days=2)
    assert dispose(life, policy()).state.purge is not None
    withdrawn = deleted(31).purge_requested().do(c.WithdrawPurge, by=ALICE, reason=None)
    assert dispose(withdrawn, policy()).state.purge is not None


@pytest.mark.parametrize("found", [None, policy(None)], ids=["no policy", "never"])
def test_without_a_policy_nothing_is_destroyed(found: dp.Policy | None) -> None:
    """disposal-by-policy"""
    assert refused(deleted(1_000), found, WrongState) == "disposal-by-policy"


def test_only_this_program_disposes() -> None:
    """disposal-by-policy: a person asks for a purge."""
    assert refused(deleted(31), policy(), WrongState, by=ALICE) == "disposal-by-policy"


def test_a_policy_of_one_person_destroys_nothing() -> None:
    """disposal-start-checks-policy: whoever put its approval into the log."""
    alone = dp.Policy("book_content", 30, "1", Act(ALICE, START, 0), Act(ALICE, START, 0))
    assert refused(deleted(31), alone, WrongState, approver=Person(ALICE)) == "disposal-by-policy"
    unasked = dp.Policy("book_content", 30, "1", None, Act(BOB, START, 0))
    assert refused(deleted(31), unasked, WrongState) == "disposal-by-policy"
    assert refused(deleted(31), policy(), WrongState, key=None) == "disposal-by-policy"


def test_what_is_kept_is_not_disposed_of() -> None:
    """Neither under a hold nor before a retention ends."""
    assert refused(deleted(31).held(), policy(), LegalHold) == "hold-refuses-purge"
    assert refused(deleted(31).retained(), policy(), Retained) == "retention-refuses-purge"


def test_what_somebody_decides_about_is_left_alone() -> None:
    """disposal-by-policy: a purge that was requested is for the second person to decide."""
    life = deleted(31).purge_requested()
    assert life.decide(c.Dispose, by=SYSTEM, purge="p", grounds=grounds(policy())) == ()


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_damaged_content_is_not_disposed_of(damage: str) -> None:
    """disposal-spares-damaged: it may be evidence, and nobody has decided about it."""
    life = deleted(31)
    if damage == "missing":
        life.do(c.RecordMissing)
    else:
        life.do(c.RecordIntegrityFailure, found="at_rest", check="etag", expected="x", actual="y")
    assert refused(life, policy(), WrongState) == "disposal-spares-damaged"


def test_what_is_found_altered_at_the_start_is_not_destroyed() -> None:
    """disposal-spares-damaged: the purge is called off."""
    off = start(dispose(deleted(31), policy()), policy(), "altered")
    assert (type(off), off.by) == (e.PurgeWithdrawn, "altered")


@pytest.mark.parametrize(
    "found",
    [None, policy(None), policy(60), dp.Policy("book_content", 30, "2", Act(ALICE, START, 0), Act(BOB, START, 0))],
    ids=["none", "never", "longer", "another version"],
)
def test_the_start_asks_for_the_policy_again(found: dp.Policy | None) -> None:
    """disposal-start-checks-policy: a policy that is not in force any more, or not yet, starts nothing."""
    off = start(dispose(deleted(31), policy()), found)
    assert (type(off), off.by) == (e.PurgeWithdrawn, "policy")


def test_the_start_asks_for_the_two_persons_again() -> None:
    """disposal-start-checks-policy"""
    life = dispose(deleted(31), policy())
    assert start(life, policy(), approver=Person(ALICE)).by == "policy"
    assert start(life, policy(), approver=Person(BOB, makers=(Act(ALICE, START, 0),))).by == "policy"
    assert start(life, policy(), requester=Person(ALICE, makers=(Act(BOB, START, 0),))).by == "policy"


def test_a_forged_request_starts_nothing() -> None:
    """disposal-start-checks-policy: before its time, or in a person's name."""
    for days, by in ((1, SYSTEM), (31, ALICE)):
        life = deleted(days)
        forged = e.PurgeRequested(purge="p", four_eyes=False, policy="book_content/1")
        life.file = project(life.file, life.log.record([Fact(forged)], stream=life.state.stream, by=by))
        assert start(life, policy()).by == "policy"


def test_nobody_decides_about_a_purge_of_a_policy() -> None:
    """disposal-policy-decides: approving would let one person destroy alone; to keep the file is to restore it."""
    life = dispose(deleted(31), policy())
    for command, said in ((c.ApprovePurge, {}), (c.RejectPurge, {}), (c.WithdrawPurge, {})):
        with pytest.raises(WrongState) as caught:
            life.decide(command, by=BOB, reason=None, **said)
        assert caught.value.details["rule"] == "disposal-policy-decides"
    assert life.do(c.Restore, reason=None).state.purge is None


def test_a_hold_calls_a_purge_of_a_policy_off() -> None:
    """hold-cancels-purge"""
    assert dispose(deleted(31), policy()).held().state.purge is None


def test_a_purge_of_a_policy_does_not_age() -> None:
    """Nobody could approve it again: a store that was away for long is asked when it is back."""
    life = dispose(deleted(31), policy())
    life.log.pass_time(days=60)
    assert isinstance(start(life, policy()), e.PurgeStarted)


def test_the_certificate_names_the_policy() -> None:
    """What was destroyed by which policy, with its version."""
    life = dispose(deleted(31), policy()).do(
        c.StartPurge, by=SYSTEM, sha256=SHA, versions=(VERSION,), grounds=grounds(policy())
    )
    assert life.do(c.RecordPurged).state.purged.policy == "book_content/1"  # type: ignore[union-attr]

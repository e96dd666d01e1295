"""Switching four eyes off takes two persons and a day, raising the bound of retention two; back takes nobody."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from provenstore.domain.errors import InvalidInput, SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.second_person import Act, Person
from sealing import ALICE, BOB, SERVICE, START, SealedLog

DAY = timedelta(hours=24)


class Tenant:
    """A workspace whose every change is decided by the real rules and sealed."""

    def __init__(self) -> None:
        self.log = SealedLog()
        self.state: ws.Workspace | None = None
        self.do(ws.CreateWorkspace(id="acme"))

    def do(self, command: Any, by: Actor = ALICE) -> "Tenant":
        facts = ws.decide(self.state, command)
        self.state = ws.project(self.state, self.log.record(facts, stream="workspace:acme", by=by))
        self.log.pass_time(seconds=1)
        return self

    def policy(self, four_eyes: bool, by: Actor = ALICE, first_makers: Any = (), **person: Any) -> "Tenant":
        found = Person(by, **person)
        said = ws.SetPurgePolicy(four_eyes=four_eyes, reason="r", by=by, now=self.log.now, person=found)
        return self.do(replace(said, first=self.first(said, first_makers)), by)

    def bound(self, years: int, by: Actor = ALICE, first_makers: Any = (), **person: Any) -> "Tenant":
        said = ws.SetRetentionPolicy(max_years=years, by=by, person=Person(by, **person))
        return self.do(replace(said, first=self.first(said, first_makers)), by)

    def first(self, said: Any, makers: Any) -> Person | None:
        """Return the one who asked, whom `makers` have made."""
        assert self.state is not None
        act = ws.first_act(self.state, said)
        return None if act is None else Person(act.by, makers=makers)

    def due(self) -> "Tenant":
        return self.do(ws.CarryOutPolicyChange(now=self.log.now), SERVICE)

    @property
    def years(self) -> int:
        assert self.state is not None
        return self.state.max_retention_years

    @property
    def four_eyes(self) -> bool:
        assert self.state is not None
        assert self.state.four_eyes == self.state.four_eyes_at(len(self.log.events))
        return self.state.four_eyes


def test_two_persons_and_a_day_switch_four_eyes_off() -> None:
    """four-eyes-off-by-two: neither one, nor the second, nor less than a day."""
    tenant = Tenant().policy(False)
    asked = len(tenant.log.events)
    assert tenant.four_eyes
    tenant.policy(False, BOB)
    tenant.log.pass_time(hours=23, minutes=59)
    assert tenant.due().four_eyes
    tenant.log.pass_time(minutes=1)
    assert not tenant.due().four_eyes
    assert tenant.state is not None
    assert tenant.state.four_eyes_at(asked)


_LATE = Act(SERVICE, START + DAY, 10)
NO_SECOND: list[tuple[Actor, dict[str, Any]]] = [
    (ALICE, {}),
    (BOB, {"makers": (Act(ALICE, START, 0),)}),
    (BOB, {"first_makers": (Act(BOB, START, 0),)}),
    (BOB, {"newest": _LATE}),
    (BOB, {"known": False}),
    (SERVICE, {}),
]
no_second = pytest.mark.parametrize(
    ("by", "person"), NO_SECOND, ids=["same", "made by the first", "made the first", "newer", "unknown", "service"]
)


@no_second
def test_the_second_is_a_second_person(by: Actor, person: dict[str, Any]) -> None:
    """four-eyes-off-by-two: neither has made the other, and the second was there before."""
    tenant = Tenant().policy(False)
    with pytest.raises(SecondPersonRequired):
        tenant.policy(False, by, **person)
    assert tenant.four_eyes


def test_services_do_not_switch_four_eyes_off() -> None:
    """four-eyes-off-by-two: persons, not keys"""
    with pytest.raises(SecondPersonRequired):
        Tenant().policy(False, SERVICE)


def test_nobody_who_is_unknown_switches_four_eyes_off() -> None:
    """A command that does not say who asks is refused."""
    with pytest.raises(SecondPersonRequired):
        Tenant().do(ws.SetPurgePolicy(four_eyes=False, reason="r"))


def test_it_can_be_taken_back_within_the_day() -> None:
    """Switching on is immediate, and calls off what was asked or agreed."""
    tenant = Tenant().policy(False).policy(True)
    assert tenant.state is not None
    assert tenant.state.policy_change is None
    tenant.policy(False).policy(False, BOB).policy(True)
    tenant.log.pass_time(days=2)
    assert tenant.due().four_eyes


def test_what_is_due_counts_before_it_is_recorded() -> None:
    """Whoever looks sees the policy of this moment."""
    tenant = Tenant().policy(False).policy(False, BOB)
    assert tenant.state is not None
    assert tenant.state.at(tenant.log.now).four_eyes
    assert not tenant.state.at(tenant.log.now + DAY).four_eyes


def test_one_who_makes_a_workspace_chooses() -> None:
    """It is the creator's choice, on record."""
    made = ws.decide(None, ws.CreateWorkspace(id="alone", four_eyes=False))
    state = ws.project(None, SealedLog().record(made, stream="workspace:alone"))
    assert state is not None
    assert not state.four_eyes_at(1)


@pytest.mark.parametrize("years", [0, 101, 8_999])
def test_the_bound_of_retention_is_bounded(years: int) -> None:
    """long-retention-by-two: no administrator lifts it for one person to do what cannot be undone."""
    with pytest.raises(InvalidInput):
        Tenant().bound(years)


# -- the bound of retentions -------------------------------------------------------------------------------


def test_two_persons_raise_the_bound_of_retention() -> None:
    """retention-bound-by-two: the first asks, and the same of a second one sets it."""
    tenant = Tenant().bound(30)
    assert (tenant.years, tenant.state.bound_request.max_years) == (10, 30)  # type: ignore[union-attr]
    assert tenant.bound(30, BOB).years == 30
    assert tenant.state.bound_request is None  # type: ignore[union-attr]
    asked, agreed = (event for event in tenant.log.events if "retention" in event.type)
    assert (asked.data.to_json(), agreed.data.to_json()) == ({"max_years": 30, "was": {"max_years": 10}},) * 2
    assert agreed.decision == "retention-bound-by-two/1"


@no_second
def test_who_raises_the_bound_is_a_second_person(by: Actor, person: dict[str, Any]) -> None:
    """retention-bound-by-two: one admin sets no retention that outlives everybody."""
    tenant = Tenant().bound(100)
    with pytest.raises(SecondPersonRequired) as caught:
        tenant.bound(100, by, **person)
    assert (tenant.years, caught.value.details["rule"]) == (10, "retention-bound-by-two")


def test_who_asks_to_raise_the_bound_is_a_person_who_is_known() -> None:
    """retention-bound-by-two: no service, and nobody whom the command does not name."""
    for said in (ws.SetRetentionPolicy(max_years=11), ws.SetRetentionPolicy(max_years=11, by=SERVICE)):
        with pytest.raises(SecondPersonRequired):
            Tenant().do(said)


def test_another_bound_is_another_request() -> None:
    """retention-bound-by-two: agreeing to something else agrees to nothing, and takes the place of the request."""
    tenant = Tenant().bound(100).bound(50, BOB)
    assert (tenant.years, tenant.state.bound_request.max_years) == (10, 50)  # type: ignore[union-attr]
    assert tenant.bound(100).years == 10
    assert tenant.bound(100, BOB).years == 100


@pytest.mark.parametrize("years", [9, 10])
def test_lowering_the_bound_takes_nobody_and_ends_what_was_requested(years: int) -> None:
    """retention-bound-by-two: so does the bound that holds already; without a request that is no fact."""
    tenant = Tenant().bound(30).bound(years, SERVICE)
    assert (tenant.years, tenant.state.bound_request) == (years, None)  # type: ignore[union-attr]
    assert ws.decide(tenant.state, ws.SetRetentionPolicy(max_years=years)) == ()
    assert tenant.bound(30, BOB).years == years


def test_it_is_raised_from_where_it_stands() -> None:
    """retention-bound-by-two: also back to what it was, since one person lowered it."""
    tenant = Tenant().bound(5).bound(10)
    assert tenant.years == 5
    assert tenant.bound(10, BOB).years == 10

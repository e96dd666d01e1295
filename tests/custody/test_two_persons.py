"""Every decision of two persons, on a whole ledger with keys: neither of the two may have made or changed the other."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from custody import ADMIN, Custody
from interposed import raising
from provenstore.adapters.local.folder import LocalFolder
from provenstore.domain.errors import SecondPersonRequired, StoreUnavailable
from provenstore.domain.eventlog.caller import Caller, Role
from provenstore.domain.eventlog.deadline import Deadline, within
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants import retention_policy
from provenstore.domain.tenants import workspace as ws

ROLES: tuple[Role, ...] = ("admin", "records", "approver", "privacy")


@dataclass
class People:
    """Ada, who issued Bob's key; and Cat, who has nothing to do with either."""

    ada: Caller
    bob: Caller
    cat: Caller


def _issue(custody: Custody, by: Caller, name: str) -> Caller:
    issued = custody.ledger.issue_key(by, actor=name, kind="person", roles=ROLES, scope="acme")
    return custody.ledger.authenticate(issued.key)


@pytest.fixture
def people(custody: Custody) -> People:
    ada, cat = (_issue(custody, ADMIN, name) for name in ("ada", "cat"))
    return People(ada, _issue(custody, ada, "bob"), cat)


def _purge(on: Custody, bob: Caller) -> Any:
    return on.ledger.request_purge(bob, on.deleted().id, None).id


def _hold(on: Custody, bob: Caller) -> Any:
    file = on.stored()
    return file.id, on.ledger.place_hold(bob, file.id, name="n", reason="r")[1]


def _retain(on: Custody, by: Caller, file: UUID, days: int, mode: Any) -> Any:
    return on.ledger.set_retention(by, file, until=on.clock.moment + timedelta(days=days), mode=mode, reason="r")


def _shorten(on: Custody, bob: Caller) -> Any:
    file = on.stored()
    _retain(on, bob, file.id, 30, "governance")
    return _retain(on, bob, file.id, 5, "governance").id


def _keep_long(on: Custody, bob: Caller) -> Any:
    return _retain(on, bob, on.stored().id, 7_000, "compliance").id


def _four_eyes_off(on: Custody, by: Caller, _: Any = None) -> Any:
    return on.ledger.change_workspace(by, "acme", ws.SetPurgePolicy(four_eyes=False, reason="r"))


def _raise_bound(on: Custody, by: Caller, _: Any = None) -> Any:
    return on.ledger.change_workspace(by, "acme", ws.SetRetentionPolicy(max_years=100))


def _policy(on: Custody, bob: Caller) -> Any:
    return on.ledger.request_disposal_policy(bob, "acme", "misc", after_days=30, reason="r").id


def _erasure(on: Custody, bob: Caller) -> Any:
    wanted = Wanted(workspace="acme", file=on.stored().id, fields=("filename",))
    return on.ledger.request_erasure(bob, wanted, "r").id


ACTS: dict[str, tuple[Callable[[Custody, Caller], Any], Callable[[Custody, Caller, Any], Any]]] = {
    "purge": (_purge, lambda on, by, file: on.ledger.approve_purge(by, file, None, None)),
    "hold": (_hold, lambda on, by, placed: on.ledger.release_hold(by, *placed)),
    "shorten": (_shorten, lambda on, by, file: _retain(on, by, file, 5, "governance")),
    "keep long": (_keep_long, lambda on, by, file: _retain(on, by, file, 7_000, "compliance")),
    "four eyes off": (_four_eyes_off, _four_eyes_off),
    "raise the bound": (_raise_bound, _raise_bound),
    "disposal policy": (_policy, lambda on, by, one: on.ledger.approve_disposal_policy(by, "acme", one, None)),
    "erasure": (_erasure, lambda on, by, one: on.ledger.approve_erasure(by, UUID(one))),
}
"""What the first person does, and what the second one."""


@pytest.mark.parametrize("what", ACTS)
def test_one_admin_is_not_two_persons(custody: Custody, people: People, what: str) -> None:
    """purge-second-person and its like: Ada, who issued Bob's key, agrees to nothing that Bob asked for. Cat does."""
    ask, agree = ACTS[what]
    asked = ask(custody, people.bob)
    with pytest.raises(SecondPersonRequired) as caught:
        agree(custody, people.ada, asked)
    assert caught.value.details["because"] == "made-the-first"
    with pytest.raises(SecondPersonRequired):
        agree(custody, people.bob, asked)
    agree(custody, people.cat, asked)
    assert verify_log(custody.log).findings == ()


@pytest.mark.parametrize("what", ACTS)
def test_two_officers_of_one_admin_are_two_persons(custody: Custody, people: People, what: str) -> None:
    """An installation with one administrator works: it issues both keys and takes no part."""
    ask, agree = ACTS[what]
    dan = _issue(custody, people.ada, "dan")
    agree(custody, dan, ask(custody, people.bob))
    assert verify_log(custody.log).findings == ()


def test_a_key_that_the_second_issued_to_the_first_later_changes_nothing(custody: Custody, people: People) -> None:
    """What counts of the first person is what the log said at its act."""
    asked = _purge(custody, people.cat)
    _issue(custody, people.ada, "cat")
    assert custody.ledger.approve_purge(people.ada, asked, None, None).status == "purged"
    assert verify_log(custody.log).findings == ()


def _approved(custody: Custody, people: People) -> UUID:
    """Let a purge be approved while the store is away, so that it is not carried out."""
    file: UUID = _purge(custody, people.bob)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFolder, "versions", lambda *_: raising(StoreUnavailable)())
        custody.ledger.approve_purge(people.cat, file, None, None)
    return file


def test_a_key_that_the_first_issued_to_the_second_later_undoes_no_approval(custody: Custody, people: People) -> None:
    """purge-second-person: the purge starts by what the log said when it was approved."""
    file = _approved(custody, people)
    _issue(custody, people.bob, "cat")
    assert custody.ledger.settle(file).status == "purged"
    assert verify_log(custody.log).findings == ()


def test_what_has_been_approved_is_carried_out_beyond_a_deadline(custody: Custody, people: People) -> None:
    """command-deadline: a purge is never cut between its start and its end."""
    file = _approved(custody, people)
    with within(Deadline(-1, time.monotonic)):
        assert custody.ledger.purging.carry_out(SYSTEM, file).status == "purged"


def test_a_request_that_was_replaced_meanwhile_is_not_agreed_to(
    custody: Custody, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """retention-bound-by-two: a second one agrees to what it decided on, or to nothing."""
    _raise_bound(custody, people.bob)
    real = retention_policy.set_retention_policy

    def replaced_meanwhile(*decided: Any) -> Any:
        facts = real(*decided)
        monkeypatch.setattr(ws, "set_retention_policy", real)
        custody.ledger.change_workspace(people.ada, "acme", ws.SetRetentionPolicy(max_years=20))
        return facts

    monkeypatch.setattr(ws, "set_retention_policy", replaced_meanwhile)
    state = _raise_bound(custody, people.cat)
    assert (state.max_retention_years, state.bound_request.max_years) == (10, 100)
    assert state.bound_request.asked.by == people.cat.actor


def test_who_raises_the_bound_is_who_was_decided_on(
    custody: Custody, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """retention-bound-by-two: a key that the first person issues to the second meanwhile is seen."""
    _raise_bound(custody, people.ada)
    real = retention_policy.set_retention_policy

    def made_meanwhile(*decided: Any) -> Any:
        facts = real(*decided)
        monkeypatch.setattr(ws, "set_retention_policy", real)
        _issue(custody, people.ada, "cat")
        return facts

    monkeypatch.setattr(ws, "set_retention_policy", made_meanwhile)
    with pytest.raises(SecondPersonRequired):
        _raise_bound(custody, people.cat)
    assert custody.ledger.recorder.workspace("acme").max_retention_years == 10

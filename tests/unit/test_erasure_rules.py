"""Who may approve an erasure, until when, and what an erasure explains."""

from dataclasses import replace
from datetime import timedelta

import pytest

from memory_log import MemoryLog, initiated
from provenstore.api.permissions import PERMISSIONS
from provenstore.domain.errors import SecondPersonRequired, WrongState
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.files.file_events import PersonalDataErased
from provenstore.domain.privacy import erasure_events as ee
from provenstore.domain.privacy import erasure_request as er
from provenstore.domain.privacy.erasure import erases
from provenstore.domain.proofs.two_person_check import TwoPersonCheck
from provenstore.domain.tenants.credential import Credential
from provenstore.domain.tenants.second_person import Act, Person

ASKED = ee.ErasureRequested(erasure="e", file=None, actor=None, fields=(), upto=1, found=(), files=0)
ERASED = PersonalDataErased(fields=("filename",), events=1, positions=(1,), emptied=(), erasure="e")
ANNA, BOB = Actor("anna", "person", "cli"), Actor("bob", "person", "cli")


def _request() -> er.ErasureRequest:
    event = replace(MemoryLog().add("erasure:e", ASKED), actor=ANNA)
    found = er.project(None, [event])
    assert found is not None
    return found


def test_nobody_approves_their_own_erasure() -> None:
    """erasure-second-person: another person does, once."""
    asked = _request()
    now = asked.requested.at
    for nobody in (Person(ANNA), Person(Actor("robot", "service", "api_key", "k")), Person(BOB, known=False), None):
        with pytest.raises(SecondPersonRequired):
            er.approve(asked, Person(ANNA), nobody, now, None)
    for made in (None, Person(ANNA, makers=(Act(BOB, now, 0),))):
        with pytest.raises(SecondPersonRequired):
            er.approve(asked, made, Person(BOB), now, None)
    (fact,) = er.approve(asked, Person(ANNA), Person(BOB), now, None)
    assert (fact.data, fact.decision) == (ee.ErasureApproved(erasure="e"), "erasure-second-person/1")


def test_a_request_is_over_after_seven_days() -> None:
    """erasure-second-person: what was found then is not agreed to much later."""
    asked = _request()
    late = asked.requested.at + timedelta(days=7)
    assert er.expire(asked, late - timedelta(seconds=1)) == ()
    assert er.approve(asked, Person(ANNA), Person(BOB), late - timedelta(seconds=1), None)
    with pytest.raises(WrongState):
        er.approve(asked, Person(ANNA), Person(BOB), late, None)
    (fact,) = er.expire(asked, late)
    assert fact.data == ee.ErasureRejected(erasure="e", because="expired")


def test_an_approval_by_the_requester_erases_nothing() -> None:
    """erasure-start-checks-approval: whoever put it into the log."""
    asked = _request()
    assert er.approval_objection(asked, Person(ANNA), Person(BOB), None) == "nobody has approved it"
    forged = replace(asked, approved=Act(ANNA, asked.requested.at, 9))
    assert (
        er.approval_objection(forged, Person(ANNA), Person(ANNA), None) == "it was approved by the one who asked for it"
    )
    agreed = replace(asked, approved=Act(BOB, asked.requested.at, 9))
    made = Person(ANNA, makers=(Act(BOB, asked.requested.at, 0),))
    assert "made or changed" in str(er.approval_objection(agreed, made, Person(BOB), None))
    assert er.approval_objection(agreed, Person(ANNA), Person(BOB), None) is None


def test_an_approval_with_a_key_that_was_not_good_erases_nothing() -> None:
    """erasure-start-checks-approval: on record, not revoked before, with a role that approves, of this workspace."""
    asked = _request()
    by = Actor("bob", "person", "api_key", "k")
    agreed = replace(asked, approved=Act(by, asked.requested.at, 9))
    issued = Act(ANNA, asked.requested.at, 1)
    good = Credential("k", 1, "bob", "person", ("privacy",), agreed.workspace, "", None, issued)
    assert er.approval_objection(agreed, Person(ANNA), Person(by), good) is None
    assert (
        er.approval_objection(
            agreed, Person(ANNA), Person(by), replace(good, revoked=Act(ANNA, asked.requested.at, 10))
        )
        is None
    )
    revoked = replace(good, revoked=Act(ANNA, asked.requested.at, 8))
    for bad in (None, revoked, replace(good, roles=("auditor",)), replace(good, scope="elsewhere")):
        assert er.approval_objection(agreed, Person(ANNA), Person(by), bad) is not None


def test_the_roles_that_approve_erasures_are_those_of_the_permission_table() -> None:
    """The domain asks for the same as the door."""
    assert {"admin", *PERMISSIONS["erasure.approve"]} == er.ERASING


def test_an_erasure_of_some_events_explains_no_others() -> None:
    """erasure-names-its-values: only the values of the events that it names."""
    event = MemoryLog().add("file:a", ERASED)
    assert erases(event, stream="file:a", actor="x", field="filename", position=1)
    assert not erases(event, stream="file:a", actor="x", field="filename", position=2)
    assert not erases(event, stream="file:a", actor="x", field="subjects", position=1)
    assert not erases(event, stream="file:b", actor="x", field="filename", position=1)


def test_a_request_that_is_over_explains_what_it_searched_for() -> None:
    """And nothing else, of no other stream."""
    over = ee.ErasureRejected(erasure="e", because="rejected")
    event = MemoryLog().add("erasure:e", over)
    assert erases(event, stream="erasure:e", actor="x", field="subject", position=1)
    assert not erases(event, stream="erasure:e", actor="x", field="reason", position=1)
    assert not erases(event, stream="erasure:f", actor="x", field="subject", position=1)


def test_values_are_erased_for_an_approved_request_only() -> None:
    """erasure-names-its-values: `verify` says where nobody, or the first person, agreed."""
    check, log = TwoPersonCheck(), MemoryLog()
    check.take(log.add("file:a", initiated()))
    check.take(replace(log.add("erasure:e", ASKED), actor=ANNA))
    assert check.take(log.add("file:a", ERASED)) == ("private values were erased without an approved request",)
    approved = replace(log.add("erasure:e", ee.ErasureApproved(erasure="e")), actor=BOB)
    assert check.take(approved) == ()
    assert check.take(log.add("file:a", ERASED)) == ()


def test_one_person_erased_values_in_earlier_releases_only() -> None:
    """erasure-names-its-values: what names no request is judged from the first event of this release on."""
    check, log = TwoPersonCheck(), MemoryLog()
    alone = PersonalDataErased(fields=("filename",), events=1)
    check.take(log.add("file:a", initiated()))
    assert check.take(log.add("file:a", alone)) == ()
    check.take(replace(log.add("erasure:e", ASKED), actor=ANNA))
    assert check.take(log.add("file:a", alone)) == ("private values were erased without an approved request",)


def test_the_first_person_does_not_approve_in_the_log_either() -> None:
    """An approval that was written past the rules is a finding."""
    check, log = TwoPersonCheck(), MemoryLog()
    check.take(replace(log.add("erasure:e", ASKED), actor=ANNA))
    found = check.take(replace(log.add("erasure:e", ee.ErasureApproved(erasure="e")), actor=ANNA))
    assert found == ("the erasure was approved by no second person: it was the first one",)

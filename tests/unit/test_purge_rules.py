"""Purges: two persons, a fresh check, no way back after the start."""

from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife, key_of
from provenstore.api.permissions import PERMISSIONS
from provenstore.domain import file_commands as c
from provenstore.domain import file_events as e
from provenstore.domain.envelope import Actor
from provenstore.domain.errors import SecondPersonRequired, WrongState
from provenstore.domain.event_types import Fact
from provenstore.domain.file import project
from provenstore.domain.purge_approval import APPROVING, Grounds
from provenstore.domain.second_person import Act, Person
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE, START


def _start(life: FileLife) -> Any:
    return life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,))


@pytest.mark.parametrize("by", [ALICE, ALICE_AGAIN], ids=["same key", "second key"])
def test_nobody_approves_their_own_request(by: Any) -> None:
    """purge-second-person: a person is a subject, not a key."""
    with pytest.raises(SecondPersonRequired):
        FileLife().deleted().purge_requested(by=ALICE).decide(c.ApprovePurge, by=by, reason=None)


@pytest.mark.parametrize("by", [ALICE, ALICE_AGAIN], ids=["same key", "second key"])
def test_nobody_rejects_their_own_request(by: Any) -> None:
    """purge-second-person: one's own is withdrawn."""
    with pytest.raises(SecondPersonRequired):
        FileLife().deleted().purge_requested(by=ALICE).decide(c.RejectPurge, by=by, reason=None)


def test_services_never_approve() -> None:
    """service-never-approves"""
    with pytest.raises(SecondPersonRequired) as caught:
        FileLife().deleted().purge_requested(by=ALICE).decide(c.ApprovePurge, by=SERVICE, reason=None)
    assert caught.value.details["rule"] == "service-never-approves"


def test_an_unapproved_purge_does_not_start() -> None:
    """purge-second-person: without the second person nothing is destroyed."""
    with pytest.raises(WrongState, match="not approved"):
        _start(FileLife().deleted().purge_requested())


def test_without_four_eyes_the_request_is_enough() -> None:
    """The workspace decides whether it takes two."""
    life = FileLife().deleted().purge_requested(four_eyes=False)
    assert isinstance(_start(life)[0].data, e.PurgeStarted)


def test_an_approval_is_good_for_thirty_days() -> None:
    """approval-expires"""
    life = FileLife().deleted().purge_approved()
    life.log.pass_time(days=29)
    assert _start(life)
    life.log.pass_time(days=2)
    with pytest.raises(WrongState, match="30 days"):
        _start(life)
    life.do(c.ApprovePurge, by=BOB, reason="still agreed")
    assert _start(life)


def _not_started(life: FileLife, **grounds: Any) -> str:
    found: dict[str, Any] = {"four_eyes": True, "approver": Person(BOB), "key": key_of(Act(BOB, life.log.now, 0))}
    with pytest.raises(SecondPersonRequired) as caught:
        life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,), grounds=Grounds(**{**found, **grounds}))
    assert caught.value.details["rule"] == "purge-start-checks-approval"
    return caught.value.message


def _forged(by: Actor) -> FileLife:
    """Return a file with an approval that no decision would have made."""
    life = FileLife().deleted().purge_requested(by=ALICE)
    forged = life.log.record([Fact(e.PurgeApproved(purge="purge-1"))], stream=life.state.stream, by=by)
    life.file = project(life.file, forged)
    return life


def test_an_approval_by_the_requester_starts_nothing() -> None:
    """purge-start-checks-approval: whoever put it into the log."""
    assert "the one who asked" in _not_started(_forged(ALICE), approver=Person(ALICE))
    assert "the one who asked" in _not_started(_forged(ALICE_AGAIN), approver=Person(ALICE_AGAIN))


def test_an_approval_by_no_second_person_starts_nothing() -> None:
    """purge-start-checks-approval: neither one whom the requester made, nor one who came later, nor a service."""
    life = FileLife().deleted().purge_approved()
    act = Act(ALICE, life.log.now, 0)
    assert "made or changed" in _not_started(life, approver=Person(BOB, makers=(act,)))
    assert "newer" in _not_started(life, approver=Person(BOB, newest=Act(SERVICE, life.log.now, 1_000)))
    assert "not on record" in _not_started(life, approver=Person(BOB, known=False))
    assert "not on record" in _not_started(life, approver=None)
    assert "no person" in _not_started(_forged(SERVICE), approver=Person(SERVICE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"revoked": Act(SERVICE, START, 1)}, "not good"),
        ({"expires_at": START}, "not good"),
        ({"issued": Act(SERVICE, START, 1_000)}, "not good"),
        ({"roles": ("auditor", "service")}, "approves no purges"),
        ({"scope": "umbrella"}, "approves no purges"),
        ({"id": "another"}, "not on record"),
    ],
    ids=["revoked", "expired", "issued later", "another role", "another workspace", "another key"],
)
def test_an_approval_with_a_key_that_was_not_good_starts_nothing(change: dict[str, Any], said: str) -> None:
    """purge-start-checks-approval: the key must have been good, and an approver's, when it was used."""
    life = FileLife().deleted().purge_approved()
    assert said in _not_started(life, key=key_of(life.state.purge.approved, **change))  # type: ignore[union-attr]


def test_a_key_that_was_revoked_after_the_approval_has_approved() -> None:
    """What counts is that moment."""
    life = FileLife().deleted().purge_approved()
    key = key_of(life.state.purge.approved, revoked=Act(SERVICE, START, 1_000))  # type: ignore[union-attr]
    grounds = Grounds(four_eyes=True, approver=Person(BOB), key=key)
    assert life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,), grounds=grounds)


def test_a_request_that_says_it_needs_nobody_starts_nothing_where_the_workspace_says_otherwise() -> None:
    """purge-start-checks-approval: the rule is the workspace's at the time of the request."""
    life = FileLife().deleted().purge_requested(four_eyes=False)
    assert "asked for a second person" in _not_started(life, four_eyes=True, approver=None, key=None)


def test_a_void_approval_does_not_stand_in_the_way_of_a_good_one() -> None:
    """A second person may agree after a forged approval."""
    life = _forged(ALICE)
    grounds = Grounds(four_eyes=True, approver=Person(ALICE), key=None)
    (agreed,) = life.decide(c.ApprovePurge, by=BOB, reason=None, grounds=grounds)
    assert isinstance(agreed.data, e.PurgeApproved)


def test_the_roles_that_approve_are_those_of_the_permission_table() -> None:
    """The domain asks for the same as the door."""
    assert {"admin", *PERMISSIONS["file.purge_approve"]} == APPROVING


def test_restore_cancels_a_purge() -> None:
    """restore-cancels-purge"""
    life = FileLife().deleted().purge_approved().do(c.Restore, reason="needed after all")
    assert (life.state.status, life.state.purge) == ("stored", None)
    with pytest.raises(WrongState):
        _start(life)


def test_nothing_is_restored_once_the_purge_has_started() -> None:
    """purge-started-is-final, for restoring and for everything else"""
    life = FileLife().deleted().purge_started()
    for command, fields in (
        (c.Restore, {"reason": None}),
        (c.WithdrawPurge, {"reason": None}),
        (c.ChangeFile, {"values": {}, "access": "public"}),
    ):
        with pytest.raises(WrongState):
            life.decide(command, by=BOB, **fields)


def test_what_is_purged_is_not_restored() -> None:
    """purge-started-is-final: the bytes no longer exist."""
    with pytest.raises(WrongState, match="no longer exist"):
        FileLife().purged().decide(c.Restore, reason=None)


@pytest.mark.parametrize(
    ("life", "said"),
    [(FileLife, "the file is initiated"), (lambda: FileLife().stored(), "the file is stored; delete it first")],
    ids=["unfinished", "stored"],
)
def test_only_what_is_deleted_is_purged(life: Any, said: str) -> None:
    """purge-after-delete"""
    with pytest.raises(WrongState, match=f"{said}$"):
        life().purge_requested()


def test_a_second_request_is_refused() -> None:
    """One purge at a time, so that an approval always means this one."""
    with pytest.raises(WrongState, match="already"):
        FileLife().deleted().purge_requested().purge_requested()


def test_starting_again_records_nothing() -> None:
    """Going on after a crash does not pass the point of no return twice."""
    assert _start(FileLife().deleted().purge_started()) == ()


def test_purged_says_what_was_destroyed_and_frees_the_space() -> None:
    """quota-until-purged: only Purged gives the space back, all of it."""
    life = FileLife().purged()
    data = life.log.events[-1].data
    assert isinstance(data, e.Purged)
    assert (data.versions, data.sha256, data.size) == ((VERSION,), SHA, 100)
    assert (data.quota_bytes, data.quota_files) == (-100, -1)


def test_a_version_found_later_is_on_record_too() -> None:
    """What a second round destroyed is added to what the first one announced."""
    late = e.DestroyedVersion(version_id="v2", size=7, marker=False)
    life = FileLife().deleted().purge_started().do(c.RecordPurged, versions=(VERSION, late))
    assert life.state.purged is not None
    assert life.state.purged.versions == (VERSION, late)


def test_rejection_ends_the_request() -> None:
    """The file stays deleted, and can be restored or asked for again."""
    life = FileLife().deleted().purge_requested().do(c.RejectPurge, by=BOB, reason="keep it")
    assert life.state.purge is None
    assert life.purge_requested().state.purge is not None

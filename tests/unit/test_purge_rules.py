"""Purges: two persons, a fresh check, no way back after the start."""

import hashlib
from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife, key_of
from provenstore.api.permissions import PERMISSIONS
from provenstore.domain.errors import ObjectMissing, SecondPersonRequired, WrongState
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.destroyed import destroyed, list_digest
from provenstore.domain.files.file import project
from provenstore.domain.files.purge_approval import APPROVING, Grounds
from provenstore.domain.tenants.second_person import Act, Person
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE, START


def _start(life: FileLife) -> Any:
    return life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,))


@pytest.mark.parametrize("by", [ALICE, ALICE_AGAIN], ids=["same key", "second key"])
def test_nobody_approves_their_own_request(by: Any) -> None:
    """purge-second-person: a person is a subject, not a key."""
    with pytest.raises(SecondPersonRequired):
        FileLife().deleted().purge_requested(by=ALICE).decide(c.ApprovePurge, by=by, reason=None)


def test_nobody_approves_what_their_own_creature_requested() -> None:
    """purge-second-person: neither of the two may have made the other."""
    life = FileLife().deleted().purge_requested(by=ALICE)
    made = Person(ALICE, makers=(Act(BOB, life.log.now, 0),))
    with pytest.raises(SecondPersonRequired) as caught:
        life.decide(c.ApprovePurge, by=BOB, reason=None, first=made)
    assert (caught.value.details["rule"], caught.value.details["because"]) == ("purge-second-person", "made-the-first")


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
    found: dict[str, Any] = {
        "four_eyes": True,
        "requester": Person(ALICE),
        "approver": Person(BOB),
        "key": key_of(Act(BOB, life.log.now, 0)),
    }
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
    """purge-start-checks-approval: neither made the other, and the second is no service and did not come later."""
    life = FileLife().deleted().purge_approved()
    act = Act(ALICE, life.log.now, 0)
    assert "made or changed" in _not_started(life, approver=Person(BOB, makers=(act,)))
    assert "by the second" in _not_started(life, requester=Person(ALICE, makers=(Act(BOB, life.log.now, 0),)))
    assert "not looked up" in _not_started(life, requester=None)
    assert "newer" in _not_started(life, approver=Person(BOB, newest=Act(SERVICE, life.log.now, 1_000)))
    assert "does not say who registered" in _not_started(life, approver=Person(BOB, known=False))
    assert "does not say who registered" in _not_started(life, approver=None)
    assert "a service cannot be" in _not_started(_forged(SERVICE), approver=Person(SERVICE))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"revoked": Act(SERVICE, START, 1)}, "not good"),
        ({"expires_at": START}, "not good"),
        ({"issued": Act(SERVICE, START, 1_000)}, "not good"),
        ({"roles": ("auditor", "service")}, "approves nothing of the kind"),
        ({"scope": "umbrella"}, "approves nothing of the kind"),
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
    grounds = Grounds(True, Person(ALICE), Person(BOB), key)
    assert life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,), grounds=grounds)


def test_a_request_that_says_it_needs_nobody_starts_nothing_where_the_workspace_says_otherwise() -> None:
    """purge-start-checks-approval: the rule is the workspace's at the time of the request."""
    life = FileLife().deleted().purge_requested(four_eyes=False)
    assert "asked for a second person" in _not_started(life, four_eyes=True, approver=None, key=None)


def test_a_void_approval_does_not_stand_in_the_way_of_a_good_one() -> None:
    """A second person may agree after a forged approval."""
    life = _forged(ALICE)
    grounds = Grounds(True, Person(ALICE), Person(ALICE), None)
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
    life = FileLife().deleted().purge_started().do(c.RecordPurgeListed, versions=(VERSION, late)).do(c.RecordPurged)
    assert life.state.purged is not None
    assert life.state.purged.versions == (VERSION, late)
    assert (life.state.purged.count, life.state.purged.list_sha256) == (2, list_digest((late, VERSION)))


# -- an object that is not there ---------------------------------------------------------------------------


def _nothing(life: FileLife) -> FileLife:
    return life.do(c.StartPurge, sha256=None, versions=(), found="nothing")


def test_what_is_not_found_is_not_destroyed() -> None:
    """purge-finds-the-object: the finding is recorded, the purge is off, the space stays counted."""
    life = _nothing(FileLife().deleted().purge_approved())
    assert [event.type for event in life.log.events[-2:]] == ["file.object_missing.v1", "file.purge_withdrawn.v1"]
    assert (life.state.status, life.state.damage, life.state.purge) == ("soft_deleted", "missing", None)
    assert life.state.reserved == 100


def test_a_missing_object_is_not_purged_by_a_plain_request() -> None:
    """purge-finds-the-object, at the request"""
    with pytest.raises(ObjectMissing):
        FileLife().deleted().do(c.RecordMissing).purge_requested()


def test_nothing_is_called_destroyed_that_no_event_lists() -> None:
    """purge-finds-the-object, at the end: a start that listed nothing, as an earlier release would record it."""
    life = FileLife().deleted().purge_approved()
    started = e.PurgeStarted(purge="purge-1", sha256=SHA, versions=())
    life.file = project(life.file, life.log.record([Fact(started)], stream=life.state.stream))
    with pytest.raises(ObjectMissing):
        life.decide(c.RecordPurged)
    assert (_nothing(life).state.purge, life.state.damage) == (None, "missing")


@pytest.mark.parametrize("by", [SERVICE, ALICE], ids=["a service", "a person"])
@pytest.mark.parametrize("four_eyes", [True, False])
def test_to_give_up_what_is_gone_takes_two_persons(by: Any, four_eyes: bool) -> None:
    """missing-takes-two-persons: also where the workspace asks for one"""
    life = FileLife().deleted().do(c.RecordMissing)
    asked = {"purge": "purge-1", "four_eyes": four_eyes, "reason": "lost with the disk", "missing": True}
    if by is SERVICE:
        with pytest.raises(SecondPersonRequired):
            life.decide(c.RequestPurge, by=by, **asked)
        return
    life.do(c.RequestPurge, by=by, **asked)
    with pytest.raises(WrongState, match="not approved"):
        _nothing(life)
    life.do(c.ApprovePurge, by=BOB, reason=None)
    data = _nothing(life).do(c.RecordPurged).state.purged
    assert data is not None
    assert (data.found, data.versions, data.count, data.sha256) == ("nothing", (), 0, None)


def test_what_is_there_is_not_given_up_as_missing() -> None:
    """purge-finds-the-object: neither at the request, nor where it has come back since"""
    with pytest.raises(WrongState, match="not known to be missing"):
        FileLife().deleted().decide(c.RequestPurge, by=ALICE, purge="p", four_eyes=True, reason=None, missing=True)
    life = FileLife().deleted().do(c.RecordMissing)
    life.do(c.RequestPurge, by=ALICE, purge="p", four_eyes=True, reason=None, missing=True)
    life.do(c.ApprovePurge, by=BOB, reason=None).do(c.StartPurge, sha256=SHA, versions=(VERSION,))
    withdrawn = life.log.events[-1].data
    assert isinstance(withdrawn, e.PurgeWithdrawn)
    assert (withdrawn.by, life.state.purge) == ("found", None)


# -- long lists --------------------------------------------------------------------------------------------


def _many(count: int) -> tuple[e.DestroyedVersion, ...]:
    return tuple(e.DestroyedVersion(version_id=f"version-{n:05}", size=n, marker=n % 2 == 1) for n in range(count))


def test_a_list_of_any_length_is_destroyed_page_by_page() -> None:
    """purge-listed-before: the start commits count and digest, pages hold the list, and the end says the same."""
    versions = _many(3_000)
    life = FileLife().deleted().purge_approved().do(c.StartPurge, sha256=SHA, versions=versions)
    started = life.log.events[-1].data
    assert isinstance(started, e.PurgeStarted)
    assert (started.versions, started.count, started.list_sha256) == ((), 3_000, list_digest(versions))
    life.do(c.RecordPurgeListed, versions=versions[:1_000])
    # Dying here, the next process lists again what is left to be put on record.
    life.do(c.RecordPurgeListed, versions=versions)
    assert life.decide(c.RecordPurgeListed, versions=versions) == ()
    data = life.do(c.RecordPurged).state.purged
    assert data is not None
    assert (data.versions, data.count, data.list_sha256) == ((), 3_000, started.list_sha256)
    assert destroyed(data, life.log.events) == versions
    pages = [event for event in life.log.events if isinstance(event.data, e.PurgeListed)]
    assert len(pages) > 2


def test_the_digest_is_of_what_is_listed_in_whatever_order() -> None:
    """A store may list otherwise the next time."""
    versions = _many(5)
    assert list_digest(versions) == list_digest(tuple(reversed(versions)))
    lines = sorted(
        b'{"key":null,"marker":%s,"size":%d,"version_id":"version-%05d"}\n' % (b"true" if n % 2 else b"false", n, n)
        for n in range(5)
    )
    assert list_digest(versions) == hashlib.sha256(b"".join(lines)).hexdigest()
    assert list_digest(versions) != list_digest(versions[:-1])


def test_rejection_ends_the_request() -> None:
    """The file stays deleted, and can be restored or asked for again."""
    life = FileLife().deleted().purge_requested().do(c.RejectPurge, by=BOB, reason="keep it")
    assert life.state.purge is None
    assert life.purge_requested().state.purge is not None

"""Purges: two persons, a fresh check, no way back after the start."""

from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife
from provenstore.domain import file_commands as c
from provenstore.domain import file_events as e
from provenstore.domain.errors import SecondPersonRequired, WrongState
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE


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

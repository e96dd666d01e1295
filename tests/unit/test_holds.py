"""Legal holds: what they refuse, that they coexist, when they may come, and who ends them."""

from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife
from provenstore.domain.errors import LegalHold, NotFound, SecondPersonRequired, WrongState
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE


def _refused(life: FileLife, rule: str, command: type[c.FileCommand], **fields: Any) -> None:
    with pytest.raises(LegalHold) as caught:
        life.decide(command, **fields)
    assert caught.value.details["rule"] == rule


def test_hold_refuses_soft_deletion() -> None:
    """hold-refuses-delete"""
    _refused(FileLife().stored().held(), "hold-refuses-delete", c.SoftDelete, reason="tidy up")


def test_hold_refuses_abort() -> None:
    """hold-refuses-abort"""
    _refused(FileLife().held(), "hold-refuses-abort", c.Abort, reason=None)


def test_hold_refuses_expiry_of_an_upload() -> None:
    """hold-refuses-expiry, for what was never finished"""
    life = FileLife().held()
    life.log.pass_time(days=2)
    _refused(life, "hold-refuses-expiry", c.ExpireUpload)


def test_hold_refuses_expiry_of_a_file() -> None:
    """hold-refuses-expiry, for what was stored"""
    life = FileLife(expires_after=60).stored().held()
    life.log.pass_time(days=2)
    _refused(life, "hold-refuses-expiry", c.Expire)


def test_hold_refuses_purge_request() -> None:
    """hold-refuses-purge, at the request"""
    _refused(FileLife().deleted().held(), "hold-refuses-purge", c.RequestPurge, purge="p", four_eyes=True, reason=None)


def test_hold_refuses_publishing() -> None:
    """hold-refuses-publish; other changes stay possible"""
    life = FileLife().stored().held()
    _refused(life, "hold-refuses-publish", c.ChangeFile, values={}, access="public")
    life.do(c.ChangeFile, values={}, access="workspace")
    assert life.state.access == "workspace"


def test_hold_refuses_erasure() -> None:
    """hold-refuses-erasure"""
    life = FileLife().stored().held()
    _refused(
        life,
        "hold-refuses-erasure",
        c.ErasePersonalData,
        fields=("filename",),
        events=1,
        reason="asked to",
        erasure="e",
    )


def test_every_hold_must_be_released() -> None:
    """holds-coexist: with one of two released the file stays held."""
    life = FileLife().stored().held("hold-1").held("hold-2")
    life.do(c.ReleaseHold, by=BOB, hold="hold-1", reason=None)
    _refused(life, "hold-refuses-delete", c.SoftDelete, reason=None)
    life.do(c.ReleaseHold, by=BOB, hold="hold-2", reason=None).do(c.SoftDelete, reason=None)
    assert life.state.status == "soft_deleted"


@pytest.mark.parametrize("by", [ALICE, ALICE_AGAIN], ids=["same key", "second key"])
def test_hold_is_not_released_by_who_placed_it(by: Any) -> None:
    """hold-release-second-person: a person is a subject, whatever the key."""
    with pytest.raises(SecondPersonRequired):
        FileLife().stored().held(by=ALICE).decide(c.ReleaseHold, by=by, hold="hold-1", reason=None)


def test_hold_is_not_released_by_a_service() -> None:
    """hold-release-second-person: a key cannot answer for it."""
    with pytest.raises(SecondPersonRequired):
        FileLife().stored().held().decide(c.ReleaseHold, by=SERVICE, hold="hold-1", reason=None)


def test_unknown_hold_is_not_found() -> None:
    """A release names a hold that stands."""
    with pytest.raises(NotFound):
        FileLife().stored().held().decide(c.ReleaseHold, by=BOB, hold="other", reason=None)


@pytest.mark.parametrize(
    "life",
    [
        FileLife,
        lambda: FileLife().announced(),
        lambda: FileLife().stored(),
        lambda: FileLife().deleted(),
        lambda: FileLife().deleted().purge_requested(),
        lambda: FileLife().deleted().purge_approved(),
    ],
    ids=["unfinished", "completing", "stored", "deleted", "purge requested", "purge approved"],
)
def test_hold_comes_at_any_time_before_the_purge_starts(life: Any) -> None:
    """hold-any-time"""
    assert life().held().state.held


def test_hold_cancels_a_purge() -> None:
    """hold-cancels-purge: nothing is left to approve or start."""
    life = FileLife().deleted().purge_approved().held()
    assert life.state.purge is None
    assert isinstance(life.log.events[-1].data, e.PurgeWithdrawn)
    with pytest.raises(WrongState):
        life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,))


@pytest.mark.parametrize("stage", ["started", "purged"])
def test_hold_comes_too_late_once_the_purge_has_started(stage: str) -> None:
    """purge-started-is-final, for holds"""
    life = FileLife().deleted().purge_started() if stage == "started" else FileLife().purged()
    with pytest.raises(WrongState):
        life.decide(c.PlaceHold, by=ALICE, hold="late", name="n", matter=None, reason="r")

"""Uploads: Stored only after the check, one attempt at a time, space reserved and given back."""

from datetime import timedelta
from typing import Any

import pytest

from file_life import MD5, SHA, FileLife
from provenstore.domain.errors import ContentMismatch, ContentTooLarge, InvalidInput, WrongState
from provenstore.domain.eventlog.quota import quota_changes
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from sealing import SERVICE, START


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({"declared_size": 99}, {}),
        ({"declared_size": 101}, {}),
        ({"declared_sha256": "c" * 64}, {}),
        ({"declared_md5": "c" * 32}, {}),
    ],
)
def test_a_lie_is_not_completed(declared: dict[str, Any], found: dict[str, Any]) -> None:
    """stored-only-after-check, against every declared property"""
    with pytest.raises(ContentMismatch):
        FileLife(**declared).announced()


@pytest.mark.parametrize("declared", [{"declared_size": 99}, {"declared_sha256": "c" * 64}, {"declared_md5": "c" * 32}])
def test_a_lie_with_the_content_at_hand_begins_nothing(declared: dict[str, Any]) -> None:
    """stored-only-after-check, before the file is there; what is true is begun and announced together."""
    life = FileLife()
    told = life.state.initiated
    announcing = c.RequestCompletion(by=SERVICE, now=START, size=100, sha256=SHA, md5=MD5)
    life.file = None
    facts = life.decide(c.Initiate, data=told, private={}, announcing=announcing)
    assert [type(fact.data) for fact in facts] == [e.UploadInitiated, e.CompletionRequested]
    with pytest.raises(ContentMismatch):
        life.decide(c.Initiate, data=told.model_copy(update=declared), private={}, announcing=announcing)


def test_more_than_the_limit_is_not_completed() -> None:
    """stored-only-after-check, against the category's limit"""
    with pytest.raises(ContentTooLarge):
        FileLife(declared_size=None).announced(size=1001)


def test_nothing_is_stored_that_was_not_announced() -> None:
    """stored-only-after-check: the announcement is what makes an attempt the only one."""
    with pytest.raises(WrongState):
        FileLife().record_stored()


@pytest.mark.parametrize(("size", "sha256"), [(99, SHA), (100, "d" * 64)])
def test_what_stands_there_must_be_what_was_announced(size: int, sha256: str) -> None:
    """stored-only-after-check, against the announcement"""
    with pytest.raises(ContentMismatch):
        FileLife(declared_size=None).announced().record_stored(size, sha256)


def test_a_second_attempt_is_refused_while_one_is_completing() -> None:
    """one-completion: of two different contents only the announced one can be published."""
    with pytest.raises(WrongState, match="another upload"):
        FileLife().announced().announced(sha256="d" * 64)


def test_the_same_attempt_goes_on() -> None:
    """one-completion: after a crash the same bytes may come again."""
    assert FileLife().announced().decide(c.RequestCompletion, size=100, sha256=SHA, md5=MD5) == ()


def test_a_failed_check_opens_the_upload_again() -> None:
    """The client may send the right bytes after all."""
    life = (
        FileLife().announced().do(c.RecordIntegrityFailure, found="nothing", check="missing", expected=SHA, actual=None)
    )
    assert life.state.completion is None
    assert life.stored().state.status == "stored"


def test_a_failure_of_one_attempt_leaves_the_announcement_of_another() -> None:
    """one-completion: bad bytes that arrive meanwhile end nothing."""
    life = FileLife().announced()
    life.do(c.RecordIntegrityFailure, found="arriving", check="size", expected="100", actual="5")
    assert life.record_stored().state.status == "stored"


def test_nobody_gets_in_while_a_stray_object_is_removed() -> None:
    """one-completion: neither other bytes nor the same, until it is gone."""
    life = FileLife().announced()
    life.do(c.RecordIntegrityFailure, found="stray", check="sha256", expected=SHA, actual="d" * 64)
    for sha256 in (SHA, "d" * 64):
        with pytest.raises(WrongState):
            life.decide(c.RequestCompletion, size=100, sha256=sha256, md5=MD5)
    with pytest.raises(WrongState):
        life.record_stored()
    assert life.decide(c.RecordIntegrityFailure, found="stray", check="sha256", expected=SHA, actual="d" * 64) == ()
    found_at = life.state.completion and life.state.completion.stray_at
    assert life.decide(c.RecordStrayRemoved, etag="x", found_at=START) == ()
    life.do(c.RecordStrayRemoved, etag="x", found_at=found_at)
    assert life.decide(c.RecordStrayRemoved, etag="x", found_at=found_at) == ()
    assert life.stored().state.status == "stored"


def test_a_stray_is_recorded_once_until_its_place_was_in_order() -> None:
    """stray-recorded-once: what is found again while it is being removed is known; what comes back later is new."""
    life = FileLife(write_until=FileLife().log.now).stored()
    version = e.StrayVersion(key="k", version_id=None, size=1, etag="x", marker=False)
    found: dict[str, Any] = {"versions": (version,), "uploads": ("one",)}
    life.do(c.RecordStrayFound, **found)
    assert life.decide(c.RecordStrayFound, **found) == ()
    other = version.model_copy(update={"etag": "y"})
    (fact,) = life.decide(c.RecordStrayFound, versions=(version, other), uploads=("one", "two"))
    assert fact.data == e.StrayFound(versions=(other,), uploads=1, upload_ids=("two",))
    life.do(c.RecordPlaceChecked, look_after=life.log.now)
    assert len(life.decide(c.RecordStrayFound, **found)) == 1


def test_an_announced_upload_is_neither_aborted_nor_expired() -> None:
    """one-completion: its bytes are being published right now."""
    life = FileLife().announced()
    life.log.pass_time(days=2)
    with pytest.raises(WrongState, match="being completed"):
        life.decide(c.ExpireUpload)
    with pytest.raises(WrongState, match="being completed"):
        life.decide(c.Abort, reason=None)


def test_a_stray_is_left_to_whoever_found_it_for_a_while() -> None:
    """one-completion: of two who removed it, one could remove what was sent after that."""
    life = FileLife().announced()
    found: dict[str, Any] = {"found": "stray", "check": "sha256", "expected": SHA, "actual": "d" * 64}
    life.do(c.RecordIntegrityFailure, **found)
    first = life.state.completion
    life.log.pass_time(minutes=4)
    assert life.decide(c.RecordIntegrityFailure, **found) == ()
    life.log.pass_time(minutes=2)
    life.do(c.RecordIntegrityFailure, **found)
    second = life.state.completion
    assert first is not None
    assert second is not None
    assert life.decide(c.RecordStrayRemoved, etag="x", found_at=first.stray_at) == ()
    assert len(life.decide(c.RecordStrayRemoved, etag="x", found_at=second.stray_at)) == 1


def test_an_upload_in_whose_place_a_stray_stays_expires_at_last() -> None:
    """upload-expires: nothing announced can become of it, though the store may never let go of the stray."""
    life = FileLife().announced()
    life.do(c.RecordIntegrityFailure, found="stray", check="sha256", expected=SHA, actual="d" * 64)
    life.log.pass_time(hours=24)
    with pytest.raises(WrongState, match="being completed"):
        life.decide(c.ExpireUpload)
    life.log.pass_time(minutes=5)
    assert life.do(c.ExpireUpload).state.status == "expired"


def test_an_upload_expires_after_its_time() -> None:
    """upload-expires: 24 hours, and not a second before"""
    life = FileLife()
    life.log.pass_time(hours=23)
    with pytest.raises(WrongState):
        life.decide(c.ExpireUpload)
    life.log.pass_time(hours=2)
    assert life.do(c.ExpireUpload).state.status == "expired"


def _counted(life: FileLife) -> tuple[int, int]:
    changes = quota_changes("acme", [event.data for event in life.log.events])
    return sum(change.bytes for change in changes), sum(change.files for change in changes)


def test_space_is_reserved_settled_and_given_back() -> None:
    """quota-reserved, quota-settled, quota-until-purged: the counters are a fold of the events."""
    life = FileLife(declared_size=None, reserved=64)
    assert _counted(life) == (64, 1)
    life.announced(size=100)
    assert _counted(life) == (100, 1)
    life.record_stored(100)
    assert _counted(life) == (100, 1)
    life.do(c.SoftDelete, reason=None)
    assert _counted(life) == (100, 1)


def test_too_much_reserved_is_given_back_at_stored() -> None:
    """quota-settled: what was reserved for an undeclared size and not used"""
    assert _counted(FileLife(declared_size=None, reserved=640).stored(100)) == (100, 1)


def test_space_of_an_aborted_upload_is_given_back_once() -> None:
    """quota-released: with UploadCleared, and never twice"""
    life = FileLife().do(c.Abort, reason=None)
    assert _counted(life) == (100, 1)
    life.do(c.RecordCleared, write_until=None)
    assert _counted(life) == (0, 0)
    assert life.decide(c.RecordCleared, write_until=None) == ()


def test_space_is_kept_while_a_write_url_is_alive() -> None:
    """quota-released-late: whoever holds the URL could still write."""
    life = FileLife(write_until=START + timedelta(minutes=15)).do(c.Abort, reason=None)
    with pytest.raises(WrongState, match="alive"):
        life.decide(c.RecordCleared, write_until=START + timedelta(minutes=15))
    life.log.pass_time(minutes=15)
    assert life.decide(c.RecordCleared, write_until=START + timedelta(minutes=15))


def test_a_stored_file_is_not_cleared() -> None:
    """What is in use is not a left-over."""
    with pytest.raises(WrongState):
        FileLife(expires_after=1).stored().decide(c.RecordCleared, write_until=None)


def test_expiry_counts_from_stored() -> None:
    """A category's time to live begins when the file does."""
    life = FileLife(expires_after=3600)
    life.log.pass_time(hours=5)
    life.stored()
    stored = life.state.stored
    assert stored is not None
    assert stored.expires_at is not None
    assert stored.expires_at - START == timedelta(hours=6, seconds=2)


def test_an_expiry_in_the_past_is_refused() -> None:
    """A file that is over before it begins is a mistake of the caller."""
    with pytest.raises(InvalidInput, match="expires_at"):
        FileLife(expires_at=START)


@pytest.mark.parametrize("removal", [c.Expire, c.SoftDelete])
def test_a_restored_file_does_not_expire_again_at_once(removal: type[c.FileCommand]) -> None:
    """Restoring would otherwise last until the next sweep, also where it was deleted before its time had passed."""
    life = FileLife(expires_after=60).stored()
    if removal is c.SoftDelete:
        life.do(c.SoftDelete, reason=None)
    life.log.pass_time(minutes=5)
    if removal is c.Expire:
        life.do(c.Expire)
    life.do(c.Restore, reason=None)
    assert (life.state.status, life.state.expires_at) == ("stored", None)


def test_initiation_is_the_first_event() -> None:
    """An upload is not begun twice under one id."""
    life = FileLife()
    with pytest.raises(WrongState):
        life.decide(c.Initiate, data=life.state.initiated, private={})


def test_every_event_is_known_to_evolve() -> None:
    """Folding moves version and head with every event, whatever its type."""
    life = FileLife().purged()
    assert (life.state.version, life.state.head) == (life.log.events[-1].version, life.log.events[-1].leaf)
    assert isinstance(life.log.events[0].data, e.UploadInitiated)


@pytest.mark.parametrize("days", [2, None])
def test_an_expiry_set_before_the_bytes_came_is_kept(days: int | None) -> None:
    """What somebody said last holds, also that the file is never to expire, whatever its category says."""
    life = FileLife(expires_after=3600)
    wanted = None if days is None else life.log.now + timedelta(days=days)
    life.do(c.ChangeFile, values={}, expiry=(wanted,)).stored()
    assert life.state.expires_at == wanted


def test_a_place_is_not_checked_while_a_write_url_is_alive() -> None:
    """And once is enough for one moment."""
    until = START + timedelta(minutes=15)
    life = FileLife(write_until=until).stored()
    with pytest.raises(WrongState, match="still alive"):
        life.decide(c.RecordPlaceChecked, look_after=until)
    life.log.pass_time(minutes=16)
    life.do(c.RecordPlaceChecked, look_after=until)
    assert life.state.looked_after == until
    assert life.decide(c.RecordPlaceChecked, look_after=until) == ()

"""A store has an identity: from one that is not the log's nothing is concluded, and nothing is destroyed in it."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from custody import ADMIN, APPROVER, AUDITOR, CONTENT, RECORDS, SERVICE, Custody
from interposed import Crash, Interposed, raising
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.access.object_check import check_object
from provenstore.domain.custody import store_identity
from provenstore.domain.custody.store_identity import Evidence, StoreIdentity
from provenstore.domain.errors import Forbidden, InvalidInput, ObjectMissing, WrongState, WrongStore
from provenstore.domain.files.file import File
from provenstore.domain.ledger import Ledger
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.system.provider_events import IdentityDrawn, ProviderIdentified

PROVIDER = ["provider:local"]


@contextmanager
def unmounted(tmp_path: Path) -> Iterator[None]:
    """Let an empty folder be where the objects were, as a mount point is."""
    objects, away = tmp_path / "objects", tmp_path / "away"
    objects.rename(away)
    objects.mkdir()
    yield
    shutil.rmtree(objects)
    away.rename(objects)


def _used(custody: Custody) -> tuple[int, int]:
    use = custody.log.quota("acme")
    assert use is not None
    return use.bytes, use.files


def _identified(custody: Custody) -> list[ProviderIdentified]:
    return [one.data for one in custody.log.events(PROVIDER) if isinstance(one.data, ProviderIdentified)]


def _without_identity(log: PostgresEventLog, store: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> Custody:
    """Return a ledger as the release before identities left it."""
    with monkeypatch.context() as patch:
        patch.setattr(StoreIdentity, "require", lambda _: None)
        custody = Custody(log, store)
        custody.stored()
    assert custody.log.events(PROVIDER) == []
    return custody


# -- nothing is concluded from a wrong store ---------------------------------------------------------------


@pytest.mark.parametrize("four_eyes", [True, False])
def test_nothing_is_certified_while_the_folder_is_not_mounted(
    log: PostgresEventLog, tmp_path: Path, four_eyes: bool
) -> None:
    """store-identity: an approval, and a request without four eyes, are refused before anything is recorded."""
    custody = Custody(log, LocalFolder(tmp_path / "objects"), four_eyes=four_eyes)
    file = custody.deleted()
    if four_eyes:
        custody.ledger.request_purge(RECORDS, file.id, None)
    before = custody.types(file.id)

    def destroy() -> File:
        if four_eyes:
            return custody.ledger.approve_purge(APPROVER, file.id, None, None)
        return custody.ledger.request_purge(RECORDS, file.id, None)

    with unmounted(tmp_path), pytest.raises(WrongStore):
        destroy()
    assert custody.types(file.id) == before
    assert _used(custody) == (len(CONTENT), 1)
    assert destroy().status == "purged"


def test_who_may_not_approve_learns_nothing_of_the_store(custody: Custody, tmp_path: Path) -> None:
    """Permission is asked for first, and the refusal is on record."""
    file = custody.ledger.request_purge(RECORDS, custody.deleted().id, None)
    with unmounted(tmp_path), pytest.raises(Forbidden):
        custody.ledger.approve_purge(SERVICE, file.id, None, None)
    assert custody.types(file.id)[-1] == "access_denied"


def test_an_approved_purge_waits_for_the_right_store(custody: Custody, tmp_path: Path) -> None:
    """store-identity: the background work records nothing, and carries it out once the folder is back."""
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFolder, "versions", lambda *_: raising(Crash)())
        with pytest.raises(Crash):
            custody.ledger.approve_purge(APPROVER, file.id, None, None)
    before = custody.types(file.id)
    with unmounted(tmp_path), pytest.raises(WrongStore):
        custody.ledger.settle(file.id)
    assert custody.types(file.id) == before
    assert custody.ledger.settle(file.id).status == "purged"


@pytest.mark.parametrize("nth", [1, 2, 3], ids=["at the first list", "before the bytes go", "at the last list"])
def test_a_folder_that_goes_away_during_a_purge(custody: Custody, tmp_path: Path, nth: int) -> None:
    """store-identity: the marker is read again after every list that a purge believes."""
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    real, calls = LocalFolder.versions, 0
    away = unmounted(tmp_path)

    def versions(self: LocalFolder, key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            away.__enter__()
        return real(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFolder, "versions", versions)
        with pytest.raises(WrongStore):
            custody.ledger.approve_purge(APPROVER, file.id, None, None)
    away.__exit__(None, None, None)
    assert "purged" not in custody.types(file.id)
    assert "object_missing" not in custody.types(file.id)
    assert _used(custody) == (len(CONTENT), 1)
    assert custody.ledger.settle(file.id).status == "purged"
    assert not (tmp_path / "objects" / file.path).exists()


def test_nothing_is_called_missing_in_a_wrong_store(custody: Custody, tmp_path: Path) -> None:
    """store-identity: neither by a reading nor by a verification."""
    file = custody.stored()
    with unmounted(tmp_path):
        with pytest.raises(WrongStore):
            custody.ledger.verify_content(RECORDS, file.id)
        with pytest.raises(WrongStore):
            check_object(custody.log, custody.store, file.id, custody.ledger.identity.check)
    assert custody.types(file.id) == ["upload_initiated", "completion_requested", "stored"]
    assert custody.ledger.verify_content(RECORDS, file.id).damage is None


def test_no_upload_is_settled_or_cleared_in_a_wrong_store(custody: Custody, tmp_path: Path) -> None:
    """store-identity: an announced object is not called absent, and no space is freed."""
    announced, expired = custody.initiated(), custody.initiated(size=1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFolder, "put", _announcing)
        with pytest.raises(Crash):
            custody.ledger.upload_content(SERVICE, announced.id, [CONTENT])
    custody.clock.pass_time(hours=25)
    used = _used(custody)
    with unmounted(tmp_path):
        for file in (announced, expired):
            with pytest.raises(WrongStore):
                custody.ledger.settle(file.id)
    assert custody.types(announced.id) == ["upload_initiated", "completion_requested"]
    assert custody.types(expired.id) == ["upload_initiated", "upload_expired"]
    assert _used(custody) == used
    assert custody.ledger.settle(expired.id).cleared


def _announcing(_: object, __: str, body: Any, *, confirm: Callable[[Any], None], **___: Any) -> None:
    from provenstore.domain.uploads.content_uploads import digests_of

    confirm(digests_of(body, 1_000))
    raise Crash


def test_nothing_is_stored_in_a_wrong_store(custody: Custody, tmp_path: Path) -> None:
    """store-identity: what lay below the mount point would be lost when the folder is back."""
    file = custody.initiated()
    custody.clock.pass_time(seconds=6)
    with unmounted(tmp_path), pytest.raises(WrongStore):
        custody.ledger.upload_content(SERVICE, file.id, [CONTENT])
    assert custody.types(file.id) == ["upload_initiated"]


def test_another_store_is_another_store(custody: Custody, log: PostgresEventLog, tmp_path: Path) -> None:
    """store-identity: also where it bears a marker, of another ledger for example."""
    other = LocalFolder(tmp_path / "other")
    other.identify("f" * 32)
    with pytest.raises(WrongStore, match="not the object store"):
        _ledger(custody, log, other).identity.require()


def _ledger(custody: Custody, log: PostgresEventLog, store: Any) -> Ledger:
    from provenstore.adapters.entropy import SystemEntropy
    from provenstore.api.permissions import permits

    return Ledger(log, store, clock=custody.clock, entropy=SystemEntropy(), permits=permits)


# -- first use ---------------------------------------------------------------------------------------------


def test_a_store_is_recorded_at_first_use(custody: Custody) -> None:
    """A random id, drawn on record before it is written."""
    drawn, identified = (event.data for event in custody.log.events(PROVIDER))
    assert isinstance(drawn, IdentityDrawn)
    assert isinstance(identified, ProviderIdentified)
    assert drawn.identity == identified.identity == custody.store.identity()
    assert (identified.how, identified.looked_for, identified.found) == ("first_use", 0, False)


def test_a_ledger_of_before_adopts_the_store_that_has_its_objects(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """store-identity: every stored object that is looked for has to be there; an empty folder is refused."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    with unmounted(tmp_path), pytest.raises(WrongStore, match="none of the stored objects"):
        custody.another_process().identity.require()
    assert custody.log.events(PROVIDER) == []
    custody.another_process().identity.require()
    (identified,) = _identified(custody)
    assert (identified.how, identified.looked_for, identified.found) == ("adopted", 1, True)


def test_an_older_copy_of_a_store_is_not_adopted(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """store-identity: it has the oldest objects and lacks the newest; an operator may say that these are lost."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    shutil.copytree(tmp_path / "objects", tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(StoreIdentity, "require", lambda _: None)
        for _ in range(2):
            custody.stored()
    copy = _ledger(custody, log, LocalFolder(tmp_path / "copy")).identity
    with pytest.raises(WrongStore, match="2 of the 3 stored objects") as refused:
        copy.require()
    assert refused.value.details == {"looked_for": 3, "missing": 2}
    with pytest.raises(WrongStore, match="--although-missing"):
        copy.record_again(ADMIN, "the newest disk is lost")
    assert custody.log.events(PROVIDER) == []
    copy.record_again(ADMIN, "the newest disk is lost", although_missing=True)
    (identified,) = _identified(custody)
    assert (identified.looked_for, identified.missing, identified.found) == (3, 2, True)
    copy.require()


def test_nothing_is_concluded_before_a_store_is_on_record(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """store-identity: an object that a verification does not find may lie in another store, and nothing is recorded."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    identity = custody.another_process().identity
    with pytest.raises(WrongStore, match="has not recorded yet"):
        identity.require_recorded()
    assert custody.log.events(PROVIDER) == []
    identity.require()
    identity.require_recorded()


def test_some_missing_is_not_all_missing(custody: Custody, tmp_path: Path) -> None:
    """store-identity: who accepts that some objects are missing has not accepted an empty store."""
    custody.stored()
    with unmounted(tmp_path), pytest.raises(WrongStore, match="none of the stored objects"):
        custody.ledger.identity.record_again(ADMIN, "a new disk", although_missing=True)


def test_damage_on_record_does_not_count_against_a_store(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """store-identity: what the log already says is missing or altered is not looked for."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(StoreIdentity, "require", lambda _: None)
        gone, altered = custody.stored(), custody.stored()
        (tmp_path / "objects" / gone.path).unlink()
        (tmp_path / "objects" / altered.path).write_bytes(b"other bytes")
        assert custody.ledger.verify_content(RECORDS, gone.id).damage == "missing"
        assert custody.ledger.verify_content(RECORDS, altered.id).damage == "altered"
    custody.another_process().identity.require()
    (identified,) = _identified(custody)
    assert (identified.looked_for, identified.missing) == (1, 0)


@pytest.mark.parametrize("found", [0, 1])
def test_the_whole_log_is_looked_through_where_a_sample_names_too_few(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: int
) -> None:
    """store-identity: all else that is sampled may be purged, and stored objects stand between."""
    monkeypatch.setattr(store_identity, "PAGE", 10)
    monkeypatch.setattr(store_identity, "MAX_PAGES", 3)
    with monkeypatch.context() as patch:
        patch.setattr(StoreIdentity, "require", lambda _: None)
        custody = Custody(log, LocalFolder(tmp_path / "objects"))
        for _ in range(found):
            custody.stored()
        for _ in range(8):
            custody.purged()
        lost = [custody.stored() for _ in range(2)]
        for _ in range(24):
            custody.purged()
    for one in lost:
        (tmp_path / "objects" / one.path).unlink()
    with pytest.raises(WrongStore) as refused:
        custody.another_process().identity.require()
    assert refused.value.details == {"looked_for": found + 2, "missing": 2}


@pytest.mark.parametrize("limits", [(2, 3, 100), (1, 60, 3), (1_000, 60, 2)])
def test_the_newest_object_is_looked_for_in_a_long_log(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int, int]
) -> None:
    """store-identity: the sample lies over the whole log, however long it is."""
    for name, limit in zip(("PAGE", "MAX_PAGES", "MAX_LOOKED_FOR"), limits, strict=True):
        monkeypatch.setattr(store_identity, name, limit)
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(StoreIdentity, "require", lambda _: None)
        newest = [custody.stored() for _ in range(5)][-1]
    (tmp_path / "objects" / newest.path).unlink()
    with pytest.raises(WrongStore, match="1 of the"):
        custody.another_process().identity.require()


def test_a_sample_is_spread() -> None:
    """First and last are in it, and it is never larger than allowed."""
    assert store_identity.spread(3, 100) == [0, 1, 2]
    assert store_identity.spread(0, 100) == []
    assert store_identity.spread(10, 3) == [0, 4, 9]
    found = store_identity.spread(59_123, 100)
    assert (len(set(found)), found[0], found[-1]) == (100, 0, 59_122)


def test_many_processes_at_first_use_agree(log: PostgresEventLog, tmp_path: Path, monkeypatch: Any) -> None:
    """One wins, the others follow: one id in the log, the same in the store."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(custody.another_process().identity.require) for _ in range(4)]:
            done.result()
    (identified,) = _identified(custody)
    assert identified.identity == custody.store.identity()


@pytest.mark.parametrize(
    ("at", "method", "when", "nth"),
    [
        ("log", "append", "before", 1),
        ("log", "append", "after", 1),
        ("store", "identify", "before", 1),
        ("store", "identify", "after", 1),
        ("log", "append", "before", 2),
        ("log", "append", "after", 2),
    ],
)
def test_dying_at_first_use(
    log: PostgresEventLog, tmp_path: Path, monkeypatch: Any, *, at: str, method: str, when: Any, nth: int
) -> None:
    """Whatever was done, the next process goes on with it."""
    custody = _without_identity(log, LocalFolder(tmp_path / "objects"), monkeypatch)
    at_log, at_store = Interposed(log), Interposed(custody.store)
    (at_log if at == "log" else at_store).interrupt(method, when, raising(Crash), nth=nth)
    with pytest.raises(Crash):
        _ledger(custody, at_log, at_store).identity.require()  # type: ignore[arg-type]
    custody.another_process().identity.require()
    (identified,) = _identified(custody)
    assert identified.identity == custody.store.identity()
    assert [event.type for event in log.events(PROVIDER)] == ["provider.identity_drawn.v1", "provider.identified.v1"]


# -- a marker that was lost --------------------------------------------------------------------------------


def test_a_lost_marker_is_recorded_again_by_a_named_act(custody: Custody, tmp_path: Path) -> None:
    """store-identity: with a reason, by an operator, where the objects are; a fresh id, so that no old copy passes."""
    custody.stored()
    (tmp_path / "objects" / ".store" / "store.json").unlink()
    with pytest.raises(WrongStore, match="no marker"):
        custody.ledger.identity.require()
    with pytest.raises(Forbidden):
        custody.ledger.identity.record_again(AUDITOR, "restored without it")
    with pytest.raises(InvalidInput):
        custody.ledger.identity.record_again(ADMIN, "")
    custody.ledger.identity.record_again(ADMIN, "restored without the folder of our own")
    custody.ledger.identity.require()
    first, again = _identified(custody)
    assert (again.how, again.previous, again.found) == ("recorded_again", first.identity, True)
    assert first.identity != again.identity == custody.store.identity()
    event = custody.log.events(PROVIDER)[-1]
    assert (event.actor.id, "reason" in event.private) == (ADMIN.actor.id, True)


def test_an_empty_store_is_recorded_only_as_such(custody: Custody, tmp_path: Path) -> None:
    """store-identity: whoever lost all objects says so."""
    custody.stored()
    with unmounted(tmp_path):
        with pytest.raises(WrongStore, match="none of the stored objects"):
            custody.ledger.identity.record_again(ADMIN, "a new disk")
        custody.ledger.identity.record_again(ADMIN, "the disk is lost", although_empty=True)
        custody.ledger.identity.require()
    with pytest.raises(WrongStore, match="not the object store"):
        custody.ledger.identity.require()
    assert _identified(custody)[-1].found is False


@pytest.mark.parametrize(("missing", "accepted"), [(2, "although_empty"), (5, "although_missing")])
def test_what_is_accepted_is_what_was_found(missing: int, accepted: str) -> None:
    """store-identity: a store that lacks some objects is not taken for an empty one, nor the other way round."""
    with pytest.raises(WrongStore):
        Evidence(5, missing).require(**{accepted: True})
    Evidence(5, missing).require(although_missing=missing == 2, although_empty=missing == 5)


def test_a_copy_of_a_store_is_as_good_as_the_original(custody: Custody, log: PostgresEventLog, tmp_path: Path) -> None:
    """The marker is copied with the objects."""
    file = custody.stored()
    shutil.copytree(tmp_path / "objects", tmp_path / "copy")
    ledger = _ledger(custody, log, LocalFolder(tmp_path / "copy"))
    ledger.identity.require()
    assert ledger.verify_content(RECORDS, file.id).damage is None


# -- an object that is missing -----------------------------------------------------------------------------


def _lost(custody: Custody, tmp_path: Path) -> File:
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    (tmp_path / "objects" / file.path).unlink()
    with pytest.raises(ObjectMissing):
        custody.ledger.approve_purge(APPROVER, file.id, None, None)
    return custody.ledger.recorder.file(file.id)


def test_an_object_that_is_not_found_stops_the_purge(custody: Custody, tmp_path: Path) -> None:
    """purge-finds-the-object: the finding is recorded, no space is freed, there is no certificate."""
    file = _lost(custody, tmp_path)
    assert custody.types(file.id)[-3:] == ["object_missing", "purge_withdrawn", "access_denied"]
    assert (file.status, file.damage, file.purge) == ("soft_deleted", "missing", None)
    assert _used(custody) == (len(CONTENT), 1)
    with pytest.raises(WrongState):
        custody.ledger.certificate(RECORDS, file.id)
    with pytest.raises(ObjectMissing):
        custody.ledger.request_purge(RECORDS, file.id, None)
    assert custody.ledger.settle(file.id).version == file.version


def test_what_is_gone_is_given_up_by_two_persons(custody: Custody, tmp_path: Path) -> None:
    """missing-takes-two-persons: and the certificate says that nothing was found."""
    file = _lost(custody, tmp_path)
    custody.ledger.request_purge(RECORDS, file.id, "the disk is lost", missing=True)
    assert custody.ledger.approve_purge(APPROVER, file.id, None, None).status == "purged"
    certificate = custody.ledger.certificate(RECORDS, file.id)
    assert (certificate["found"], certificate["versions"], certificate["count"]) == ("nothing", [], 0)
    assert certificate["sha256"] is None
    assert _used(custody) == (0, 0)
    assert verify_log(custody.log).findings == ()


def test_what_has_come_back_is_not_given_up(custody: Custody, tmp_path: Path) -> None:
    """purge-finds-the-object"""
    file = _lost(custody, tmp_path)
    custody.ledger.request_purge(RECORDS, file.id, "the disk is lost", missing=True)
    (tmp_path / "objects" / file.path).write_bytes(CONTENT)
    with pytest.raises(WrongState, match="something stands"):
        custody.ledger.approve_purge(APPROVER, file.id, None, None)
    assert custody.types(file.id)[-2:] == ["purge_withdrawn", "access_denied"]
    assert custody.store.head(file.path).size == len(CONTENT)


def test_bytes_that_exist_after_their_destruction_are_a_finding(custody: Custody) -> None:
    """verify --objects looks under the keys of purged and cleared files."""
    purged, aborted = custody.purged(), custody.initiated()
    custody.ledger.abort_upload(SERVICE, aborted.id, None)
    for file in (purged, aborted):
        found = [check_object(custody.log, custody.store, file.id, custody.ledger.identity.check)]
        custody.store.put(file.path, [b"back again"], media_type="application/pdf", max_size=100)
        found.append(check_object(custody.log, custody.store, file.id, custody.ledger.identity.check))
        assert found[0] is None
        assert found[1] is not None
        assert "was destroyed" in found[1].problem


# -- what stands in the place and is no object -------------------------------------------------------------


def test_a_link_in_the_place_of_an_object_is_a_finding_of_that_file(custody: Custody, tmp_path: Path) -> None:
    """It is recorded as altered, not followed, and removed by the purge itself."""
    file, outside = custody.stored(), tmp_path / "outside"
    outside.write_bytes(CONTENT)
    place = tmp_path / "objects" / file.path
    place.unlink()
    place.symlink_to(outside)
    found = check_object(custody.log, custody.store, file.id, custody.ledger.identity.check)
    assert found is not None
    assert "symbolic link" in found.problem
    assert custody.ledger.verify_content(RECORDS, file.id).damage == "altered"
    custody.ledger.soft_delete(SERVICE, file.id)
    custody.ledger.request_purge(RECORDS, file.id, None)
    assert custody.ledger.approve_purge(APPROVER, file.id, None, None).status == "purged"
    assert not place.is_symlink()
    assert outside.read_bytes() == CONTENT
    certificate = custody.ledger.certificate(RECORDS, file.id)
    assert (certificate["found"], certificate["count"], certificate["sha256"]) == ("altered", 1, None)


def test_other_bytes_in_the_place_are_recorded_before_they_are_destroyed(custody: Custody, tmp_path: Path) -> None:
    """hash-before-destroy: the certificate has the SHA-256 of what was really there."""
    import hashlib

    file = custody.deleted()
    (tmp_path / "objects" / file.path).write_bytes(b"other bytes")
    custody.ledger.request_purge(RECORDS, file.id, None)
    custody.ledger.approve_purge(APPROVER, file.id, None, None)
    assert custody.types(file.id)[-3:] == ["integrity_failed", "purge_started", "purged"]
    certificate = custody.ledger.certificate(RECORDS, file.id)
    assert certificate["found"] == "altered"
    assert certificate["sha256"] == hashlib.sha256(b"other bytes").hexdigest()

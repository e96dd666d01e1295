"""The completer on a bucket and a folder: what was left lying is found, and a store that is away is waited for."""

import time
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from provenstore.api.background.completer import Round
from provenstore.api.background.sweeper import Sweeper
from provenstore.domain.errors import StoreUnavailable, Unavailable
from provenstore.domain.files.file import File
from tests.api.conftest import ROOT
from tests.api.sites import CONTENT, Site, bucket, folder, fresh

__all__ = ["bucket", "folder"]

ALTERED = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["folder", "bucket"])
def site(request: pytest.FixtureRequest) -> Site:
    """A workspace on each kind of store."""
    return fresh(request.getfixturevalue(request.param))


@pytest.fixture
def on_bucket(bucket: Site) -> Site:
    """A workspace on a bucket, where bytes may bypass us."""
    return fresh(bucket)


def _put(site: Site, file: File) -> int:
    signed = site.ledger.write_url(file)
    assert signed is not None
    return httpx.put(signed.url, content=CONTENT, headers=dict(signed.headers)).status_code


def test_bytes_of_a_client_that_vanished_are_removed(on_bucket: Site) -> None:
    """It had sent them to its URL and never said so: the upload expires, and no object is left without a file."""
    file = on_bucket.initiated(upload="presigned")
    assert _put(on_bucket, file) == 200
    assert on_bucket.jobs(file.id) == {"expire": 0}
    on_bucket.clock.ahead = timedelta(hours=25)
    assert on_bucket.settle() == Round(done=1, failed=0)
    assert on_bucket.types(file.id) == ["upload_initiated", "upload_expired", "stray_found", "upload_cleared"]
    store = on_bucket.ledger.store
    assert [store.versions(key) for key in file.keys] == [()] * len(file.keys)
    use = on_bucket.ledger.describe_workspace(ROOT, on_bucket.workspace).use
    assert use is None or (use.bytes, use.files) == (0, 0)
    assert on_bucket.jobs(file.id) == {}


def test_what_an_old_url_wrote_is_removed(on_bucket: Site) -> None:
    """Used again after Stored: once it has died the place is looked at, and the stored object is the only one left."""
    file = on_bucket.initiated(upload="presigned")
    _put(on_bucket, file)
    stored = on_bucket.ledger.complete_upload(ROOT, file.id)
    again = _put(on_bucket, file)
    assert on_bucket.settle() == Round(done=0, failed=0)
    on_bucket.clock.ahead = timedelta(minutes=20)
    assert on_bucket.settle() == Round(done=1, failed=0)
    landed = file.initiated.landing is not None
    assert again == (200 if landed else 412)
    assert on_bucket.types(file.id)[-2:] == (["stray_found"] if landed else ["stored"]) + ["place_checked"]
    versions = [one for key in file.keys for one in on_bucket.ledger.store.versions(key)]
    assert stored.stored is not None
    assert [(one.key, one.etag) for one in versions] == [(file.path, stored.stored.etag)]


def test_a_store_that_is_away_is_waited_for(site: Site) -> None:
    """Tried less and less often, never given up, and done once it is back; then the attempts are forgotten."""
    file = site.initiated(upload="multipart")
    site.outage.away = True
    site.ledger.abort_upload(ROOT, file.id, None)
    rounds = []
    for _ in range(8):
        rounds.append(site.settle().failed)
        site.clock.ahead += MINUTE
    assert rounds[0] == 1
    assert 3 <= sum(rounds) <= 5
    assert site.jobs(file.id) == {"clear": sum(rounds)}
    (job,) = site.services.jobs.list(site.clock.now(), file=str(file.id)).jobs
    assert job.last_code == "store-unavailable/timeout"
    site.outage.away = False
    site.clock.ahead += timedelta(hours=1)
    assert site.settle() == Round(done=1, failed=0)
    assert site.ledger.recorder.file(file.id).cleared
    assert site.jobs(file.id) == {}


def test_attempts_count_those_in_vain_in_a_row(site: Site) -> None:
    """Not those before a success, even if the job stands because an old URL is still alive; and codes, never words."""
    file = site.initiated(upload="presigned")
    site.outage.away, site.outage.error = True, "words of a stranger"
    site.ledger.abort_upload(ROOT, file.id, None)
    site.settle()
    (job,) = site.services.jobs.list(site.clock.now(), file=str(file.id)).jobs
    assert (job.kind, job.attempts, job.last_code) == ("clear", 1, "store-unavailable")
    site.outage.away = False
    site.clock.ahead = MINUTE
    assert site.settle().done == 1
    assert site.jobs(file.id) == {"clear": 0}


def test_attempts_end_with_their_job(on_bucket: Site) -> None:
    """A file that is deleted need not be read; restored, it is a job like a new one."""
    file_id = on_bucket.claimed()
    on_bucket.outage.away = True
    on_bucket.completer.verify_all()
    assert on_bucket.jobs(file_id)["verify"] == 1
    on_bucket.outage.away = False
    on_bucket.ledger.soft_delete(ROOT, file_id)
    on_bucket.settle()
    on_bucket.ledger.restore(ROOT, file_id)
    assert on_bucket.jobs(file_id)["verify"] == 0


def test_a_purge_that_failed_is_done_when_asked_for(site: Site) -> None:
    """At once, whatever the next attempt's time; while the store is away whoever tries it hears of it."""
    file_id = site.claimed()
    site.ledger.soft_delete(ROOT, file_id)
    site.outage.away = True
    site.ledger.request_purge(ROOT, file_id, None)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            site.completer.retry(file_id, verify=True)
    assert site.jobs(file_id)["purge"] == 3
    site.outage.away = False
    assert site.settle() == Round(done=0, failed=0)
    assert "purge" not in {job.kind for job in site.completer.retry(file_id, verify=True)}
    assert site.ledger.recorder.file(file_id).status == "purged"


def test_claims_are_verified_in_the_background(on_bucket: Site) -> None:
    """A whole reading makes them verified; bytes that were altered before it are found out."""
    sound, altered = on_bucket.claimed(), on_bucket.claimed()
    assert on_bucket.jobs(sound)["verify"] == 0
    on_bucket.overwrite(on_bucket.ledger.recorder.file(altered).path, ALTERED)
    assert on_bucket.completer.verify_all().done >= 2
    found = [on_bucket.ledger.recorder.file(one) for one in (sound, altered)]
    assert [one.damage for one in found] == [None, "altered"]
    assert found[0].stored is not None
    assert found[0].stored.sha256_status == "verified"
    assert all("verify" not in on_bucket.jobs(one) for one in (sound, altered))


def test_a_long_reading_is_given_up_when_asked(on_bucket: Site) -> None:
    """Between two blocks: nothing is recorded, not even a failure, and it is met again."""
    file_id = on_bucket.claimed()
    asked = iter([True] * 2)
    found = on_bucket.completer.verify_all(going=lambda: next(asked, False))
    assert found.stopped
    assert on_bucket.types(file_id)[-1] == "stored"
    assert on_bucket.jobs(file_id)["verify"] == 0


def test_the_sweeper_does_all_of_it(on_bucket: Site) -> None:
    """Settling and verifying, side by side, until it is stopped."""
    claimed, aborted = on_bucket.claimed(), on_bucket.initiated(upload="multipart")
    on_bucket.outage.away = True
    on_bucket.ledger.abort_upload(ROOT, aborted.id, None)
    on_bucket.outage.away = False
    sweeper = Sweeper(on_bucket.services, every=0.05)
    sweeper.start()
    try:
        deadline = time.monotonic() + 20
        while {"verify", "clear"} & {*on_bucket.jobs(claimed), *on_bucket.jobs(aborted.id)}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        sweeper.check()
    finally:
        sweeper.stop()
    assert on_bucket.types(claimed)[-1] == "integrity_verified"
    assert on_bucket.types(aborted.id)[-1] == "upload_cleared"
    with pytest.raises(Unavailable):
        sweeper.check()


def test_a_file_that_cannot_be_read_now_waits(on_bucket: Site) -> None:
    """Its claim stays a claim, and nothing is recorded of it."""
    file_id = on_bucket.claimed()
    on_bucket.outage.away = True
    on_bucket.completer.verify_all()
    assert on_bucket.types(file_id)[-1] == "stored"
    assert on_bucket.jobs(file_id)["verify"] == 1
    on_bucket.outage.away = False
    (job,) = on_bucket.completer.retry(file_id, verify=False)
    assert (job.kind, job.attempts, job.next_at <= on_bucket.clock.now()) == ("verify", 1, True)
    assert on_bucket.types(file_id)[-1] == "stored"  # whoever asked does not wait for a reading
    assert "verify" not in {job.kind for job in on_bucket.completer.retry(file_id, verify=True)}
    assert on_bucket.types(file_id)[-1] == "integrity_verified"


def test_nothing_is_read_twice(on_bucket: Site) -> None:
    """A job that was found before somebody else verified the file, or deleted it, is over."""
    verified, deleted = on_bucket.claimed(), on_bucket.claimed()

    def meanwhile() -> bool:
        if on_bucket.types(verified)[-1] == "stored":
            on_bucket.ledger.verify_content(ROOT, verified)
            on_bucket.ledger.soft_delete(ROOT, deleted)
        return True

    assert on_bucket.completer.verify_all(going=meanwhile).failed == 0
    assert on_bucket.types(verified).count("integrity_verified") == 1
    assert on_bucket.types(deleted)[-1] == "soft_deleted"


def test_two_may_work_at_once(site: Site) -> None:
    """Whoever comes second finds everything done, and nothing is recorded twice."""
    file = site.initiated(upload="api")
    site.clock.ahead = timedelta(hours=25)
    site.completer.catch_up()
    stale = list(site.services.jobs.ready(site.clock.now(), ["expire"], site.workspace))
    assert site.settle().done == 1
    for job in stale:
        site.ledger.settle(UUID(job.file))
    assert site.types(file.id) == ["upload_initiated", "upload_expired", "upload_cleared"]

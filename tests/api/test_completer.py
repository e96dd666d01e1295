"""The completer on a bucket and a folder: what was left lying is found, and a store that is away is waited for."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.spaces_client import Bucket, connect
from provenstore.api.completer import Completer, Round
from provenstore.api.permissions import permits
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.sweeper import Sweeper
from provenstore.api.wiring import open_services
from provenstore.domain.errors import StoreUnavailable, Unavailable
from provenstore.domain.file import File
from provenstore.domain.initiating import NewFile
from provenstore.domain.ledger import Ledger
from provenstore.domain.workspace import CreateWorkspace
from store_servers import address
from tests.api.conftest import ROOT, MovableClock

CONTENT = b"%PDF-1.7 " + os.urandom(3_000_000)
ALTERED = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
MINUTE = timedelta(minutes=1)


class Outage:
    """Stands before a real store, and answers nothing while it is away."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise StoreUnavailable
        return getattr(self.real, name)


@dataclass
class Site:
    """A ledger on a store, with a workspace for each test."""

    services: Services
    clock: MovableClock
    outage: Outage
    overwrite: Callable[[str, bytes], object]
    """Put other bytes in an object's place behind the adapter's back."""
    workspace: str = ""

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    @property
    def completer(self) -> Completer:
        return Completer(self.services)

    def settle(self) -> Round:
        return self.completer.settle_all(workspace=self.workspace)

    def initiated(self, **said: Any) -> File:
        new = {"filename": "a.pdf", "media_type": "application/pdf", "category": "misc", "size": len(CONTENT)}
        return self.ledger.initiate(ROOT, NewFile(workspace=self.workspace, **{**new, **said}))

    def claimed(self) -> UUID:
        """Store a file in parts; in a bucket nobody has read the whole of it then."""
        file = self.initiated(upload="multipart")
        self.ledger.upload_part(ROOT, file.id, 1, [CONTENT], size=len(CONTENT))
        assert self.ledger.complete_upload(ROOT, file.id).stored is not None
        return file.id

    def types(self, file_id: UUID) -> list[str]:
        events = self.ledger.lifecycle(ROOT, file_id).events
        return [event.type.split(".")[1] for event in events]

    def jobs(self, file_id: UUID) -> dict[str, int]:
        """Return the file's jobs, and how often each was tried in vain."""
        self.completer.catch_up()
        found = self.services.jobs.list(self.clock.now(), file=str(file_id), upcoming=True)
        return {job.kind: job.attempts for job in found.jobs}


@contextmanager
def _site(environment: Mapping[str, str], data_dir: Any, overwrite: Callable[[Any], Any]) -> Iterator[Site]:
    clock = MovableClock()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = load_settings(data_dir=data_dir, spaces_path_style=True)
        with open_services(settings, sweep=False, clock=clock) as services:
            outage = Outage(services.ledger.store)
            ledger = Ledger(services.ledger.log, outage, clock=clock, entropy=SystemEntropy(), permits=permits)
            yield Site(replace(services, ledger=ledger), clock, outage, overwrite(settings))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    def overwriting(settings: Any) -> Any:
        def overwrite(key: str, content: bytes) -> None:
            path = settings.data_dir / "objects" / key
            path.chmod(0o600)
            path.write_bytes(content)

        return overwrite

    with _site({}, tmp_path_factory.mktemp("folder") / "data", overwriting) as site:
        yield site


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    at, name = address("moto"), f"completer-{uuid4()}"
    described = Bucket(
        endpoint=at.endpoint, region=at.region, name=name, key="any", secret=SecretStr("any"), path_style=True
    )
    client: Any = connect(described)  # every operation has types of its own
    client.create_bucket(Bucket=name)
    values = {"BUCKET": name, "ENDPOINT": at.endpoint, "REGION": at.region, "KEY": "any", "SECRET": "any"}
    environment = {f"DO_SPACES_{variable}": value for variable, value in values.items()}

    def overwriting(_settings: Any) -> Any:
        return lambda key, content: client.put_object(Bucket=name, Key=key, Body=content)

    with _site(environment, tmp_path_factory.mktemp("bucket") / "data", overwriting) as site:
        yield site


def _fresh(site: Site) -> Site:
    site.clock.ahead = timedelta()
    site.outage.away = False
    found = replace(site, workspace=f"t-{uuid4().hex[:20]}")
    site.services.ledger.create_workspace(ROOT, CreateWorkspace(id=found.workspace, four_eyes=False))
    return found


@pytest.fixture(params=["folder", "bucket"])
def site(request: pytest.FixtureRequest) -> Site:
    """A workspace on each kind of store."""
    return _fresh(request.getfixturevalue(request.param))


@pytest.fixture
def on_bucket(bucket: Site) -> Site:
    """A workspace on a bucket, where bytes may bypass us."""
    return _fresh(bucket)


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
    with pytest.raises(StoreUnavailable):
        site.ledger.abort_upload(ROOT, file.id, None)
    rounds = []
    for _ in range(8):
        rounds.append(site.settle().failed)
        site.clock.ahead += MINUTE
    assert rounds[0] == 1
    assert 3 <= sum(rounds) <= 5
    assert site.jobs(file.id) == {"clear": sum(rounds)}
    (job,) = site.services.jobs.list(site.clock.now(), file=str(file.id)).jobs
    assert job.last_code == "store-unavailable"
    site.outage.away = False
    site.clock.ahead += timedelta(hours=1)
    assert site.settle() == Round(done=1, failed=0)
    assert site.ledger.recorder.file(file.id).cleared
    assert site.jobs(file.id) == {}


def test_a_purge_that_failed_is_done_when_asked_for(site: Site) -> None:
    """At once, whatever the next attempt's time; while the store is away the caller hears of it."""
    file_id = site.claimed()
    site.ledger.soft_delete(ROOT, file_id)
    site.outage.away = True
    with pytest.raises(StoreUnavailable):
        site.ledger.request_purge(ROOT, file_id, None)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            site.completer.retry(file_id)
    assert site.jobs(file_id)["purge"] == 3
    site.outage.away = False
    assert site.settle() == Round(done=0, failed=0)
    assert "purge" not in {job.kind for job in site.completer.retry(file_id)}
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
    with pytest.raises(StoreUnavailable):
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
    assert "verify" not in {job.kind for job in on_bucket.completer.retry(file_id)}
    assert on_bucket.types(file_id)[-1] == "integrity_verified"


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

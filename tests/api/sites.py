"""A ledger on a real folder and one on a real bucket, each before a store that tests can take away."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from probed import probed
from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.api.background.completer import Completer, Round
from provenstore.api.permissions import permits
from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.errors import StoreUnavailable
from provenstore.domain.files.file import File
from provenstore.domain.ledger import Ledger
from provenstore.domain.storage.objects import Capabilities
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.uploads.initiation import NewFile
from store_servers import address
from tests.api.conftest import ROOT, MovableClock

CONTENT = b"%PDF-1.7 " + os.urandom(3_000_000)


class Outage:
    """Stands before a real store, and answers nothing while it is away."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.away = False
        self.error = "timeout"

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise StoreUnavailable("it is away", error=self.error)
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

    def found(*args: Any, **kwargs: Any) -> Capabilities:
        # Moto takes whatever is sent along; what the ledger does on a bucket that does not is looked at here.
        return replace(probed(*args, **kwargs), sound_put_urls=True, sound_part_urls=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provenstore.api.bucket.probe", found)
        with _site(environment, tmp_path_factory.mktemp("bucket") / "data", overwriting) as site:
            yield site


def fresh(site: Site) -> Site:
    """Return the site with the store back, the clock right, and a workspace of the test's own."""
    site.clock.ahead = timedelta()
    site.outage.away, site.outage.error = False, "timeout"
    found = replace(site, workspace=f"t-{uuid4().hex[:20]}")
    site.services.ledger.create_workspace(ROOT, CreateWorkspace(id=found.workspace, four_eyes=False))
    return found

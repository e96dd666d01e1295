"""A ledger that the last release wrote opens with this one, verifies, goes on, and folds to the same read models."""

from pathlib import Path
from typing import Any

from provenstore.api.acts import log
from provenstore.api.maintenance.verification import verify_database, verify_objects
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import PROJECTIONS, migrate, open_services
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor, Event
from provenstore.domain.eventlog.event_log import StoredRow
from provenstore.domain.files.file import project
from provenstore.domain.files.file_events import UploadInitiated
from provenstore.domain.proofs.published_log import Checked
from provenstore.domain.proofs.tree_check import OBJECTS
from provenstore.domain.uploads.initiation import NewFile
from provenstore.projections.files.query import FileFilter
from read_models import until

ROOT = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)
CONTENT = b"%PDF-1.7 a later chapter"
TYPES = 50
"""Of events, that the first release knew; its ledger holds one of each at least."""


def checked(settings: Settings) -> Checked:
    """Verify everything that there is, objects included."""
    found = verify_database(settings, Asked(), lambda *_: None)
    return verify_objects(settings, found, lambda *_: None)


def rows(services: Services) -> list[StoredRow]:
    return list(services.ledger.log.rows(0, 10_000))


def events(services: Services) -> list[Event]:
    return list(services.ledger.log.read(0, 10_000))


def files(services: Services) -> list[Any]:
    """Return every file, folded from its stream."""
    log = services.ledger.log
    return [log.load(event.stream, project) for event in events(services) if isinstance(event.data, UploadInitiated)]


def test_it_opens_and_verifies(release: Path) -> None:
    """With the migrations and the event types of today; nothing is found, and nothing is left unchecked."""
    settings = load_settings(data_dir=release)
    with open_services(settings, sweep=False) as services:
        types = {event.type for event in events(services)}
        assert len(types) >= TYPES
        assert len(files(services)) > 20
    found = checked(settings)
    assert found.findings == ()
    assert found.unchecked == {}


def test_it_verifies_before_its_first_start(release: Path) -> None:
    """No store is on record yet: what is there is compared, and from what is not found nothing is concluded."""
    settings = load_settings(data_dir=release)
    migrate(settings)
    found = checked(settings)
    assert found.findings == ()
    assert "has not recorded yet" in found.unchecked[OBJECTS]
    some = int(found.unchecked[OBJECTS].split()[0])
    (release / "objects").rename(release / "away")
    (release / "objects").mkdir(0o700)
    found = checked(settings)
    assert found.findings == ()
    assert int(found.unchecked[OBJECTS].split()[0]) > some


def test_it_goes_on(release: Path) -> None:
    """Files are stored beside the old ones; sealed bytes stay as they are; the log extends what was signed."""
    settings = load_settings(data_dir=release)
    with open_services(settings, sweep=False) as services:
        before, ledger = rows(services), services.ledger
        newest = services.proofs.newest()
        assert newest is not None
        new = NewFile(workspace="acme", filename="b.pdf", media_type="application/pdf", category="misc")
        file = ledger.upload_content(ROOT, ledger.initiate(ROOT, new).id, [CONTENT])
        with ledger.content(ROOT, file.id) as content:
            assert b"".join(content.reader) == CONTENT
        ledger.soft_delete(ROOT, file.id, "over")
        old = next(one for one in files(services) if one.status == "stored" and not one.held and one.damage is None)
        ledger.soft_delete(ROOT, old.id, "over")
        ledger.restore(ROOT, old.id, "not over")
        signed = log.bring_up(services)
        assert signed is not None
        assert signed.size == services.ledger.log.position() > newest.size
        assert services.proofs.consistency(newest.size, signed.size)
        assert rows(services)[: len(before)] == before
    found = checked(settings)
    assert found.findings == ()


def test_its_read_models_are_built_anew(release: Path) -> None:
    """Every read model of today folds the old log without stopping, and what was there already is what it folds to."""
    settings = load_settings(data_dir=release)
    with open_services(settings, sweep=False) as services:
        for projection in PROJECTIONS:
            # A model whose fold has changed since is built anew by itself first.
            built(services, projection.name)
            services.wait_for(services.ledger.log.position(), projection.name)
            services.control.rebuild(projection.name, "root", compare=True)
            services.builder.wake()
            built(services, projection.name)
            found = services.control.one(projection.name)
            assert (found.live.status, found.live.error_position) == ("running", None)
            assert found.build is not None
            assert (found.build.status, found.build.error, found.build.differences) == ("done", None, 0)
        assert len(services.files.list(FileFilter(workspaces=("acme",)), limit=100).rows) > 20


def built(services: Services, name: str) -> None:
    """Wait until a read model is not being built."""

    def idle() -> bool:
        build = services.control.one(name).build
        return build is None or build.status != "building"

    until(idle)

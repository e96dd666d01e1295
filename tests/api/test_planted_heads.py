"""A row that somebody put among the checkpoints ends nothing: it is not believed, and verify names it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.api.acts import log
from provenstore.api.maintenance.verification import verify_database
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import open_services
from provenstore.domain.proofs.tree_check import ROOTS, SIGNATURES
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.api.conftest import ROOT

PLANTED = {
    "a head without a note": ("insert into provenstore.checkpoint (size, root) values (1000, sha256('x'))", ROOTS),
    "a note that nobody signed": (
        "insert into provenstore.checkpoint (size, root) values (1000, sha256('x'));"
        "update provenstore.checkpoint set note = 'no note' where size = 1000",
        SIGNATURES,
    ),
    "a note of another size": (
        "insert into provenstore.checkpoint (size, root) values (1000, sha256('x'));"
        "update provenstore.checkpoint set note = (select note from provenstore.checkpoint where size < 1000 "
        "order by size limit 1) where size = 1000",
        SIGNATURES,
    ),
}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A data directory whose database runs."""
    found = load_settings(data_dir=tmp_path / "data")
    with EmbeddedPostgres(DataDirectory(found.data_dir)):
        yield found


def grown(services: Services) -> int:
    """Record something, sign it, and return the size."""
    services.ledger.create_workspace(ROOT, CreateWorkspace(id=f"t-{uuid4().hex[:20]}"))
    log.bring_up(services)
    newest = services.proven.require_newest()
    assert newest.size == services.ledger.log.position()
    return newest.size


@pytest.mark.parametrize(("statement", "step"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_head_ends_no_log(settings: Settings, statement: str, step: int) -> None:
    """It raises no alarm, keeps nothing from being signed or proven, and is a finding."""
    with open_services(settings, sweep=False) as services:
        grown(services)
        with services.connect() as runner:
            runner.execute(statement.encode())
        size = grown(services)
        assert services.log_keys.last.read().alarm is None
        event = services.ledger.log.read(size - 1, 1)[0]
        assert services.proven.receipt(event, ()).checkpoint
        assert [one.size for one in services.proofs.checkpoints() if one.size > size] == []
    found = verify_database(settings, Asked(), lambda *_: None)
    assert step in {one.step for one in found.findings}

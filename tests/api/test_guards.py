"""A database whose guards were altered is not served; a running server says so, and verify names what differs."""

from pathlib import Path

import psycopg
import pytest

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres import fingerprint
from provenstore.api.maintenance.verification import verify_database, verify_objects
from provenstore.api.settings import load_settings
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import open_services
from provenstore.domain.errors import Misconfigured
from provenstore.domain.proofs.verification import GUARDS
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.api.conftest import ROOT

ALTERED = "the trigger append_only on event was altered"


def test_altered_guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, by the health check of a running server, and by verify, which reads on nevertheless."""
    monkeypatch.setattr(fingerprint, "CHECKED_FOR", 0.0)
    settings = load_settings(data_dir=tmp_path / "data")
    with EmbeddedPostgres(DataDirectory(settings.data_dir)) as running:
        with open_services(settings, sweep=False) as services:
            services.ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
            services.checks["schema"]()
            with psycopg.connect(running.conninfo(OWNER), autocommit=True) as owner:
                owner.execute("alter table provenstore.event disable trigger append_only")
            with pytest.raises(Misconfigured, match=ALTERED):
                services.checks["schema"]()
        with pytest.raises(Misconfigured, match=ALTERED), open_services(settings, sweep=False):
            pass
        found = verify_objects(settings, verify_database(settings, Asked(), lambda *_: None), lambda *_: None)
        assert [(one.step, one.problem) for one in found.findings] == [(GUARDS, ALTERED)]
        with psycopg.connect(running.conninfo(OWNER), autocommit=True) as owner:
            owner.execute("alter table provenstore.event enable always trigger append_only")
        with open_services(settings, sweep=False) as services:
            services.checks["schema"]()

"""Fixtures for tests of a whole ledger: its log, and the ledger with one workspace. Imported by conftest files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from custody import Custody
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog


@pytest.fixture
def log(postgres: Any) -> Iterator[PostgresEventLog]:
    """The log, as the server's role."""
    with Database(postgres.conninfo("provenstore_writer")) as database:
        yield PostgresEventLog(database)


@pytest.fixture
def custody(log: PostgresEventLog, tmp_path: Path) -> Custody:
    """A ledger with the workspace `acme`."""
    return Custody(log, LocalFolder(tmp_path / "objects"))

"""A ledger on each object store that `--stores` names."""

import pytest

from custody import Custody
from custody_fixtures import log
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.storage.object_store import ObjectStore
from store_fixtures import buckets, outsider, pytest_generate_tests, store

__all__ = ["buckets", "log", "outsider", "pytest_generate_tests", "store"]


@pytest.fixture
def custody(log: PostgresEventLog, store: ObjectStore) -> Custody:
    """A ledger with the workspace `acme`."""
    return Custody(log, store)

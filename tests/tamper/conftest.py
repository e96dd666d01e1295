"""A log with known positions, and the hand of somebody who owns the database and switches the triggers off."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from custody import RECORDS, SERVICE, Custody, caller
from custody_fixtures import custody, log
from provenstore.adapters.embedded.running import OWNER
from provenstore.domain.proofs.verification import verify_log

__all__ = ["custody", "log"]

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def story(custody: Custody) -> Custody:
    """Two files, interleaved.

    1 workspace, 2 and 3 the store's identity; first file: 4 initiated, 5 completion, 6 stored, 10 accessed,
    11 filename changed, 15 filename erased, by the request of 13 and 14, reported in 16; second file: 7 initiated,
    8 completion, 9 stored, 12 held, 17 opened to the workspace.
    """
    first, second = custody.stored(), custody.stored()
    custody.read(SERVICE, first.id)
    custody.ledger.change_file(SERVICE, first.id, values={"filename": "renamed.pdf"})
    custody.ledger.place_hold(RECORDS, second.id, name="Smith v. Jones", reason="litigation")
    custody.erase(caller("dora", "privacy"), first.id, "filename")
    custody.ledger.change_file(SERVICE, second.id, access="workspace")
    report = verify_log(custody.log)
    assert (report.checked, report.findings) == (17, ())
    return custody


@pytest.fixture
def owner(postgres: Any, story: Custody) -> Iterator[Owner]:
    """The owner's connection after the story was told: constraints and triggers are in its hands."""
    with psycopg.connect(postgres.conninfo(OWNER), autocommit=True) as connection:
        for table in ("event", "private_value"):
            connection.execute(f"alter table provenstore.{table} disable trigger user".encode())
        yield connection

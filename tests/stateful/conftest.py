"""A log for many examples, and its owner's connection."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from custody_fixtures import log
from provenstore.adapters.running_postgres import OWNER

__all__ = ["log"]


@pytest.fixture
def owner(postgres: Any) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """The owner, who alone can empty the log."""
    with psycopg.connect(postgres.conninfo(OWNER), autocommit=True) as connection:
        yield connection

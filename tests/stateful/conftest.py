"""A log for many examples, and the connections of its owner and of its read models."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from custody_fixtures import log
from provenstore.adapters.embedded.running import OWNER
from provenstore.api.wiring import RUNNER

__all__ = ["log"]


@pytest.fixture
def owner(postgres: Any) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """The owner, who alone can empty the log."""
    with psycopg.connect(postgres.conninfo(OWNER), autocommit=True) as connection:
        yield connection


@pytest.fixture
def runner(postgres: Any) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """The role that keeps the read models."""
    with psycopg.connect(postgres.conninfo(RUNNER), autocommit=True) as connection:
        yield connection

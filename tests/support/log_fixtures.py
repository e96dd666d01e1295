"""Logging as it was, for tests that run commands in their own process. Imported by conftest files."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def unconfigured_logs() -> Iterator[None]:
    """Leave logging as it was: commands configure it for their process."""
    level = logging.getLogger("psycopg.pool").level
    yield
    structlog.reset_defaults()
    logging.getLogger("psycopg.pool").setLevel(level)

"""Logs: JSON lines on stderr, of which a lost one costs nothing but itself."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import structlog

from provenstore.api.log_output import log_to_stderr


@pytest.fixture
def logger() -> Iterator[structlog.typing.FilteringBoundLogger]:
    before = structlog.get_config()
    log_to_stderr(logging.INFO)
    yield structlog.get_logger("test")
    structlog.configure(**before)


def test_one_line_of_json(logger: structlog.typing.FilteringBoundLogger, capsys: pytest.CaptureFixture[str]) -> None:
    """An event name, its fields and the level, for machines to read."""
    logger.warning("sweep.round", action="sweep.round", code="unavailable")
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["level"], said["code"]) == ("sweep.round", "warning", "unavailable")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_the_line_only(
    logger: structlog.typing.FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that had something to say goes on: the read models' runner and the sweeper have nobody to restart
    them.
    """
    # Unbuffered below, so that nothing is left to be written when the file is closed.
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(cast(BinaryIO, full), write_through=True))
        logger.warning("anything")
        logger.error("anything else")

"""Logs: JSON lines on stderr, of which a lost one costs nothing but itself."""

import io
import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest
import structlog

from provenstore.api.log_output import log_to_stderr
from tests.api.conftest import Api


@pytest.fixture
def logger() -> Iterator[structlog.typing.FilteringBoundLogger]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers = list(root.handlers)
    log_to_stderr(logging.INFO)
    yield structlog.get_logger("test")
    structlog.configure(**before)
    root.handlers = handlers


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


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.usefixtures("logger")
def test_libraries_speak_in_the_same_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning of a library is a line of JSON; of an exception it tells class and place, never the message."""
    root = logging.getLogger()
    # Without pytest's own, which raise what a log must bear.
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if "provenstore" in type(one).__module__])
    library = logging.getLogger("some.library")
    library.info("nobody asked")
    library.warning("%s is odd", "this")
    library.warning("%d is not said", "this")
    try:
        raise ValueError("top-secret-name.pdf")
    except ValueError:
        library.exception("it failed")
    odd, failed = _lines(capsys)
    assert (odd["level"], odd["library"], odd["said"]) == ("warning", "some.library", "this is odd")
    assert (failed["level"], failed["said"], failed["error"]) == ("error", "it failed", "ValueError")
    assert "test_log_output.py" in failed["at"]
    assert "top-secret" not in str(failed)


@pytest.mark.usefixtures("logger")
def test_libraries_speak_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However often a process says where it logs to."""
    log_to_stderr(logging.INFO)
    logging.getLogger("some.library").warning("once")
    assert len(_lines(capsys)) == 1


@pytest.mark.usefixtures("logger")
def test_what_is_not_http_leaves_json(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that no parser gets through is told in a line like all others, without a byte of it."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"top-secret-name.pdf\r\n\r\n")
        assert connection.recv(1_024).startswith(b"HTTP/1.1 400 ")
    told: list[dict[str, str]] = []
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        told = [line for line in _lines(capsys) if line.get("library", "").startswith("uvicorn")]
    assert [one["level"] for one in told] == ["warning"]
    assert "top-secret" not in str(told)

"""Servers of their own for tests that start, kill and corrupt them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.installation import Account, Installation

# Another process that uses the data directory: says the postmaster's pid, then waits to be told or killed.
_OWNER = """
import sys
from pathlib import Path
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.server import EmbeddedPostgres
directory = DataDirectory(Path(sys.argv[1]))
with EmbeddedPostgres(directory, durable=False):
    print((directory.postgres / "postmaster.pid").read_text().split()[0], flush=True)
    sys.stdin.readline()
"""


class OtherProcess:
    """A second owner of a data directory in a process of its own."""

    def __init__(self, directory: DataDirectory) -> None:
        command = [sys.executable, "-c", _OWNER, str(directory.path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def postmaster(self) -> int:
        """Wait until it owns the server; the server's pid."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate("leave\n", timeout=20)
        assert self.process.returncode == 0

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def other_process() -> Iterator[Callable[[DataDirectory], OtherProcess]]:
    """Start owners in processes of their own; they and their servers end with the test."""
    started: list[tuple[OtherProcess, DataDirectory]] = []

    def start(directory: DataDirectory) -> OtherProcess:
        started.append((OtherProcess(directory), directory))
        return started[-1][0]

    yield start
    for other, _ in started:
        other.end()
    for _, directory in started:
        assert server_gone(directory)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A short folder that every system user can look into, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="open-place-", dir="/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def fake_installation(tmp_path: Path, open_place: Path) -> Callable[[str], Installation]:
    """An installation whose initdb is a shell script: for failures that cannot be had on demand."""

    def make(script: str) -> Installation:
        installation = Installation(tmp_path / "site", open_place / "copies")
        program = installation.program("initdb")
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
        program.chmod(0o755)
        return installation

    return make


def server_gone(directory: DataDirectory, seconds: float = 15) -> bool:
    """Whether the last process of the server ends within `seconds`."""
    lock = FileLock(directory.run / "server.lock")
    try:
        return lock.acquire(seconds=seconds)
    finally:
        lock.close()


@pytest.fixture
def gone() -> Callable[[DataDirectory, float], bool]:
    return server_gone


def run_as_server(command: list[str | Path]) -> subprocess.Popen[bytes]:
    """Run a program as the system user of the embedded server."""
    return subprocess.Popen(command, **Account.for_server().identity(), cwd="/", env={"PATH": os.defpath})

"""One ledger for the tests of the command line: a data directory that is served, so that both ways in lead to it."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from log_fixtures import unconfigured_logs
from provenstore.api.cli.app import app

__all__ = ["unconfigured_logs"]

PROVENSTORE = str(Path(sys.executable).with_name("provenstore"))

# A run in the background hands on an ignored SIGINT; a terminal does not, and neither does what is run by this.
ON_A_TERMINAL = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
READY = re.compile(r"Provenstore on (http://127\.0\.0\.1:\d+), data directory (.+?)(?:, \d+ workers)?\n")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """The documents of a list, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def next(self) -> Any:
        """Where the next page of a list begins, None at its end."""
        return json.loads(self.err)["next"] if self.err else None

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a table on a pipe, without the names of its columns."""
        return [line.split("\t") for line in self.text.splitlines()[1:]]


@dataclass(frozen=True)
class Provenstore:
    """The command line in one environment."""

    env: Mapping[str, str]

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", code: int = 0) -> Ran:
        """Run a command in this process; the test fails unless it ends with `code`."""
        found = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin, env={**_BARE, **self.env})
        ran = Ran(found.exit_code, found.stdout_bytes, found.stderr)
        assert ran.code == code, (ran, found.exc_info)
        return ran

    def process(self, *arguments: str | Path, stdin: bytes = b"") -> Ran:
        """Run a command as a process of its own."""
        command = [PROVENSTORE, *map(str, arguments)]
        found = subprocess.run(command, input=stdin, env=self.whole_env, capture_output=True, check=False, timeout=60)
        return Ran(found.returncode, found.stdout, found.stderr.decode())

    @property
    def whole_env(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROVENSTORE_")}
        return {**inherited, **self.env}


_BARE: dict[str, str | None] = dict.fromkeys(
    ("PROVENSTORE_URL", "PROVENSTORE_KEY", "PROVENSTORE_PROFILE", "PROVENSTORE_DATA_DIR", "PROVENSTORE_DATABASE_URL")
)


@dataclass(frozen=True)
class Served:
    """A ledger behind a server, and the directory that it is in."""

    url: str
    data_dir: Path
    server: Provenstore  # as alice
    second: Provenstore  # as bea, whose key the same one issued
    direct: Provenstore  # as the system user


@pytest.fixture(scope="session", autouse=True)
def commands() -> Iterator[None]:
    """Build the tree of commands once for all that run in this process; each run would build its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data_dir = tmp_path_factory.mktemp("ledger") / "data"
    direct = Provenstore({"PROVENSTORE_DATA_DIR": str(data_dir)})
    command = [PROVENSTORE, "serve", "--port", "0"]
    with subprocess.Popen(command, env=direct.whole_env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = READY.match(process.stderr.readline())
        assert found, process.stderr.read()
        # Its log has to go somewhere: a server whose pipe is full stands still.
        draining = threading.Thread(target=process.stderr.read)
        draining.start()
        try:
            url, issue = found[1], ("keys", "issue", "--role", "admin", "--kind", "person", "--json", "--actor")
            keys = [direct(*issue, name).json["key"] for name in ("alice", "bea")]
            direct("workspace", "create", "default")
            alice, bea = (Provenstore({"PROVENSTORE_URL": url, "PROVENSTORE_KEY": key}) for key in keys)
            yield Served(url, data_dir, alice, bea, direct)
        finally:
            process.terminate()
            process.wait(timeout=30)
            draining.join()


@pytest.fixture(params=["server", "direct"])
def both(request: pytest.FixtureRequest, served: Served) -> Provenstore:
    """The command line, once against the server and once on the data directory."""
    return served.server if request.param == "server" else served.direct

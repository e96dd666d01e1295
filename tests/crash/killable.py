"""A real server that is killed: started with its steps written down, spoken to over HTTP, and ended by SIGKILL.

One data directory outlives many servers, as it does outside of tests.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from provenstore.api.settings import Settings
from provenstore.api.wiring import open_services
from provenstore.domain.eventlog.caller import Caller, Role
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.crash.serve_step_by_step import AHEAD, CONTROL

READY = re.compile(r"Provenstore on (http://127\.0\.0\.1:\d+), data directory ")
ROOT = Caller(Actor("root", "person", "cli"), frozenset({"admin"}), None)
WORKSPACE = "acme"
PEOPLE: Mapping[str, Role] = {
    "service": "service",
    "alice": "records",
    "bob": "approver",
    "carol": "records",
    "olga": "operator",
}
PATIENCE = 30.0
"""Seconds to wait for anything that is certain to come."""

Command = Callable[[], httpx.Response]

MAX_STUCK = 32
"""Requests that stand still in one server; commands run in 64 threads of it."""

_LAUNCHER = Path(__file__).with_name("serve_step_by_step.py")
_NEVER = timedelta(0)


@dataclass
class Ground:
    """A data directory, keys of five people to its workspace, and what their clients keep of the answers."""

    settings: Settings
    control: Path
    keys: dict[str, str] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    """How far the clocks of servers have been moved: it never goes back."""
    signed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """For files whose bytes go to a signed URL: where, and with which headers."""

    def prepare(self) -> "Ground":
        """Create the workspace and the keys, and return itself."""
        self.control.mkdir()
        with open_services(self.settings, sweep=False) as services:
            services.ledger.create_workspace(ROOT, CreateWorkspace(id=WORKSPACE))
            for actor, role in PEOPLE.items():
                kind: Any = "service" if actor == "service" else "person"
                issued = services.ledger.issue_key(ROOT, actor=actor, kind=kind, roles=(role,), scope=WORKSPACE)
                self.keys[actor] = issued.key
        return self

    @contextmanager
    def serving(self, *, pass_time: timedelta = _NEVER, stop_at: int = 0, idle: bool = False) -> Iterator["Killable"]:
        """Start a server whose clock is further ahead; it is killed at the end if it has not been ended before.

        With `stop_at` its background work stops at that step of it, which may be before anything is served; with `idle`
        it has none.
        """
        self.ahead += pass_time
        for name in ("steps", "stop_at", "swept", "verified", "idle"):
            (self.control / name).unlink(missing_ok=True)
        if idle:
            for name in ("idle", "swept", "verified"):
                (self.control / name).touch()
        if stop_at:
            _write(self.control / "stop_at", stop_at)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROVENSTORE_")},
            **_environment(self.settings),
            CONTROL: str(self.control),
            AHEAD: str(self.ahead.total_seconds()),
        }
        command = [sys.executable, str(_LAUNCHER), "serve", "--port", "0"]
        said = self.control / "stderr"
        with said.open("wb") as stderr, subprocess.Popen(command, env=environment, stderr=stderr) as process:
            server = Killable(self, process, said)
            try:
                yield server
            finally:
                server.kill()
        # What a reader of a failed test wants to know is in `stderr` until the next start.


class Killable:
    """A server under way."""

    def __init__(self, ground: Ground, process: subprocess.Popen[bytes], said: Path) -> None:
        self._keys, self._control = ground.keys, ground.control
        self.signed = ground.signed
        self._process, self._said = process, said
        self._client = httpx.Client(timeout=PATIENCE)
        self._pool = ThreadPoolExecutor(MAX_STUCK)
        self._url = ""

    def ready(self) -> "Killable":
        """Wait until it serves and its first round of background work is done, and return itself."""
        self._await(lambda: READY.search(self._said.read_text()) is not None, "no server")
        found = READY.search(self._said.read_text())
        self._url = found[1] if found else ""
        for name in ("swept", "verified"):
            self._await((self._control / name).exists, "no background work")
        return self

    def call(self, who: str, method: str, path: str, **about: Any) -> httpx.Response:
        """Send one request as somebody."""
        headers = {"Authorization": f"Bearer {self._keys[who]}", **about.pop("headers", {})}
        return self._client.request(method, f"{self._url}{path}", headers=headers, **about)

    def send(self, file: str, content: bytes) -> httpx.Response:
        """Send content to the signed URL that was answered for a file, without a key."""
        signed = self.signed[file]
        # A URL that leads to us leads to the server that answered it, whose port is another one's now.
        _, ours, token = signed["url"].partition("/v1/signed/")
        url = f"{self._url}{ours}{token}" if ours else signed["url"]
        return self._client.put(url, content=content, headers=signed["headers"])

    def status(self, file: str) -> str:
        """Return the state of a file."""
        answer = self.call("service", "GET", f"/v1/files/{file}")
        assert answer.is_success, answer.text
        return str(answer.json()["status"])

    def steps(self) -> list[str]:
        """Return the steps up to now."""
        written = self._control / "steps"
        return written.read_text().splitlines() if written.exists() else []

    def stick(self, step: int, command: Command) -> "Future[httpx.Response]":
        """Run `command` in a thread of its own until it has come to that step of it, where it is stuck."""
        target = len(self.steps()) + step
        _write(self._control / "stop_at", target)
        answer = self._pool.submit(command)

        def come() -> bool:
            assert not answer.done(), (answer.exception() or answer.result().text, self.steps())
            return len(self.steps()) >= target

        self._await(come, f"no step {step}")
        return answer

    def await_steps(self, count: int) -> None:
        """Wait until so many steps have been taken since the start."""
        self._await(lambda: len(self.steps()) >= count, f"no step {count}")

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._pool.shutdown()
        self._client.close()

    def stop(self) -> None:
        """Ask it to end, as an operator does."""
        self._process.terminate()
        assert self._process.wait(PATIENCE) == 0, self._said.read_text()
        self._pool.shutdown()
        self._client.close()

    def _await(self, happened: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert self._process.poll() is None, self._said.read_text()
            assert time.monotonic() < deadline, (otherwise, self._said.read_text())
            time.sleep(0.005)


def _write(file: Path, number: int) -> None:
    whole = file.with_suffix(".new")
    whole.write_text(str(number))
    whole.rename(file)


def _environment(settings: Settings) -> dict[str, str]:
    found = {"PROVENSTORE_DATA_DIR": str(settings.data_dir)}
    if settings.spaces_secret is not None:
        found |= {
            "DO_SPACES_BUCKET": str(settings.spaces_bucket),
            "DO_SPACES_ENDPOINT": str(settings.spaces_endpoint),
            "DO_SPACES_REGION": str(settings.spaces_region),
            "DO_SPACES_KEY": str(settings.spaces_key),
            "DO_SPACES_SECRET": settings.spaces_secret.get_secret_value(),
            "PROVENSTORE_SPACES_PATH_STYLE": "true",
        }
    return found

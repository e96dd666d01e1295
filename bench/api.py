"""Group `api`: requests to a served ledger beside routes that answer constants, by wrk, all in one run.

Each figure is requests a second and the processor time that the server's processes spend on one request: on a machine
that others use too, the latter says more. The database is not counted in it.
"""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from bench.__main__ import Result, Scale
from bench.transfer import PROVENSTORE, free_port, serve, served

FILES: Final = 200
"""Files that requests are spread over."""

CONNECTIONS: Final = 32

_LUA: Final = """
local paths = { %(paths)s }
local n, failed = 0, 0
function request()
  n = n + 1
  return wrk.format(%(method)s, paths[n %% #paths + 1], { ["Authorization"] = %(key)s,
    ["Content-Type"] = %(type)s }, %(body)s)
end
"""


@dataclass(frozen=True)
class Load:
    """One kind of request."""

    name: str
    paths: list[str]
    method: str = "GET"
    body: str | None = None
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Figures:
    """What came of a load."""

    rate: float
    p99: float  # milliseconds
    cpu: float  # milliseconds of the server's processes for one request
    health: float | None = None  # p99 of GET /healthz meanwhile, milliseconds


def run(scale: Scale) -> Iterator[Result]:
    """Measure one worker and then two, each on a data directory of its own."""
    with TemporaryDirectory(prefix="bench-") as name:
        rates: dict[str, float] = {}
        for workers in (1, 2):
            for result in _workers(Path(name) / str(workers), workers, scale):
                if workers == 1:
                    rates[result.name] = result.value
                yield result
                single = result.name.removesuffix(", two workers")
                if workers == 2 and single in rates:
                    yield _ratio(f"{single}, two workers beside one", result.value, rates[single])


def _ratio(name: str, value: float, peer: float) -> Result:
    return Result("api", name, value, "1/s", "one worker", peer, value / peer)


def _workers(data: Path, workers: int, scale: Scale) -> Iterator[Result]:
    with ExitStack() as stack:
        environment = {**os.environ, "PROVENSTORE_DATA_DIR": str(data)}
        port, constant_port = free_port(), free_port()
        command = [*serve(data, port), "--workers", str(workers)]
        server = stack.enter_context(served(command, port, "/readyz", environment))
        loads = _prepared(port, environment)
        if workers == 1:
            peers = _constants(stack, constant_port, scale)
            for name, figure in peers.items():
                yield Result("api", name, figure.rate, "1/s")
        for load in loads if workers == 1 else loads[:3]:
            found = [_measured(server, port, load, scale.seconds) for _ in range(scale.rounds)]
            best = sorted(found, key=lambda one: one.rate)[len(found) // 2]
            name = load.name if workers == 1 else f"{load.name}, two workers"
            if workers == 1:
                peer = peers["constant, sync"].rate
                yield Result("api", name, best.rate, "1/s", "constant, sync", peer, best.rate / peer)
                yield Result("api", f"{load.name}: processor time", best.cpu, "ms", "constant, sync",
                             peers["constant, sync"].cpu, best.cpu / peers["constant, sync"].cpu)  # fmt: skip
            else:
                yield Result("api", name, best.rate, "1/s")
            yield Result("api", f"{name}: p99", best.p99, "ms")
            if best.health is not None:
                yield Result("api", f"{name}: p99 of /healthz meanwhile", best.health, "ms")


def _constants(stack: ExitStack, port: int, scale: Scale) -> dict[str, Figures]:
    command = [sys.executable, "-m", "uvicorn", "bench.constant_app:app", "--port", str(port), "--no-access-log"]
    process = stack.enter_context(served(command, port, "/async"))
    found = {}
    for kind in ("sync", "async"):
        rounds = [_measured(process, port, Load(kind, [f"/{kind}"]), scale.seconds) for _ in range(scale.rounds)]
        found[f"constant, {kind}"] = sorted(rounds, key=lambda one: one.rate)[len(rounds) // 2]
    return found


_KEYS: dict[int, str] = {}


def _prepared(port: int, environment: dict[str, str]) -> list[Load]:
    """Make a workspace, a key and files; return what is asked of them."""
    _said(environment, "workspace", "create", "bench")
    issue = ("keys", "issue", "--workspace", "bench", "--actor", "bench", "--kind", "service", "--role", "service")
    _KEYS[port] = json.loads(_said(environment, *issue, "--role", "auditor", "--json"))["key"]
    new = {
        "workspace": "bench",
        "filename": "note.txt",
        "media_type": "text/plain",
        "category": "misc",
        "content": base64.b64encode(b"abc").decode(),
    }
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {_KEYS[port]}", "Content-Type": "application/json"}
    files = []
    for _ in range(FILES):
        connection.request("POST", "/v1/files", json.dumps(new), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 201, said
        files.append(f"/v1/files/{said['file']['id']}")
    time.sleep(2)  # the read models catch up
    return [
        Load("GET file", files),
        Load("POST link", [f"{one}/links" for one in files], "POST", "{}"),
        Load("GET content", [f"{one}/content" for one in files]),
        Load("POST file with content", ["/v1/files"], "POST", json.dumps(new)),
        Load("GET audit, 20 entries", ["/v1/audit?limit=20"], connections=8),
    ]


def _said(environment: dict[str, str], *command: str) -> str:
    return subprocess.run([PROVENSTORE, *command], env=environment, check=True, capture_output=True, text=True).stdout


def _measured(server: psutil.Process, port: int, load: Load, seconds: float) -> Figures:
    """Let wrk ask for some seconds, and somebody else for the server's health meanwhile."""
    health = _Health(port) if port in _KEYS else None
    cpu = _cpu(server)
    with TemporaryDirectory() as name:
        script = Path(name) / "load.lua"
        script.write_text(_script(port, load))
        command = ["wrk", "-t1", f"-c{load.connections}", f"-d{round(seconds)}s", "--latency", "-s", str(script)]
        wrk = subprocess.run([*command, f"http://127.0.0.1:{port}"], check=True, capture_output=True, text=True)
    used = _cpu(server) - cpu
    said = wrk.stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise AssertionError(said)
    count = int(_found(r"(\d+) requests in", said))
    return Figures(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p99=_milliseconds(_found(r"99%\s+(\S+)", said)),
        cpu=1000 * used / max(count, 1),
        health=None if health is None else health.end(),
    )


def _script(port: int, load: Load) -> str:
    def text(value: str | None) -> str:
        return "nil" if value is None else json.dumps(value)

    return _LUA % {
        "paths": ", ".join(map(text, load.paths)),
        "method": text(load.method),
        "key": text(f"Bearer {_KEYS.get(port, 'none')}"),
        "type": text(None if load.body is None else "application/json"),
        "body": text(load.body),
    }


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def _milliseconds(text: str) -> float:
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]  # wrk writes no other
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def _cpu(server: psutil.Process) -> float:
    """Return the seconds that a server and its workers have used, without a database below it."""
    found = [server, *(one for one in server.children(recursive=True) if "postgres" not in one.name())]
    return sum(sum(one.cpu_times()[:2]) for one in found)


class _Health:
    """Asks for health every 20 ms."""

    def __init__(self, port: int) -> None:
        self._took: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(http.client.HTTPConnection("127.0.0.1", port),))
        self._thread.start()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        while not self._stopping.wait(0.02):
            begun = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self._took.append(1000 * (time.perf_counter() - begun))

    def end(self) -> float:
        """Return the 99th percentile of the answers' times in milliseconds."""
        self._stopping.set()
        self._thread.join()
        return sorted(self._took)[int(0.99 * (len(self._took) - 1))]

"""Group `proofs`, what is handed out: receipts by HTTP from a served ledger of full size, and its log checked offline.

The ledger is filled before it is served; what is asked begins when its read models and its tree have seen everything.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from bench.__main__ import Result, Scale, alternate
from bench.mixed_log import fill
from bench.transfer import PROVENSTORE, free_port, serve, served
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, SUPERUSER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.migrations import migrate
from provenstore.api.verify import offline_verifier
from provenstore.api.wiring import WRITER

QUESTIONS: Final = 2_000
PATIENCE: Final = 1_800
"""Seconds that the server is given to fold a full log."""

_FILES: Final = (
    "SELECT DISTINCT substr(stream, 6) FROM provenstore.event WHERE stream LIKE 'file:%%' ORDER BY 1 LIMIT %s"
)


def run(scale: Scale) -> Iterator[Result]:
    """Measure on a data directory of its own."""
    with TemporaryDirectory(prefix="bench-") as name:
        data, log = Path(name) / "data", Path(name) / "log.ndjson"
        files = _filled(data, scale.events)
        environment = {**os.environ, "PROVENSTORE_DATA_DIR": str(data)}
        with served(serve(data, port := free_port()), port, "/healthz", environment):
            issue = (
                "keys",
                "issue",
                "--role",
                "auditor",
                "--role",
                "operator",
                "--actor",
                "bench",
                "--kind",
                "service",
            )
            asked = Asked(port, json.loads(_said(environment, *issue, "--json"))["key"])
            _until_seen(asked, scale.events)
            medians = alternate({"receipt": lambda: _receipts(asked, files)}, scale.rounds)
            yield Result("proofs", f"receipt by HTTP at {scale.events:,}, p50", medians["receipt"], "ms")
            longest = max(len(asked.json(f"/v1/files/{one}/receipt")["proof"]) for one in files)
            yield Result("proofs", f"longest proof of {len(files):,} receipts", longest, "hashes")
            (data.parent / "keys").write_text(_said(environment, "log", "keys"))
            _said(environment, "log", "export", str(log))
        peaks: list[float] = []

        def verify() -> float:
            seconds, peak = _verified(log, data.parent / "keys")
            peaks.append(peak)
            return seconds

        seconds = alternate({"offline verification": verify}, scale.rounds)["offline verification"]
        yield Result("proofs", f"offline verification of {scale.events:,} events", seconds, "s")
        yield Result("proofs", "peak resident memory of that", max(peaks), "MiB")


class Asked:
    """A server, asked over one connection."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = {"Authorization": f"Bearer {key}"}

    def json(self, path: str) -> Any:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content)


def _filled(data: Path, events: int) -> list[str]:
    """Fill a data directory, and return the ids of some files."""
    directory = DataDirectory(data)
    directory.prepare()
    with EmbeddedPostgres(directory) as running:
        running.bootstrap()
        migrate(running.conninfo(OWNER))
        with Database(running.conninfo(WRITER), size=2) as database:
            fill(PostgresEventLog(database), events)
        with psycopg.connect(running.conninfo(SUPERUSER)) as connection:
            return [found for (found,) in connection.execute(_FILES, (QUESTIONS,))]


def _said(environment: dict[str, str], *command: str) -> str:
    return subprocess.run([PROVENSTORE, *command], env=environment, check=True, capture_output=True, text=True).stdout


def _until_seen(asked: Asked, events: int) -> None:
    """Wait until a checkpoint covers the log, and the read models have folded it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lags = [one["lag"]["events"] for one in asked.json("/v1/projections")["projections"]]
        if not any(lags) and (asked.json("/v1/log")["checkpoint"] or 0) >= events:
            return
        time.sleep(1)
    raise TimeoutError("the server has not seen the whole log")


def _receipts(asked: Asked, files: list[str]) -> float:
    """Return the median milliseconds of a receipt, from the request to the last byte of the answer."""
    took, chance = [], random.Random(3)
    for file in chance.sample(files, min(len(files), 500)):
        begun = time.perf_counter()
        asked.json(f"/v1/files/{file}/receipt")
        took.append(time.perf_counter() - begun)
    return median(took) * 1_000


def _verified(log: Path, keys: Path) -> tuple[float, float]:
    """Return seconds and peak MiB of the verifier that is copied away and run alone."""
    verifier = str(offline_verifier.__file__)
    command = [
        sys.executable,
        "-I",
        verifier,
        "log",
        str(log),
        "--checkpoint",
        f"{log}.checkpoint",
        "--keys",
        str(keys),
    ]
    begun = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit("the log that was measured does not verify")
    return time.perf_counter() - begun, used.ru_maxrss / 1024

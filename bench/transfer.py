"""Group `transfer`: 1 GiB up and down through HTTP on the local folder, the server's memory, and its first answer."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.__main__ import Result, Scale, alternate, compared

CHUNK = 1024 * 1024
PROVENSTORE = Path(sys.executable).parent / "provenstore"


def run(scale: Scale) -> Iterator[Result]:
    """Measure, on a throw-away data directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        source = folder / "source.pdf"
        fill(source, scale.size)
        data = folder / "data"
        with served(serve(data, port := free_port()), port, "/healthz"):
            pass
        yield Result("transfer", "first answer of serve, warm", *_first_answer(data, scale.rounds))
        yield from _throughput(folder, data, source, scale)


def fill(path: Path, size: int) -> None:
    """Write bytes that nothing can compress."""
    with path.open("wb") as out:
        for _ in range(size // CHUNK):
            out.write(os.urandom(CHUNK))


def _first_answer(data: Path, rounds: int) -> tuple[float, str]:
    def once() -> float:
        port = free_port()
        begun = time.perf_counter()
        with served(serve(data, port), port, "/readyz"):
            return time.perf_counter() - begun

    return alternate({"serve": once}, rounds)["serve"], "s"


def issue_key(data: Path, environment: dict[str, str]) -> str:
    """Make the workspace `bench` and return a key that may do everything in it."""
    environment = {**environment, "PROVENSTORE_DATA_DIR": str(data)}
    issue = ["keys", "issue", "--role", "admin", "--actor", "bench", "--kind", "service", "--json"]
    quiet = subprocess.DEVNULL
    subprocess.run([PROVENSTORE, "workspace", "create", "bench"], env=environment, check=True, stdout=quiet)
    key = json.loads(subprocess.run([PROVENSTORE, *issue], env=environment, check=True, capture_output=True).stdout)
    return str(key["key"])


def _throughput(folder: Path, data: Path, source: Path, scale: Scale) -> Iterator[Result]:
    port, peer_port = free_port(), free_port()
    headers = {"Authorization": f"Bearer {issue_key(data, dict(os.environ))}"}
    peer = [sys.executable, "-m", "bench.peers", str(peer_port), str(folder)]
    size = scale.size / CHUNK
    with served(serve(data, port), port, "/readyz") as server, served(peer, peer_port, "/peer"):
        stored: list[str] = []

        def up() -> float:
            file_id = initiate(port, headers, scale.size)
            seconds = put(port, f"/v1/files/{file_id}/content", source, headers)
            stored.append(file_id)
            return size / seconds

        def copy() -> float:
            begun = time.perf_counter()
            subprocess.run(["cp", str(source), str(folder / "copy")], check=True)
            return size / (time.perf_counter() - begun)

        # A small file first, so that what every server allocates once is not counted as growth.
        initiate(port, headers, scale.size)
        before = resident(server)
        medians = alternate(
            {"provenstore": up, "cp": copy, "starlette": lambda: size / put(peer_port, "/peer", source, {})},
            scale.rounds,
        )
        yield from compared("transfer", "1 GiB up", "MiB/s", medians)
        medians = alternate(
            {
                "provenstore": lambda: size / get(port, f"/v1/files/{stored[-1]}/content", headers),
                "cp": copy,
                "starlette": lambda: size / get(peer_port, "/peer", {}),
            },
            scale.rounds,
        )
        yield from compared("transfer", "1 GiB down", "MiB/s", medians)
        yield Result("transfer", "growth of the server's peak resident memory", peak(server) - before, "MiB")


def serve(data: Path, port: int) -> list[str]:
    """Return the command of a server on a data directory."""
    return [str(PROVENSTORE), "serve", "--port", str(port), "--data-dir", str(data)]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def served(
    command: list[str], port: int, path: str, environment: dict[str, str] | None = None
) -> Iterator[psutil.Process]:
    """Run a server until it has answered `path` and the caller is done."""
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(3000):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("HEAD" if path == "/peer" else "GET", path)
                if connection.getresponse().status != 503:
                    break
            time.sleep(0.01)
        else:
            raise TimeoutError(command)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def initiate(port: int, headers: dict[str, str], size: int) -> str:
    """Begin a file and return its id."""
    body = {
        "workspace": "bench",
        "filename": "source.pdf",
        "size": size,
        "media_type": "application/pdf",
        "category": "book_content",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/files", json.dumps(body), {**headers, "Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    file_id: str = json.loads(answer.read())["file"]["id"]
    return file_id


def put(port: int, path: str, source: Path, headers: dict[str, str]) -> float:
    """Send a file and return the seconds until it is stored."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.blocksize = CHUNK
    with source.open("rb") as body:
        begun = time.perf_counter()
        connection.request("PUT", path, body, {**headers, "Content-Length": str(source.stat().st_size)})
        answer = connection.getresponse()
        assert answer.status in {200, 201}, answer.read()
        answer.read()
        return time.perf_counter() - begun


def get(port: int, path: str, headers: dict[str, str]) -> float:
    """Read a content to its end and return the seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    begun = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    received = 0
    while chunk := answer.read(CHUNK):
        received += len(chunk)
    assert received == int(answer.headers["Content-Length"])
    return time.perf_counter() - begun


def resident(server: psutil.Process) -> float:
    """Return the resident memory in MiB."""
    return float(server.memory_info().rss) / 1024**2


def peak(server: psutil.Process) -> float:
    """Return the peak resident memory in MiB (VmHWM; the platform's resource usage elsewhere)."""
    status = Path(f"/proc/{server.pid}/status")
    if not status.exists():
        return resident(server)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if shutil.which("cp") is None:
    raise SystemExit("the transfer group needs cp")

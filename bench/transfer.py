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

from bench.__main__ import Result, alternate, compared

SIZE = 1024**3
CHUNK = 1024 * 1024
PROVENSTORE = Path(sys.executable).parent / "provenstore"


def run() -> Iterator[Result]:
    """Measure, on a throw-away data directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        source = folder / "source.pdf"
        with source.open("wb") as out:
            for _ in range(SIZE // CHUNK):
                out.write(os.urandom(CHUNK))
        data = folder / "data"
        with served(_serve(data, port := free_port()), port, "/healthz"):
            pass
        yield Result("transfer", "first answer of serve, warm", *_first_answer(data))
        yield from _throughput(folder, data, source)


def _first_answer(data: Path) -> tuple[float, str]:
    def once() -> float:
        port = free_port()
        begun = time.perf_counter()
        with served(_serve(data, port), port, "/readyz"):
            return time.perf_counter() - begun

    return alternate({"serve": once})["serve"], "s"


def _throughput(folder: Path, data: Path, source: Path) -> Iterator[Result]:
    port, peer_port = free_port(), free_port()
    environment = {**os.environ, "PROVENSTORE_DATA_DIR": str(data)}
    issue = ["keys", "issue", "--role", "admin", "--actor", "bench", "--kind", "service", "--json"]
    subprocess.run(
        [PROVENSTORE, "workspace", "create", "bench"], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    key = json.loads(subprocess.run([PROVENSTORE, *issue], env=environment, check=True, capture_output=True).stdout)
    headers = {"Authorization": f"Bearer {key['key']}"}
    peer = [sys.executable, "-m", "bench.peers", str(peer_port), str(folder)]
    with served(_serve(data, port), port, "/readyz") as server, served(peer, peer_port, "/peer"):
        stored: list[str] = []

        def up() -> float:
            file_id = _initiate(port, headers)
            seconds = _put(port, f"/v1/files/{file_id}/content", source, headers)
            stored.append(file_id)
            return SIZE / CHUNK / seconds

        def copy() -> float:
            begun = time.perf_counter()
            subprocess.run(["cp", str(source), str(folder / "copy")], check=True)
            return SIZE / CHUNK / (time.perf_counter() - begun)

        # A small file first, so that what every server allocates once is not counted as growth.
        _initiate(port, headers)
        before = _resident(server)
        medians = alternate(
            {"provenstore": up, "cp": copy, "starlette": lambda: SIZE / CHUNK / _put(peer_port, "/peer", source, {})}
        )
        yield from compared("transfer", "1 GiB up", "MiB/s", medians)
        medians = alternate(
            {
                "provenstore": lambda: SIZE / CHUNK / _get(port, f"/v1/files/{stored[-1]}/content", headers),
                "cp": copy,
                "starlette": lambda: SIZE / CHUNK / _get(peer_port, "/peer", {}),
            }
        )
        yield from compared("transfer", "1 GiB down", "MiB/s", medians)
        yield Result("transfer", "growth of the server's peak resident memory", _peak(server) - before, "MiB")


def _serve(data: Path, port: int) -> list[str]:
    return [str(PROVENSTORE), "serve", "--port", str(port), "--data-dir", str(data)]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def served(command: list[str], port: int, path: str) -> Iterator[psutil.Process]:
    """Run a server until it has answered `path` and the caller is done."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
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


def _initiate(port: int, headers: dict[str, str]) -> str:
    body = {
        "workspace": "bench",
        "filename": "source.pdf",
        "size": SIZE,
        "media_type": "application/pdf",
        "category": "book_content",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/files", json.dumps(body), {**headers, "Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    file_id: str = json.loads(answer.read())["file"]["id"]
    return file_id


def _put(port: int, path: str, source: Path, headers: dict[str, str]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.blocksize = CHUNK
    with source.open("rb") as body:
        begun = time.perf_counter()
        connection.request("PUT", path, body, {**headers, "Content-Length": str(SIZE)})
        answer = connection.getresponse()
        assert answer.status in {200, 201}, answer.read()
        answer.read()
        return time.perf_counter() - begun


def _get(port: int, path: str, headers: dict[str, str]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    begun = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    received = 0
    while chunk := answer.read(CHUNK):
        received += len(chunk)
    assert received == SIZE
    return time.perf_counter() - begun


def _resident(server: psutil.Process) -> float:
    return float(server.memory_info().rss) / 1024**2


def _peak(server: psutil.Process) -> float:
    """Return the peak resident memory in MiB (VmHWM; the platform's resource usage elsewhere)."""
    status = Path(f"/proc/{server.pid}/status")
    if not status.exists():
        return _resident(server)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if shutil.which("cp") is None:
    raise SystemExit("the transfer group needs cp")

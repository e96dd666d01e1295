"""Bodies on the wire: cut off, stalled, lying about their length, refused early; and constant memory."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.api.conftest import STALL, Api, Tenant

MIB = 1024 * 1024


def wire(api: Api, client: httpx.Client, path: str, headers: dict[str, str]) -> socket.socket:
    """Open a connection and send the head of a PUT."""
    parts = urlsplit(api.url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=20)
    lines = [f"PUT {path} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: {client.headers['Authorization']}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def answer_on(connection: socket.socket) -> bytes:
    """Read until the server closes, or has said all that it says."""
    found = b""
    while b"\r\n\r\n" not in found or b"}" not in found:
        chunk = connection.recv(65_536)
        if not chunk:
            break
        found += chunk
    return found


def until_read(tenant: Tenant, file_id: str, client: httpx.Client) -> str:
    """Return the file's status once the server has noticed that a connection ended."""
    deadline = time.monotonic() + 10
    transfers = tenant.api.app.state.transfers
    while transfers.borrowed_tokens and time.monotonic() < deadline:
        time.sleep(0.01)
    status: str = client.get(f"/v1/files/{file_id}").json()["status"]
    return status


def test_body_cut_off_half_way(tenant: Tenant) -> None:
    """A connection that ends early stores nothing, leaves no object, and the upload stays open for another try."""
    service = tenant.client("service")
    file_id = tenant.new(service, size=4 * MIB).json()["file"]["id"]
    at = f"/v1/files/{file_id}/content"
    with wire(tenant.api, service, at, {"Content-Length": str(4 * MIB)}) as connection:
        connection.sendall(b"x" * (2 * MIB))
    assert until_read(tenant, file_id, service) == "initiated"
    assert tenant.types(file_id) == ["upload_initiated"]
    assert service.put(at, content=b"y" * (4 * MIB)).status_code == 200
    objects = tenant.api.services.settings.data_dir / "objects"
    assert [one for one in objects.rglob(f"{file_id}*") if one.is_file()] == [
        objects / service.get(f"/v1/files/{file_id}").json()["path"]
    ]


@pytest.mark.parametrize("sent", [b"", b"x" * 10])
def test_client_that_stalls(tenant: Tenant, sent: bytes) -> None:
    """A client that stops sending is answered after the stall timeout, and nothing is stored."""
    service = tenant.client("service")
    file_id = tenant.new(service).json()["file"]["id"]
    with wire(tenant.api, service, f"/v1/files/{file_id}/content", {"Content-Length": "100"}) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        answer = answer_on(connection)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"incomplete-body" in answer
    assert STALL / 2 < time.monotonic() - began < 10
    assert service.get(f"/v1/files/{file_id}").json()["status"] == "initiated"


def test_json_that_stalls(tenant: Tenant) -> None:
    """A JSON body that stands still is given up in the same way."""
    service = tenant.client("service")
    headers = {"Content-Length": "100", "Content-Type": "application/json"}
    with wire(tenant.api, service, "/v1/workspaces/x/limits/misc", headers) as connection:
        connection.sendall(b'{"max')
        assert b"incomplete-body" in answer_on(connection)


def test_length_that_contradicts_the_declaration(tenant: Tenant) -> None:
    """A Content-Length other than the declared size is refused before a byte is read."""
    service = tenant.client("service")
    file_id = tenant.new(service, size=5).json()["file"]["id"]
    with wire(tenant.api, service, f"/v1/files/{file_id}/content", {"Content-Length": "1000000000"}) as connection:
        answer = answer_on(connection)
    assert b"content-mismatch" in answer
    assert tenant.types(file_id) == ["upload_initiated", "integrity_failed"]


def test_refused_body_is_not_asked_for(tenant: Tenant) -> None:
    """With Expect: 100-continue a refused upload is told so without 100 Continue."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    headers = {"Content-Length": "10", "Expect": "100-continue"}
    with wire(tenant.api, service, f"/v1/files/{file_id}/content", headers) as connection:
        answer = answer_on(connection)
    assert answer.startswith(b"HTTP/1.1 409")


def test_refused_body_gets_its_answer(tenant: Tenant) -> None:
    """A client that sends all of a refused body before it listens still reads why it was refused."""
    service = tenant.client("service")
    file_id = tenant.stored(service)
    answer = service.put(f"/v1/files/{file_id}/content", content=b"x" * (4 * MIB))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong-state")


def test_chunked_body(tenant: Tenant) -> None:
    """A body without Content-Length streams in; its size is what arrived."""
    service = tenant.client("service")
    file_id = tenant.new(service).json()["file"]["id"]
    answer = service.put(f"/v1/files/{file_id}/content", content=(b"x" * 1_000 for _ in range(3_000)))
    assert (answer.json()["size"], answer.json()["status"]) == (3_000_000, "stored")
    assert service.get(f"/v1/files/{file_id}/content").content == b"x" * 3_000_000


def test_reader_that_goes_away(tenant: Tenant) -> None:
    """A download that is broken off has been recorded, and lets go of its file."""
    service = tenant.client("service")
    file_id = tenant.stored(service, b"x" * (16 * MIB))
    with service.stream("GET", f"/v1/files/{file_id}/content") as answer:
        next(answer.iter_raw(1_000))
    assert tenant.types(file_id)[-1] == "accessed"
    me = psutil.Process()
    deadline = time.monotonic() + 10
    while any(file_id in one.path for one in me.open_files()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [one for one in me.open_files() if file_id in one.path]


@contextmanager
def subprocess_server(data_dir: Path) -> Iterator[tuple[str, str, psutil.Process]]:
    """Serve from a process of its own, so that its memory can be measured; yield URL, key and process."""
    program = Path(__file__).with_name("serve_for_measuring.py")
    environment = {**os.environ, "PROVENSTORE_DATA_DIR": str(data_dir)}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url, key = process.stdout.readline().split()
            yield url, key, psutil.Process(process.pid)
        finally:
            process.terminate()


def peak(process: psutil.Process) -> int:
    """Return the most bytes of memory that the process ever held."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
def test_memory_is_constant(tmp_path: Path) -> None:
    """192 MiB up and down cost far less memory than that."""
    size = 192 * MIB
    block = bytes(range(256)) * (MIB // 256)

    def body() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield block

    with (
        subprocess_server(tmp_path / "data") as (url, key, process),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
    ):
        said = {"workspace": "memory", "filename": "a.pdf", "media_type": "application/pdf", "category": "misc"}
        file = client.post("/v1/files", json={**said, "size": size}).json()["file"]
        at = f"/v1/files/{file['id']}/content"
        before = peak(process)
        stored = client.put(at, content=body(), headers={"Content-Length": str(size)}).json()
        digest = hashlib.sha256()
        with client.stream("GET", at) as answer:
            for chunk in answer.iter_raw():
                digest.update(chunk)
        assert stored["sha256"] == digest.hexdigest()
        assert peak(process) - before < 48 * MIB

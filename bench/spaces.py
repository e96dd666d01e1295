"""Group `transfer` on a bucket: what the ledger costs beside plain boto3, on the same Ceph RGW on the same machine.

The gateway is started for the run, in a folder and on ports of its own, and stopped at the end. What a round has
written is removed from the bucket before the next: the gateway keeps its objects in memory.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from boto3.s3.transfer import TransferConfig
from pydantic import SecretStr

from bench.__main__ import Result, Scale, alternate, compared
from bench.transfer import (
    CHUNK,
    PROVENSTORE,
    fill,
    free_port,
    get,
    initiate,
    issue_key,
    peak,
    put,
    resident,
    serve,
    served,
)
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.probe import probe
from provenstore.adapters.spaces.store import Spaces

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RGW = Path(__file__).parents[1] / "tests" / "servers" / "rgw.sh"
THREADS = 8
SMALL = 4096
SIGNATURES = 500

_CLASSIC = TransferConfig(preferred_transfer_client="classic")  # the other client does not heed the endpoint


def run(scale: Scale) -> Iterator[Result]:
    """Measure, on a throw-away gateway and data directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _gateway(Path(name) / "rgw") as endpoint:
        folder = Path(name)
        bucket = Bucket(
            endpoint=endpoint,
            region="us-east-1",
            name="bench",
            key="TESTACCESSKEY",
            secret=SecretStr("testsecretkey0123456789"),
            path_style=True,
        )
        client = connect(bucket)
        client.create_bucket(Bucket=bucket.name)
        environment = {
            **os.environ,
            "DO_SPACES_BUCKET": bucket.name,
            "DO_SPACES_ENDPOINT": bucket.endpoint,
            "DO_SPACES_REGION": bucket.region,
            "DO_SPACES_KEY": bucket.key,
            "DO_SPACES_SECRET": bucket.secret.get_secret_value(),
            "PROVENSTORE_SPACES_PATH_STYLE": "true",
        }
        key = issue_key(folder / "data", environment)
        port = free_port()
        with served(serve(folder / "data", port), port, "/readyz", environment) as server:
            ways = _Ways(client, bucket.name, port, key, folder / "rgw")
            large = _Large(ways, folder / "source.pdf", scale.size)
            large.up()  # the warm-up; what a server allocates once is no growth
            large.down()
            before = resident(server)
            yield from compared(
                "transfer",
                "bucket: large file up",
                "MiB/s",
                alternate({"provenstore": large.up, "boto3 upload_file": large.up_boto3}, scale.rounds),
            )
            yield from compared(
                "transfer",
                "bucket: large file down",
                "MiB/s",
                alternate({"provenstore": large.down, "boto3 get_object": large.down_boto3}, scale.rounds),
            )
            yield Result("transfer", "bucket: growth of the server's peak memory", peak(server) - before, "MiB")
            yield from _small(folder / "many", ways, scale)
        yield _signing(bucket)


@dataclass(frozen=True)
class _Ways:
    """Past the ledger and through it."""

    client: "S3Client"
    bucket: str
    port: int
    key: str
    gateway: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


class _Large:
    """A large file up and down, through the API and past it; each returns MiB a second."""

    def __init__(self, ways: _Ways, source: Path, size: int) -> None:
        fill(source, size)
        client, bucket = ways.client, ways.bucket
        self._ways = ways
        self._client, self._bucket, self._port, self._headers = client, bucket, ways.port, ways.headers
        self._source, self._size = source, size
        self._file = ""
        client.upload_file(str(source), bucket, "boto3", Config=_CLASSIC)

    def up(self) -> float:
        _empty(self._ways, "books/")
        self._file = initiate(self._port, self._headers, self._size)
        seconds = put(self._port, f"/v1/files/{self._file}/content", self._source, self._headers)
        return self._size / CHUNK / seconds

    def up_boto3(self) -> float:
        _empty(self._ways, "boto3")
        begun = time.perf_counter()
        self._client.upload_file(str(self._source), self._bucket, "boto3", Config=_CLASSIC)
        return self._size / CHUNK / (time.perf_counter() - begun)

    def down(self) -> float:
        return self._size / CHUNK / get(self._port, f"/v1/files/{self._file}/content", self._headers)

    def down_boto3(self) -> float:
        begun = time.perf_counter()
        body = self._client.get_object(Bucket=self._bucket, Key="boto3")["Body"]
        received = sum(len(chunk) for chunk in body.iter_chunks(CHUNK))
        assert received == self._size
        return self._size / CHUNK / (time.perf_counter() - begun)


def _small(many: Path, ways: _Ways, scale: Scale) -> Iterator[Result]:
    """Many small files: the whole command, its start included, beside threads that have started."""
    many.mkdir()
    for number in range(scale.files):
        (many / f"{number}.pdf").write_bytes(os.urandom(SMALL))
    environment = {**os.environ, "PROVENSTORE_URL": f"http://127.0.0.1:{ways.port}", "PROVENSTORE_KEY": ways.key}
    command = [str(PROVENSTORE), "put", str(many), "--workspace", "bench", "--jobs", str(THREADS), "--again", "--quiet"]

    def ours() -> float:
        begun = time.perf_counter()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return scale.files / (time.perf_counter() - begun)

    def theirs() -> float:
        def send(path: Path) -> None:
            ways.client.put_object(Bucket=ways.bucket, Key=f"small/{uuid4()}", Body=path.read_bytes())

        begun = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(send, many.iterdir()))
        return scale.files / (time.perf_counter() - begun)

    ours()
    theirs()
    yield from compared(
        "transfer",
        f"bucket: {scale.files} files of 4 KiB",
        "files/s",
        alternate({"provenstore put": ours, "eight boto3 threads": theirs}, scale.rounds),
    )


def _signing(bucket: Bucket) -> Result:
    """Signing needs no gateway; what is asked of it happens before."""
    client = connect(bucket)
    store = Spaces(client, bucket.name, probe(client, bucket.name))
    until = datetime.now(UTC) + timedelta(minutes=10)

    def sign() -> None:
        store.presign_get(f"misc/{uuid4()}", file=str(uuid4()), grant=str(uuid4()), expires_at=until)

    sign()
    begun = time.perf_counter()
    for _ in range(SIGNATURES):
        sign()
    return Result("transfer", "bucket: signing a link", (time.perf_counter() - begun) / SIGNATURES * 1000, "ms")


def _empty(ways: "_Ways", prefix: str) -> None:
    """Remove objects past the ledger, which is done only here, where nobody will ask for them."""
    for page in ways.client.get_paginator("list_objects_v2").paginate(Bucket=ways.bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            ways.client.delete_object(Bucket=ways.bucket, Key=one["Key"])
    subprocess.run([RGW, "collect", ways.gateway], check=True)


@contextlib.contextmanager
def _gateway(folder: Path) -> Iterator[str]:
    """Run a Ceph RGW and lend its endpoint."""
    ports = {name: str(free_port()) for name in ("RGW_PORT", "RGW_TLS_PORT", "RGW_MON_PORT", "RGW_MON_PORT_V1")}
    environment = {**os.environ, **ports}
    subprocess.run([RGW, "install"], env=environment, check=True)
    try:
        subprocess.run([RGW, "start", folder], env=environment, check=True)
        yield f"http://127.0.0.1:{ports['RGW_PORT']}"
    finally:
        subprocess.run([RGW, "stop", folder], env=environment, check=True)

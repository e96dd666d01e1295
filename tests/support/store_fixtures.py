"""The fixture `store`: an empty object store of each kind that `--stores` names. Imported by conftest files."""

import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from probed import probed
from provenstore.adapters.clock import SystemClock
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.observed_store import ObservedStore
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.probe import MIN_PART_SIZE
from provenstore.adapters.spaces.store import Spaces
from provenstore.domain.storage.object_store import ObjectStore
from store_servers import PROPERTY, address, stores_of

Maker = Callable[[], ObjectStore]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a store, or for a ledger on one, once with each."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", stores_of(metafunc), indirect=True)


OBSERVED = "local-observed"
"""The local folder behind the wrapper that every call of a server goes through."""


@pytest.fixture(scope="session")
def buckets() -> Callable[[str], Maker]:
    """How to make an empty bucket of a kind; the kind is probed once per worker."""
    made: dict[str, Maker] = {}

    def maker(kind: str) -> Maker:
        if kind not in made:
            made[kind] = _buckets(kind)
        return made[kind]

    return maker


def _buckets(kind: str) -> Maker:
    at = address(kind)
    connection = Bucket(
        endpoint=at.endpoint,
        region=at.region,
        name="",  # each test has its own
        key=at.key,
        secret=SecretStr(at.secret),
        path_style=True,
        ca_file=at.ca_file,
        read_timeout=30,
        attempts=1,  # a server that fails shows it
    )
    client = connect(connection)

    def bucket() -> str:
        client.create_bucket(Bucket=(name := f"test-{uuid4()}"))
        if kind.endswith("-versioned"):
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    capabilities = probed(client, bucket(), part_size=MIN_PART_SIZE, ca_file=at.ca_file)

    def make() -> ObjectStore:
        return Spaces(client, bucket(), capabilities, urls=LocalUrlSigner(bytes(32)))

    return make


def _local(folder: Path) -> ObjectStore:
    return LocalFolder(folder, urls=LocalUrlSigner(bytes(32)))


def _observed(folder: Path) -> ObjectStore:
    return ObservedStore(_local(folder), lambda _call: None, SystemClock())


@pytest.fixture
def outsider(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Somebody who has nothing but URLs, and trusts the store's certificate."""
    kind = request.node.callspec.params["store"].removesuffix("-observed")
    ca_file = None if kind == "local" else address(kind).ca_file
    trusted = ssl.create_default_context(cafile=ca_file) if ca_file else True
    with httpx.Client(verify=trusted, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, buckets: Callable[[str], Maker]) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    request.node.user_properties.append((PROPERTY, request.param))
    folders = {"local": _local, OBSERVED: _observed}
    kind = request.param
    make = partial(folders[kind], tmp_path / "objects") if kind in folders else buckets(kind)
    yield make()

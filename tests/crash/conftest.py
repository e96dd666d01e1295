"""A ground of its own for every test, on each of the stores that the run is about."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from examples import LONG
from log_fixtures import unconfigured_logs
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.api.settings import Settings, load_settings
from store_servers import PROPERTY, address, chosen
from tests.crash.killable import Ground

__all__ = ["unconfigured_logs"]

STORES = ("local", "rgw-http", "rgw-versioned", "swift") if LONG else ("local", "rgw-versioned")
"""At every commit a folder and a bucket, which keeps versions: there a purge has the most to do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a ground once on each store."""
    if "ground" in metafunc.fixturenames:
        stores = [store for store in chosen(metafunc.config) if store in STORES]
        metafunc.parametrize("ground", stores, indirect=True)


@pytest.fixture
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A data directory with a workspace, and an empty bucket where the store is one."""
    request.node.user_properties.append((PROPERTY, request.param))
    yield Ground(_settings(request.param, tmp_path / "data"), tmp_path / "control").prepare()


def _settings(store: str, data_dir: Path) -> Settings:
    if store == "local":
        return load_settings(data_dir=data_dir)
    at = address(store)
    name = f"crash-{uuid4()}"
    secret = SecretStr(at.secret)
    client = connect(
        Bucket(endpoint=at.endpoint, region=at.region, name=name, key=at.key, secret=secret, path_style=True)
    )
    client.create_bucket(Bucket=name)
    if store == "rgw-versioned":
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return load_settings(
        data_dir=data_dir,
        spaces_bucket=name,
        spaces_endpoint=at.endpoint,
        spaces_region=at.region,
        spaces_key=at.key,
        spaces_secret=secret,
        spaces_path_style=True,
    )

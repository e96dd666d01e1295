"""Tests that only real servers can answer: `make test-spaces` starts them, and other runs do not look in here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from provenstore.adapters.spaces.client import Bucket, connect
from store_servers import PROPERTY, address, chosen

REAL = ("rgw-http", "rgw-https", "swift")
NewBucket = Callable[[str], Bucket]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out of runs without their servers."""
    return None if set(REAL) & set(chosen(config)) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a kind of server once with each."""
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", [one for one in chosen(metafunc.config) if one in REAL], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The server under test, which the summary counts by."""
    request.node.user_properties.append((PROPERTY, request.param))
    return str(request.param)


@pytest.fixture
def new_bucket() -> NewBucket:
    """How to make an empty bucket at a server."""

    def make(kind: str) -> Bucket:
        at = address(kind)
        described = Bucket(
            endpoint=at.endpoint,
            region=at.region,
            name=f"test-{uuid4()}",
            key=at.key,
            secret=SecretStr(at.secret),
            path_style=True,
            ca_file=at.ca_file,
            read_timeout=30,
        )
        connect(described).create_bucket(Bucket=described.name)
        return described

    return make


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[Bucket], dict[str, str]]:
    """How to name a bucket in the environment, where commands look for it."""

    def name(bucket: Bucket) -> dict[str, str]:
        values: dict[str, Any] = {
            "DO_SPACES_BUCKET": bucket.name,
            "DO_SPACES_ENDPOINT": bucket.endpoint,
            "DO_SPACES_REGION": bucket.region,
            "DO_SPACES_KEY": bucket.key,
            "DO_SPACES_SECRET": bucket.secret.get_secret_value(),
            "PROVENSTORE_SPACES_PATH_STYLE": "true",
            "PROVENSTORE_SPACES_CA_FILE": bucket.ca_file or "",
        }
        for variable, value in values.items():
            monkeypatch.setenv(variable, value)
        return values

    return name

"""The stores that keep the contract: a new one joins by a name here and a branch in `store`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenstore.adapters.local_folder import LocalFolder
from provenstore.adapters.local_urls import LocalUrlSigner
from provenstore.domain.object_store import ObjectStore

STORES = ("local",)


def _local(folder: Path) -> ObjectStore:
    return LocalFolder(folder, urls=LocalUrlSigner(bytes(32)))


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    makers = {"local": _local}
    yield makers[request.param](tmp_path / "objects")

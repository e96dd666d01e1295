"""The stores that keep the contract; `--stores` says which of them this run is about."""

import pytest

from store_fixtures import OBSERVED, buckets, outsider, store
from store_servers import stores_of

__all__ = ["buckets", "outsider", "store"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the contract once with each store, and with a watched one."""
    if "store" in metafunc.fixturenames:
        stores = stores_of(metafunc)
        metafunc.parametrize("store", [*stores, OBSERVED] if "local" in stores else stores, indirect=True)

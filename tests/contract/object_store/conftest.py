"""The stores that keep the contract; `--stores` says which of them this run is about."""

from store_fixtures import buckets, pytest_generate_tests, store

__all__ = ["buckets", "pytest_generate_tests", "store"]

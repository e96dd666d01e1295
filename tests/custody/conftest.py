"""A ledger over a database and a folder of each test's own."""

from custody_fixtures import custody, log

__all__ = ["custody", "log"]

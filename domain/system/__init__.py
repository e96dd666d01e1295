"""The events of the ledger itself: of providers, of the log's keys and of read models.

May import: `eventlog` and `storage`. Pure.
Begin with `provider`, the state of an object store as the log knows it.
"""

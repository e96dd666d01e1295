"""What one append does: sealing, guards, quota, keys, private values."""

from provenstore.adapters.event_store import PostgresEventLog
from store_commands import command, happened


def test_first_event(log: PostgresEventLog) -> None:
    """The first event of a ledger has position, version and number 1."""
    sealed = log.append(command(happened("file:1"))).events[0]
    assert (sealed.position, sealed.version, sealed.number) == (1, 1, 1)

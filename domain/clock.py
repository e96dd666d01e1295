"""The ports to time and chance, so that the domain itself has neither."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC, with its time zone."""


class Entropy(Protocol):
    """Gives ids and random bytes that nobody can guess."""

    def event_id(self) -> UUID:
        """Return a fresh UUIDv7 (RFC 9562 §5.7)."""

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes fit for keys and salts."""

"""The port through which chance enters; nothing on this floor draws its own."""

from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    """Gives ids, and random bytes that nobody can guess."""

    def event_id(self) -> UUID:
        """Return a fresh UUIDv7 (RFC 9562 §5.7), for an event, a file or a credential."""
        ...

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes fit for keys and salts."""
        ...

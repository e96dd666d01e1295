"""The port to URLs of our own: they lead to this server on every store, which asks the ledger at each use."""

from datetime import datetime
from typing import Protocol

from provenstore.domain.storage.objects import SignedUrl


class UrlSigner(Protocol):
    """Signs URLs that name a file and the event that grants one request. All servers of a ledger share the key."""

    def get(self, *, file: str, grant: str, expires_at: datetime) -> SignedUrl:
        """Permit reading a file's content until `expires_at`, cut to the second."""
        ...

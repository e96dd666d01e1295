"""The Python client over HTTP: the acts of the API as methods, with the same typed errors as inside.

It never shows or logs a key, and repeats only what is safe to repeat.
May import: nothing else of this floor but `settings`. Begin with `client`, the methods; `transport` sends and retries.
"""

from typing import TYPE_CHECKING, Any

from provenstore.api.client.connection import Connection

if TYPE_CHECKING:
    from provenstore.api.client.client import Client

__all__ = ["Client", "Connection"]


def __getattr__(name: str) -> Any:
    """Load the client when it is asked for: a command on a data directory needs the settings alone (PEP 562)."""
    if name != "Client":
        raise AttributeError(name)
    from provenstore.api.client.client import Client

    return Client

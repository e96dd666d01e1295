"""The Python client over HTTP: the acts of the API as methods, with the same typed errors as inside.

It never shows or logs a key, and repeats only what is safe to repeat.
"""

from provenstore.api.client.client import Client
from provenstore.api.client.connection import Connection

__all__ = ["Client", "Connection"]

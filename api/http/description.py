"""The description of the HTTP API as text: what `make openapi` writes and clients may generate code from."""

import json
import sys

from provenstore.api.http.app import create_app
from provenstore.api.settings import load_settings


def described() -> str:
    """Return the OpenAPI description, the same text every time."""
    return json.dumps(create_app(load_settings()).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(described())

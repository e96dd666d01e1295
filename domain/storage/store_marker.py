"""The marker of an object store: one small object at a key of its own, which says which store this is. Pure.

It holds a random id and no secret. Whoever copies all objects of a bucket or a folder copies the marker with them: the
copy is as good as the original.
"""

import re
from typing import Final

from provenstore.domain.canonical import canonical, parse_canonical
from provenstore.domain.errors import InvalidInput, WrongStore

MARKER_KEY: Final = ".provenstore/store.json"
"""In a bucket. No path of a file begins with a dot, so no file can ever lie there."""

MAX_MARKER_BYTES: Final = 1_024

IDENTITY_BYTES: Final = 16

_IDENTITY: Final = re.compile(r"[0-9a-f]{32}")
_PURPOSE: Final = "provenstore object store; do not delete"


def marker_bytes(identity: str) -> bytes:
    """Return the content of the marker that bears `identity`."""
    return canonical({"identity": identity, "purpose": _PURPOSE})


def parse_marker(content: bytes) -> str:
    """Return the id that a marker bears; WrongStore for a marker that was not written by us."""
    try:
        found = parse_canonical(content[:MAX_MARKER_BYTES])
    except InvalidInput as exc:
        raise WrongStore("the marker of the object store is damaged") from exc
    identity = found.get("identity") if isinstance(found, dict) else None
    if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
        raise WrongStore("the marker of the object store is damaged")
    return identity

"""Cursors of lists: opaque to the caller, checked to the last bit when they come back.

A cursor is the position at which a page ended. It carries nothing private and grants nothing: its checksum finds out
what was altered on the way or by hand, and whoever computes one anew comes to a page of what they may list anyway.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from struct import Struct
from struct import error as StructError  # noqa: N812

from provenstore.domain.errors import InvalidInput

_LAYOUT = Struct(">cq")
"""A kind, so that the cursor of one list is none of another, and a position."""

_CHECK_BYTES = 6
"""Of SHA-256 over both: fifteen bytes in all, twenty letters."""


def encode_cursor(kind: bytes, position: int) -> str:
    """Return the cursor after `position` in the lists of `kind` (one byte)."""
    content = _LAYOUT.pack(kind, position)
    return urlsafe_b64encode(content + hashlib.sha256(content).digest()[:_CHECK_BYTES]).decode("ascii")


def decode_cursor(kind: bytes, cursor: str) -> int:
    """Return the position in a cursor of `kind`; InvalidInput for anything that `encode_cursor` did not make."""
    try:
        found, position = _LAYOUT.unpack(urlsafe_b64decode(cursor.encode("ascii"))[:-_CHECK_BYTES])
    except (ValueError, StructError) as exc:
        raise InvalidInput("cursor", "was not made by this list") from exc
    if found != kind or position < 1 or encode_cursor(kind, position) != cursor:
        raise InvalidInput("cursor", "was not made by this list")
    return int(position)

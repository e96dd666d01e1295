"""Positions of the log in a form that says nothing: what keys of one workspace get instead of them.

A position says how busy the whole ledger is, and how many events of neighbours lie between two of one's own. A key of
one workspace gets a mark instead: encrypted for that workspace (AES-SIV, RFC 5297), the same for the same position, and
worth nothing in another workspace. Stateless; every process with the key agrees.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from provenstore.domain.errors import InvalidInput

_CONTEXT: Final = b"provenstore position marks v1\x00"
MAX_MARK: Final = 128
"""Characters; ours have 32 or 48, and nothing longer is looked at."""


class PositionMarks:
    """Makes marks, and reads those that were made here."""

    def __init__(self, key: bytes, earlier: Sequence[bytes] = ()) -> None:
        """Encrypt with a key that is derived from `key`; what was made with one of the `earlier` ones is still read."""
        derived = (hmac.digest(one, _CONTEXT, hashlib.sha256) for one in (key, *earlier))
        self._ciphers = tuple(map(AESSIV, derived))

    def __repr__(self) -> str:
        """Hide the keys."""
        return f"PositionMarks({len(self._ciphers)} keys)"

    def position(self, scope: str | None, position: int) -> str:
        """Return a position for keys of a workspace as a mark, for keys of the whole ledger as it is."""
        if scope is None:
            return str(position)
        return self._encrypt(scope, b"position", position.to_bytes(8))

    def read_position(self, field: str, scope: str | None, text: str) -> int:
        """Return the position that `position` was given; InvalidInput, naming the field, for what it did not make."""
        if scope is None:
            if not (text.isascii() and text.isdecimal()) or len(text) > 16:
                raise InvalidInput(field, "is not a position of the log")
            return int(text)
        return int.from_bytes(self._decrypt(field, scope, b"position", text))

    def cursor(self, scope: str | None, cursor: str | None) -> str | None:
        """Return the cursor of a list, which holds a position, likewise."""
        if scope is None or cursor is None:
            return cursor
        return self._encrypt(scope, b"cursor", cursor.encode())

    def read_cursor(self, scope: str | None, cursor: str | None) -> str | None:
        """Return the cursor that `cursor` was given; InvalidInput for what it did not make."""
        if scope is None or cursor is None:
            return cursor
        return self._decrypt("cursor", scope, b"cursor", cursor).decode()

    def _encrypt(self, scope: str, kind: bytes, content: bytes) -> str:
        return base64.urlsafe_b64encode(self._ciphers[0].encrypt(content, [kind, scope.encode()])).decode().rstrip("=")

    def _decrypt(self, field: str, scope: str, kind: bytes, text: str) -> bytes:
        try:
            if len(text) > MAX_MARK:
                raise ValueError
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise InvalidInput(field, "was not made here, or for another workspace") from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, [kind, scope.encode()])
            except (InvalidTag, ValueError):
                continue
        raise InvalidInput(field, "was not made here, or for another workspace")

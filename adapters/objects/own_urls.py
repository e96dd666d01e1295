"""URLs that permit one request, signed by us where the store has no server of its own, or one that permits too much.

A token says which file, for what, until when, and which event grants it; never a path, never a name. It is no proof
that the grant still stands: whoever serves it asks the ledger at each use, which also makes a PUT work once.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from provenstore.adapters.keys.key_file import KEY_BYTES
from provenstore.domain.errors import Misconfigured
from provenstore.domain.storage.objects import SignedUrl, UrlExpired, UrlInvalid

PREFIX = "/v1/signed/"
MAX_TOKEN = 2048  # characters; ours have about 600, and nothing longer is looked at
_VERSION = "v1"
_CONTEXT = b"provenstore signed url v1\x00"  # one key, one purpose, one format


@dataclass(frozen=True, kw_only=True)
class SignedGrant:
    """What a token permits. None means that the token does not limit it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    method: Literal["GET", "PUT"]
    file: str  # id of the file
    grant: str  # id of the event that grants it
    expires_at: AwareDatetime  # first moment at which it is worth nothing, to the second
    media_type: str | None = None
    size: int | None = None  # bytes
    sha256: str | None = None  # hexadecimal
    md5: str | None = None  # hexadecimal
    upload: str | None = None  # multipart upload, with
    part: int | None = None  # the number of the part


_GRANT = TypeAdapter(SignedGrant)


class LocalUrlSigner:
    """Signs and verifies tokens with HMAC-SHA-256. Stateless; every process with the key agrees."""

    def __init__(self, key: bytes, earlier: Sequence[bytes] = ()) -> None:
        """Sign with `key`; what was signed with one of the `earlier` keys still is ours."""
        if any(len(one) != KEY_BYTES for one in (key, *earlier)):
            raise Misconfigured(f"The key for signed URLs must have {KEY_BYTES} bytes.")
        self._key = key
        self._keys = (key, *earlier)

    def __repr__(self) -> str:
        """Hide the keys."""
        return f"LocalUrlSigner({len(self._keys)} keys)"

    def sign(self, grant: SignedGrant) -> str:
        """Return the token `v1.<grant>.<mac>` (base64url, RFC 4648 section 5, no padding); expiry cut to the second."""
        payload = _GRANT.dump_json(_to_the_second(grant), exclude_none=True)
        return f"{_VERSION}.{_encode(payload)}.{_encode(_mac(self._key, payload))}"

    def url(self, grant: SignedGrant) -> SignedUrl:
        """Return the grant as a URL relative to the server's root, and the headers that the request must bear."""
        grant = _to_the_second(grant)
        headers = (("Content-Type", grant.media_type),) if grant.media_type is not None else ()
        url = PREFIX + self.sign(grant)
        return SignedUrl(method=grant.method, url=url, headers=headers, expires_at=grant.expires_at)

    def get(self, *, file: str, grant: str, expires_at: datetime) -> SignedUrl:
        """Permit reading a file's content."""
        return self.url(SignedGrant(method="GET", file=file, grant=grant, expires_at=expires_at))

    def put(
        self,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        media_type: str,
        size: int | None,
        sha256: str | None,
        md5: str | None,
    ) -> SignedUrl:
        """Permit sending a file's whole content, once."""
        return self.url(
            SignedGrant(
                method="PUT",
                file=file,
                grant=grant,
                expires_at=expires_at,
                media_type=media_type,
                size=size,
                sha256=sha256,
                md5=md5,
            )
        )

    def part(
        self,
        *,
        file: str,
        grant: str,
        expires_at: datetime,
        upload: str,
        number: int,
        size: int | None,
        md5: str | None,
    ) -> SignedUrl:
        """Permit sending one part of an upload."""
        return self.url(
            SignedGrant(
                method="PUT",
                file=file,
                grant=grant,
                expires_at=expires_at,
                upload=upload,
                part=number,
                size=size,
                md5=md5,
            )
        )

    def verify(self, token: str, method: str, now: datetime) -> SignedGrant:
        """Return what a token permits. Raises UrlInvalid for every token not issued here or for another method,
        then UrlExpired.
        """
        # 1. Bounds and form, before anything is computed.
        fields = token.split(".", 3)
        if len(token) > MAX_TOKEN or len(fields) != 3 or fields[0] != _VERSION:
            raise UrlInvalid
        payload, mac = _decode(fields[1]), _decode(fields[2])
        # 2. Ours? Nothing of the payload is looked at before.
        if not any(hmac.compare_digest(mac, _mac(key, payload)) for key in self._keys):
            raise UrlInvalid
        # 3. Its words. A token of ours that does not parse was signed by another release.
        try:
            grant = _GRANT.validate_json(payload)
        except ValidationError as exc:
            raise UrlInvalid from exc
        # 4. For this, and still.
        if grant.method != method:
            raise UrlInvalid("The signed URL is for another method.")
        if now >= grant.expires_at:
            raise UrlExpired
        return grant


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + payload, hashlib.sha256)


def _to_the_second(grant: SignedGrant) -> SignedGrant:
    return replace(grant, expires_at=grant.expires_at.replace(microsecond=0))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    """Decode strictly: only the one text that `_encode` gives for some bytes is accepted."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as exc:
        raise UrlInvalid from exc
    if _encode(data) != text:
        raise UrlInvalid
    return data

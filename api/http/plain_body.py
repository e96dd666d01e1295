"""A body that is content is stored byte for byte, so a request that wraps or encodes it is refused before it is read.

Nothing is unwrapped here: what a client compressed, framed or signed in chunks would become the file itself. A checksum
that nobody compares is refused too, since its sender relies on it.
"""

from collections.abc import Mapping
from typing import Final

from provenstore.api.http.problems import Malformed, UnsupportedMediaType
from provenstore.domain.errors import InvalidInput

_FORM: Final = "multipart/form-data"
_STREAMING: Final = "streaming-"  # x-amz-content-sha256 of a body in aws-chunked framing
_DECODED: Final = "x-amz-decoded-content-length"
_CHECKSUMS: Final = ("content-digest", "repr-digest", "digest", "x-amz-trailer", "trailer")
_CHECKSUM_PREFIX: Final = "x-amz-checksum-"


def require_plain_body(headers: Mapping[str, str]) -> None:
    """Refuse a body that is not the content itself; `headers` have lower-case names.

    UnsupportedMediaType for framing and encodings, Malformed for a part of a content (RFC 9110 section 14.5),
    InvalidInput for checksums that are not compared.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _FORM:
        raise UnsupportedMediaType("the body is a form; send the bytes of the file alone (curl: -T FILE instead of -F)")
    if encoding := _encodings(headers.get("content-encoding", "")):
        raise UnsupportedMediaType(f"the body is encoded ({encoding}); send it without Content-Encoding")
    if headers.get("x-amz-content-sha256", "").lower().startswith(_STREAMING) or _DECODED in headers:
        raise UnsupportedMediaType("the body is in aws-chunked framing; send the bytes of the file alone")
    if headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
        raise UnsupportedMediaType("the body has a transfer coding other than chunked; send it without")
    if "content-range" in headers:
        raise Malformed("Content-Range: a PUT takes the whole body; send large content in parts")
    for name in headers:
        if name in _CHECKSUMS or name.startswith(_CHECKSUM_PREFIX):
            raise InvalidInput(name, "is not compared here; send Content-MD5, or declare the SHA-256 at the initiation")


def _encodings(header: str) -> str:
    """Return the codings of a Content-Encoding but `identity`, shown only if they are plain words."""
    found = [one.strip().lower() for one in header.split(",")]
    found = [one for one in found if one not in ("", "identity")]
    return ", ".join(one if one.isascii() and one.replace("-", "").isalnum() else "unknown" for one in found)[:64]

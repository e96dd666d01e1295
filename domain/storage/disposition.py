"""How stored content is served: its media type and the header that names a download. Pure.

The same answer whether this server sends the bytes or a bucket does. Content comes from outside, so nothing that a
browser would run is shown in a page of ours or of the bucket: it is a download of bytes without a type.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from provenstore.domain.storage.media_types import ANY_TYPE

_SHOWN = frozenset(
    {
        *("image/avif", "image/bmp", "image/gif", "image/heic", "image/jpeg", "image/png", "image/tiff", "image/webp"),
        *("application/json", "application/pdf", "text/csv", "text/plain"),
    }
)
"""Types that a browser shows without running anything in them; audio and video beside them."""

_ACTIVE = re.compile(
    r".*[/+]xml|.*(?:html|script|xsl|xul|flash|java|wasm|mimearchive).*|text/(?:css|cache-manifest|x-component)"
    r"|(?:multipart|message)/.*"
)
"""Types that a browser may run, or take apart and run what is inside (WHATWG MIME Sniffing, section 4.6, and HTML)."""

_MISREAD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069/\\]")
"""What a name in a header must not hold: path separators, control characters, and what turns text round."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is said of content as it is sent."""

    media_type: str
    kind: Literal["inline", "attachment"]
    disposition: str
    """The Content-Disposition header."""


def served(media_type: str, kind: str, filename: str) -> Served:
    """Return how content of `media_type` is served where `kind` (inline or attachment) was asked for.

    Only types that run nothing are shown inline; active content is an attachment of type application/octet-stream.
    """
    shown = media_type in _SHOWN or media_type.partition("/")[0] in {"audio", "video"}
    kept = ANY_TYPE if _ACTIVE.fullmatch(media_type) else media_type
    served_kind: Literal["inline", "attachment"] = "inline" if shown and kind == "inline" else "attachment"
    return Served(kept, served_kind, content_disposition(served_kind, filename))


def content_disposition(kind: str, filename: str) -> str:
    """Return Content-Disposition with an ASCII fallback and the name in full (RFC 6266 section 4.3, RFC 8187)."""
    name = _MISREAD.sub("_", filename)
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"%' else "_" for one in name)
    header = f'{kind}; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"

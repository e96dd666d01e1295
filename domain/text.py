"""Rules for text that comes from outside: what a name, an id, a reason and a media type may look like.

Everything here raises InvalidInput naming the field and the limit, and never lets through what a path or a database
column could misread. Terminals and headers get escaped text from what writes there.
"""

import base64
import re
import unicodedata
from collections.abc import Mapping, Sequence

from provenstore.domain.errors import InvalidInput

MAX_FILENAME_BYTES = 1_024
MAX_REASON_BYTES = 4_096
MAX_ID_BYTES = 255
MAX_METADATA_ENTRIES = 64
MAX_METADATA_KEY_BYTES = 128
MAX_METADATA_VALUE_BYTES = 2_048
MAX_RELATED = 64
MAX_SUBJECTS = 64

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
OPAQUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*")
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_HEX = re.compile(r"[0-9a-f]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")


def require_text(field: str, value: str, max_bytes: int, *, lines: bool = False, empty: bool = False) -> str:
    """Return `value` if it is text of at most `max_bytes` in UTF-8 without control characters.

    `lines` allows newlines and tabs. Marks of text direction are kept, as right-to-left scripts need them; what shows
    a value escapes them.
    """
    size = _size(field, value)
    if size > max_bytes:
        raise InvalidInput(field, f"is longer than {max_bytes:,} bytes in UTF-8", limit=max_bytes)
    if not empty and not value.strip():
        raise InvalidInput(field, "is empty")
    if value.isprintable():
        return value  # so it holds none of them, which a look at each character would cost more to tell
    for character in value:
        if unicodedata.category(character) == "Cc" and not (lines and character in "\n\t\r"):
            raise InvalidInput(field, f"holds the control character U+{ord(character):04X}")
    return value


def _size(field: str, value: str) -> int:
    """Return the length in UTF-8, in bytes."""
    try:
        return len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise InvalidInput(field, "holds a lone surrogate, which is not a character") from None


def require_filename(value: str) -> str:
    """Return an original filename of 1 to 1,024 bytes in UTF-8, as it came.

    It is a private value and never part of a path, so separators, line ends and direction marks are kept; what shows
    it escapes it, and what writes it to a disk makes it harmless (`api.cli.safe_paths`).
    """
    if not value:
        raise InvalidInput("filename", "is empty")
    return require_storable("filename", value, MAX_FILENAME_BYTES)


def require_storable(field: str, value: str, max_bytes: int) -> str:
    """Return any text of at most `max_bytes` in UTF-8 that a column can hold: no U+0000 and no lone surrogate."""
    size = _size(field, value)
    if size > max_bytes:
        raise InvalidInput(field, f"is longer than {max_bytes:,} bytes in UTF-8", limit=max_bytes)
    if "\x00" in value:
        raise InvalidInput(field, "holds the character U+0000")
    return value


def require_reason(value: str) -> str:
    """Return a reason: free text of at most 4,096 bytes that is not empty."""
    return require_text("reason", value, MAX_REASON_BYTES, lines=True)


def require_slug(field: str, value: str) -> str:
    """Return a name that may enter paths and URLs: 1 to 63 of a-z, 0-9, `-`, `_`, not at the ends."""
    if not SLUG.fullmatch(value):
        raise InvalidInput(field, "is not 1 to 63 lower-case letters, digits, '-' or '_', beginning and ending plainly")
    return value


def require_id(field: str, value: str) -> str:
    """Return an opaque id of at most 255 characters from A-Z a-z 0-9 . _ : @ + -."""
    if len(value) > MAX_ID_BYTES or not OPAQUE.fullmatch(value):
        raise InvalidInput(field, f"is not an id of at most {MAX_ID_BYTES} letters, digits and . _ : @ + -")
    return value


def require_hex(field: str, value: str | None, size: int) -> str | None:
    """Return a digest of `size` bytes as lower-case hex, or None."""
    if value is not None and (len(value) != 2 * size or not _HEX.fullmatch(value)):
        raise InvalidInput(field, f"is not {2 * size} lower-case hexadecimal digits")
    return value


def require_base64(field: str, value: str, size: int | None = None) -> bytes:
    """Return the bytes, `size` of them where given, whose standard base64 (RFC 4648 §4, padded) is exactly `value`."""
    try:
        decoded = base64.b64decode(value, validate=True)
    except ValueError:
        raise InvalidInput(field, "is not base64") from None
    if base64.b64encode(decoded).decode() != value:
        raise InvalidInput(field, "is not the canonical base64 of its bytes")
    if size is not None and len(decoded) != size:
        raise InvalidInput(field, f"is {len(decoded)} bytes long, not {size}")
    return decoded


def require_decimal(field: str, value: str, most: int) -> int:
    """Return an integer from 0 to `most` in ASCII digits, without sign and leading zeros."""
    # Length first: the time that int() takes grows with the square of it.
    if len(value) > len(str(most)) or not _DECIMAL.fullmatch(value) or int(value) > most:
        raise InvalidInput(field, f"is not a plain decimal number of at most {most:,}", limit=most)
    return int(value)


def require_media_type(value: str) -> str:
    """Return a media type without parameters, lower-cased (RFC 6838 §4.2); parameters are dropped."""
    essence = value.partition(";")[0].strip(" \t")
    # Some letters that are not ASCII become ASCII when they are lower-cased.
    if not essence.isascii() or not MEDIA_TYPE.fullmatch(essence := essence.lower()):
        raise InvalidInput("media_type", "is not a media type such as application/pdf")
    return essence


def require_metadata(value: Mapping[str, str]) -> dict[str, str]:
    """Return metadata: at most 64 entries, keys of 128 bytes in ASCII, values of 2,048 bytes."""
    if len(value) > MAX_METADATA_ENTRIES:
        raise InvalidInput("metadata", f"has more than {MAX_METADATA_ENTRIES} entries", limit=MAX_METADATA_ENTRIES)
    for key, text in value.items():
        if not key.isascii():
            raise InvalidInput("metadata", "has a key that is not ASCII")
        require_text("metadata", key, MAX_METADATA_KEY_BYTES)
        require_storable("metadata", text, MAX_METADATA_VALUE_BYTES)
    return dict(value)


def require_related(value: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return related business objects: at most 64 pairs of `type` (a slug) and `id`."""
    if len(value) > MAX_RELATED:
        raise InvalidInput("related", f"has more than {MAX_RELATED} entries", limit=MAX_RELATED)
    for one in value:
        if one.keys() != {"type", "id"}:
            raise InvalidInput("related", "has an entry that is not {type, id}")
        require_slug("related", one["type"])
        require_text("related", one["id"], MAX_ID_BYTES)
    return [{"type": one["type"], "id": one["id"]} for one in value]


def require_subjects(value: Sequence[str]) -> list[str]:
    """Return the ids of the persons a file is about: at most 64, each once."""
    if len(value) > MAX_SUBJECTS:
        raise InvalidInput("subjects", f"has more than {MAX_SUBJECTS} entries", limit=MAX_SUBJECTS)
    for one in value:
        require_text("subjects", one, MAX_ID_BYTES)
    if len(set(value)) != len(value):
        raise InvalidInput("subjects", "names somebody twice")
    return list(value)

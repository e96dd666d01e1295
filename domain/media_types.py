"""What a name's extension and a media type say of each other."""

import re
from collections.abc import Mapping

from provenstore.domain.errors import InvalidInput

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",),
    "epub": ("application/epub+zip",),
    "txt": ("text/plain",),
    "mp3": ("audio/mpeg", "audio/mp3"),
    "wav": ("audio/wav", "audio/x-wav", "audio/vnd.wave"),
    "m4a": ("audio/mp4", "audio/x-m4a", "audio/m4a"),
    "jpg": ("image/jpeg",),
    "png": ("image/png",),
    "webp": ("image/webp",),
    "mp4": ("video/mp4",),
    "webm": ("video/webm", "audio/webm"),
    "zip": ("application/zip", "application/x-zip-compressed"),
}
ANY_TYPE = "application/octet-stream"
_SAME_EXTENSION = {"jpeg": "jpg"}
_COMPRESSED = frozenset({"gz", "bz2", "xz", "zst"})
_EXTENSION = re.compile(r"[a-z0-9]{1,12}(?:\.[a-z0-9]{1,12})?")


def extension_of(filename: str, media_type: str) -> str:
    """Return what follows the last dot (`tar.gz` style included), lower-cased; by media type where there is no dot.

    InvalidInput where neither gives one.
    """
    stem, dot, last = filename.rpartition(".")
    if dot and stem and last:
        extension = last.lower()
        inner = stem.rpartition(".")[2].lower()
        if extension in _COMPRESSED and inner == "tar":
            extension = f"tar.{extension}"
        if not _EXTENSION.fullmatch(extension):
            raise InvalidInput("filename", "has an extension that is not 1 to 12 letters and digits")
        return _SAME_EXTENSION.get(extension, extension)
    for extension, types in MEDIA_TYPES.items():
        if media_type in types:
            return extension
    raise InvalidInput("filename", "has no extension, and the media type does not tell one")


def media_type_of(filename: str) -> str:
    """Return the media type that goes with a name's extension, `application/octet-stream` where none is known."""
    stem, _, last = filename.rpartition(".")
    extension = last.lower() if stem else ""
    return MEDIA_TYPES.get(_SAME_EXTENSION.get(extension, extension), (ANY_TYPE,))[0]

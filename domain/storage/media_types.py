"""What a name's extension and a media type say of each other."""

import re
from collections.abc import Mapping

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
_OFFICE = "application/vnd.openxmlformats-officedocument."
_GUESSED: Mapping[str, str] = {
    "7z": "application/x-7z-compressed",
    "avi": "video/x-msvideo",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "css": "text/css",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": _OFFICE + "wordprocessingml.document",
    "eml": "message/rfc822",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "heic": "image/heic",
    "htm": "text/html",
    "html": "text/html",
    "ics": "text/calendar",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "msg": "application/vnd.ms-outlook",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ogg": "audio/ogg",
    "parquet": "application/vnd.apache.parquet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": _OFFICE + "presentationml.presentation",
    "rtf": "application/rtf",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "tsv": "text/tab-separated-values",
    "vcf": "text/vcard",
    "xls": "application/vnd.ms-excel",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "xml": "application/xml",
}
"""What a sender may say of these extensions; unlike MEDIA_TYPES, another media type for them is no contradiction."""

_SAME_EXTENSION = {"jpeg": "jpg"}
_COMPRESSED = frozenset({"gz", "bz2", "xz", "zst"})
_EXTENSION = re.compile(r"[a-z0-9]{1,12}(?:\.[a-z0-9]{1,12})?")


def extension_of(filename: str, media_type: str) -> str:
    """Return what follows the last dot (`tar.gz` style included), lower-cased; by media type where there is no dot.

    Empty where neither gives one, or where what follows the dot is not 1 to 12 ASCII letters and digits.
    """
    stem, dot, last = filename.rpartition(".")
    if dot and stem and last:
        extension = last.lower()
        inner = stem.rpartition(".")[2].lower()
        if extension in _COMPRESSED and inner == "tar":
            extension = f"tar.{extension}"
        return _SAME_EXTENSION.get(extension, extension) if _EXTENSION.fullmatch(extension) else ""
    for extension, types in MEDIA_TYPES.items():
        if media_type in types:
            return extension
    return ""


def media_type_of(filename: str) -> str:
    """Return the media type that goes with a name's extension, `application/octet-stream` where none is known."""
    stem, _, last = filename.rpartition(".")
    extension = last.lower() if stem else ""
    known = MEDIA_TYPES.get(_SAME_EXTENSION.get(extension, extension))
    return known[0] if known else _GUESSED.get(extension, ANY_TYPE)

"""Where a file out of custody may be written below a folder: names from outside, made harmless on every system.

A stored name is somebody else's text. It must not climb out of the folder, hide in it, look like an option, or be one
that Windows keeps for devices. Pure; whether the place is free is not known here.
"""

import re
from collections.abc import Mapping
from typing import Any

from provenstore.api.cli.sending import PATH

Place = tuple[str, ...]
"""Names from the folder downwards; the last is the file's."""

MAX_NAME_BYTES = 255
"""The longest name on the usual file systems."""

MAX_DEPTH = 64
"""Folders within folders; a place that is deeper is not one that a person made."""

_REFUSED = re.compile(r'[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069<>:"/\\|?*]')
"""Also line separators, and what turns text round: `report\u202efdp.exe` reads as `reportexe.pdf` (UTR 36, 2.4)."""

_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")


def place_of(file: Mapping[str, Any]) -> Place:
    """Return where a file belongs: at its metadata's `path`, as `put` keeps it, otherwise under its own name."""
    path = (file.get("metadata") or {}).get(PATH) or file["filename"] or str(file["path"]).rpartition("/")[2]
    names = [name for name in str(path).split("/") if name not in {"", "."}]
    if not names or len(names) > MAX_DEPTH:
        names = [str(file["filename"] or file["id"])]
    return tuple(harmless(name) for name in names)


def own_name(file: Mapping[str, Any]) -> str:
    """Return a file's own name, harmless, wherever `put` found it; of an erased one the name it is stored under."""
    return harmless(str(file["filename"] or str(file["path"]).rpartition("/")[2]))


def beside(place: Place, file_id: str) -> Place:
    """Return the place of a file whose own is taken: its id before the extension."""
    stem, dot, extension = place[-1].rpartition(".")
    if not stem:
        stem, dot, extension = place[-1], "", ""
    tail = f"~{file_id}{dot}{extension}"
    return (*place[:-1], _cut(stem, MAX_NAME_BYTES - len(tail.encode())) + tail)


def harmless(name: str) -> str:
    """Return one name that can do no harm; what may stay is as it was."""
    text = _REFUSED.sub("_", name).encode("utf-8", "replace").decode().rstrip(" .")
    if not text or text.startswith((".", "-", "~")) or _DEVICES.match(text):
        text = "_" + text
    if len(text.encode()) <= MAX_NAME_BYTES:
        return text
    stem, dot, extension = text.rpartition(".")
    end = dot + extension if stem and len(extension.encode()) < 32 else ""
    return _cut(text.removesuffix(end), MAX_NAME_BYTES - len(end.encode())) + end


def _cut(text: str, size: int) -> str:
    return text.encode()[: max(size, 0)].decode("utf-8", "ignore")

"""Walking the local folder in the order of its keys, without holding more than one folder's names per level."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from provenstore.adapters.local.files import Tree, open_below
from provenstore.adapters.local.object_files import PRIVATE

_FILE, _FOLDER = "", "/"


def walk(tree: Tree, prefix: str, after: str | None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield key and status of every file whose key begins with `prefix` and comes after `after`.

    What is not a regular file, has no Unicode name or vanishes meanwhile is passed over; so is what is ours.
    """
    with tree.folder(()) as root:
        yield from _walk(root, "", prefix, (after or "").encode())


def _walk(folder: int, path: str, prefix: str, after: bytes) -> Iterator[tuple[str, os.stat_result]]:
    for name, kind in _names(folder):
        key = path + name + kind
        if key == f"{PRIVATE}/":
            continue
        if kind == _FILE:
            if key.startswith(prefix) and key.encode() > after:
                with suppress(FileNotFoundError):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode):
                        yield key, found
        elif _may_hold(key, prefix, after):
            with suppress(FileNotFoundError, NotADirectoryError):
                below = open_below(folder, name)
                try:
                    yield from _walk(below, key, prefix, after)
                finally:
                    os.close(below)


def _names(folder: int) -> list[tuple[str, str]]:
    """List files and folders in the order that their keys have: a folder sorts as its name and a slash."""
    with os.scandir(folder) as entries:
        found = [
            (entry.name, _FOLDER if entry.is_dir(follow_symlinks=False) else _FILE)
            for entry in entries
            if not entry.is_symlink() and _is_text(entry.name)
        ]
    return sorted(found, key=lambda item: "".join(item).encode())


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _may_hold(folder: str, prefix: str, after: bytes) -> bool:
    path = folder.encode()
    return (folder.startswith(prefix) or prefix.startswith(folder)) and (path > after or after.startswith(path))

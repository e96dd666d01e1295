"""What `put` reads: the files that are named, and those below the folders that are named, found one by one.

Nothing is gathered: a folder may hold more files than memory. Links inside a folder are never followed, since they
lead out of it, or round.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from provenstore.domain.errors import Refused

STDIN = Path("-")

HIDDEN, LINK, SPECIAL = "hidden", "symbolic link", "neither file nor folder"
"""Why something in a folder is left out."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to store. `relative` is its place in the folder that was named, that folder included."""

    path: Path
    relative: str | None = None

    def open(self) -> BinaryIO:
        """Open it to be read. One that was found in a folder must still be a file, and no link."""
        if self.relative is None:
            return self.path.open("rb")
        # Without O_NONBLOCK a pipe that has taken the file's place would keep us waiting for somebody to write.
        file = os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise Refused(f"{self.path} is no longer a file")
        return file


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a folder that is not stored, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder that could not be read to its end; `error` says why."""

    path: Path
    error: OSError


Found = Source | LeftOut | Unreadable


def found(paths: Iterable[Path], *, hidden: bool) -> Iterator[Found]:
    """Yield what is to be stored of `paths`; names that begin with a dot only if `hidden`, or if named themselves."""
    for path in paths:
        if path != STDIN and path.is_dir():
            yield from _below(path, hidden=hidden)
        else:
            yield Source(path)


def _below(root: Path, *, hidden: bool) -> Iterator[Found]:
    waiting = [(root, root.resolve().name)]
    while waiting:
        folder, relative = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path, place = Path(entry.path), f"{relative}/{entry.name}".lstrip("/")
                    if entry.name.startswith(".") and not hidden:
                        yield LeftOut(path, HIDDEN)
                    elif entry.is_symlink():
                        yield LeftOut(path, LINK)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append((path, place))
                    elif entry.is_file(follow_symlinks=False):
                        yield Source(path, place)
                    else:
                        yield LeftOut(path, SPECIAL)
        except OSError as error:
            yield Unreadable(folder, error)

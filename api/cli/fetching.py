"""Files out of custody into a folder, several threads at once; what is there already is not read again.

Each file is read from where an interrupted run ended, compared with the SHA-256 that the ledger recorded, and only
then given its name. A content is given out only after the ledger has recorded the access, so what is there costs none.
"""

import contextlib
import hashlib
import unicodedata
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import BinaryIO
from uuid import UUID

from provenstore.api.cli.backend import Backend, Document
from provenstore.api.cli.destination import Destination
from provenstore.api.cli.local_files import chunks_of
from provenstore.api.cli.output import Advance
from provenstore.api.cli.parallel import Interrupted
from provenstore.api.cli.safe_paths import Place, beside, place_of
from provenstore.domain.errors import IntegrityViolated, PreconditionFailed, Refused, Stopped

_LOCKS = 64
"""Two files that want one place wait for each other; others hardly ever."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file in its place; `written` unless it was there before."""

    place: Place
    written: bool


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Writes files into one folder. Keeps a number of each place that was taken in this run, and nothing else."""

    custody: Backend
    destination: Destination
    stop: Event
    force: bool = False
    _taken: set[int] = field(default_factory=set)
    _locks: tuple[Lock, ...] = field(default_factory=lambda: tuple(Lock() for _ in range(_LOCKS)))

    def fetch(self, file: Document, advance: Advance) -> Fetched:
        """Bring one stored file; IntegrityViolated, and nothing under its name, if it is not what was recorded."""
        if file["status"] != "stored":
            raise Refused(f"file {file['id']} is {str(file['status']).replace('_', ' ')}; there is no content")
        file_id = _id(file)
        place, there = self._choose(file)
        if there:
            self.destination.tidy(place, file_id)
            return Fetched(place, written=False)
        with self.destination.begun(place, file_id, replace=self.force) as target:
            self._fill(file, target, advance)
        return Fetched(place, written=True)

    def _choose(self, file: Document) -> tuple[Place, bool]:
        """Return where the file goes, and whether it is there: its own place, or beside it if that is another's."""
        own = place_of(file)
        other = beside(own, str(file["id"]))
        known = file["size"], file["sha256"]
        if self.destination.look(other, *known) == "same":
            return other, True
        number = hash(tuple(unicodedata.normalize("NFC", name).casefold() for name in own))
        # Where names differ in case alone there is one place on some systems, so there is one everywhere.
        with self._locks[number % _LOCKS]:
            if number not in self._taken:
                found = self.destination.look(own, *known)
                if found != "special" and (found != "other" or self.force):
                    self._taken.add(number)
                    return own, found == "same"
        return other, False

    def _fill(self, file: Document, target: BinaryIO, advance: Advance) -> None:
        first, digest = _left_behind(file, target)
        advance(first)
        if first:
            with contextlib.suppress(PreconditionFailed):
                self._append(file, target, digest, first, advance)
            if digest.hexdigest() == file["sha256"]:
                return
            # What an earlier run left may be to blame: once more, from the beginning.
        digest = _afresh(target)
        self._append(file, target, digest, 0, advance)
        if target.tell() != file["size"] or (file["sha256"] or digest.hexdigest()) != digest.hexdigest():
            _afresh(target)
            raise IntegrityViolated(f"file {file['id']} is not what was recorded: its SHA-256 is {digest.hexdigest()}")

    def _append(self, file: Document, target: BinaryIO, digest: "hashlib._Hash", first: int, advance: Advance) -> None:
        if 0 < first == file["size"]:
            return
        with self.custody.content(file["id"], first=first, sha256=file["sha256"]) as chunks:
            for chunk in chunks:
                if self.stop.is_set():
                    raise Interrupted
                first += len(chunk)
                if first > file["size"]:
                    _afresh(target)
                    raise IntegrityViolated(f"file {file['id']} has more bytes than the {file['size']:,} recorded")
                digest.update(chunk)
                target.write(chunk)
                advance(len(chunk))


def _id(file: Document) -> UUID:
    """Return the file's id, which becomes part of a name: a server must not choose a path instead."""
    try:
        return UUID(file["id"])
    except ValueError:
        raise Stopped("the server named a file by something that is no id") from None


def _left_behind(file: Document, target: BinaryIO) -> "tuple[int, hashlib._Hash]":
    """Return how many bytes an interrupted run has left, and their digest; 0 if they cannot belong to the file."""
    digest = hashlib.sha256()
    for chunk in chunks_of(target):
        digest.update(chunk)
    belongs = file["sha256"] is not None and target.tell() <= file["size"]
    return (target.tell(), digest) if belongs else (0, digest)


def _afresh(target: BinaryIO) -> "hashlib._Hash":
    """Empty an unfinished file."""
    target.seek(0)
    target.truncate(0)
    return hashlib.sha256()

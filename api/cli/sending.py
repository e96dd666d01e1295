"""One local file into custody, so that the same again goes on where it was interrupted and stores nothing twice.

No state is kept on this machine. A file is begun under a name made of everything that is said about it, its SHA-256
and its path among them: the ledger answers the same name with the same file, whose status says what is left to do.
The SHA-256 is declared before a byte is sent, so what is stored is what was read here, or it is refused.

 1. The file is read and hashed. A crash here, or before, leaves nothing.
 2. It is begun. Crash: the next run finds it initiated, and sends it; or it expires within a day.
 3. It is sent: a small file by the request that begins it, a large one in parts. Crash, or a lost answer: the next run
    finds it stored, or sends what is missing.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import BinaryIO, Final
from uuid import uuid4

from provenstore.api.cli.backend import Backend, Document
from provenstore.api.cli.local_files import FileChanged, Hashed, chunks_of
from provenstore.api.cli.output import Advance
from provenstore.api.cli.parallel import Interrupted
from provenstore.api.cli.part_sending import blocks, send_parts
from provenstore.api.cli.sources import Source
from provenstore.api.cli.text import safe
from provenstore.domain.errors import (
    Conflict,
    ContentMismatch,
    ContentTooLarge,
    IntegrityViolated,
    InvalidInput,
    NotFound,
    StorageFull,
    Unavailable,
    WrongState,
)
from provenstore.domain.text import MAX_METADATA_VALUE_BYTES, require_filename, require_storable

DEFAULT_WORKSPACE: Final = "default"

PATH: Final = "path"
"""Key of the metadata value that says where in its folder a file was; private, as all metadata."""

AT_ONCE: Final = 32 * 1024
"""Bytes that go with the request that begins their file: a file that is stored already is sent in vain, and up to this
that costs less than a second request for each that is not."""

ATTEMPTS: Final = 4
PATIENCE: Final = 60.0
"""Seconds after which a content that did not get through is not sent once more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in custody; `sent` unless all of it was there before."""

    file: Document
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is said about every file of a command, and how it is to be stored."""

    common: Document
    name: str | None = None
    media_type: str | None = None
    keep_path: bool = True
    again: bool = False
    verify: bool = False
    direct: bool = False
    """Whether the bytes go past the server, where the object store takes them so."""
    make_default: Callable[[str], None] | None = None
    """Makes the default workspace where it is not there yet; None where that is for others to do."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Stores files; several threads may share it."""

    custody: Backend
    wishes: Wishes
    stop: Event

    def described(self, source: Source) -> Document:
        """Return what is said about a file; InvalidInput for what cannot be said, before anything is sent."""
        from provenstore.domain.storage.media_types import media_type_of

        wishes = self.wishes
        filename = _storable(source, wishes.name)
        new = {
            **wishes.common,
            "filename": filename,
            "media_type": wishes.media_type or media_type_of(filename),
            "upload": "api",
        }
        if source.relative is not None and wishes.keep_path:
            place = require_storable("path", _decoded(source.relative), MAX_METADATA_VALUE_BYTES)
            new["metadata"] = {**wishes.common["metadata"], PATH: place}
        return new

    def store(self, source: Source, file: BinaryIO, new: Document, advance: Advance) -> Stored:
        """Store an open regular file; see the module's numbered steps.

        FileChanged if it changes meanwhile; IntegrityViolated if the ledger recorded other bytes than were read.
        """
        from provenstore.domain.storage.upload_sizes import MULTIPART_ABOVE

        size, sha256, content = self._read(file)
        way = "auto" if self.wishes.direct else "multipart" if size > MULTIPART_ABOVE else "api"
        new = {**new, "size": size, "sha256": sha256, "upload": way}
        name = None if self.wishes.again else _name(new, source)
        at_hand = content if size <= AT_ONCE else None
        answer, sent = self._begin(new, name, at_hand)
        begun: Document = answer["file"]
        if begun["status"] == "stored":
            _require_sound(begun)
            advance(size if sent else 0)
        elif way == "auto":
            begun = self._send_as_told(answer, file, size, advance)
        elif way == "multipart":
            begun = self._send_parts(begun, file, advance)
        else:
            begun = self._send(begun, file, content, advance)
        if (begun["size"], begun["sha256"]) != (size, sha256):
            raise IntegrityViolated(f"file {begun['id']} was recorded with other bytes than were read here")
        if self.wishes.verify:
            self._verify(begun)
        return Stored(begun, sent)

    def stream(self, chunks: Iterator[bytes], new: Document, advance: Advance) -> Stored:
        """Store what can be read only once, such as stdin; what is interrupted is given up."""
        body = Hashed(chunks, advance)
        begun = self._initiate(new, None)["file"]
        try:
            file = self.custody.upload(begun["id"], body, size=None, media_type=begun["media_type"])
        except BaseException as error:
            if isinstance(error, Unavailable) and (found := self._arrived(begun["id"])):
                file = found
            else:
                self._give_up(begun["id"])
                raise
        if (file["size"], file["sha256"]) != (body.count, body.sha256):
            raise IntegrityViolated(f"file {file['id']} was recorded with other bytes than were read here")
        if self.wishes.verify:
            self._verify(file)
        return Stored(file, sent=True)

    # -- 1: reading ----------------------------------------------------------------------------------------

    def _read(self, file: BinaryIO) -> tuple[int, str, bytes | None]:
        """Return size and SHA-256, and the content itself if it is small: then it is read only once."""
        before = os.fstat(file.fileno())
        digest, count, content = hashlib.sha256(), 0, None
        for chunk in self._chunks(file):
            digest.update(chunk)
            content = chunk if count == 0 else None
            count += len(chunk)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or count != after.st_size:
            raise FileChanged("the file changed while it was read")
        return count, digest.hexdigest(), content if count else b""

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        for chunk in chunks_of(file):
            if self.stop.is_set():
                raise Interrupted
            yield chunk

    # -- 2: beginning --------------------------------------------------------------------------------------

    def _begin(self, new: Document, name: str | None, content: bytes | None) -> tuple[Document, bool]:
        """Return the answer about the file of this name, and whether it was not stored before: new, or unfinished.

        One that was given up, deleted or purged is history; the name of its successor follows from its id. With
        `content` the file is stored by the same request.
        """
        while True:
            answer = self._initiate(new, name) if content is None else self._store_at_once(new, name, content)
            file: Document = answer["file"]
            if name is None or file["status"] in {"initiated", "stored"}:
                return answer, file["status"] != "stored" or not answer["replayed"]
            name = _digest(name, file["id"])

    def _store_at_once(self, new: Document, name: str | None, content: bytes) -> Document:
        """Begin the file with its content, until it is stored; under one name, so that it cannot be stored twice."""
        import stamina

        said = {**new, "content": base64.b64encode(content).decode("ascii")}
        name = name or f"put-{uuid4()}"
        for attempt in stamina.retry_context(on=_may_pass, attempts=ATTEMPTS, timeout=PATIENCE, wait_max=5.0):
            with attempt:
                return self._initiate(said, name)
        raise Unavailable  # unreachable: the last attempt returns or raises

    def _initiate(self, new: Document, name: str | None) -> Document:
        """Begin the file; on a data directory the default workspace is made first, if it is not there yet.

        No other is: a mistyped name would be a tenant for ever.
        """
        is_default, make = new["workspace"] == DEFAULT_WORKSPACE, self.wishes.make_default
        if is_default and make is not None:
            make(DEFAULT_WORKSPACE)
        try:
            return self.custody.initiate(new, name)
        except NotFound as error:
            if not is_default:
                raise
            made = f"`provenstore workspace create {DEFAULT_WORKSPACE}` makes it"
            raise NotFound(f"{error.message}: {DEFAULT_WORKSPACE}; {made}") from error

    # -- 3: sending ----------------------------------------------------------------------------------------

    def _send(self, begun: Document, file: BinaryIO, content: bytes | None, advance: Advance) -> Document:
        """Send the bytes until they are stored; what can be tried again by a later run is left open for it."""
        import stamina

        file_id: str = begun["id"]
        told = 0

        def body() -> Iterator[bytes]:
            nonlocal told
            count = 0
            file.seek(0)
            for chunk in [content] if content is not None else self._chunks(file):
                count += len(chunk)
                if count > told:
                    advance(count - told)
                    told = count
                yield chunk

        size = os.fstat(file.fileno()).st_size if content is None else len(content)
        again = stamina.retry_context(on=_may_pass, attempts=ATTEMPTS, timeout=PATIENCE, wait_initial=0.2, wait_max=5.0)
        try:
            for attempt in again:
                with attempt:
                    try:
                        return self.custody.upload(file_id, body(), size=size, media_type=begun["media_type"])
                    except (Unavailable, WrongState):
                        # The answer may have been lost, or another attempt may be about to finish.
                        if found := self._arrived(file_id):
                            return found
                        raise
        except (ContentMismatch, ContentTooLarge) as error:
            # Bytes with the declared SHA-256 will never come.
            self._give_up(file_id)
            raise FileChanged("the file changed while it was sent") from error
        raise Unavailable  # unreachable: the last attempt returns or raises

    def _send_as_told(self, answer: Document, file: BinaryIO, size: int, advance: Advance) -> Document:
        """Send the bytes in the way that the server says; what does not get through is left open for a later run."""
        begun: Document = answer["file"]

        def body(first: int, length: int) -> Iterator[bytes]:
            for block in blocks(file, first, length, self.stop):
                advance(len(block))
                yield block

        try:
            return self.custody.send(answer, body, size=size, sha256=begun["sha256"])
        except (Unavailable, WrongState):
            # The answer may have been lost, or another run may have been quicker.
            if found := self._arrived(begun["id"]):
                return found
            raise
        except (ContentMismatch, FileChanged) as error:
            # Bytes with the declared SHA-256 will never come.
            self._give_up(begun["id"])
            raise FileChanged("the file changed while it was sent") from error

    def _send_parts(self, begun: Document, file: BinaryIO, advance: Advance) -> Document:
        """Send what is missing of a large file; the parts that have arrived are left open for a later run."""
        try:
            return send_parts(self.custody, begun, file, sha256=begun["sha256"], advance=advance, stop=self.stop)
        except (Unavailable, WrongState):
            # The answer may have been lost, or another run may have been quicker.
            if found := self._arrived(begun["id"]):
                return found
            raise
        except (ContentMismatch, FileChanged):
            # Bytes with the declared SHA-256 will never come.
            self._give_up(begun["id"])
            raise

    def _arrived(self, file_id: str) -> Document | None:
        """Return the file if it is stored; Conflict if somebody has ended its upload."""
        with contextlib.suppress(Unavailable):
            file = self.custody.file(file_id)
            if file["status"] == "stored":
                return file
            if file["status"] != "initiated":
                raise Conflict(f"the upload was ended by somebody: the file is {file['status']}")
        return None

    def _give_up(self, file_id: str) -> None:
        # If this fails as well, the upload expires by itself.
        with contextlib.suppress(WrongState, Unavailable):
            self.custody.abort(file_id, "the client gave the upload up")

    def _verify(self, file: Document) -> None:
        digest = hashlib.sha256()
        with self.custody.content(file["id"]) as chunks:
            for chunk in chunks:
                if self.stop.is_set():
                    raise Interrupted
                digest.update(chunk)
        if digest.hexdigest() != file["sha256"]:
            raise IntegrityViolated(f"file {file['id']} reads back with the SHA-256 {digest.hexdigest()}")


def _decoded(name: str) -> str:
    """Return a name of the file system as the UTF-8 that it is on disk, whatever the locale; unchanged if it is not."""
    try:
        return os.fsencode(name).decode()
    except UnicodeError:
        return name


def _storable(source: Source, name: str | None) -> str:
    filename = _decoded(source.path.name) if name is None else name
    try:
        return require_filename(filename)
    except InvalidInput as exc:
        hint = "; --name stores it under another" if name is None and source.relative is None else ""
        raise InvalidInput("filename", f"{safe(filename)} {exc.message.removeprefix('filename: ')}{hint}") from None


def _require_sound(file: Document) -> None:
    """Refuse to call a file stored whose object is known to be gone: somebody may remove its source because of that."""
    if file.get("damage") is not None:
        raise IntegrityViolated(f"the object of file {file['id']} is {file['damage']}; --again stores a new file")


def _may_pass(error: Exception) -> bool:
    """Tell whether sending again may help: also where the ledger is still busy with an attempt before this one."""
    return isinstance(error, Unavailable | WrongState) and not isinstance(error, StorageFull)


def _name(new: Document, source: Source) -> str:
    """Return the name under which a file is begun; it tells nothing about the file to whoever has not got it."""
    return _digest(json.dumps(new, sort_keys=True), os.fsencode(source.path.resolve()).hex())


def _digest(*parts: str) -> str:
    return "put-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()

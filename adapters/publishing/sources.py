"""Where a published log is read from: a folder, a prefix of an object store, a URL. `LogSource` of the domain.

What is there is somebody else's: no answer is longer than its kind can be, no server and no pipe is waited for without
end, and neither a redirect nor a link in the place of a file is followed. Nothing here believes what it reads.
"""

import errno
import os
import re
import socket
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from provenstore.adapters.publishing.objects import CHECKPOINT, check_prefix
from provenstore.domain.errors import Forbidden, InvalidInput, NotFound, Unavailable
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectNotFound
from provenstore.domain.transparency.merkle import HASH_BYTES
from provenstore.domain.transparency.note import MAX_NOTE_BYTES
from provenstore.domain.transparency.tile import FULL, MAX_ENTRY_BYTES, EntryBundle, Tile, first_entries

CONNECT_TIMEOUT: Final = 10.0
SILENCE: Final = 30.0
"""Seconds."""

PATIENCE: Final = 300.0
"""Seconds for one answer, in which the largest there can be comes at half a megabit a second."""

ATTEMPTS: Final = 3

_LONGEST: Final = 2 + MAX_ENTRY_BYTES
"""Bytes of an entry in a bundle."""

_ONLY_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO})
"""What a link and a socket answer."""

_REFUSED: Final = frozenset({401, 403})
_CONNECTED: Final = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
"""What httpcore calls the events that bring the socket."""

_URL: Final = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?")


class PublishedLog(ABC):
    """A log in the paths of C2SP tlog-tiles; where the bytes come from is for who inherits."""

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint; NotFound where there is none."""
        found = self._read(CHECKPOINT, MAX_NOTE_BYTES)
        if found is None:
            raise NotFound("there is no checkpoint, and so no log")
        return found

    # What is partial under the checkpoint that was read may have grown full since: then, and only once the full one is
    # there, a publisher may take it away (tlog-tiles).

    def tile(self, tile: Tile) -> bytes | None:
        """Return the bytes of a tile, from the full one where a partial one is missing."""
        found = self._read(tile.path, tile.width * HASH_BYTES)
        if found is None and tile.width < FULL:
            found = self._read(Tile(tile.level, tile.number).path, FULL * HASH_BYTES)
            return None if found is None else found[: tile.width * HASH_BYTES]
        return found

    def entries(self, bundle: EntryBundle) -> bytes | None:
        """Return the bytes of a bundle, from the full one where a partial one is missing; Forbidden if hidden."""
        found = self._read(bundle.path, bundle.width * _LONGEST)
        if found is None and bundle.width < FULL:
            found = self._read(EntryBundle(bundle.number).path, FULL * _LONGEST)
            return None if found is None else first_entries(found, bundle.width)
        return found

    @abstractmethod
    def _read(self, path: str, most: int) -> bytes | None:
        """Return what stands at a path, of at most `most` bytes and one more; None where there is nothing."""


class LogFolder(PublishedLog):
    """A log in a folder."""

    def __init__(self, folder: Path) -> None:
        """Read below `folder`."""
        self._folder = folder

    def _read(self, path: str, most: int) -> bytes | None:
        try:
            # A pipe that nobody writes to would be waited for without end, and a link may lead to anything.
            descriptor = os.open(self._folder / path, _ONLY_READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            if exc.errno in _NO_FILE:
                return None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most + 1)


class LogInStore(PublishedLog):
    """A log under a prefix of an object store."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        """Read below `prefix`."""
        self._store, self._prefix = store, check_prefix(prefix)

    def _read(self, path: str, most: int) -> bytes | None:
        try:
            with self._store.get(f"{self._prefix}/{path}") as reader:
                return b"".join(reader) if reader.length <= most else bytes(most + 1)
        except ObjectNotFound:
            return None


class LogAtUrl(PublishedLog):
    """A log behind a URL, of whatever server; for one thread."""

    def __init__(self, url: str, client: httpx.Client, *, patience: float = PATIENCE) -> None:
        """Read below `url`, waiting for no answer longer than `patience` seconds."""
        self._url, self._client, self._patience = url.rstrip("/"), client, patience
        self._socket: socket.socket | None = None

    def _read(self, path: str, most: int) -> bytes | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._cut_off() as is_over:
                    return self._ask(path, most)
            except httpx.TransportError as exc:
                if is_over.is_set():
                    raise Unavailable(f"{self._url} does not come to an end with {path}") from exc
                if attempt == ATTEMPTS:
                    raise Unavailable(f"{self._url} does not answer") from exc
        raise Unavailable  # unreachable: the last attempt returns or raises

    def _ask(self, path: str, most: int) -> bytes | None:
        asked = self._client.stream("GET", f"{self._url}/{path}", extensions={"trace": self._connected})
        with asked as answer:
            if answer.status_code in _REFUSED:
                raise Forbidden(f"{self._url} does not show {path} without a key that may see it")
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            if answer.status_code != httpx.codes.OK:
                raise Unavailable(f"{self._url} answers {answer.status_code} for {path}")
            content = bytearray()
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > most:
                    break
            return bytes(content)

    @contextmanager
    def _cut_off(self) -> Iterator[threading.Event]:
        """End the connection under an answer that takes too long, and say so.

        Each byte may come in time and no end be in sight, be it of the body, of a header or of interim answers, so
        that no timeout of a single read ever comes.
        """
        is_over = threading.Event()

        def cut() -> None:
            is_over.set()
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._patience, cut)
        timer.daemon = True
        timer.start()
        try:
            yield is_over
        finally:
            timer.cancel()

    def _connected(self, event: str, about: Mapping[str, Any]) -> None:
        if event in _CONNECTED:
            self._socket = about["return_value"].get_extra_info("socket")


@contextmanager
def log_at(url: str, key: SecretStr | None = None) -> Iterator[LogAtUrl]:
    """Lend the log at a URL, with an API key to send; InvalidInput if the URL is not valid or holds a password."""
    if not _URL.fullmatch(url):
        raise InvalidInput("URL", "is not http:// or https:// with a host, and without a password or a query")
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "provenstore-verify"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.get_secret_value()}"
    timeout = httpx.Timeout(SILENCE, connect=CONNECT_TIMEOUT)
    with httpx.Client(headers=headers, timeout=timeout, follow_redirects=False) as client:
        yield LogAtUrl(url, client)

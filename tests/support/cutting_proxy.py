"""A proxy in front of PostgreSQL's socket that cuts a connection at the worst moment: the reply is never delivered."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Forwards bytes; once `cut` is set, what the client sends next arrives, and its reply does not."""

    def __init__(self, target: Path, folder: Path) -> None:
        """Stand in `folder` for the server whose socket is in `target`."""
        self.folder = folder
        self.cut: str | None = None
        """'after-reply': when the server has answered; 'at-once': while it still works."""
        self.forwarded = threading.Event()
        self._target = str(target / ".s.PGSQL.5432")
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()

    def __enter__(self) -> Self:
        """Begin to accept."""
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in [self._listener, *self._sockets]:
            _close(each)
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *sockets: socket.socket) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=sockets)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._sockets += [client, server]
            self._start(self._requests, client, server)
            self._start(self._replies, client, server)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(client):
            with suppress(OSError):
                server.sendall(data)
            if self.cut == "at-once":
                self.cut = None
                self.forwarded.set()
                _close(client)

    def _replies(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(server):
            if self.cut == "after-reply":
                self.cut = None
                self.forwarded.set()
                _close(client)
            with suppress(OSError):
                client.sendall(data)
        _close(client)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65_536)
    except OSError:
        return b""


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()

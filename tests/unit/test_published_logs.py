"""Reading a log from a server that is not ours: no answer is believed in length or kind, nor waited for without end."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from provenstore.adapters.publishing import sources as published_logs
from provenstore.adapters.publishing.sources import LogAtUrl, LogFolder, log_at
from provenstore.domain.errors import Forbidden, InvalidInput, NotFound, Unavailable
from provenstore.domain.transparency.note import MAX_NOTE_BYTES
from provenstore.domain.transparency.tile import EntryBundle, Tile

Answer = Callable[[httpx.Request], httpx.Response]


def log_that(answer: Answer) -> LogAtUrl:
    return LogAtUrl("http://log.example/x/", httpx.Client(transport=httpx.MockTransport(answer)))


def test_paths_and_widths() -> None:
    """The paths of tlog-tiles below the URL."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, stream=httpx.ByteStream(b"x"))

    log = log_that(answer)
    assert (log.checkpoint(), log.tile(Tile(1, 1234, 5)), log.entries(EntryBundle(7))) == (b"x", b"x", b"x")
    assert asked == ["/x/checkpoint", "/x/tile/1/x001/234.p/5", "/x/tile/entries/007"]


def test_endless_answers_are_cut() -> None:
    """One byte or chunk more than there can be is enough to know that it is wrong."""
    read = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal read
            while True:
                read += 4_096
                yield bytes(4_096)

    log = log_that(lambda _: httpx.Response(200, stream=Endless()))
    assert len(log.checkpoint()) > MAX_NOTE_BYTES
    assert read <= MAX_NOTE_BYTES + 2 * 4_096
    assert len(log.tile(Tile(0, 0, 3)) or b"") > 3 * 32


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Again: again\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
)
def test_answers_that_drip_are_given_up(begins: bytes, goes_on: bytes) -> None:
    """A little now and then keeps every silence short, and would keep us for years."""

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(begins)
            for _ in range(400):
                time.sleep(0.01)
                connection.sendall(goes_on)

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        with httpx.Client(timeout=10) as client, pytest.raises(Unavailable, match="to an end with checkpoint"):
            LogAtUrl(f"http://127.0.0.1:{server.getsockname()[1]}", client, patience=0.2).checkpoint()
        dripping.join()


def test_what_is_no_file_is_missing(tmp_path: Path) -> None:
    """Neither a pipe, which would be waited for without end, nor a link, nor a folder is a tile."""
    tile, log = Tile(0, 0, 1), LogFolder(tmp_path)
    place = tmp_path / tile.path
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    assert log.tile(tile) is None
    place.unlink()
    (tmp_path / "elsewhere").write_bytes(bytes(32))
    place.symlink_to(tmp_path / "elsewhere")
    assert log.tile(tile) is None
    place.unlink()
    place.mkdir()
    assert log.tile(tile) is None
    place.rmdir()
    place.write_bytes(bytes(32))
    assert log.tile(tile) == bytes(32)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Forbidden), (403, Forbidden), (302, Unavailable), (500, Unavailable)]
)
def test_answers_that_are_none(status: int, kind: type[Exception]) -> None:
    """Redirects are not followed: whoever redirects could lead anywhere."""
    log = log_that(lambda _: httpx.Response(status, headers={"Location": "http://127.0.0.1/"}))
    with pytest.raises(kind):
        log.tile(Tile(0, 0))


def test_what_is_missing() -> None:
    """A tile may be; a log without a checkpoint is none."""
    log = log_that(lambda _: httpx.Response(404))
    assert log.tile(Tile(0, 0)) is None
    with pytest.raises(NotFound):
        log.checkpoint()


@pytest.mark.parametrize(("failures", "works"), [(2, True), (3, False)])
def test_broken_connections(failures: int, works: bool) -> None:
    """Asked again a few times, no more."""
    count = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        if count <= failures:
            raise httpx.ReadTimeout("slow", request=request)
        return httpx.Response(200, stream=httpx.ByteStream(b"x"))

    if works:
        assert log_that(answer).checkpoint() == b"x"
    else:
        with pytest.raises(Unavailable):
            log_that(answer).checkpoint()
    assert count == published_logs.ATTEMPTS


@pytest.mark.parametrize(
    "url", ["ftp://log.example", "http://", "http://a@b/", "https://log.example/?q", "http://a b/"]
)
def test_urls_that_are_none(url: str) -> None:
    """No password, no query."""
    with pytest.raises(InvalidInput), log_at(url):
        pass


def test_the_key_is_never_shown() -> None:
    """Neither in what is opened nor in its refusals."""
    with log_at("http://127.0.0.1:9", SecretStr("pvs_secret")) as log:
        assert "pvs_secret" not in repr(log)
        with pytest.raises(Unavailable) as refused:
            log.checkpoint()
        assert "pvs_secret" not in str(refused.value)

"""What `put` does when the answer to an upload never comes, and when the file is not what it was."""

import base64
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
import stamina
from pydantic import SecretStr

from provenstore.api.cli.local_files import FileChanged
from provenstore.api.cli.parallel import Interrupted
from provenstore.api.cli.sending import AT_ONCE, Sender, Stored, Wishes
from provenstore.api.cli.sources import Source
from provenstore.api.client import Client, Connection
from provenstore.domain.errors import Conflict, IntegrityViolated, Unavailable

from .conftest import Served

CONTENT = b"abc" * AT_ONCE
SMALL = b"abc"
COMMON: dict[str, Any] = {"workspace": "default", "category": "misc", "metadata": {}}
BUSY = httpx.Response(409, json={"code": "wrong-state", "detail": "another upload is being completed"})
BROKEN = httpx.ReadError("reset")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retry at once, as often as it would."""
    stamina.set_testing(True, attempts=4, cap=True)
    yield
    stamina.set_testing(False)


class Server:
    """One that answers uploads as it is told to; its file is in `status` when asked."""

    def __init__(self, *uploads: httpx.Response | httpx.ReadError, status: str, begun: str = "initiated") -> None:
        self._uploads = iter(uploads)
        self._status = status
        self._begun = begun
        self.asked: list[str] = []
        self.keys: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request.method)
        if request.method == "POST":
            self.keys.append(request.headers["Idempotency-Key"])
            headers = {"Idempotency-Replayed": "true"} if self._begun != "initiated" else {}
            return httpx.Response(201, json={"file": _file(self._begun)}, headers=headers)
        if request.method != "PUT":
            return httpx.Response(200, json=_file(self._status))
        found = next(self._uploads)
        if isinstance(found, httpx.ReadError):
            raise found
        return httpx.Response(found.status_code, content=found.content)

    def sender(self, **wishes: Any) -> Sender:
        client = Client(Connection("http://ledger.example"), transport=httpx.MockTransport(self))
        return Sender(client, Wishes(common=COMMON, **wishes), Event())


def _file(status: str, content: bytes = CONTENT) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"id": "x", "media_type": "text/plain", "status": status, "size": len(content), "sha256": sha256}


def _store(sender: Sender, path: Path) -> Stored:
    source = Source(path)
    with source.open() as file:
        return sender.store(source, file, sender.described(source), lambda _: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.txt"
    found.write_bytes(CONTENT)
    return found


@pytest.mark.parametrize("lost", [BROKEN, BUSY], ids=["broken", "busy"])
def test_an_upload_that_arrived_is_not_called_lost(lost: httpx.Response | httpx.ReadError, path: Path) -> None:
    """The ledger is asked, and its word counts; nothing is sent twice."""
    server = Server(lost, status="stored")
    assert _store(server.sender(), path).sent
    assert server.asked == ["POST", "PUT", "GET"]


def test_what_did_not_arrive_is_sent_again(path: Path) -> None:
    """From its beginning, under the same id."""
    server = Server(BROKEN, BUSY, httpx.Response(200, json=_file("stored")), status="initiated")
    assert _store(server.sender(), path).file["id"] == "x"
    assert server.asked == ["POST", "PUT", "GET", "PUT", "GET", "PUT"]


def test_what_does_not_get_through_is_left_for_the_next_run(path: Path) -> None:
    """Four attempts; then the upload stays open, and the caller hears that it can try again."""
    server = Server(*[BROKEN] * 4, status="initiated")
    with pytest.raises(Unavailable):
        _store(server.sender(), path)
    assert server.asked.count("PUT") == 4
    assert "DELETE" not in server.asked


def test_an_upload_that_somebody_ended_is_not_tried_again(path: Path) -> None:
    """It would be refused each time."""
    server = Server(BUSY, status="aborted")
    with pytest.raises(Conflict, match="aborted"):
        _store(server.sender(), path)
    assert server.asked == ["POST", "PUT", "GET"]


def test_what_is_stored_costs_one_question(path: Path) -> None:
    """Under a name that follows from content and path; --again asks under another each time."""
    server = Server(status="stored", begun="stored")
    assert not _store(server.sender(), path).sent
    _store(server.sender(), path)
    _store(server.sender(again=True), path)
    assert server.asked == ["POST"] * 3
    assert server.keys[0] == server.keys[1] != server.keys[2]
    path.write_bytes(CONTENT[:-1] + b"d")
    with pytest.raises(IntegrityViolated):
        _store(server.sender(), path)
    assert server.keys[3] not in server.keys[:3]


@pytest.mark.parametrize("again", [False, True])
def test_a_small_file_is_one_request_until_it_is_answered(path: Path, again: bool) -> None:
    """Sent again under the same name, whatever was lost, so that it is stored once; the content goes with it."""
    path.write_bytes(SMALL)
    done = httpx.Response(201, json={"file": _file("stored", SMALL)})
    answers: Iterator[httpx.Response | httpx.ReadError] = iter([BROKEN, BUSY, done])
    asked: list[tuple[str, str, str]] = []

    def server(request: httpx.Request) -> httpx.Response:
        said = json.loads(request.read())
        asked.append((request.method, request.headers["Idempotency-Key"], said["content"]))
        if isinstance(answer := next(answers), httpx.ReadError):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    client = Client(Connection("http://ledger.example"), transport=httpx.MockTransport(server))
    assert _store(Sender(client, Wishes(common=COMMON, again=again), Event()), path).sent
    assert len(asked) == 3
    assert len(set(asked)) == 1
    assert base64.b64decode(asked[0][2]) == SMALL


def test_what_cannot_be_read_again_is_given_up() -> None:
    """So that it takes no quota."""
    server = Server(BROKEN, status="initiated")
    with pytest.raises(Unavailable):
        server.sender(name="a.txt").stream(iter([CONTENT]), {**COMMON, "filename": "a.txt"}, lambda _: None)
    assert server.asked == ["POST", "PUT", "GET", "DELETE"]


def test_other_bytes_in_the_ledger_are_an_alarm(path: Path) -> None:
    """Whatever the server says."""
    server = Server(httpx.Response(200, json=_file("stored", b"abd")), status="stored")
    with pytest.raises(IntegrityViolated):
        _store(server.sender(), path)


def test_a_file_that_changes_while_it_is_sent_is_refused(served: Served, tmp_path: Path) -> None:
    """By the ledger, which was told the digest before; nothing of it is stored, and the upload is given up."""
    path = tmp_path / "large.pdf"
    path.write_bytes(b"a" * (3 << 20))
    with Client(Connection(served.url, SecretStr(served.server.env["PROVENSTORE_KEY"]))) as client:
        sender = Sender(client, Wishes(common={**COMMON, "subjects": [path.as_posix()]}), Event())

        def meddle(_: int) -> None:
            with path.open("r+b") as file:
                file.seek(-1, io.SEEK_END)
                file.write(b"b")

        source = Source(path)
        with source.open() as file, pytest.raises(FileChanged, match="while it was sent"):
            sender.store(source, file, sender.described(source), meddle)
    (found,) = served.server("ls", "--subject", path.as_posix(), "--json").documents
    assert found["status"] == "aborted"


def test_a_file_that_changes_while_it_is_read_is_refused(path: Path) -> None:
    """Before anything is begun."""

    class Growing(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            with path.open("ab") as file:
                file.write(b"more" * (not self.tell()))
            return super().read(2) or b""

    server = Server(status="initiated")
    with Growing(path) as file, pytest.raises(FileChanged, match="while it was read"):
        server.sender().store(Source(path), file, COMMON, lambda _: None)
    assert server.asked == []


def test_an_interrupted_upload_stops_at_the_next_chunk(path: Path) -> None:
    """And is left open for the next run."""
    server = Server(status="initiated")
    sender = server.sender()
    sender.stop.set()
    with pytest.raises(Interrupted):
        _store(sender, path)
    assert server.asked == []

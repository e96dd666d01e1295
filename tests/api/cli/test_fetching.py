"""A server that answers other bytes than were recorded: nothing of them stays, under any name."""

import hashlib
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from provenstore.api.cli.destination import Destination
from provenstore.api.cli.fetching import Fetcher
from provenstore.api.cli.parallel import Interrupted
from provenstore.api.client import Client, Connection
from provenstore.domain.errors import IntegrityViolated, Refused, Stopped

CONTENT = b"0123456789"


def _file(**other: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    known = {"status": "stored", "filename": "a.pdf", "path": "misc/x.pdf", "metadata": {}}
    return {"id": str(uuid4()), "size": len(CONTENT), "sha256": sha256, **known, **other}


def _fetch(into: Path, file: dict[str, Any], *answers: bytes, stop: bool = False, force: bool = False) -> list[str]:
    """Bring a file from a server that answers these contents, never a part of one; return the ranges asked for."""
    asked: list[str] = []
    waiting = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Range", ""))
        return httpx.Response(200, stream=httpx.ByteStream(next(waiting)))

    client = Client(Connection("http://ledger.example"), transport=httpx.MockTransport(answer))
    told = Event()
    if stop:
        told.set()
    with Destination(into) as destination:
        Fetcher(client, destination, told, force=force).fetch(file, lambda _: None)
    return asked


@pytest.mark.parametrize("content", [b"0123456780", CONTENT + b"0", CONTENT[:-1], b""])
def test_other_bytes_are_an_alarm_and_leave_nothing(content: bytes, tmp_path: Path) -> None:
    """Of whatever length they are."""
    with pytest.raises(IntegrityViolated):
        _fetch(tmp_path, _file(), content)
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_ranges_is_read_from_the_beginning(tmp_path: Path) -> None:
    """What was begun is thrown away."""
    file = _file()
    (tmp_path / f".provenstore-{file['id']}.part").write_bytes(CONTENT[:4])
    assert _fetch(tmp_path, file, CONTENT, CONTENT) == ["bytes=4-", ""]
    assert (tmp_path / "a.pdf").read_bytes() == CONTENT
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_digest_nothing_is_gone_on_with(tmp_path: Path) -> None:
    """Nothing could tell whether what is there belongs to the file."""
    file = _file(sha256=None)
    (tmp_path / f".provenstore-{file['id']}.part").write_bytes(CONTENT[:4])
    assert _fetch(tmp_path, file, CONTENT) == [""]
    assert (tmp_path / "a.pdf").read_bytes() == CONTENT


def test_what_a_crash_left_beside_a_finished_file_goes(tmp_path: Path) -> None:
    """For a moment the bytes have both names; the next run reads nothing and removes the one too many."""
    file = _file()
    for name in ("a.pdf", f".provenstore-{file['id']}.part"):
        (tmp_path / name).write_bytes(CONTENT)
    assert _fetch(tmp_path, file) == []
    assert [one.name for one in tmp_path.iterdir()] == ["a.pdf"]


def test_an_id_that_is_a_path_is_refused(tmp_path: Path) -> None:
    """It would become part of a name."""
    with pytest.raises(Stopped, match="no id"):
        _fetch(tmp_path / "into", _file(id="../../x"), CONTENT)
    assert list((tmp_path / "into").iterdir()) == []


def test_an_interrupted_read_that_has_nothing_leaves_nothing(tmp_path: Path) -> None:
    """It stops at the next bytes."""
    with pytest.raises(Interrupted):
        _fetch(tmp_path, _file(), CONTENT, stop=True)
    assert list(tmp_path.iterdir()) == []


def test_two_commands_do_not_write_one_file(tmp_path: Path) -> None:
    """The second is refused while the first is at it."""
    file = _file()
    with Destination(tmp_path) as first, first.begun(("a.pdf",), _uuid(file), replace=False) as target:
        target.write(CONTENT)
        with pytest.raises(Refused, match="another command"):
            _fetch(tmp_path, file, CONTENT)
    assert (tmp_path / "a.pdf").read_bytes() == CONTENT


def test_what_came_in_between_is_not_replaced(tmp_path: Path) -> None:
    """Not even for a moment; the bytes that were read stay for the next run."""
    file = _file()
    with Destination(tmp_path) as destination:
        with (
            pytest.raises(Refused, match="--force"),
            destination.begun(("a.pdf",), _uuid(file), replace=False) as target,
        ):
            target.write(CONTENT)
            (tmp_path / "a.pdf").write_bytes(b"mine")
        assert (tmp_path / "a.pdf").read_bytes() == b"mine"
    assert _fetch(tmp_path, file, force=True) == []
    assert (tmp_path / "a.pdf").read_bytes() == CONTENT


def _uuid(file: dict[str, Any]) -> UUID:
    return UUID(file["id"])

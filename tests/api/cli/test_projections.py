"""`projections` and `show --at`, against a server and on its data directory."""

from pathlib import Path
from uuid import uuid4

import pytest

from .conftest import Provenstore


@pytest.fixture
def file(both: Provenstore, tmp_path: Path) -> str:
    """A stored file."""
    path = tmp_path / f"{uuid4().hex}.pdf"
    path.write_bytes(b"a report")
    found: str = both("put", path, "--json").json["id"]
    return found


def test_read_models_are_listed(both: Provenstore, file: str) -> None:
    """A line each for people, one document for programs; all about one, by name."""
    both("ls", "--limit", "1")
    lines = [row[:2] for row in both("projections", "list").rows]
    assert lines == [["audit_trail", "running"], ["file_index", "running"], ["usage", "running"]]
    assert [row[:2] for row in both("projections", "status").rows] == lines
    one = both("projections", "list", "--json").documents[1]
    shown = both("projections", "status", "file_index", "--json").json
    assert (one["name"], shown["name"], shown["event"]) == ("file_index", "file_index", None)
    assert "behind" in both("projections", "status", "file_index").text
    assert both("projections", "status", "nobody", code=1).err == "provenstore: there is no read model 'nobody'\n"


def test_one_is_rebuilt_and_compared(both: Provenstore, file: str) -> None:
    """The command waits for the end, and says what differs: normally nothing."""
    before = both("projections", "status", "file_index", "--json").json["generation"]
    built = both("projections", "rebuild", "file_index", "--json").json
    assert (built["build"]["status"], built["generation"] > before) == ("done", True)
    compared = both("projections", "rebuild", "file_index", "--compare", "--json").json
    assert (compared["count"], compared["differences"]) == (0, [])
    assert "0 differences" in both("projections", "rebuild", "file_index", "--compare").err
    assert both("projections", "cancel", "file_index", code=1).err == "provenstore: file_index is not being built\n"


def test_one_is_stopped_and_goes_on(both: Provenstore) -> None:
    """By hand; what is not stopped cannot go on."""
    try:
        assert both("projections", "pause", "file_index", "--json").json["status"] == "paused"
        lines = [line.split(maxsplit=1) for line in both("projections", "status", "file_index").text.splitlines()]
        assert ["status", "paused"] in lines
        assert both("projections", "resume", "file_index", "--json").json["status"] == "running"
        assert both("projections", "park", "file_index", "--json").json["status"] == "parked"
    finally:
        assert both("projections", "retry", "file_index", "--json").json["status"] == "running"
    assert both("projections", "resume", "file_index", code=1).err == "provenstore: file_index is not paused\n"
    assert both("projections", "retry", "file_index", code=1).err == "provenstore: file_index is not parked\n"
    skipped = both("projections", "skip", "file_index", "--reason", "x", code=1)
    assert skipped.err == "provenstore: file_index is not parked at an event\n"


def test_moments(both: Provenstore, file: str) -> None:
    """A file and rows as they were, by position or time."""
    events = both("history", file, "--json").documents
    both("rm", file, "--reason", "no longer needed")
    first, last = events[0]["position"], events[-1]["event"]["time"]
    assert both("show", file, "--json").json["status"] == "soft_deleted"
    assert both("show", file, "--at", str(first), "--json").json["status"] == "initiated"
    assert both("show", file, "--at", last, "--json").json["status"] == "stored"
    rows = both("projections", "rows", "file_index", "--at", last, "--key", file, "--json").json
    assert [one["row"]["status"] for one in rows["rows"]] == ["stored"]
    (row,) = both("projections", "rows", "file_index", "--at", str(first), "--key", file).rows
    assert row[0] == "file_index"
    assert f'"id": "{file}"' in row[1]
    for at, words in (("0", "not a position"), ("2026-11-21T08:00:00", "without a zone")):
        assert words in both("show", file, "--at", at, code=1).err
        assert words in both("projections", "rows", "file_index", "--at", at, code=1).err

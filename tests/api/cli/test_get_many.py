"""`get` of many files into a folder: whole, verified, gone on with, and nothing outside of it."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .conftest import PROVENSTORE, Provenstore, Ran

LARGE = os.urandom(1 << 20) * 3


@pytest.fixture
def workspace(both: Provenstore) -> str:
    """A workspace of one test."""
    name = f"w-{uuid4().hex[:20]}"
    both("workspace", "create", name)
    return name


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


def _stored(both: Provenstore, workspace: str, tmp_path: Path, content: bytes, *options: str) -> str:
    path = tmp_path / f"{uuid4()}.pdf"
    path.write_bytes(content)
    return both("put", path, "--name", "report.pdf", "--workspace", workspace, *options).text.strip()


def _lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.text.splitlines()]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_folder_comes_back_as_it_went_in(both: Provenstore, workspace: str, tmp_path: Path, into: Path) -> None:
    """Every file at its place; the second time there is nothing to do, and no access is recorded."""
    folder = tmp_path / "photos"
    (folder / "2026").mkdir(parents=True)
    for name in ("empty.txt", "2026/one.jpg", "2026/報告.pdf"):
        (folder / name).write_bytes(name.encode() * (name != "empty.txt"))
    both("put", folder, "--workspace", workspace)
    ran = both("get", "-r", into, "--workspace", workspace)
    assert _contents(into / "photos") == _contents(folder)
    assert "written 3 files" in ran.err
    ids = dict(line.split("\t") for line in ran.text.splitlines())
    assert set(ids.values()) == {str(into / "photos" / name) for name in _contents(folder)}
    assert "3 unchanged" in both("get", "-r", into, *ids).err
    assert {both("show", one, "--json").json["download_count"] for one in ids} == {1}


def test_conditions_narrow_what_is_written(both: Provenstore, workspace: str, tmp_path: Path, into: Path) -> None:
    """And what was deleted is not there."""
    one = _stored(both, workspace, tmp_path, b"one", "--related", "order:7")
    two = _stored(both, workspace, tmp_path, b"two", "--related", "order:7", "--category", "export")
    gone = _stored(both, workspace, tmp_path, b"gone", "--related", "order:7")
    both("rm", gone, "--reason", "mistake")
    both("get", "-r", into, "--workspace", workspace, "--related", "order:7", "--category", "misc")
    assert list(_contents(into).values()) == [b"one"]
    ran = both("get", "-r", into, one, two, gone, "--json", code=1)
    assert {line["result"] for line in _lines(ran)} == {"unchanged", "written", "failed"}


def test_files_of_one_name_stand_beside_each_other(
    both: Provenstore, workspace: str, tmp_path: Path, into: Path
) -> None:
    """Also those of one content: each id is answered a path of its own, and the same one the next time."""
    ids = {_stored(both, workspace, tmp_path, content) for content in (b"a", b"b", b"b")}
    first = {one["file"]["id"]: one["path"] for one in _lines(both("get", "-r", into, "--json", *ids))}
    assert first.keys() == ids
    assert len(set(first.values())) == 3
    assert sorted(_contents(into).values()) == [b"a", b"b", b"b"]
    newer = _stored(both, workspace, tmp_path, b"c")
    again = _lines(both("get", "-r", into, "--json", newer, *ids))
    assert {one["path"] for one in again if one["result"] == "written"} == {str(into / f"report~{newer}.pdf")}
    assert len(_contents(into)) == 4


def test_what_is_there_stays_unless_forced(both: Provenstore, workspace: str, tmp_path: Path, into: Path) -> None:
    """What comes goes beside it; --force replaces it as a whole."""
    file = _stored(both, workspace, tmp_path, b"theirs")
    into.mkdir()
    (into / "report.pdf").write_bytes(b"mine")
    both("get", "-r", into, file)
    assert _contents(into) == {"report.pdf": b"mine", f"report~{file}.pdf": b"theirs"}
    (into / f"report~{file}.pdf").unlink()
    both("get", "-r", into, file, "--force")
    assert _contents(into) == {"report.pdf": b"theirs"}


def test_nothing_is_written_outside(both: Provenstore, workspace: str, tmp_path: Path, into: Path) -> None:
    """Neither by a name nor through a link that stands in the folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    into.mkdir()
    (into / "link").symlink_to(outside)
    places = ("../../outside/a.pdf", f"{outside}/b.pdf", "link/c.pdf", "..\\..\\d.pdf", "x/../../e.pdf")
    ids = [_stored(both, workspace, tmp_path, b"evil", "--metadata", f"path={place}") for place in places]
    ran = both("get", "-r", into, *ids, code=1)
    assert "link leads through something that is no folder" in ran.err
    assert list(outside.iterdir()) == []
    assert len(ran.text.splitlines()) == 4
    assert all(Path(line.split("\t")[1]).is_relative_to(into) for line in ran.text.splitlines())
    assert len(_contents(into)) == 4


@pytest.mark.parametrize(
    "part", [LARGE[:1_500_000], LARGE, b"x" * 100, LARGE + b"x"], ids=["begun", "whole", "other", "longer"]
)
def test_what_was_begun_is_gone_on_with(
    both: Provenstore, workspace: str, tmp_path: Path, into: Path, part: bytes
) -> None:
    """Only the rest is read, and what turns out not to belong to it is read anew; the part goes."""
    file = _stored(both, workspace, tmp_path, LARGE)
    into.mkdir()
    (into / f".provenstore-{file}.part").write_bytes(part)
    both("get", "-r", into, file)
    assert _contents(into) == {"report.pdf": LARGE}
    events = both("history", file, "--json").documents
    accesses = [one["event"]["data"] for one in events if one["event"]["type"] == "file.accessed.v1"]
    expected = {len(LARGE): [], 1_500_000: [1_500_000], 100: [100, None], len(LARGE) + 1: [None]}
    assert [one["first"] for one in accesses] == expected[len(part)]


def test_a_killed_run_leaves_nothing_under_a_name(
    both: Provenstore, workspace: str, tmp_path: Path, into: Path
) -> None:
    """What is there is whole; the same again brings the rest."""
    ids = [_stored(both, workspace, tmp_path, LARGE + b"%d" % one) for one in range(6)]
    command = [PROVENSTORE, "get", "-r", str(into), *ids, "--jobs", "2"]
    with subprocess.Popen(command, env=both.whole_env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert all(len(content) == len(LARGE) + 1 for name, content in _contents(into).items() if name[0] != ".")
    both("get", "-r", into, *ids)
    assert {content[-1:] for content in _contents(into).values()} == {b"%d" % one for one in range(6)}
    assert len(_contents(into)) == 6

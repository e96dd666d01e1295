"""`put` of folders and of several files, against a server and on its data directory."""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .conftest import ON_A_TERMINAL, PROVENSTORE, Provenstore, Ran, Served


@pytest.fixture
def workspace(both: Provenstore) -> str:
    """A workspace of one test."""
    name = f"w-{uuid4().hex[:20]}"
    both("workspace", "create", name)
    return name


def _folder(tmp_path: Path, count: int = 3) -> Path:
    folder = tmp_path / "photos"
    (folder / "2026").mkdir(parents=True)
    for number in range(count):
        (folder / "2026" / f"{number}.jpg").write_bytes(b"picture %d" % number)
    (folder / "empty.txt").touch()
    return folder


def _lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.text.splitlines()]


def _all(provenstore: Provenstore, workspace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = provenstore("ls", "--workspace", workspace, "--all", "--json").documents
    return found


def test_a_folder_goes_in_with_all_that_is_in_it(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """Each file's place is kept as metadata; ids and paths are answered, one line each."""
    folder = _folder(tmp_path)
    ran = both("put", folder, "--workspace", workspace, "--metadata", "case=7")
    answered = {path: file for file, path in (line.split("\t") for line in ran.text.splitlines())}
    stored = {one["metadata"]["path"]: one for one in _all(both, workspace)}
    assert stored.keys() == {f"photos/2026/{number}.jpg" for number in range(3)} | {"photos/empty.txt"}
    for place, file in stored.items():
        content = (tmp_path / place).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["metadata"] == {"path": place, "case": "7"}
        assert answered[str(tmp_path / place)] == file["id"]
    assert "stored 4 files, 27 B" in ran.err


def test_what_is_stored_is_not_stored_again(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """The same command again changes nothing; what has changed is a new file, and so is everything with --again."""
    folder = _folder(tmp_path)
    first = both("put", folder, "--workspace", workspace)
    again = both("put", folder, "--workspace", workspace)
    assert sorted(again.text.splitlines()) == sorted(first.text.splitlines())
    assert "4 unchanged" in again.err
    os.utime(folder / "empty.txt")
    (folder / "2026" / "0.jpg").write_bytes(b"retouched")
    assert "stored 1 file," in both("put", folder, "--workspace", workspace).err
    assert "stored 4 files" in both("put", folder, "--workspace", workspace, "--again").err
    assert len(_all(both, workspace)) == 9


def test_what_was_deleted_can_be_stored_again(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """As a new file, once: what is deleted is no answer to the wish to store it."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"report")
    ids = []
    for _ in range(3):
        ids.append(both("put", path, "--workspace", workspace).text.strip())
        assert both("put", path, "--workspace", workspace).text.strip() == ids[-1]
        both("rm", ids[-1], "--reason", "mistake")
    assert len(set(ids)) == 3


def test_what_is_known_to_be_gone_is_not_called_stored(
    both: Provenstore, served: Served, workspace: str, tmp_path: Path
) -> None:
    """Whoever removes the source on the strength of it would have nothing; --again stores it anew."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"report")
    file = both("put", path, "--workspace", workspace).text.strip()
    (served.data_dir / "objects" / both("show", file, "--json").json["path"]).unlink()
    both("verify-content", file, code=7)
    assert both("show", file, "--json").json["damage"] == "missing"
    ran = both("put", path, "--workspace", workspace, code=7)
    assert f"the object of file {file} is missing; --again" in ran.err
    again = both("put", path, "--workspace", workspace, "--again").text.strip()
    assert both("show", again, "--json").json["damage"] is None


def test_the_failure_of_one_does_not_stop_the_others(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """Each is said with its reason; the exit code is 1."""
    folder = _folder(tmp_path)
    for name in ("bad.exe", "a\x1b[31m.exe", os.fsdecode(b"\xff.pdf")):
        (folder / name).write_bytes(b"x")
    (folder / os.fsdecode(b"sub-\xff")).mkdir()
    (folder / os.fsdecode(b"sub-\xff") / "one.pdf").write_bytes(b"x")
    ran = both("put", folder, "--workspace", workspace, "--category", "user_content", code=1)
    assert len(ran.text.splitlines()) == 4
    failed = [line for line in ran.err.splitlines() if line.startswith("not stored: ")]
    assert len(failed) == 4
    assert any("takes pdf epub" in line for line in failed)
    assert "\x1b" not in ran.err
    assert "4 not stored" in ran.err
    assert len(_all(both, workspace)) == 4


def test_programs_read_one_document_a_line(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """Of what is stored, of what failed and of what is left out; --quiet leaves nothing on stderr."""
    folder = _folder(tmp_path, 1)
    (folder / "bad.exe").touch()
    (folder / ".hidden.pdf").touch()
    options = ("--category", "user_content", "--json", "--quiet")
    ran = both("put", folder, "--workspace", workspace, *options, code=1)
    assert ran.out.isascii()
    lines = {Path(one["path"]).name: one for one in _lines(ran)}
    assert {name: one["result"] for name, one in lines.items()} == {
        "0.jpg": "stored",
        "empty.txt": "stored",
        "bad.exe": "failed",
        ".hidden.pdf": "left_out",
    }
    assert lines["0.jpg"]["file"]["filename"] == "0.jpg"
    assert lines["bad.exe"]["problem"]["code"] == "invalid-input"
    assert lines[".hidden.pdf"]["reason"] == "hidden"
    assert ran.err == ""


def test_an_empty_folder_is_no_failure(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """There is nothing to store, and nothing is answered."""
    ran = both("put", tmp_path, "--workspace", workspace)
    assert (ran.out, ran.err.startswith("stored 0 files")) == (b"", True)


def test_several_files_are_named_one_by_one(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """They have no place in a folder; a folder can do without its own, too."""
    folder = _folder(tmp_path)
    both("put", folder / "2026" / "0.jpg", folder / "2026" / "1.jpg", "--workspace", workspace)
    both("put", folder, "--no-keep-path", "--workspace", workspace)
    found = _all(both, workspace)
    assert {one["filename"] for one in found} == {"0.jpg", "1.jpg", "2.jpg", "empty.txt"}
    assert [one["metadata"] for one in found] == [{}] * 4


def test_a_mistyped_workspace_stops_at_once(both: Provenstore, tmp_path: Path) -> None:
    """Every other file would fail alike."""
    ran = both("put", _folder(tmp_path, 100), "--workspace", "mistyped", code=1)
    assert "gave up" in ran.err
    assert ran.err.count("not stored: ") < 60


def test_what_is_read_back_is_on_record(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """--verify reads the content, which is an access like any other."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"report")
    file = both("put", path, "--workspace", workspace, "--verify").text.strip()
    assert both("show", file, "--json").json["download_count"] == 1


def test_an_unreachable_server_ends_the_work(tmp_path: Path) -> None:
    """With the exit code that says that the same again may help."""
    ran = Provenstore({})("put", _folder(tmp_path, 1), "--url", "http://127.0.0.1:9", "--json", code=3)
    assert {one["problem"]["code"] for one in _lines(ran)} == {"not-reached"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_was_interrupted_is_gone_on_with(
    both: Provenstore, workspace: str, tmp_path: Path, number: signal.Signals
) -> None:
    """By Ctrl-C or a crash: the same command again stores the rest, and no file twice."""
    folder = _folder(tmp_path, 60)
    command = [*ON_A_TERMINAL, PROVENSTORE, "put", str(folder), "--workspace", workspace, "--jobs", "4"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=both.whole_env, stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # It waits for us after some thirty lines: it cannot be through before it is interrupted.
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4_096)
        process.stdout.readline()
        process.send_signal(number)
        process.stdout.read()
        said = process.stderr.read()
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert b"Traceback" not in said
    before = {one["id"] for one in _all(both, workspace)}
    assert 0 < len(before) < 61
    both("put", folder, "--workspace", workspace)
    after = _all(both, workspace)
    assert len(after) == 61
    assert {one["status"] for one in after} == {"stored"}
    assert before <= {one["id"] for one in after}


def _chunks(provenstore: Provenstore, file: str) -> int:
    lines = provenstore("history", file).text.splitlines()
    return sum("file.chunk_uploaded.v1" in line for line in lines)


def test_a_large_file_goes_on_part_by_part(both: Provenstore, served: Served, workspace: str, tmp_path: Path) -> None:
    """What had arrived when the process was interrupted or died is not sent again; the whole is what was read here."""
    number = signal.SIGINT if "PROVENSTORE_URL" in both.env else signal.SIGKILL
    path = tmp_path / "film.mp4"
    content = os.urandom(10 * 1024**2) * 6 + b"the end"
    path.write_bytes(content)
    command = [*ON_A_TERMINAL, PROVENSTORE, "put", str(path), "--workspace", workspace]
    with subprocess.Popen(command, env=both.whole_env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        # Parts go one after the other: where the second has come, the first is recorded.
        while not list((served.data_dir / "objects").glob(".store/multipart/*/00002*")):
            assert process.poll() is None, "it was stored before it could be killed"
            time.sleep(0.001)
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert b"Traceback" not in said
    found = _all(both, workspace)
    arrived = _chunks(both, found[0]["id"])
    assert 0 < arrived < 7
    stored = both("put", path, "--workspace", workspace, "--json").json
    assert (stored["id"], stored["status"]) == (found[0]["id"], "stored")
    assert stored["sha256"] == hashlib.sha256(content).hexdigest()
    assert _chunks(both, stored["id"]) == 7
    assert [one["id"] for one in _all(both, workspace)] == [stored["id"]]

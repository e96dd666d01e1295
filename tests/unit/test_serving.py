"""A server says where it is for as long as it lives, and not a moment longer."""

import os
import subprocess
import sys
from pathlib import Path

from provenstore.adapters.embedded.serving import announced, served_at

URL = "http://127.0.0.1:18080"
_SERVER = """
import sys
from pathlib import Path
from provenstore.adapters.embedded.serving import announced
with announced(Path(sys.argv[1]), "http://127.0.0.1:19090"):
    print("ready", flush=True)
    sys.stdin.read()
"""


def _other(run: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_it_is_found_while_it_serves(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    assert served_at(tmp_path) is None
    assert served_at(tmp_path / "not-there") is None
    with announced(tmp_path, URL):
        assert served_at(tmp_path) == URL
    assert served_at(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    """Its file is there and its lock is not; the next server removes it."""
    with _other(tmp_path) as process:
        assert served_at(tmp_path) == "http://127.0.0.1:19090"
        process.kill()
        process.wait()
    assert [one.suffix for one in tmp_path.iterdir()] == [".url"]
    assert served_at(tmp_path) is None
    with announced(tmp_path, URL):
        assert len(list(tmp_path.iterdir())) == 1
        assert served_at(tmp_path) == URL


def test_of_two_the_other_one_stays(tmp_path: Path) -> None:
    """Several servers may share a data directory."""
    with _other(tmp_path) as process:
        with announced(tmp_path, URL):
            assert served_at(tmp_path) == URL
        assert served_at(tmp_path) == "http://127.0.0.1:19090"
        process.kill()

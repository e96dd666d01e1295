"""The page for auditors: every block of it runs, on files such as the ledger hands out and without the ledger."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exported_log import SIZE, drafts, seal, signed, write_folder, write_lines
from note_keys import LOG
from proven_log import NAME, ProvenLog
from provenstore.api.verify import offline_verifier

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "verify-offline.md"


@pytest.fixture
def handed_out(tmp_path: Path) -> Path:
    """What an auditor has."""
    life, states = ProvenLog(), seal(drafts())
    files = {
        "ledger.key": f"{LOG.public}\n".encode(),
        "receipt.json": life.receipt(0, NAME).encode(),
        "receipt.tlog-proof": life.receipt(3).to_tlog_proof().encode(),
        "history.json": life.history().encode(),
        "workspace.json": life.workspace().encode(),
        "range.json": life.range(3, 8).encode(),
        "older.checkpoint": life.checkpoint(7),
        "newer.checkpoint": life.checkpoint(11),
        "kept.checkpoint": signed(states, SIZE // 2),
    }
    proof = [base64.b64encode(one).decode() for one in life.tree().consistency(7, 11)]
    files["consistency.json"] = json.dumps({"from": 7, "to": 11, "proof": proof}).encode()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    write_lines(tmp_path / "events.ndjson", states)
    write_folder(tmp_path / "log", states)
    shutil.copy(tmp_path / "log" / "checkpoint", tmp_path / "events.ndjson.checkpoint")
    shutil.copy(offline_verifier.__file__, tmp_path / "offline_verifier.py")
    return tmp_path


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_block_runs(handed_out: Path) -> None:
    """In one shell; the verifier agrees with openssl and the lines by hand."""
    done = _run(handed_out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("verified: all that was checked") == 8
    assert "Signature Verified Successfully" in done.stdout
    assert "the event is in ledger.example.com/acme at position 1 of 11" in done.stdout
    assert "filename is a.pdf" in done.stdout


@pytest.mark.parametrize(
    ("was", "says"),
    [
        ("\\\\n11\\\\n", "Signature Verification Failure"),
        ("application/pdf", "the event is not in this log"),
        ('"a.pdf"', "filename is not what the event committed to"),
    ],
)
def test_the_lines_by_hand_find_what_was_altered(handed_out: Path, was: str, says: str) -> None:
    """Without the verifier, which stands before them on the page."""
    (handed_out / "offline_verifier.py").write_text("")
    receipt = handed_out / "receipt.json"
    altered, count = re.subn(was, was.replace("11", "12").replace("pdf", "PDF"), receipt.read_text(), count=1)
    assert count == 1
    receipt.write_text(altered)
    done = _run(handed_out)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr


def test_an_index_beyond_the_log_is_refused_by_hand(handed_out: Path) -> None:
    """In a tree of four, the way up from its second leaf is that from a sixth, if nobody asks how many there are."""
    life = ProvenLog()
    del life.events[4:]
    receipt = {**json.loads(life.receipt(1).encode()), "index": 5}
    (handed_out / "receipt.json").write_text(json.dumps(receipt))
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (inclusion,) = (block for block in blocks if "the event is not in this log" in block)
    (handed_out / "text").write_bytes(life.checkpoint().partition(b"\n\n")[0] + b"\n")
    done = subprocess.run(["bash", "-euc", inclusion], cwd=handed_out, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "there is no such position in this log\n")

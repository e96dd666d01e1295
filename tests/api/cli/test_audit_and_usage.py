"""`audit` and `usage`, against a server and on its data directory."""

from pathlib import Path
from uuid import uuid4

import pytest

from provenstore.api.cli.event_lines import all_details

from .conftest import Provenstore


def test_the_audit_trail(both: Provenstore, tmp_path: Path) -> None:
    """What was done is found by file, actor, event, subject and time; lines for programs, JSON on request."""
    (path := tmp_path / "a.txt").write_bytes(b"hello")
    subject = f"person-{uuid4()}"
    file_id = both("put", path, "--subject", subject, "--json").json["id"]
    both("get", file_id, "-o", tmp_path / "out")
    both("rm", file_id, "--reason", "done")
    entries = both("audit", "--file", file_id, "--oldest-first", "--json").documents
    types = [one["type"].split(".")[1] for one in entries if one["type"] != "file.access_ended.v1"]
    assert types == ["upload_initiated", "completion_requested", "stored", "accessed", "soft_deleted"]
    rows = both("audit", "--subject", subject, "--action", "download", "--action", "delete").rows
    found = [row[2] for row in rows if row[2] != "file.access_ended.v1"]
    assert found == ["file.soft_deleted.v1", "file.accessed.v1"]
    assert "file_name=a.txt reason=done" in rows[0][-1]
    actor, time = entries[0]["actor"]["id"], entries[3]["time"]
    asked = ("--actor", actor, "--from", time, "--type", "file.soft_deleted.v1", "--limit", "1")
    assert both("audit", *asked, "--json").documents[0]["file_id"] == file_id
    log = both("audit", "--file", file_id, "--storage-log", "--all").documents
    assert [one["action"] for one in log] == ["DELETE", "DOWNLOAD", "UPLOAD"]
    first = both("audit", "--file", file_id, "--limit", "2")
    cursor = first.err.split()[-1]
    assert "there are more" in first.err
    rest = both("audit", "--file", file_id, "--cursor", cursor).rows
    whole = both("audit", "--file", file_id, "--limit", "100").rows
    assert len(rest) > 2
    assert whole[-len(rest) :] == rest


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("--type", "file.eaten.v1"), 1, "file.eaten.v1"),
        (("--action", "eat"), 2, "'eat' is none of"),
        (("--from", "2026-11-20T10:00:00"), 2, "is not a time such as"),
        (("--from", "2026-11-20", "--before", "2026-11-19"), 1, "is not after"),
        (("--cursor", "tampered"), 1, "cursor"),
        (("--limit", "0"), 2, "greater than or equal to 1"),
        (("--related", "order"), 2, "form"),
        (("--workspace", "nobody-here"), 1, "no such workspace"),
    ],
)
def test_bad_questions_are_refused(both: Provenstore, asked: tuple[str, ...], code: int, said: str) -> None:
    """In one sentence that says what is wrong."""
    assert said in " ".join(both("audit", *asked, code=code).err.split())


def test_usage(both: Provenstore, tmp_path: Path) -> None:
    """What a workspace and the ledger use, as fields, as lines by group, and as JSON."""
    workspace = f"w-{uuid4().hex[:16]}"
    both("workspace", "create", workspace, "--max-bytes", "100")
    (path := tmp_path / "a.txt").write_bytes(b"x" * 85)
    both("put", path, "--workspace", workspace)
    shown = both("usage", "--workspace", workspace).text
    assert "high (85 %)" in shown
    found = both("usage", "--workspace", workspace, "--by", "category", "--json").json
    assert [(one["key"], one["usage"]["bytes"]) for one in found["groups"]] == [("misc", 85)]
    lines = both("usage", "--by", "workspace", "--limit", "1000").rows
    mine = next(line for line in lines if line[0] == workspace)
    assert mine[1:3] == ["1", "85 B"]
    assert mine[7:] == ["high (85 %)", "0.0000 USD"]
    assert lines[-1][0] == "total"
    assert "--by workspace" in both("usage", "--by", "workspace", "--workspace", workspace, code=2).err
    assert "month" in both("usage", "--month", "November", code=1).err


def test_details_are_written_as_in_json() -> None:
    """But for texts, which stand as they are, and for what is empty, which is left out."""
    said = {
        "name": "a b",
        "exact": True,
        "count": 1,
        "ranges": [{"first": 0}],
        "link": None,
        "subject": {"erased_by": "e"},
    }
    changed = {"was": {"four_eyes": False}, "became": {"four_eyes": True, "max_files": None}}
    assert all_details({**said, "subject": {"erased_by": "e"}, **changed}) == (
        'name=a b exact=true count=1 ranges=[{"first": 0}] subject=(erased) four_eyes=false->true max_files=-->-'
    )

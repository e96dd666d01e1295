"""`jobs` and `verify-content`, against a server and on its data directory."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from provenstore.api.cli.batch import IN_VAIN, to_each
from provenstore.api.cli.output import Output
from provenstore.api.cli.session import Session
from provenstore.domain.errors import IntegrityViolated, NotFound, StoreUnavailable

from .conftest import Provenstore, Served


@pytest.fixture
def workspace(served: Served) -> str:
    """A workspace of this test's own, without a second person."""
    name = f"w-{uuid4().hex[:20]}"
    served.direct("workspace", "create", name, "--no-four-eyes")
    return name


def _put(provenstore: Provenstore, tmp_path: Path, workspace: str, *options: str) -> str:
    path = tmp_path / f"{uuid4().hex}.pdf"
    path.write_bytes(b"a report")
    found: str = provenstore("put", path, "--workspace", workspace, "--json", *options).json["id"]
    return found


def test_jobs_are_listed(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """What will be due only if asked for; for people a line each, for programs one document."""
    file = _put(both, tmp_path, workspace, "--category", "temp")
    within = ("--workspace", workspace)
    nothing = both("jobs", "list", *within, "--json")
    assert (nothing.out, nothing.err) == (b"", "")
    (job,) = both("jobs", "list", *within, "--upcoming", "--json").documents
    assert (job["file_id"], job["kind"], job["workspace"], job["attempts"]) == (file, "expire", workspace, 0)
    (row,) = both("jobs", "list", *within, "--upcoming", "--kind", "expire", "--kind", "purge").rows
    assert row[:3] == [file, "expire", workspace]
    assert both("jobs", "list", *within, "--upcoming", "--kind", "purge").rows == []
    _put(both, tmp_path, workspace, "--category", "temp")
    first = both("jobs", "list", *within, "--upcoming", "--limit", "1", "--json")
    second = both("jobs", "list", *within, "--upcoming", "--limit", "1", "--cursor", first.next, "--json")
    assert first.documents[0]["file_id"] == file != second.documents[0]["file_id"]


def test_jobs_are_run_and_tried_again(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """A round says how it went, a file where it stands; what is not there is refused."""
    file = _put(both, tmp_path, workspace)
    assert both("jobs", "run", "--workspace", workspace, "--json").json == {"done": 0, "failed": 0, "stopped": False}
    assert both("jobs", "run", "--workspace", workspace).text == "0 done, 0 failed\n"
    assert both("jobs", "retry", file).text == f"{file}\tstored\t-\n"
    answer = both("jobs", "retry", file, "--json").json
    assert answer == {"files": [{"file_id": file, "status": "stored", "jobs": []}], "failed": [], "left": 0}
    assert both("jobs", "retry", "--all", "--workspace", workspace).text == ""
    assert both("jobs", "retry", str(uuid4()), code=1).err == "provenstore: there is no such file\n"
    mixed = both("jobs", "retry", file, unknown := str(uuid4()), code=1).text
    assert mixed == f"{file}\tstored\t-\n{unknown}\tnot-found\tthere is no such file\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", "retry"],
        ["jobs", "retry", "--all", "0199f4a6-0000-7000-8000-000000000000"],
        ["jobs", "retry", "--workspace", "w", "0199f4a6-0000-7000-8000-000000000000"],
        ["jobs", "list", "--kind", "tidy"],
        ["verify-content"],
        ["verify-content", "--all", "--unverified"],
        ["verify-content", "--workspace", "w", "0199f4a6-0000-7000-8000-000000000000"],
    ],
)
def test_contradictory_wishes_are_exit_code_2(both: Provenstore, arguments: list[str]) -> None:
    """Before anything is asked."""
    assert both(*arguments, code=2).out == b""


def test_altered_content_is_exit_code_7(both: Provenstore, served: Served, workspace: str, tmp_path: Path) -> None:
    """A line for each file that is not as it was stored, none for those that are."""
    sound, altered, missing = (_put(both, tmp_path, workspace) for _ in range(3))
    assert both("verify-content", sound, altered, missing).text == ""
    for file in (altered, missing):
        path = served.data_dir / "objects" / both("show", file, "--json").json["path"]
        path.chmod(0o600)
        path.write_bytes(b"A report") if file == altered else path.unlink()
    ran = both("verify-content", sound, altered, missing, code=7)
    assert ran.text == f"{altered}\taltered\n{missing}\tmissing\n"
    assert "1 verified, 2 altered or missing, 0 not read" in ran.err
    found = both("verify-content", "--all", "--workspace", workspace, "--json", code=7).json
    assert (found["verified"], found["failed"], found["left"]) == (1, [], 0)
    assert {one["file_id"]: one["outcome"] for one in found["damaged"]} == {altered: "altered", missing: "missing"}
    assert both("show", sound, "--json").json["verified_at"] is not None


def test_what_nobody_has_read_can_be_verified(both: Provenstore, workspace: str) -> None:
    """Nothing here: whatever came through us was read on its way."""
    empty = {"verified": 0, "damaged": [], "failed": [], "left": 0}
    assert both("verify-content", "--unverified", "--workspace", workspace, "--json").json == empty
    unknown = str(uuid4())
    assert json.loads(both("verify-content", unknown, "--json", code=1).err)["code"] == "not-found"


def test_the_worst_failure_decides() -> None:
    """All files are tried; after ten for which the store was away the rest are left alone."""
    session = Session(Output(as_json=True))
    errors = {"1": NotFound(), "3": StoreUnavailable(), "5": IntegrityViolated()}

    def act(file: str) -> dict[str, str]:
        if file in errors:
            raise errors[file]
        return {"file_id": file}

    assert to_each(session, "trying", ["0", "2"], act).code == 0
    for files, code in ((["0", "1"], 1), (["3", "1"], 3), (["5", "3", "0"], 7)):
        found = to_each(session, "trying", files, act)
        assert (found.code, len(found.answers)) == (code, files.count("0"))
    away = to_each(session, "trying", ["0", *["3"] * 9, "0", *["3"] * 15], act)
    assert (len(away.failures), away.left) == (9 + IN_VAIN, 5)

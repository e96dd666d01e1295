"""`disposal`, against a server and on its data directory: ask, approve, see what is due and what was done."""

from pathlib import Path
from uuid import uuid4

import pytest

from provenstore.api.cli.disposal import DEFAULT_DAYS
from provenstore.domain.tenants import disposal

from .conftest import Provenstore, Served


@pytest.fixture
def workspace(both: Provenstore) -> str:
    name = f"w-{uuid4().hex[:12]}"
    both("workspace", "create", name)
    return name


def approver(served: Served) -> Provenstore:
    """Return the command line of a second person."""
    issue = ("keys", "issue", "--role", "approver", "--actor", f"bob-{uuid4()}", "--kind", "person", "--json")
    key = served.direct(*issue).json["key"]
    return Provenstore({"PROVENSTORE_URL": served.url, "PROVENSTORE_KEY": key})


def test_the_default_is_the_domains() -> None:
    """The help text says it without loading what is heavy."""
    assert DEFAULT_DAYS == disposal.DEFAULT_DAYS


def test_a_policy_is_requested_and_rejected(both: Provenstore, workspace: str) -> None:
    """It waits for a second person; its id may be short, and the one who asked does not approve."""
    asked = both("disposal", "request", workspace, "misc", "--never", "--reason", "kept for good")
    request = asked.text.strip()
    assert f"disposal approve {workspace} {request}" in asked.err
    listed = both("disposal", "list", workspace)
    assert "temp/built-in/1" in listed.text
    assert "misc: never, requested by" in listed.err
    refused = both("disposal", "approve", workspace, request, code=1)
    assert "other than the one who asked" in refused.err
    assert both("disposal", "reject", workspace, request[:13], "--json").json["requests"] == []
    assert "no such disposal policy" in both("disposal", "reject", workspace, request, code=1).err


def test_two_persons_set_a_policy(served: Served) -> None:
    """The second one with a key that the first did not issue; the default is 90 days."""
    workspace, second = f"w-{uuid4().hex[:12]}", approver(served)
    served.server("workspace", "create", workspace)
    asked = served.server("disposal", "request", workspace, "misc", "--reason", "schedule", "--json").json
    assert asked["after_days"] == 90
    agreed = second("disposal", "approve", workspace, asked["id"], "--reason", "agreed")
    assert "after 90 days" in agreed.text
    assert "misc/1" in agreed.text


def test_what_is_due_is_shown_and_nothing_destroyed(both: Provenstore, workspace: str, tmp_path: Path) -> None:
    """Under the policies in force, and under one that is only supposed."""
    content = tmp_path / "a.txt"
    content.write_text("content")
    file = both("put", content, "--workspace", workspace).text.strip()
    both("rm", file, "--reason", "obsolete")
    assert file not in both("disposal", "due", workspace).text
    supposed = both("disposal", "due", workspace, "--category", "misc", "--days", "3")
    assert file in supposed.text
    assert "a.txt" in supposed.text
    assert "0 (0 B) due, 1 (7 B) later" in supposed.err
    assert both("disposal", "due", workspace, "--category", "misc", "--days", "3", "--before", "2026-01-01").rows == []
    assert both("disposal", "runs", workspace, "--json").documents == []
    assert both("show", file, "--json").json["status"] == "soft_deleted"

"""`keys list`, `show` and `revoke`, on a server and on a data directory: an API key is never repeated."""

from uuid import UUID, uuid4

from .conftest import Provenstore


def test_keys_are_listed_shown_and_revoked(both: Provenstore) -> None:
    """By id, with or without dashes, or by the key itself, of which nothing but the id is ever shown."""
    actor = f"robot-{uuid4()}"
    issued = both("keys", "issue", "--role", "service", "--actor", actor, "--kind", "service", "--json").json
    lines = [line for line in both("keys", "list", "--limit", "1000").text.splitlines() if actor in line]
    assert [line.split("\t")[0] for line in lines] == [issued["id"]]
    assert "active" in lines[0]
    for name in (issued["id"], UUID(issued["id"]).hex, issued["key"]):
        shown = both("keys", "show", name)
        assert actor in shown.text
        assert issued["key"] not in shown.text + shown.err
    revoked = both("keys", "revoke", issued["key"], "--reason", "leaked")
    assert issued["key"].split("_", 2)[2] not in revoked.text + revoked.err
    found = both("keys", "show", issued["id"], "--json").json
    assert (found["status"], found["revoked_reason"]) == ("revoked", "leaked")
    entries = both("audit", "--credential", issued["key"], "--json").documents
    assert entries == []


def test_what_is_no_key_is_not_repeated(both: Provenstore) -> None:
    """It may be a key with a slip in it."""
    slip = "pvs_" + "0" * 32 + "_" + "A" * 42
    for command in (("keys", "revoke", slip), ("keys", "show", slip), ("audit", "--credential", slip), ("show", slip)):
        refused = both(*command, code=2)
        assert slip not in refused.text + refused.err

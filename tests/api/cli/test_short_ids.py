"""Ids are taken by their first digits wherever they name one thing and no other."""

from pathlib import Path

import pytest

from provenstore.domain.administration.short_ids import id_range
from provenstore.domain.errors import InvalidInput

from .conftest import Provenstore, Served


def _stored(provenstore: Provenstore, tmp_path: Path) -> str:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 a report")
    return provenstore("put", path, "--again").text.strip()


@pytest.mark.parametrize("dashes", [True, False])
def test_a_file_by_its_first_digits(both: Provenstore, tmp_path: Path, *, dashes: bool) -> None:
    """With or without dashes, in whatever case."""
    file = _stored(both, tmp_path)
    short = file[:30] if dashes else file.replace("-", "")[:26].upper()
    assert both("show", short, "--json").json["id"] == file
    assert both("rm", short, "--reason", "over").text.strip() == file
    assert both("restore", short).text.strip() == file


def test_what_is_ambiguous_or_unknown_is_refused(both: Provenstore, tmp_path: Path) -> None:
    """Two files of one minute share their first digits."""
    file, other = _stored(both, tmp_path), _stored(both, tmp_path)
    assert file[:8] == other[:8]
    assert "more than one" in both("show", file[:8], code=1).err
    assert "no file whose id begins" in both("show", "00000000", code=1).err
    assert "8 or more" in both("show", "0199abc", code=2).err


def test_holds_keys_and_events_by_their_first_digits(served: Served, both: Provenstore, tmp_path: Path) -> None:
    """Everywhere that takes an id."""
    file = _stored(both, tmp_path)
    hold = both("hold", "place", file, "--name", "h", "--reason", "r").text.strip()
    refused = served.server if both is served.direct else served.direct  # one has issued the key of the other
    assert "made or changed" in refused("hold", "release", file, hold[:30], code=1).err
    if both is served.server:
        served.second("hold", "release", file, hold[:30], "--reason", "settled")
        assert both("hold", "list", file, "--json").documents == []
    event = both("history", file, "--json").documents[0]["event"]["id"]
    assert event in both("receipt", file, "--event", event[:32], "--json").text
    issue = ("keys", "issue", "--role", "service", "--actor", "short", "--kind", "service", "--json")
    key = both(*issue).json["id"]
    assert both("keys", "revoke", key.replace("-", "")[:31], "--json").json == {"id": key, "revoked": True}


def test_a_workspace_key_completes_only_its_own(served: Served, tmp_path: Path) -> None:
    """What lies in another workspace is not there, and cannot make an id ambiguous."""
    file = _stored(served.direct, tmp_path)
    served.direct("workspace", "create", "elsewhere")
    arguments = ("--role", "service", "--actor", "stranger", "--kind", "service", "--workspace", "elsewhere")
    key = served.direct("keys", "issue", *arguments, "--json").json["key"]
    stranger = Provenstore({"PROVENSTORE_URL": served.url, "PROVENSTORE_KEY": key})
    assert "no file whose id begins" in stranger("show", file[:30], code=1).err


def _link(both: Provenstore, file: str) -> str:
    found: str = both("link", file, "--json").json["id"]
    return found


def test_a_link_by_its_first_digits(both: Provenstore, tmp_path: Path) -> None:
    """On its file, and in the audit; two links of one minute are ambiguous, and none at all is told apart."""
    file = _stored(both, tmp_path)
    link, other = _link(both, file), _link(both, file)
    assert "more than one link" in both("link", "revoke", file, link[:8], code=1).err
    assert "no link whose id begins" in both("link", "revoke", file, "00000000", code=1).err
    assert "8 or more" in both("link", "revoke", file, "0199abc", code=2).err
    assert both("link", "revoke", file[:32], link[:30], "--json").json == {"id": link, "revoked": True}
    events = both("audit", "--link", link.replace("-", "")[:28], "--json").documents
    assert {one["details"]["link"] for one in events} == {link}
    left = both("audit", "--file", file, "--not-link", link[:30], "--action", "link", "--json").documents
    assert {one["details"]["link"] for one in left} == {other}
    assert "more than one link" in both("audit", "--link", link[:8], code=1).err
    assert "no link whose id begins" in both("audit", "--link", "00000000", code=1).err


def test_holds_purges_and_requests_in_the_audit(both: Provenstore, tmp_path: Path) -> None:
    """What stands inside events is found by its first digits as well."""
    file = _stored(both, tmp_path)
    hold = both("hold", "place", file, "--name", "h", "--reason", "r").text.strip()
    entries = both("audit", "--hold", hold[:30], "--json").documents
    assert [one["details"]["hold"] for one in entries] == [hold]
    assert "no hold whose id begins" in both("audit", "--hold", "00000000", code=1).err
    assert "no hold whose id begins" in both("hold", "release", file, "00000000", code=1).err
    second = both("hold", "place", file, "--name", "other", "--reason", "r").text.strip()
    assert hold[:8] == second[:8]
    assert "more than one hold" in both("hold", "release", file, hold[:8], code=1).err
    request = entries[0]["request"]
    found = both("audit", "--request", request[:20], "--json").documents
    assert {one["request"] for one in found} == {request}
    assert "no request whose id begins" in both("audit", "--request", "00000000", code=1).err
    deleted = _stored(both, tmp_path)
    both("rm", deleted, "--reason", "over")
    purge = both("purge", "request", deleted, "--json").json["id"]
    entries = both("audit", "--purge", purge[:30], "--json").documents
    assert {one["details"]["purge"] for one in entries} == {purge}
    assert "no purge whose id begins" in both("audit", "--purge", "00000000", code=1).err


def test_erasures_and_disposal_requests_by_their_first_digits(both: Provenstore, tmp_path: Path) -> None:
    """Asked for by one person, and taken back by the first digits of the id."""
    file = _stored(both, tmp_path)
    erasure = both("erase", file, "--field", "filename", "--reason", "asked to").text.strip()
    assert both("erase", "show", erasure[:30], "--json").json["id"] == erasure
    assert "no erasure whose id begins" in both("erase", "show", "00000000", code=1).err
    both("erase", "reject", erasure.replace("-", "")[:28])
    request = both("disposal", "request", "default", "misc", "--reason", "tidy", "--json").json["id"]
    assert "no requested disposal policy whose id" in both("disposal", "reject", "default", "00000000", code=1).err
    assert both("disposal", "reject", "default", request[:12], "--json").json["requests"] == []


@pytest.mark.parametrize("prefix", ["", "0199abc", "0199abcg", "0" * 33, "x" * 8, "file:0199", "0199%%%%"])
def test_what_is_no_part_of_an_id(prefix: str) -> None:
    """Nothing else reaches the database."""
    with pytest.raises(InvalidInput, match="first 8 digits"):
        id_range(prefix)

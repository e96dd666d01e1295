"""Every command, against a server and on its data directory: the same answers either way."""

import hashlib
import json
import os
from pathlib import Path
from uuid import uuid4

import pytest

from .conftest import Provenstore, Served

TEN_MIB = os.urandom(1 << 20) * 10


def _file(tmp_path: Path, name: str = "report.pdf", content: bytes = b"%PDF-1.7 a report") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pdf", b""),
        ("large.pdf", TEN_MIB),
        ("with space  and 'quotes\".txt", b"x"),
        ("報告 ünïcødé 🙂.epub", b"x"),
        ("-o.txt", b"x"),
        ("[red]$(id);&.mp3", b"x"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_file_goes_in_and_comes_out(both: Provenstore, tmp_path: Path, name: str, content: bytes) -> None:
    """Under its own name, byte for byte, whatever the name is."""
    stored = both("put", "--json", "--", _file(tmp_path, name, content)).json
    assert (stored["filename"], stored["size"], stored["status"]) == (name, len(content), "stored")
    assert (stored["sha256"], stored["sha256_status"]) == (hashlib.sha256(content).hexdigest(), "verified")
    target = tmp_path / "out"
    both("get", stored["id"], "-o", target)
    assert target.read_bytes() == content
    assert both("get", stored["id"], "-o", "-").out == content


def test_names_that_cannot_be_kept_are_refused_before_anything_is_sent(both: Provenstore, tmp_path: Path) -> None:
    """Bytes that are no text: said without sending them along."""
    ran = both("put", _file(tmp_path, os.fsdecode(b"\xff.pdf")), code=1)
    assert ran.out == b""
    assert ran.err.startswith("provenstore: filename: ")
    assert "--name" in ran.err
    both("put", _file(tmp_path, os.fsdecode(b"\xfe.pdf")), "--name", "a b.pdf")


@pytest.mark.parametrize("name", ["a\nb.pdf", "a\x1b[31m.pdf", "a\u202efdp.pdf", "\u05e9\u200f (1).docx", "c:\\d.tsv"])
def test_odd_names_are_kept_and_shown_escaped(both: Provenstore, tmp_path: Path, name: str) -> None:
    """A newline, a control character, a direction mark, a backslash: the name comes back as it was."""
    ran = both("put", _file(tmp_path, name))
    assert not {"\x1b", "\u202e", "\u200f"} & {*ran.err}
    shown = both("show", ran.text.strip())
    assert not {"\x1b", "\u202e", "\u200f"} & {*shown.text}
    assert both("show", ran.text.strip(), "--json").json["filename"] == name


def test_without_extension_the_media_type_decides(both: Provenstore, tmp_path: Path) -> None:
    """And without either the file has no extension, which only a category of every type takes."""
    path = _file(tmp_path, "README", b"text")
    assert "no extension" in both("put", path, "--category", "export", code=1).err
    assert "." not in both("put", path, "--json").json["path"]
    assert both("put", path, "--media-type", "text/plain", "--json").json["path"].endswith(".txt")


def test_put_says_everything_about_a_file(both: Provenstore, tmp_path: Path) -> None:
    """What is said at the beginning is what is shown afterwards, and what lists are narrowed by."""
    order, person = uuid4().hex, uuid4().hex
    options = ["--category", "author_media", "--variant", "processed", "--access", "workspace"]
    options += ["--related", f"order:{order}", "--subject", person, "--metadata", "a=b=c", "--metadata", "d="]
    stored = both("put", _file(tmp_path), *options, "--expires-at", "2100-01-01", "--json").json
    shown = both("show", stored["id"], "--json").json
    assert {**shown, **stored} == shown
    assert (shown["category"], shown["variant"], shown["access"]) == ("author_media", "processed", "workspace")
    assert (shown["related"], shown["subjects"]) == ([{"type": "order", "id": order}], [person])
    assert (shown["metadata"], shown["expires_at"]) == ({"a": "b=c", "d": ""}, "2100-01-01T00:00:00.000000Z")
    assert shown["upload_method"] == "api"
    for narrowed in (["--related", f"order:{order}"], ["--subject", person]):
        assert [stored["id"]] == [one["id"] for one in _listed(both, narrowed)]
    assert _listed(both, ["--subject", person, "--status", "purged"]) == []


def _listed(provenstore: Provenstore, options: list[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = provenstore("ls", *options, "--json").documents
    return found


def test_ids_are_what_a_script_reads(both: Provenstore, tmp_path: Path) -> None:
    """stdout has one id and nothing else; what is said goes to stderr, unless nothing should be said."""
    path = _file(tmp_path, "one.pdf")
    ran = both("put", path)
    assert both("show", ran.text.strip(), "--json").json["filename"] == "one.pdf"
    assert "stored one.pdf" in ran.err
    assert both("put", path, "--quiet").err == ""


def test_stdin_is_stored_under_a_name(both: Provenstore) -> None:
    """A pipe has no size to announce."""
    stored = both.process("put", "-", "--name", "piped.txt", "--json", stdin=b"from a pipe").json
    assert (stored["filename"], stored["size"]) == ("piped.txt", 11)


def test_lists_go_on_where_a_page_ended(both: Provenstore, tmp_path: Path) -> None:
    """Newest first, each file once, and --all is all pages in one answer."""
    person = uuid4().hex
    paths = [_file(tmp_path, f"{number}.pdf") for number in range(3)]
    newest_first = [both("put", "--subject", person, path).text.strip() for path in paths][::-1]
    first = both("ls", "--subject", person, "--limit", "2", "--json")
    second = both("ls", "--subject", person, "--limit", "2", "--cursor", first.next, "--json")
    assert newest_first == [one["id"] for one in first.documents + second.documents]
    assert second.next is None
    everything = both("ls", "--subject", person, "--all")
    assert newest_first == [row[0] for row in everything.rows]


def test_nothing_is_overwritten_unasked(both: Provenstore, tmp_path: Path) -> None:
    """An existing file stays as it is; --force replaces it as a whole."""
    stored = both("put", _file(tmp_path)).text.strip()
    target = _file(tmp_path, "mine.pdf", b"mine")
    assert "--force" in both("get", stored, "-o", target, code=1).err
    assert target.read_bytes() == b"mine"
    both("get", stored, "-o", target, "--force")
    assert target.read_bytes() == b"%PDF-1.7 a report"


def test_the_own_name_is_made_harmless(both: Provenstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored name must not become a hidden file of whoever reads it."""
    plain = both("put", _file(tmp_path)).text.strip()
    hidden = both("put", _file(tmp_path, "profile.txt"), "--name", ".profile.txt").text.strip()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    both("get", plain)
    both("get", hidden)
    assert [Path("_.profile.txt"), Path("report.pdf")] == sorted(Path().iterdir())


def test_the_life_of_a_file_takes_two_persons(served: Served, tmp_path: Path) -> None:
    """Held, deleted, restored, purged and certified; the second one's key is not the first one's to issue."""
    both, other = served.server, served.second
    file = both("put", _file(tmp_path)).text.strip()
    hold = both("hold", "place", file, "--name", "audit", "--matter", "m-1", "--reason", "asked").text.strip()
    (held,) = both("hold", "list", file, "--json").documents
    assert (held["id"], held["name"], held["matter"]) == (hold, "audit", "m-1")
    assert "legal hold" in both("rm", file, "--reason", "cleanup", code=1).err
    assert "person other" in both("hold", "release", file, hold, code=1).err
    assert other("hold", "release", file, hold, "--reason", "done", "--json").json["legal_holds"] == []
    assert both("rm", file, "--reason", "cleanup", "--json").json["status"] == "soft_deleted"
    assert both("get", file, "-o", tmp_path / "gone", code=1).out == b""
    assert not (tmp_path / "gone").exists()
    assert both("restore", file, "--json").json["status"] == "stored"
    both("rm", file, "--reason", "cleanup")
    purge = both("purge", "request", file, "--reason", "cleanup", "--json").json
    assert (purge["file_id"], purge["status"]) == (file, "requested")
    assert "person other" in both("purge", "approve", file, code=1).err
    assert other("purge", "reject", file, "--json").json["status"] == "rejected"
    both("purge", "request", file)
    assert both("purge", "withdraw", file, "--json").json["status"] == "withdrawn"
    both("purge", "request", file)
    assert other("purge", "approve", file, "--json").json["status"] == "purged"
    assert both("purge", "certificate", file).json["file_id"] == file
    types = [one["event"]["type"] for one in both("history", file, "--json").documents]
    assert types[0] == "file.upload_initiated.v1"
    assert {"file.legal_hold_placed.v1", "file.access_denied.v1", "file.purged.v1"} <= set(types)


def test_people_are_shown_who_decided_when_and_why(both: Provenstore, tmp_path: Path) -> None:
    """Of holds, purges, erasures, disposal policies and four eyes, in what a person reads, with the actors' reach."""
    workspace = f"w-{uuid4().hex}"
    both("workspace", "create", workspace)
    files = (_file(tmp_path), _file(tmp_path, "gone.pdf", b"%PDF-1.7 another"))
    file, gone = (both("put", one, "--workspace", workspace).text.strip() for one in files)
    both("hold", "place", file, "--name", "audit", "--matter", "m-1", "--reason", "sued by somebody")
    held = both("hold", "list", file).text
    assert "sued by somebody" in held
    assert "@system" in held
    both("rm", gone, "--reason", "cleanup")
    both("purge", "request", gone, "--reason", "no longer needed")
    shown = dict(line.split("  ", 1) for line in both("purge", "show", gone).text.splitlines())
    found = {name: value.strip() for name, value in shown.items()}
    assert (found["status"], found["name"], found["legal holds"]) == ("requested", "gone.pdf", "-")
    assert (found["requested because"], found["approved by"]) == ("no longer needed", "-")
    assert found["requested by"].endswith("@system")
    erasure = both("erase", gone, "--field", "filename", "--reason", "request 7").text.strip()
    assert "request 7" in both("erase", "show", erasure).err
    assert "request 7" in both("erase", "list").text
    both("disposal", "request", workspace, "misc", "--reason", "schedule")
    assert "schedule" in both("disposal", "list", workspace).err
    asked = both("workspace", "set", workspace, "--no-four-eyes", "--reason", "one is enough").text
    assert "(one is enough)" in asked
    assert "(one is enough)" in both("workspace", "show", workspace).text


def test_one_whose_key_the_first_person_issued_is_no_second_one(served: Served, tmp_path: Path) -> None:
    """Who issues a key on the data directory cannot have its holder agree."""
    made = "was made or changed by the first"
    file = served.direct("put", _file(tmp_path)).text.strip()
    hold = served.direct("hold", "place", file, "--name", "audit", "--reason", "asked").text.strip()
    assert made in served.server("hold", "release", file, hold, code=1).err
    gone = served.direct("put", _file(tmp_path, "gone.pdf")).text.strip()
    served.direct("rm", gone, "--reason", "cleanup")
    served.direct("purge", "request", gone)
    assert made in served.server("purge", "approve", gone, code=1).err
    assert served.direct("show", gone, "--json").json["status"] == "soft_deleted"


def test_one_who_issued_the_first_persons_key_is_no_second_one(served: Served, tmp_path: Path) -> None:
    """Who issues a key on the data directory could have asked with it."""
    made = "was made or changed by the second"
    file = served.server("put", _file(tmp_path)).text.strip()
    hold = served.server("hold", "place", file, "--name", "audit", "--reason", "asked").text.strip()
    assert made in served.direct("hold", "release", file, hold, code=1).err
    assert served.second("hold", "release", file, hold, "--json").json["legal_holds"] == []
    served.server("rm", file, "--reason", "cleanup")
    served.server("purge", "request", file)
    assert made in served.direct("purge", "approve", file, code=1).err
    assert served.direct("show", file, "--json").json["status"] == "soft_deleted"


def test_retention_refuses_a_purge(both: Provenstore, tmp_path: Path) -> None:
    """Until it ends, whoever asks."""
    file = both("put", _file(tmp_path)).text.strip()
    kept = both("retention", "set", file, "--until", "2100-01-01T02:00:00+02:00", "--reason", "law", "--json").json
    assert kept["retention_until"] == "2100-01-01T00:00:00.000000Z"
    both("rm", file, "--reason", "cleanup")
    assert "retention" in both("purge", "request", file, code=1).err


def test_workspaces_are_made_shown_and_changed(both: Provenstore) -> None:
    """With a quota, and a policy that changes with a reason."""
    name = f"w-{uuid4().hex}"
    both("workspace", "create", name, "--name", "Acme", "--max-files", "7")
    assert both("workspace", "create", name, code=1).out == b""
    assert both("workspace", "set", name, "--max-bytes", "1000", "--json").json["quota"] == {
        "max_bytes": 1000,
        "max_files": 7,
    }
    both("workspace", "set", name, "--no-four-eyes", code=1)
    changed = both("workspace", "set", name, "--max-files", "-1", "--no-four-eyes", "--reason", "small", "--json").json
    assert (changed["four_eyes"], changed["quota"]["max_files"]) == (True, None)
    assert changed["pending"]["effective_at"] is None
    assert "a second person must agree" in both("workspace", "show", name).text
    both("workspace", "set", name, "--no-four-eyes", "--reason", "small", code=1)
    assert both("workspace", "set", name, "--four-eyes", "--reason", "not so", "--json").json["pending"] is None
    assert both("workspace", "set", name, "--max-retention-years", "7", "--json").json["max_retention_years"] == 7
    more = both("workspace", "set", name, "--max-retention-years", "30", "--reason", "law", "--json").json
    assert (more["max_retention_years"], more["pending_retention"]["max_retention_years"]) == (7, 30)
    shown = " ".join(both("workspace", "show", name).text.split())
    assert "for 30 (law), and a second person must agree" in shown
    assert name in {one["id"] for one in both("workspace", "list", "--limit", "1000", "--json").documents}
    assert "Acme" in both("workspace", "show", name).text


def test_keys_open_until_they_are_revoked(both: Provenstore, served: Served) -> None:
    """A key is answered as exactly its id and itself, and opens nothing outside its workspace."""
    options = ["--role", "service", "--role", "auditor", "--actor", f"a-{uuid4().hex}", "--kind", "service"]
    issued = both("keys", "issue", *options, "--workspace", "default", "--expires-at", "2100-01-01", "--json").json
    assert issued.keys() == {"id", "key"}
    holder = Provenstore({"PROVENSTORE_URL": served.url, "PROVENSTORE_KEY": issued["key"]})
    assert len(holder("ls", "--limit", "1", "--json").documents) == 1
    holder("ls", "--workspace", "system", code=1)
    both("keys", "revoke", issued["id"], "--reason", "leaked")
    refused = holder("ls", "--json", code=1)
    assert json.loads(refused.err)["code"] == "unauthenticated"
    assert issued["key"] not in refused.err


def test_what_does_not_exist_is_refused(both: Provenstore) -> None:
    """With one sentence, and with --json one problem."""
    unknown = str(uuid4())
    for arguments in (["show"], ["history"], ["get"], ["restore"], ["purge", "request"], ["hold", "list"]):
        assert both(*arguments, unknown, code=1).err.count("\n") == 1
    assert json.loads(both("show", unknown, "--json", code=1).err)["type"] == "urn:provenstore:problem:not-found"


def test_answers_are_plain_ascii_json(both: Provenstore, tmp_path: Path) -> None:
    """Nothing in a document can steer a terminal, not even text that the ledger takes."""
    stored = both("put", _file(tmp_path), "--metadata", "note=line\nand 報告", "--json")
    assert stored.out.isascii()
    shown = both("show", stored.json["id"]).text
    assert shown.count("\n") == len(both("show", stored.json["id"], "--json").json)
    assert "\\u{a}" not in shown.split("metadata")[0]


def test_a_mistyped_workspace_is_not_made(both: Provenstore, tmp_path: Path) -> None:
    """It would be a tenant for ever."""
    name = f"w-{uuid4().hex}"
    assert "no such workspace" in both("put", _file(tmp_path), "--workspace", name, code=1).err
    assert "no such workspace" in both("workspace", "show", name, code=1).err


def test_the_next_step_is_said(both: Provenstore, tmp_path: Path) -> None:
    """On stderr, so that scripts read ids alone."""
    file = both("put", _file(tmp_path)).text.strip()
    both("rm", file, "--reason", "cleanup")
    assert f"provenstore purge approve {file}" in both("purge", "request", file).err

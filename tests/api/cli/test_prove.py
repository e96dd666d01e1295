"""`receipt`, `prove` and `verify`: both ways in, and what is handed out is checked by both verifiers."""

import json
from pathlib import Path

import pytest

from note_keys import NoteKey
from offline import verify as verify_offline
from provenstore.domain.proofs.tlog_proof import FORMAT
from tests.api.cli.conftest import Provenstore, Served


@pytest.fixture
def file_id(both: Provenstore, served: Served, tmp_path: Path) -> str:
    """A file that was just stored, and signed: what a command on the data directory does at once."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    found: str = both("put", tmp_path / "a.pdf", "--json").json["id"]
    served.direct("log", "checkpoint")
    return found


def key(cli: Provenstore) -> str:
    return cli("log", "keys").text.splitlines()[0]


def documents(cli: Provenstore, file_id: str, folder: Path) -> dict[str, Path]:
    """Write one document of every kind."""
    commands = {
        "receipt": ("receipt", file_id),
        "tlog-proof": ("receipt", file_id, "--tlog-proof"),
        "history": ("prove", "history", file_id),
        "workspace": ("prove", "workspace", "default"),
        "range": ("prove", "range", "0", "2"),
    }
    paths = {name: folder / name for name in commands}
    for name, command in commands.items():
        cli(*command, "-o", paths[name])
    return paths


def test_documents_verify_here_and_elsewhere(both: Provenstore, file_id: str, served: Served, tmp_path: Path) -> None:
    """With the key that an operator shows, and by a program that shares nothing with this one."""
    elsewhere = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "none")})
    shown = {"receipt": "file.stored.v1", "history": file_id, "workspace": "default", "range": "positions 1 to 2"}
    for name, path in documents(both, file_id, tmp_path).items():
        said = elsewhere("verify", path, "--key", key(both), "--json").json
        assert (said["ok"], shown.get(name, "file.stored.v1") in said["proven"]) == (True, True)
        assert served.direct("verify", path).text.startswith("ok  1 ")
        kind = {"tlog-proof": "receipt"}.get(name, name)
        assert verify_offline(kind, path, key=key(both)).code == 0, name


def test_a_log_begins_with_what_it_was(both: Provenstore, file_id: str, served: Served, tmp_path: Path) -> None:
    """By two checkpoints that were kept, in whatever order, and the proof between them; here and elsewhere."""
    kept = [tmp_path / "older", tmp_path / "newer"]
    kept[0].write_bytes(served.direct("log", "checkpoint").out)
    both("rm", file_id, "--reason", "mistake")
    kept[1].write_bytes(served.direct("log", "checkpoint").out)
    old, new = (one.read_text().splitlines()[1] for one in kept)
    assert int(old) < int(new)
    proof = tmp_path / "proof"
    both("prove", "consistency", old, new, "-o", proof)
    given = ("--key", key(both))
    for one, other in (kept, reversed(kept)):
        said = Provenstore({})("verify", proof, "--checkpoint", one, "--checkpoint", other, *given, "--json").json
        assert (said["ok"], said["proven"]) == (
            True,
            f"the log of {int(new):,} entries begins with that of {int(old):,}",
        )
    assert verify_offline("consistency", *kept, proof, key=key(both)).code == 0
    Provenstore({})("verify", proof, "--checkpoint", kept[0], *given, code=2)
    document = json.loads(proof.read_text())
    proof.write_text(json.dumps({**document, "proof": [*document["proof"], "A" * 43 + "="]}))
    Provenstore({})("verify", proof, "--checkpoint", kept[0], "--checkpoint", kept[1], *given, code=7)
    both("receipt", file_id, "-o", tmp_path / "receipt")
    assert (
        "--checkpoint" in Provenstore({})("verify", tmp_path / "receipt", "--checkpoint", kept[0], *given, code=2).err
    )


def test_on_stdout(both: Provenstore, file_id: str) -> None:
    """As one JSON document, or as lines of the other format."""
    assert both("receipt", file_id).json["index"] == both("receipt", file_id, "--json").json["index"]
    lines = both("receipt", file_id, "--tlog-proof").text.splitlines()
    document = both("receipt", file_id, "--tlog-proof", "--json").json["tlog_proof"].splitlines()
    # A checkpoint may have been signed in between: the entry is the same one, its proof a longer one.
    assert document[:3] == lines[:3]
    assert document[0] == FORMAT
    first = both("history", file_id, "--json").documents[0]["event"]["id"]
    assert json.loads(both("receipt", file_id, "--event", first).json["event"])["id"] == first
    both("receipt", file_id, "--event", "first", code=2)


def test_a_key_longer_than_the_name_of_a_file(both: Provenstore, file_id: str, tmp_path: Path) -> None:
    """Is a key, and never looked for as a file."""
    both("receipt", file_id, "-o", tmp_path / "receipt")
    keys = ("--key", key(both), "--key", str(NoteKey("a" * 220).public))
    assert Provenstore({})("verify", tmp_path / "receipt", *keys, "--json").json["ok"]


def test_altered_documents(both: Provenstore, file_id: str, tmp_path: Path) -> None:
    """Exit code 7 where something is not what it claims, 2 where it is nothing that could be checked."""
    paths = documents(both, file_id, tmp_path)
    given = ("--key", key(both))
    for name in ("receipt", "history", "workspace", "range"):
        content = paths[name].read_text()
        paths[name].write_text(content.replace('\\"outcome\\":\\"ok\\"', '\\"outcome\\":\\"no\\"'))
        assert paths[name].read_text() != content
        ran = Provenstore({})("verify", paths[name], *given, code=7)
        assert (ran.out, ran.err.startswith("provenstore: ")) == (b"", True)
    paths["receipt"].write_text("{}")
    Provenstore({})("verify", paths["receipt"], *given, code=2)
    Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "none")})("verify", paths["history"], code=2)
    Provenstore({})("verify", tmp_path / "nothing", *given, code=2)
    Provenstore({})("verify", paths["history"], "--key", tmp_path / "nothing", code=2)
    Provenstore({})("verify", "http://127.0.0.1:9/log", *given, code=2)


def test_output_is_never_overwritten(both: Provenstore, file_id: str, tmp_path: Path) -> None:
    """A receipt that is there stays."""
    (tmp_path / "r").write_text("precious")
    both("receipt", file_id, "-o", tmp_path / "r", code=1)
    assert (tmp_path / "r").read_text() == "precious"


def test_a_running_ledger(served: Served, file_id: str, tmp_path: Path) -> None:
    """Steps, a checkpoint kept from earlier; another log's checkpoint is none of this one."""
    kept = tmp_path / "kept"
    kept.write_bytes(served.direct("log", "checkpoint").out)
    said = served.direct("verify", "--checkpoint", kept)
    lines = said.text.splitlines()
    assert [line.split()[:2] for line in lines[:13]] == [["ok", str(number)] for number in range(1, 14)]
    assert lines[-1].startswith("checked ")
    report = served.direct("verify", "--no-commitments", "--json").json
    assert (report["ok"], set(report["unchecked"])) == (True, {"7", "14"})
    kept.write_text("other.example\n1\nAAAA\n")
    assert served.direct("verify", "--checkpoint", kept, code=2).out == b""
    served.direct("verify", tmp_path, "--objects", code=2)
    assert file_id


def test_objects_of_a_ledger(tmp_path: Path) -> None:
    """One of its own: in that of other tests objects are altered, which this would find."""
    alone = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    alone("put", tmp_path / "a.pdf")
    assert alone("verify", "--objects").text.splitlines()[13].startswith("ok  14 ")
    stored = next(path for path in (tmp_path / "data" / "objects").rglob("*.pdf"))
    stored.chmod(0o600)
    stored.write_bytes(b"%PDF-1.8")
    assert "another SHA-256" in alone("verify", "--objects", code=7).err


def test_what_is_published(served: Served, file_id: str, tmp_path: Path) -> None:
    """In a folder, in the object store, at a URL: sound, then altered, with and without a key that sees entries."""
    served.direct("log", "publish", tmp_path.name)
    folder, at = served.data_dir / "objects" / tmp_path.name, f"{served.url}/log"
    for where in (folder, f"bucket:{tmp_path.name}"):
        found = served.direct("verify", where, "--json").json
        assert (found["ok"], set(found["unchecked"])) == (True, {"3", "7", "8", "13", "14", "17"})
    given = ("--key", key(served.server))
    assert set(served.server("verify", at, *given, "--json").json["unchecked"]) == {"3", "7", "8", "13", "14", "17"}
    # A key that sees hashes and no entries: it is said that no event was read.
    issue = ("keys", "issue", "--role", "service", "--actor", "svc", "--kind", "service", "--workspace", "default")
    issued = served.direct(*issue, "--json").json["key"]
    narrow = Provenstore({**served.server.env, "PROVENSTORE_KEY": issued})
    assert ", and none of the events" in narrow("verify", at, *given).text.splitlines()[-1]
    assert narrow("verify", at, *given, "--json").json["checked"] == 0
    # The key of the environment is shown to the server of the environment alone, and without one hashes are not shown.
    other = Provenstore({**served.server.env, "PROVENSTORE_URL": "http://127.0.0.1:9"})
    other("verify", at, *given, code=2)
    partial = next(path for path in (folder / "tile" / "0").rglob("*") if path.is_file())
    partial.chmod(0o600)
    partial.write_bytes(bytes(len(partial.read_bytes())))
    ran = served.direct("verify", folder, code=7)
    assert f"tile {partial.relative_to(folder)}" in ran.err
    assert file_id

"""`provenstore log` and `keys rotate-signing`: both ways in, and what they leave behind."""

import shutil
import subprocess
from pathlib import Path

import pytest

from offline import verify
from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import Frontier, leaf_hash
from tests.api.cli.conftest import Provenstore, Served


def opened(note: bytes, cli: Provenstore) -> Checkpoint:
    keys = cli("log", "keys").text.splitlines()
    return open_checkpoint(note, [Ed25519Verifier.parse(key) for key in keys])


@pytest.fixture(autouse=True)
def signed(served: Served) -> None:
    """Have a checkpoint, as a command on the data directory makes one at once."""
    served.direct("log", "checkpoint")


def test_checkpoint_and_keys(both: Provenstore) -> None:
    """As text they are the exact bytes; believed by the keys of the log."""
    shown = both("log", "checkpoint")
    found = opened(shown.out, both)
    assert found.size > 0
    assert both("log", "checkpoint", "--json").json["checkpoint"].startswith(f"{found.origin}\n")
    assert both("log", "keys", "--json").json["keys"] == both("log", "keys").text.splitlines()


def test_status(both: Provenstore) -> None:
    """How far everything has come, without an alarm."""
    found = both("log", "status", "--json").json
    assert found["checkpoint"] <= found["tree"] <= found["position"]
    assert (found["alarm"], found["parked_position"], found["signed"] >= found["checkpoint"]) == (None, None, True)
    assert found["origin"] in both("log", "status").text


def test_export(both: Provenstore, tmp_path: Path) -> None:
    """Every event on a line; their root is that of the checkpoint beside them. Nothing is overwritten."""
    file = tmp_path / "log.ndjson"
    exported = both("log", "export", str(file), "--json").json
    tree = Frontier()
    for line in file.read_bytes().removesuffix(b"\n").split(b"\n"):
        tree.append(leaf_hash(line))
    found = opened((tmp_path / "log.ndjson.checkpoint").read_bytes(), both)
    assert (tree.size, tree.root()) == (found.size, found.root)
    assert exported == {"file": str(file), "size": found.size, "origin": found.origin}
    verified = verify("log", file, "--checkpoint", f"{file}.checkpoint", key=both("log", "keys").text.strip())
    assert (verified.code, verified.document["first"]) == (0, None)
    before = file.read_bytes()
    both("log", "export", str(file), code=1)
    assert file.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log.ndjson", "log.ndjson.checkpoint"]


def test_publish(tmp_path: Path) -> None:
    """Into the object store, once; nowhere unless a prefix is named."""
    cli = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    cli("workspace", "create", "acme")
    cli("log", "publish", code=3)
    for written in (True, False):
        found = cli("log", "publish", "public/log", "--json").json
        assert found == {"prefix": "public/log", "size": found["size"], "written": written}
    store = LocalFolder(tmp_path / "data" / "objects", urls=LocalUrlSigner(bytes(32)))
    with store.get("public/log/checkpoint") as published:
        assert opened(b"".join(published), cli).size == found["size"]
    folder = tmp_path / "data" / "objects" / "public" / "log"
    verified = verify("log", folder, key=cli("log", "keys").text.strip())
    assert (verified.code, verified.document["first"]) == (0, None)
    assert "published under public/log" in cli("log", "publish", "public/log", "--all").err


def test_an_alarm_that_there_is_not(served: Served) -> None:
    """Is not cleared; a reason is needed."""
    served.direct("log", "clear-alarm", "--reason", "x", code=1)
    served.direct("log", "clear-alarm", code=2)


def test_an_older_copy_goes_on_as_another_log(tmp_path: Path) -> None:
    """Step by step as an operator would; before, everything but signing works."""
    data, copy, kept, lost = (tmp_path / name for name in ("data", "copy", "kept.note", "lost.note"))
    cli = Provenstore({"PROVENSTORE_DATA_DIR": str(data)})
    cli("workspace", "create", "kept")
    kept.write_bytes(cli("log", "checkpoint").out)
    subprocess.run(["cp", "-a", data, copy], check=True)
    cli("workspace", "create", "lost")
    lost.write_bytes(cli("log", "checkpoint").out)
    cli("log", "restart", "--reason", "it is whole", code=1)
    cli("log", "restart", code=2)
    shutil.rmtree(copy / "keys")
    shutil.move(data / "keys", copy / "keys")
    shutil.rmtree(data)
    copy.rename(data)
    (old,) = cli("log", "keys").text.splitlines()
    cli("log", "checkpoint", code=7)
    assert "log restart" in cli("log", "clear-alarm", "--reason", "x", code=7).err
    ran = cli("log", "restart", "--reason", "the disk is gone")
    (new,) = ran.text.splitlines()
    assert "entries of it were signed, and" in ran.err
    assert cli("log", "keys").text.splitlines() == [new]
    assert opened(cli("log", "checkpoint").out, cli).origin == new.split("+")[0] != old.split("+")[0]
    assert cli("verify", "--key", new, "--checkpoint", kept, "--json").json["ok"]
    assert "which has ended" in cli("verify", "--checkpoint", lost, code=7).out.decode()


def test_rotation(tmp_path: Path) -> None:
    """A second key, then it alone; each time it is shown which. What the first one has signed is as good as it was."""
    cli, receipt = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")}), tmp_path / "receipt.json"
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    cli("receipt", cli("put", tmp_path / "a.pdf").text.strip(), "-o", receipt)
    old = cli("log", "keys").text.splitlines()
    cli("keys", "rotate-signing", "--retire", code=1)
    both = cli("keys", "rotate-signing").text.splitlines()
    assert (both[:1], len(both)) == (old, 2)
    cli("keys", "rotate-signing", code=1)
    assert cli("keys", "rotate-signing", "--retire", "--json").json == {"keys": both[1:]}
    assert opened(cli("log", "checkpoint").out, cli).size > 0
    # From the old key alone one comes to the new one, by a checkpoint that both have signed.
    assert cli("verify", "--key", old[0], "--json").json["ok"]
    assert cli("verify", receipt, "--json").json["ok"]
    said = cli("verify", receipt, "--key", both[1], code=7).err
    assert f"only by those with the ids {Ed25519Verifier.parse(old[0]).key_id.hex()}" in said


@pytest.mark.parametrize("arguments", [("log", "publish", "x"), ("keys", "rotate-signing"), ("log", "checkpoint")])
def test_a_directory_that_is_not_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Is not made: nothing of it could be signed or published."""
    cli = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    cli(*arguments, code=3)
    assert not (tmp_path / "data").exists()

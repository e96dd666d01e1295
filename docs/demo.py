"""A demonstration: a file's life, a history rewritten by somebody who has everything, and the checkpoint that finds it.

Runs the real command line on a throw-away data directory; nothing of it is prepared. `make demo` runs it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.domain.transparency.merkle import Frontier, leaf_hash

PROVENSTORE = Path(sys.executable).parent / "provenstore"
INTEGRITY_VIOLATED = 7

TABLES = ("event", "tile", "tree", "checkpoint")
DELETED_BY = b'"id":"system-user-'
SOMEBODY_ELSE = b'"id":"somebody-else-'


def say(text: str) -> None:
    """Print a line of the story."""
    print(text, flush=True)  # noqa: T201  # what a demonstration is for


def run(folder: Path, *command: str, quiet: bool = False) -> tuple[int, str]:
    """Run a command as a user would; show it and its answer unless `quiet`."""
    environment = {**os.environ, "PROVENSTORE_DATA_DIR": str(folder / "data"), "COLUMNS": "110", "NO_COLOR": "1"}
    if not quiet:
        say(f"\n$ provenstore {' '.join(command)}")
    done = subprocess.run(  # noqa: S603  # our own command lines
        [PROVENSTORE, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if not quiet:
        say((done.stdout + done.stderr).rstrip())
    if done.returncode not in {0, INTEGRITY_VIOLATED}:
        sys.exit(f"provenstore {command[0]} ended with {done.returncode}: {done.stderr}")
    return done.returncode, done.stdout


def rewrite(data: Path) -> None:
    """Change who deleted the file, and make everything agree with it.

    The forger owns the database and reads the folder of keys: every hash of the events that follow is computed again,
    the tree is built again, old checkpoints are gone, and the memory of the signing key is replaced.
    """
    with (
        EmbeddedPostgres(DataDirectory(data)) as server,
        psycopg.connect(server.conninfo(OWNER)) as owner,
    ):
        for table in TABLES:
            owner.execute(SQL("ALTER TABLE provenstore.{} DISABLE TRIGGER USER").format(Identifier(table)))
        tree = rewrite_events(owner)
        owner.execute("DELETE FROM provenstore.checkpoint")
        owner.execute("DELETE FROM provenstore.tile")
        owner.execute("UPDATE provenstore.tree SET size = 0")
        for table in TABLES:
            guards = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
            for (guard,) in owner.execute(guards, (f"provenstore.{table}",)).fetchall():
                enable = SQL("ALTER TABLE provenstore.{} ENABLE ALWAYS TRIGGER {}")
                owner.execute(enable.format(Identifier(table), Identifier(guard)))
    memory = data / "keys" / "log-signed.json"
    forged = {**json.loads(memory.read_text()), "size": tree.size, "root": tree.root().hex()}
    memory.write_text(json.dumps(forged, sort_keys=True, separators=(",", ":")))


def rewrite_events(owner: psycopg.Connection[Any]) -> Frontier:
    """Change one event and the hashes in all that follow; return the tree over them."""
    hashes: dict[bytes, bytes] = {}
    tree = Frontier()
    rows = owner.execute("SELECT position, type, state, leaf FROM provenstore.event ORDER BY position").fetchall()
    for position, kind, state, leaf in rows:
        forged = state.replace(DELETED_BY, SOMEBODY_ELSE) if kind == "file.soft_deleted.v1" else state
        for before, after in hashes.items():
            forged = forged.replace(before, after)
        fresh = leaf_hash(forged)
        tree.append(fresh)
        if forged != state:
            hashes[leaf.hex().encode()] = fresh.hex().encode()
            change = "UPDATE provenstore.event SET state = %s, leaf = %s WHERE position = %s"
            owner.execute(change, (forged, fresh, position))
    return tree


def main() -> None:
    """Tell the story; end with 1 if the forgery goes unnoticed."""
    with tempfile.TemporaryDirectory(prefix="provenstore-demo-") as name:
        folder = Path(name)
        shutil.copy(Path(__file__).parents[1] / "LICENSE", folder / "contract.txt")
        run(folder, "workspace", "create", "default", quiet=True)
        _, answer = run(folder, "put", "contract.txt", "--json", quiet=True)
        file = json.loads(answer)
        file_id = (file["files"][0] if "files" in file else file)["id"]
        say(f"$ provenstore put contract.txt\n{file_id}")
        run(folder, "get", file_id, "-o", "copy.txt", quiet=True)
        run(folder, "rm", file_id, "--reason", "superseded by the second edition", quiet=True)
        run(folder, "restore", file_id, "--reason", "still in force", quiet=True)
        _, history = run(folder, "history", file_id, quiet=True)
        say(f"$ provenstore history {file_id} | cut -f 1-4")
        say("\n".join("\t".join(line.split("\t")[:4]) for line in history.splitlines()))
        say("\n# A checkpoint: one signed line about the whole log, kept by somebody else.")
        _, checkpoint = run(folder, "log", "checkpoint")
        (folder / "kept.txt").write_text(checkpoint)
        if run(folder, "verify", "--checkpoint", "kept.txt", quiet=True)[0] != 0:
            sys.exit("the untouched log does not verify")
        rewrite(folder / "data")
        say(
            "\n# Somebody with the database, the disk and the signing key changes who deleted the file. Every hash,\n"
            "# the tree and the memory of the key are made to agree, and a new checkpoint is signed."
        )
        run(folder, "log", "checkpoint", quiet=True)
        _, history = run(folder, "history", file_id, quiet=True)
        say(f"$ provenstore history {file_id} | cut -f 1-4")
        say("\n".join("\t".join(line.split("\t")[:4]) for line in history.splitlines() if "soft_deleted" in line))
        say("\n# The log agrees with itself. The kept checkpoint does not agree with the log.")
        if run(folder, "verify", "--checkpoint", "kept.txt")[0] != INTEGRITY_VIOLATED:
            sys.exit("the forgery went unnoticed")


if __name__ == "__main__":
    main()

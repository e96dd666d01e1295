"""A demonstration: a file's life, then one changed byte in the database, and `provenstore verify` naming its event.

Runs the real command line on a throw-away data directory; nothing of it is prepared. `make demo` runs it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from provenstore.adapters.data_directory import DataDirectory
from provenstore.adapters.embedded_postgres import EmbeddedPostgres
from provenstore.adapters.running_postgres import OWNER

PROVENSTORE = Path(sys.executable).parent / "provenstore"
INTEGRITY_VIOLATED = 7

TAMPER = """
ALTER TABLE provenstore.event DISABLE TRIGGER USER;
UPDATE provenstore.event SET state = set_byte(state, position('"ok"'::bytea IN state), ascii('k'))
    WHERE type = 'file.soft_deleted.v1';
ALTER TABLE provenstore.event ENABLE TRIGGER USER;
"""


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


def tamper(data: Path) -> None:
    """Change one byte of one event, as nobody but the database's owner with the triggers off can."""
    with (
        EmbeddedPostgres(DataDirectory(data)) as server,
        psycopg.connect(server.conninfo(OWNER), autocommit=True) as owner,
    ):
        owner.execute(TAMPER)


def main() -> None:
    """Tell the story; end with 1 if the changed byte goes unnoticed."""
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
        if run(folder, "verify")[0] != 0:
            sys.exit("the untouched log does not verify")
        tamper(folder / "data")
        say("\n# As the database's owner, with the triggers off: one byte of one event is changed.")
        if run(folder, "verify")[0] != INTEGRITY_VIOLATED:
            sys.exit("the changed byte went unnoticed")


if __name__ == "__main__":
    main()

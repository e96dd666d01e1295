"""The description of the API is enough: a client that is generated from it works against a real server."""

import json
import subprocess
from pathlib import Path

from tests.api.cli.conftest import PROVENSTORE, READY, Provenstore

GOLDEN = Path(__file__).parents[1] / "api" / "openapi.json"
USE = Path(__file__).parent / "judges" / "use_client.py"


def test_generated_client_uploads_downloads_and_reads_the_audit(environment: Path, tmp_path: Path) -> None:
    """Nothing is left out of it, and nothing of it is written by hand."""
    programs = environment / "bin"
    (tmp_path / "how.yaml").write_text("post_hooks: []\n")
    command: list[str | Path] = [programs / "openapi-python-client", "generate", "--path", GOLDEN, "--meta", "none"]
    command += ["--config", tmp_path / "how.yaml"]
    made = subprocess.run(
        [*command, "--output-path", tmp_path / "generated"], capture_output=True, text=True, timeout=300, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "Warning" not in made.stdout, made.stdout
    direct = Provenstore({"PROVENSTORE_DATA_DIR": str(tmp_path / "data")})
    with subprocess.Popen(
        [PROVENSTORE, "serve", "--port", "0"], env=direct.whole_env, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            found = READY.match(process.stderr.readline())
            assert found
            asked = ("keys", "issue", "--role", "admin", "--actor", "alice", "--kind", "person", "--json")
            key = direct.process(*asked).json["key"]
            assert direct.process("workspace", "create", "acme").code == 0
            used = subprocess.run(
                [programs / "python", "-I", USE, tmp_path, found[1], key, "acme"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert used.returncode == 0, used.stderr
    said = json.loads(used.stdout)
    assert (said["status"], said["size"]) == ("stored", 34)
    assert said["content"] == "sent by a client that nobody wrote"
    assert {"upload", "download"} <= set(said["actions"])

"""A server and commands in an environment and a home directory that were made to mislead them."""

import socket
import subprocess
from pathlib import Path

import httpx

from .conftest import PROVENSTORE, READY, Provenstore


def test_server_and_commands_in_a_hostile_environment(tmp_path: Path) -> None:
    """They work as anywhere else, say nothing of it, end in no traceback, and reach no decoy."""
    for name in (".pgpass", ".pg_service.conf", ".netrc", ".aws/config", ".env", ".postgresql/root.crt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("[nonsense\nPROVENSTORE_PORT=1\n")
        path.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as decoy:
        decoy.settimeout(0.2)
        at = f"127.0.0.1:{decoy.getsockname()[1]}"
        host, port = at.split(":")
        misleading = {
            "HOME": str(tmp_path),
            "PGHOST": host, "PGHOSTADDR": host, "PGPORT": port, "PGUSER": "nobody", "PGDATABASE": "nothing",
            "PGOPTIONS": "-c nonsense=1", "PGTZ": "Nowhere/Nonsense", "PGDATESTYLE": "nonsense", "PGSSLMODE": "never",
            "PGSERVICE": "nonsense", "PGAPPNAME": "x" * 500, "PGCLIENTENCODING": "nonsense", "PGGEQO": "nonsense",
            "PGREQUIREAUTH": "md5", "PGTARGETSESSIONATTRS": "nonsense", "PGCONNECT_TIMEOUT": "nonsense",
            "PSYCOPG_IMPL": "nonsense",
            "HTTP_PROXY": f"http://{at}", "http_proxy": f"http://{at}", "ALL_PROXY": f"socks5://{at}",
            "SSL_CERT_FILE": "/nowhere", "SSLKEYLOGFILE": str(tmp_path / "keys"), "OPENSSL_CONF": "/nowhere",
            "WEB_CONCURRENCY": "many", "FORWARDED_ALLOW_IPS": "*", "UVICORN_PORT": "1",
            "AWS_PROFILE": "nonsense", "AWS_ENDPOINT_URL": f"http://{at}", "AWS_CA_BUNDLE": "/nowhere",
            "TERMINAL_WIDTH": "wide", "COLUMNS": "wide", "TZ": "Nowhere/Nonsense", "TMPDIR": "/nowhere",
        }  # fmt: skip
        data = {"PROVENSTORE_DATA_DIR": str(tmp_path / "data")}
        direct = Provenstore({**misleading, **data})
        command = [PROVENSTORE, "serve", "--port", "0"]
        with subprocess.Popen(
            command, env=direct.whole_env, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as process:
            assert process.stderr is not None
            try:
                found = READY.match(process.stderr.readline())
                assert found, process.stderr.read()
                issued = direct.process(
                    "keys", "issue", "--role", "admin", "--actor", "a", "--kind", "person", "--json"
                )
                assert issued.code == 0, issued.err
                server = Provenstore({**misleading, "PROVENSTORE_URL": found[1], "PROVENSTORE_KEY": issued.json["key"]})
                for ran in (
                    server.process("workspace", "create", "default"),
                    server.process("ls"),
                    direct.process("ls"),
                ):
                    assert (ran.code, ran.err) in {(0, ""), (0, "no files match\n")}, ran
                with httpx.Client(trust_env=False) as client:
                    answer = client.get(f"{found[1]}/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
                assert answer.status_code == 200
            finally:
                process.terminate()
                said = process.communicate(timeout=60)[1]
        assert process.returncode == 0
        assert "Traceback" not in said
        assert '"192.0.2.1"' not in said
        assert not (tmp_path / "keys").exists()
        try:
            decoy.accept()
        except TimeoutError:
            return
    raise AssertionError("the decoy was reached")

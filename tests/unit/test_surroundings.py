"""What libraries find in the environment and in the home directory changes nothing and sends nothing elsewhere."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from provenstore.adapters.postgres.conninfo import NOWHERE, self_contained
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.surroundings import forget_surroundings
from provenstore.api.client.connection import Connection
from provenstore.api.client.transport import Transport
from provenstore.api.settings import load_settings
from provenstore.domain.errors import Misconfigured

LISTING = b"""<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Owner><ID>x</ID></Owner><Buckets><Bucket><Name>found</Name></Bucket></Buckets></ListAllMyBucketsResult>"""


def hostile(decoy: int, home: Path) -> Mapping[str, str]:
    """Return an environment in which every library would go elsewhere, or fail."""
    at, nowhere = f"http://127.0.0.1:{decoy}", str(home / "nowhere")
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), at)
    return {
        **proxies,
        "NO_PROXY": "",
        "HOME": str(home),
        "AWS_PROFILE": "no-such-profile",
        "AWS_DEFAULT_REGION": "decoy",
        "AWS_ENDPOINT_URL": at,
        "AWS_ENDPOINT_URL_S3": at,
        "AWS_CA_BUNDLE": nowhere,
        "AWS_MAX_ATTEMPTS": "many",
        "AWS_RETRY_MODE": "nonsense",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CSM_ENABLED": "true",
        "AWS_CSM_HOST": "127.0.0.1",
        "AWS_CSM_PORT": str(decoy),
        "AWS_DATA_PATH": nowhere,
        "AWS_DEFAULTS_MODE": "nonsense",
        "REQUESTS_CA_BUNDLE": nowhere,
        "SSL_CERT_FILE": nowhere,
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory full of files that libraries read, all of them malformed."""
    for name in (".aws/config", ".aws/credentials", ".pgpass", ".pg_service.conf", ".netrc", ".env"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("[default\nnonsense = \x01 [[\nregion decoy")
        path.chmod(0o600)
    for name in ("root.crt", "postgresql.crt", "postgresql.key", "root.crl"):
        path = tmp_path / ".postgresql" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("nonsense")
        path.chmod(0o600)
    return tmp_path


@contextmanager
def answering(body: bytes, content_type: str) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each connection on loopback with one body; yield the port and what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(10)
                    asked.append(connection.recv(65_536))
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
                    connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], asked
        finally:
            over.set()
            thread.join()


def test_every_variable_of_the_libraries_is_forgotten() -> None:
    """All that libpq and botocore know, in any spelling; ours, and what the system says, stay."""
    libpq = [one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar]
    libpq += ["PGTZ", "PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR", "PSYCOPG_IMPL"]
    known = [names for _, names, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values() if names]
    botocore = [name for names in known for name in (names if isinstance(names, list) else [names])]
    others = ["http_proxy", "HTTPS_PROXY", "no_proxy", "SSLKEYLOGFILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
    others += ["WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "UVICORN_PORT", "BOTOCORE_EXPERIMENTAL__PLUGINS"]
    stays = {
        "PROVENSTORE_URL": "x",
        "DO_SPACES_KEY": "x",
        "PATH": "x",
        "HOME": "x",
        "TZ": "x",
        "LANG": "x",
        "TMPDIR": "x",
    }
    environment = {**dict.fromkeys([*libpq, *botocore, *others], "x"), **stays}
    forget_surroundings(environment)
    assert environment == stays


def test_bucket_is_reached_as_the_settings_say(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nothing from AWS variables, files, proxies or the metadata service; the decoy hears nothing, over UDP neither."""
    with (
        answering(LISTING, "application/xml") as (port, asked),
        answering(b"", "text/plain") as (decoy, elsewhere),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports,
    ):
        reports.bind(("127.0.0.1", decoy))
        reports.setblocking(False)
        for name, value in hostile(decoy, home).items():
            monkeypatch.setenv(name, value)
        bucket = Bucket(
            endpoint=f"http://127.0.0.1:{port}",
            region="nyc3",
            name="b",
            key="KEY",
            secret=SecretStr("s"),
            path_style=True,
        )
        client = connect(bucket)
        assert [one["Name"] for one in client.list_buckets()["Buckets"]] == ["found"]
        assert client.meta.region_name == "nyc3"
        retries = client.meta.config.retries  # type: ignore[attr-defined]  # not in the stubs
        assert retries == {"mode": "standard", "total_max_attempts": bucket.attempts}
        with pytest.raises(BlockingIOError):
            reports.recv(1)
    assert b"Credential=KEY/" in asked[0]
    assert not elsewhere


def test_bucket_behind_a_proxy(home: Path) -> None:
    """The one that the settings name is used."""
    with answering(LISTING, "application/xml") as (port, asked):
        bucket = Bucket(
            endpoint="http://store.invalid",
            region="nyc3",
            name="b",
            key="KEY",
            secret=SecretStr("s"),
            path_style=True,
            proxy=SecretStr(f"http://127.0.0.1:{port}"),
        )
        connect(bucket).list_buckets()
    assert asked[0].startswith(b"GET http://store.invalid/")


def test_client_goes_where_it_is_told(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A proxy of the environment would see the key; one that the settings name is used."""
    with answering(b"{}", "application/json") as (port, asked), answering(b"", "text/plain") as (decoy, elsewhere):
        for name, value in hostile(decoy, home).items():
            monkeypatch.setenv(name, value)
        with Transport(Connection(f"http://127.0.0.1:{port}", "pvs_x")) as transport:
            assert transport.get("/v1/files") == {}
        through = Connection("http://server.invalid", "pvs_x", proxy=SecretStr(f"http://127.0.0.1:{port}"))
        with Transport(through) as transport:
            transport.get("/v1/files")
        assert "127.0.0.1" not in repr(through)
    assert asked[0].startswith(b"GET /v1/files")
    assert asked[1].startswith(b"GET http://server.invalid/v1/files")
    assert not elsewhere


@pytest.mark.parametrize(
    ("about", "words"), [({"ca_file": Path("/nowhere")}, "CA_FILE"), ({"proxy": SecretStr("ftp://x")}, "PROXY")]
)
def test_client_settings_that_cannot_be(about: dict[str, object], words: str) -> None:
    """They are named."""
    with pytest.raises(Misconfigured, match=words):
        Transport(Connection("http://server.invalid", "pvs_x", **about))  # type: ignore[arg-type]  # both kinds


def test_external_database_takes_nothing_from_the_home_directory() -> None:
    """Files are named in the URL or not used; what is no URL is said without its value."""
    given = conninfo_to_dict(self_contained("postgresql://u@h/d?sslrootcert=/ca.pem", "PROVENSTORE_DATABASE_URL"))
    assert given["sslrootcert"] == "/ca.pem"
    assert (given["user"], given["host"], given["dbname"]) == ("u", "h", "d")
    assert {given[name] for name in ("passfile", "sslcert", "sslkey", "sslcrl")} == {NOWHERE}
    with pytest.raises(Misconfigured, match="PROVENSTORE_DATABASE_URL is not") as refused:
        self_contained("postgresql://u:secret@h/d?nonsense=1", "PROVENSTORE_DATABASE_URL")
    assert "secret" not in str(refused.value)


def test_settings_in_lower_case_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the one in upper case nobody would see which counts."""
    monkeypatch.setenv("provenstore_port", "1")
    with pytest.raises(Misconfigured, match="did you mean PROVENSTORE_PORT"):
        load_settings()


def test_settings_are_not_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A .env of the current folder is none of ours."""
    (tmp_path / ".env").write_text("PROVENSTORE_PORT=1\nDO_SPACES_BUCKET=decoy\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(data_dir=tmp_path).port == 8080


def test_proxy_of_the_bucket_must_be_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, without its value."""
    monkeypatch.setenv("PROVENSTORE_SPACES_PROXY", "socks5://user:secret@x")
    with pytest.raises(Misconfigured, match="PROVENSTORE_SPACES_PROXY: is not") as refused:
        load_settings()
    assert "secret" not in str(refused.value)

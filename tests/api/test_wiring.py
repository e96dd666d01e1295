"""The composition root: what it refuses to start with, what two processes share, and what logs must not say."""

import os
from dataclasses import replace
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
import structlog

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER, SUPERUSER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.entropy import SystemEntropy
from provenstore.api import wiring
from provenstore.api.http.routes import health
from provenstore.api.settings import load_settings
from provenstore.domain.errors import DatabaseUnavailable, Misconfigured
from provenstore.domain.tenants.workspace import CreateWorkspace
from tests.api.conftest import ROOT, Api, Tenant


@pytest.mark.parametrize(
    ("role", "dbname", "words"),
    [
        (OWNER, "provenstore", "owner of the log"),
        (SUPERUSER, "provenstore", "superuser"),
        (wiring.WRITER, "fresh", "provenstore db migrate"),
    ],
)
def test_unsafe_start_is_refused(api: Api, tmp_path: Path, role: str, dbname: str, words: str) -> None:
    """Nothing starts as owner or superuser, nor on a database without its migrations."""
    with EmbeddedPostgres(DataDirectory(api.services.settings.data_dir)) as running:
        running.bootstrap(dbname)
        settings = load_settings(
            data_dir=tmp_path / "data",
            database_url=running.conninfo(role, dbname),
            database_runner_url=running.conninfo(wiring.RUNNER, dbname),
        )
        with pytest.raises(Misconfigured, match=words), wiring.open_services(settings):
            pass


def test_external_database_needs_both_roles(tmp_path: Path) -> None:
    """An external database without the runner's URL is refused with the name of the setting."""
    settings = load_settings(data_dir=tmp_path / "data", database_url="host=/nowhere")
    with pytest.raises(Misconfigured, match="PROVENSTORE_DATABASE_RUNNER_URL"), wiring.open_services(settings):
        pass
    with pytest.raises(Misconfigured, match="PROVENSTORE_DATABASE_OWNER_URL"):
        wiring.migrate(settings)


def test_a_login_that_the_database_refuses_is_named(api: Api, tmp_path: Path) -> None:
    """A wrong user, password or database is a wrong setting, and not a database that does not answer."""
    with EmbeddedPostgres(DataDirectory(api.services.settings.data_dir)) as running:
        right = {
            "database_url": running.conninfo(wiring.WRITER),
            "database_runner_url": running.conninfo(wiring.RUNNER),
        }
        for name, wrong, words in (
            ("database_url", running.conninfo("nobody_known"), "authentication failed|does not exist"),
            ("database_runner_url", running.conninfo(wiring.RUNNER, "no_such_database"), "does not exist"),
            ("database_url", "secret words that are no setting", "not a connection string of PostgreSQL"),
        ):
            settings = load_settings(data_dir=tmp_path / "data", **{**right, name: wrong})
            with pytest.raises(Misconfigured, match=words) as caught, wiring.open_services(settings):
                pass
            assert f"PROVENSTORE_{name.upper()}" in str(caught.value)
            assert "secret" not in str(caught.value)


def test_a_database_that_is_away_is_not_a_wrong_setting(tmp_path: Path) -> None:
    """It may be there later, so monitors and scripts are told to try again."""
    urls = dict.fromkeys(("database_url", "database_runner_url"), f"host={tmp_path} user=provenstore_writer")
    with pytest.raises(DatabaseUnavailable), wiring.open_services(load_settings(data_dir=tmp_path / "data", **urls)):
        pass


def test_a_setting_that_changes_nothing_is_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CDN's endpoint is accepted and not used, which the log says."""
    monkeypatch.setenv("DO_SPACES_CDN_ENDPOINT", "https://cdn.example.com")
    settings = load_settings(data_dir=api.services.settings.data_dir)
    with structlog.testing.capture_logs() as said, wiring.open_services(settings, sweep=False):
        pass
    assert [one["setting"] for one in said if one["event"] == "setting.not_used"] == ["DO_SPACES_CDN_ENDPOINT"]


def test_urls_that_were_swapped(api: Api, tmp_path: Path) -> None:
    """Each is named whose role is not the one that it is for."""
    roles = {"database_url": wiring.WRITER, "database_runner_url": wiring.RUNNER}
    with EmbeddedPostgres(DataDirectory(api.services.settings.data_dir)) as running:
        for (name, role), other in zip(roles.items(), reversed(roles.values()), strict=True):
            urls = {one: running.conninfo(wrong) for one, wrong in {**roles, name: other}.items()}
            settings = load_settings(data_dir=tmp_path / "data", **urls)
            says = f"PROVENSTORE_{name.upper()} does not connect as the role {role}"
            with pytest.raises(Misconfigured, match=says), wiring.open_services(settings):
                pass


def test_second_process_joins_the_same_database(api: Api) -> None:
    """Services opened again on a data directory see what the first ones record, at once."""
    name = f"t-{uuid4().hex[:20]}"
    with wiring.open_services(api.services.settings, sweep=False) as second:
        second.ledger.create_workspace(ROOT, CreateWorkspace(id=name))
        assert api.client().get(f"/v1/workspaces/{name}").status_code == 200
        assert not second.runner.leading


def test_object_folder_that_cannot_be_written(tenant: Tenant) -> None:
    """While the object folder takes no bytes the server is not ready, and says which part is at fault."""
    objects = tenant.api.services.settings.data_dir / "objects"
    moved = objects.rename(objects.with_name("moved"))
    try:
        answer = tenant.api.anonymous().get("/readyz")
    finally:
        moved.rename(objects)
    assert (answer.status_code, answer.json()["checks"]["store"]) == (503, "storage-full")
    assert tenant.api.anonymous().get("/readyz").status_code == 200


def test_a_check_that_hangs(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks hears in time that it does, and what the others say; also again and again."""
    released = Event()
    services = tenant.api.services

    def hang() -> None:
        released.wait()

    monkeypatch.setattr(health, "PATIENCE", 0.3)
    tenant.api.app.state.services = replace(services, checks={**services.checks, "store": hang})
    try:
        for _ in range(20):
            answer = tenant.api.anonymous().get("/readyz", timeout=3)
            found = answer.json()["checks"]
            assert (answer.status_code, found["store"]) == (503, "timeout")
            assert found["database"] in {"ok", "timeout"}
        assert tenant.client("service").get("/v1/files").status_code == 200
    finally:
        released.set()
        tenant.api.app.state.services = services


def test_logs_hold_no_permission(tenant: Tenant) -> None:
    """The access log names routes, never keys, query strings or tokens of signed URLs."""
    service = tenant.client("service")
    with structlog.testing.capture_logs() as logs:
        upload = tenant.new(service, upload="presigned", size=1).json()["upload"]
        service.put(upload["url"], content=b"x", headers=upload["headers"])
        service.get("/v1/files", params={"filename": "secret-name.pdf"})
    written = str(logs)
    assert {"http.initiate", "http.put_signed", "http.list_files"} <= {one["action"] for one in logs}
    for secret in (upload["url"].rpartition("/")[2], service.headers["Authorization"][7:], "secret-name"):
        assert secret not in written


def test_ids_ascend() -> None:
    """Ids are UUIDv7, unique, and ascend within a process however fast they are drawn."""
    entropy = SystemEntropy()
    ids = [entropy.event_id() for _ in range(20_000)]
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert ids == sorted(set(ids))
    assert len(entropy.secret(32)) == 32


def test_no_id_is_drawn_twice_in_a_forked_process() -> None:
    """Random bytes are read for many ids at once; a child reads its own."""
    entropy = SystemEntropy()
    entropy.event_id()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, entropy._random().to_bytes(10))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) != entropy._random().to_bytes(10)
    os.close(reading)
    os.close(writing)

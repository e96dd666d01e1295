"""A bucket instead of the folder: what the settings must say, and that a start with them finds it."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from probed import probed
from provenstore.adapters.spaces.bucket import SpacesBucket
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.copy import SpacesCopier
from provenstore.adapters.spaces.multipart import SpacesMultipart
from provenstore.adapters.spaces.probe import MIN_PART_SIZE
from provenstore.adapters.spaces.store import Spaces
from provenstore.api.bucket import bucket_of, probe_bucket
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.system_user import system_user
from provenstore.api.wiring import open_providers, open_services
from provenstore.domain.errors import AlreadyExists, Forbidden, Misconfigured, StoreUnavailable
from provenstore.domain.storage.objects import SourceChanged
from provenstore.domain.system.provider_events import ProviderProbed
from provenstore.domain.tenants.workspace import CreateWorkspace
from store_servers import address

SECRET = "the-secret-key-itself"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that exists, named in the environment as the settings want it."""
    at = address("moto")
    name = f"settings-{uuid4()}"
    _client(name).create_bucket(Bucket=name)
    values = {"BUCKET": name, "ENDPOINT": at.endpoint, "REGION": at.region, "KEY": "any", "SECRET": SECRET}
    for variable, value in values.items():
        monkeypatch.setenv(f"DO_SPACES_{variable}", value)
    return name


@pytest.fixture
def known_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose buckets have been tried before: for what becomes of the findings, not how they are found."""
    monkeypatch.setattr("provenstore.api.bucket.probe", probed)


def _client(name: str) -> Any:  # every operation has types of its own
    at = address("moto")
    return connect(
        Bucket(endpoint=at.endpoint, region=at.region, name=name, key="any", secret=SecretStr(SECRET), path_style=True)
    )


def _keep_versions(name: str) -> None:
    _client(name).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", spaces_path_style=True)


def _probes(services: Services) -> list[ProviderProbed]:
    events = services.ledger.log.events(["provider:spaces"], limit=10)
    return [event.data for event in events if isinstance(event.data, ProviderProbed)]


def test_a_start_finds_the_bucket(bucket: str, tmp_path: Path) -> None:
    """Objects go there, the check of readiness asks it, and the folder stays away."""
    settings = _settings(tmp_path)
    with open_services(settings, sweep=False) as services:
        services.checks["store"]()
        services.ledger.store.put("k", [b"hello"], media_type="text/plain", max_size=5)
        assert [one.key for one in services.ledger.store.list("").objects] == ["k"]
    assert not (settings.data_dir / "objects" / "k").exists()


@pytest.mark.usefixtures("known_server")
def test_what_a_bucket_can_do_is_found_out_once(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept in the log, until the bucket is another, or keeps versions since."""
    settings = _settings(tmp_path)
    for _ in range(2):
        with open_services(settings, sweep=False) as services:
            (first,) = _probes(services)
    assert (first.provider, first.host, first.versioning) == ("spaces", address("moto").endpoint[7:], False)
    assert vars(services.ledger.store.capabilities()).items() <= {**dict(first), "checksums": {"md5"}}.items()
    _keep_versions(bucket)
    with open_services(settings, sweep=False) as services:
        assert [one.versioning for one in _probes(services)] == [False, True]
    _client(other := f"settings-{uuid4()}").create_bucket(Bucket=other)
    _keep_versions(other)
    monkeypatch.setenv("DO_SPACES_BUCKET", other)
    with open_services(_settings(tmp_path), sweep=False, identify=False) as services:
        probes = _probes(services)
        assert SECRET not in str(services.ledger.log.events(["provider:spaces"], limit=10))
    assert [one.versioning for one in probes] == [False, True, True]
    assert probes[2].place != probes[1].place == probes[0].place


@pytest.mark.usefixtures("known_server")
def test_probing_anew_records_what_has_changed(bucket: str, tmp_path: Path) -> None:
    """And nothing else."""
    settings, caller = _settings(tmp_path), system_user()
    with open_providers(settings) as providers:
        assert probe_bucket(settings, providers, caller)[1]
        found, is_new = probe_bucket(settings, providers, caller)
        assert (is_new, providers.probed("spaces")) == (False, found)
        assert providers.record(caller, "spaces", replace(found, probe=0))
        assert providers.probed("spaces") != found
        with pytest.raises(Forbidden):
            providers.record(replace(caller, roles=frozenset({"service"})), "spaces", found)


@pytest.mark.usefixtures("bucket", "known_server")
def test_what_an_older_release_found_out_is_found_out_again(tmp_path: Path) -> None:
    """Its way of trying may have missed what this one looks for."""
    settings = _settings(tmp_path)
    with open_providers(settings) as providers:
        found, _ = probe_bucket(settings, providers, system_user())
        providers.record(system_user(), "spaces", replace(found, probe=0))
    with open_services(settings, sweep=False) as services:
        assert [one.probe for one in _probes(services)] == [found.probe, 0, found.probe]


@pytest.mark.parametrize("missing", ["BUCKET", "ENDPOINT", "REGION", "KEY", "SECRET"])
@pytest.mark.usefixtures("bucket")
def test_half_a_bucket_is_refused(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what is missing, and nothing that is a secret."""
    monkeypatch.delenv(f"DO_SPACES_{missing}")
    settings = _settings(tmp_path)
    assert settings.names_a_bucket
    with pytest.raises(Misconfigured, match=f"set DO_SPACES_{missing}, too") as refused:
        bucket_of(settings)
    assert SECRET not in f"{refused.value} {settings!r}"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting would not help."""
    monkeypatch.setenv("DO_SPACES_BUCKET", "there-is-no-such-bucket")
    with (
        pytest.raises(Misconfigured, match="check DO_SPACES_BUCKET"),
        open_services(_settings(tmp_path), sweep=False),
    ):
        pass


@pytest.mark.usefixtures("bucket", "known_server")
def test_what_needs_no_bucket_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the start does not wait for it: whoever looks for the cause can, and the bucket opens once it is there."""
    monkeypatch.setenv("DO_SPACES_BUCKET", name := f"later-{uuid4()}")
    with open_services(_settings(tmp_path), sweep=False, store=False) as services:
        services.ledger.create_workspace(system_user(), CreateWorkspace(id="acme"))
        assert services.ledger.list_workspaces(system_user()) == ["acme"]
        for act in (services.checks["store"], lambda: services.ledger.store.list("")):
            with pytest.raises(Misconfigured, match="check DO_SPACES_BUCKET"):
                act()
        _client(name).create_bucket(Bucket=name)
        services.checks["store"]()
        assert services.ledger.store.list("").objects == ()
        assert len(_probes(services)) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DO_SPACES_ENDPOINT", "ftp://nyc3.digitaloceanspaces.com"),
        ("DO_SPACES_ENDPOINT", "https://KEY:hidden@nyc3.digitaloceanspaces.com"),
        ("DO_SPACES_ENDPOINT", "https://nyc3.digitaloceanspaces.com/files"),
        ("DO_SPACES_ENDPOINT", "https://my-bucket.nyc3.digitaloceanspaces.com"),
        ("PROVENSTORE_SPACES_CA_FILE", "/there/is/no/such.pem"),
        ("PROVENSTORE_SPACES_CA_FILE", __file__),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_settings_that_cannot_be_right_are_named(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked; what was set is not repeated."""
    monkeypatch.setenv("DO_SPACES_BUCKET", "my-bucket")
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=variable) as refused:
        bucket_of(_settings(tmp_path))
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("spelled", ["nyc3.digitaloceanspaces.com", "https://NYC3.digitaloceanspaces.com/"])
@pytest.mark.usefixtures("bucket")
def test_an_endpoint_is_one_however_it_is_spelled(
    spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control panels show it in several ways."""
    monkeypatch.setenv("DO_SPACES_ENDPOINT", spelled)
    assert bucket_of(_settings(tmp_path)).endpoint == "https://nyc3.digitaloceanspaces.com"


def test_without_one_the_folder_is_used(tmp_path: Path) -> None:
    """No setting, no bucket."""
    assert not _settings(tmp_path).names_a_bucket


def test_what_is_too_large_for_one_request_is_copied_in_parts(bucket: str) -> None:
    """The limit is five GiB, of the specification; a smaller one here shows the same."""
    client = _client(bucket)
    store = SpacesBucket(client, bucket, probed(client, bucket))
    client.put_object(Bucket=bucket, Key="a", Body=b"eleven byte", ContentType="text/x")
    for limit, has_parts in ((11, False), (10, True)):
        copier = SpacesCopier(store, SpacesMultipart(store), max_copy_size=limit)
        found = copier.copy(
            "a", f"copy-{limit}", source_version=None, if_source_etag=None, if_absent=True, part_size=None
        )
        assert (found.size, found.media_type, "-" in found.etag) == (11, "text/x", has_parts)


def test_a_source_that_changes_under_a_copy_is_noticed(bucket: str) -> None:
    """Also after its last part, on a server that minds no condition; neither an object nor an upload is left."""
    client, other = _client(bucket), _client(bucket)
    store = Spaces(client, bucket, probed(client, bucket))
    client.put_object(Bucket=bucket, Key="a", Body=b"first")
    client.meta.events.register(
        "after-call.s3.UploadPartCopy", lambda **_: void(other.put_object(Bucket=bucket, Key="a", Body=b"other"))
    )
    with pytest.raises(SourceChanged):
        store.copy("a", "b", part_size=MIN_PART_SIZE)
    assert [one.key for one in store.list("").objects] == ["a"]
    assert store.list_multiparts("") == ()


def void(_: object) -> None:
    """Forget a result: what a hook returns would stand for the answer."""


@pytest.mark.parametrize("if_absent", [True, False])
def test_a_success_that_names_nothing_stored_is_none(bucket: str, if_absent: bool) -> None:
    """Swift answers 200 without an ETag to a write that a later one has overtaken: what is there is looked at."""
    client, other = _client(bucket), _client(bucket)
    store = Spaces(client, bucket, probed(client, bucket))

    def put(key: str) -> str:
        return store.put(
            key, [b"mine"], media_type="text/x", max_size=9, size=4 if if_absent else None, if_absent=if_absent
        ).etag

    def overtaken(parsed: dict[str, Any], **_: object) -> None:
        other.put_object(Bucket=bucket, Key="a", Body=b"theirs")
        other.delete_object(Bucket=bucket, Key="b")
        parsed.pop("ETag")

    client.meta.events.register("after-call.s3.PutObject", overtaken)
    with pytest.raises(AlreadyExists if if_absent else StoreUnavailable):
        put("a")
    with pytest.raises(StoreUnavailable, match="later write"):
        put("b")
    assert put("c") == store.head("c").etag
    assert [one.key for one in store.list("").objects] == ["a", "c"]


def test_a_part_that_was_overtaken_is_not_told_as_stored(bucket: str) -> None:
    """Whoever sends it asks again; the ETag of other bytes is never taken for its own."""
    client = _client(bucket)
    store = Spaces(client, bucket, probed(client, bucket))
    upload = store.create_multipart("a", media_type="text/x")

    def overtaken(parsed: dict[str, Any], **_: object) -> None:
        parsed.pop("ETag")

    client.meta.events.register("after-call.s3.UploadPart", overtaken)
    with pytest.raises(StoreUnavailable, match="later write"):
        store.put_part("a", upload, 1, [b"mine"], size=4)
    client.meta.events.unregister("after-call.s3.UploadPart", overtaken)
    assert store.put_part("a", upload, 1, [b"mine"], size=4).etag == store.list_parts("a", upload)[0].etag

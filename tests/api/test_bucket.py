"""A bucket instead of the folder: what the settings must say, and that a start with them finds it."""

from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from provenstore.adapters.spaces_client import Bucket, connect
from provenstore.api.bucket import open_bucket
from provenstore.api.settings import Settings, load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.errors import Misconfigured
from store_servers import address

SECRET = "the-secret-key-itself"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that exists, named in the environment as the settings want it."""
    at = address("moto")
    name = f"settings-{uuid4()}"
    described = Bucket(
        endpoint=at.endpoint, region=at.region, name=name, key="any", secret=SecretStr(SECRET), path_style=True
    )
    connect(described).create_bucket(Bucket=name)
    values = {"BUCKET": name, "ENDPOINT": at.endpoint, "REGION": at.region, "KEY": "any", "SECRET": SECRET}
    for variable, value in values.items():
        monkeypatch.setenv(f"DO_SPACES_{variable}", value)
    return name


def _settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", spaces_path_style=True)


def test_a_start_finds_the_bucket(bucket: str, tmp_path: Path) -> None:
    """Objects go there, the check of readiness asks it, and the folder stays away."""
    settings = _settings(tmp_path)
    with open_services(settings, sweep=False) as services:
        services.checks["store"]()
    store = open_bucket(settings)
    store.put("k", [b"hello"], media_type="text/plain", max_size=5)
    assert [one.key for one in store.list("").objects] == ["k"]
    assert not (settings.data_dir / "objects" / "k").exists()


@pytest.mark.parametrize("missing", ["BUCKET", "ENDPOINT", "REGION", "KEY", "SECRET"])
@pytest.mark.usefixtures("bucket")
def test_half_a_bucket_is_refused(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what is missing, and nothing that is a secret."""
    monkeypatch.delenv(f"DO_SPACES_{missing}")
    settings = _settings(tmp_path)
    assert settings.names_a_bucket
    with pytest.raises(Misconfigured, match=f"set DO_SPACES_{missing}, too") as refused:
        open_bucket(settings)
    assert SECRET not in f"{refused.value} {settings!r}"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting would not help."""
    monkeypatch.setenv("DO_SPACES_BUCKET", "there-is-no-such-bucket")
    with pytest.raises(Misconfigured, match="check DO_SPACES_BUCKET"):
        open_bucket(_settings(tmp_path))


def test_without_one_the_folder_is_used(tmp_path: Path) -> None:
    """No setting, no bucket."""
    assert not _settings(tmp_path).names_a_bucket

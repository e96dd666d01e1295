"""Where the server is and with which key."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from provenstore.api.client.connection import ClientSettings, by_profile, by_url
from provenstore.domain.errors import Misconfigured

KEY = "pvs_0199f4a600007000800000000000000a_secret"
SETTINGS = ClientSettings(url=None, key=SecretStr("pvs_environment"), profile=None)


def _profiles(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_profile_brings_its_own_key(tmp_path: Path) -> None:
    """Not the one of the environment, which may belong to another server."""
    path = _profiles(tmp_path, f'[live]\nurl = "https://ledger.example.com/"\nkey = "{KEY}"\n')
    found = by_profile("live", SETTINGS, path)
    assert found.url == "https://ledger.example.com"
    assert found.authorization == f"Bearer {KEY}"
    assert KEY not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """A key that others could read is no longer one's own."""
    path = _profiles(tmp_path, f'[live]\nurl = "https://ledger.example.com"\nkey = "{KEY}"\n', mode)
    with pytest.raises(Misconfigured, match="chmod 600"):
        by_profile("live", SETTINGS, path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[other]\nurl = 'https://a.example'", "no profile 'live'"),
        ("[live", "is not TOML"),
        ("[live]\nkey = 'pvs_x'", "not valid: url"),
        ("[live]\nurl = 'https://a.example'\nkeys = 'pvs_x'", "not valid: keys"),
        ("live = 3", "not valid: it"),
    ],
)
def test_a_profile_that_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """And nothing of its values is."""
    with pytest.raises(Misconfigured, match=said) as caught:
        by_profile("live", SETTINGS, _profiles(tmp_path, text))
    assert "pvs_x" not in caught.value.message


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """With its path, since that is what to make."""
    with pytest.raises(Misconfigured, match=r"no profile 'live'.*profiles\.toml, which does not exist"):
        by_profile("live", SETTINGS, tmp_path / "profiles.toml")


@pytest.mark.parametrize(
    "url", ["", "ledger.example.com", "ftp://a.example", "https://", "https://u:secret@a.example", "https://a:port/"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Without repeating it: somebody may have put a password there."""
    with pytest.raises(Misconfigured) as caught:
        by_url(url, SETTINGS)
    assert "secret" not in caught.value.message

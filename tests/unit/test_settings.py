"""Settings are right, or nothing starts: one that is misspelt, alone or impossible is named."""

import pytest

from provenstore.api.settings import Settings, load_settings
from provenstore.domain.errors import Misconfigured


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROVENSTORE_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WORKERS", "100000", "PROVENSTORE_WORKERS: input should be less than or equal to 64"),
        ("WORKERS", "many", "PROVENSTORE_WORKERS: input should be a valid integer"),
        ("THREADS", "0", "PROVENSTORE_THREADS: input should be greater"),
        ("PUBLIC_URL", "foo", "PROVENSTORE_PUBLIC_URL: is not http:// or https:// with a host"),
        ("PUBLIC_URL", "http://", "PROVENSTORE_PUBLIC_URL"),
        ("PUBLIC_URL", "https://user:secret@files.example/", "PROVENSTORE_PUBLIC_URL"),
        ("PUBLIC_URL", "https://files.example/?a=secret", "PROVENSTORE_PUBLIC_URL"),
        ("PRICES", '{"spaces": {"stored": -1, "served": 0}}', r"PROVENSTORE_PRICES at spaces\.stored: input should be"),
        (
            "DATABSE_URL",
            "host=secret",
            r"PROVENSTORE_DATABSE_URL is no setting; did you mean PROVENSTORE_DATABASE_URL\?",
        ),
        ("SPACES_BUCKET", "secret", "PROVENSTORE_SPACES_BUCKET is no setting"),
        (
            "DATABASE_OWNER_URL",
            "host=secret",
            "_OWNER_URL is set, and PROVENSTORE_DATABASE_URL is not",
        ),
        ("DATABASE_RUNNER_URL", "host=secret", "PROVENSTORE_DATABASE_RUNNER_URL is set, and"),
    ],
)
def test_what_cannot_be_right_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """With what is wrong about it, and never with its value."""
    monkeypatch.setenv(f"PROVENSTORE_{name}", value)
    with pytest.raises(Misconfigured, match=says) as caught:
        load_settings()
    assert "secret" not in caught.value.message


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the client are no mistake, an empty variable is none at all."""
    right = {"URL": "https://files.example", "KEY": "pvs_1", "PUBLIC_URL": "https://[::1]:8443/files", "TYPO": ""}
    for name, value in right.items():
        monkeypatch.setenv(f"PROVENSTORE_{name}", value)
    assert load_settings(workers=64).public_url == right["PUBLIC_URL"]

"""Where the server is and with which key: from the environment or from a profile.

A key never appears in `repr`, in an error or in a URL, and a profile's key is only ever sent to the profile's own URL.
"""

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, PositiveFloat, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from provenstore.domain.errors import Misconfigured

_HEADER = re.compile(r"[!-~]+(?: [!-~]+)*")
"""What a header may hold (RFC 9110, section 5.5), as far as a key could need it."""

MAX_PROFILES_BYTES = 1 << 20
"""A profiles file holds a few lines; a larger one is some other file."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server's base URL and the API key to show it; Misconfigured for what cannot be either."""

    url: str
    key: SecretStr | str | None = field(default=None, repr=False)
    timeout: float = 30.0  # seconds that the server may stay silent
    ca_file: Path | None = None  # PEM file of the authorities to trust; those of certifi without it
    proxy: SecretStr | None = field(default=None, repr=False)  # URL of the HTTP proxy to go through

    def __post_init__(self) -> None:
        """Check the URL, and hide a key that came as text."""
        object.__setattr__(self, "url", _checked(self.url))
        if isinstance(self.key, str):
            object.__setattr__(self, "key", SecretStr(self.key))
        if self.authorization is not None and not _HEADER.fullmatch(self.authorization):
            raise Misconfigured("the API key holds characters that no key has")

    @property
    def authorization(self) -> str | None:
        """The value of the Authorization header; a secret."""
        return f"Bearer {self.key.get_secret_value()}" if isinstance(self.key, SecretStr) else None


class ClientSettings(BaseSettings):
    """`PROVENSTORE_URL`, `…_KEY`, `…_PROFILE`, `…_TIMEOUT`, `…_CA_FILE` and `…_PROXY`."""

    model_config = SettingsConfigDict(env_prefix="PROVENSTORE_", frozen=True, extra="ignore", env_ignore_empty=True)

    url: str | None = None
    key: SecretStr | None = None
    profile: str | None = None
    timeout: PositiveFloat = 30.0
    ca_file: Path | None = None
    proxy: SecretStr | None = None


class _Profile(BaseModel):
    """One table of the profiles file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    key: SecretStr | None = None


def client_settings() -> ClientSettings:
    """Return the client's settings; Misconfigured names the one that is wrong, never its value."""
    try:
        return ClientSettings()
    except ValidationError as exc:
        names = ", ".join(f"PROVENSTORE_{'_'.join(map(str, error['loc']))}".upper() for error in exc.errors())
        raise Misconfigured(f"these settings are not valid: {names}") from None


def profiles_path() -> Path:
    """Return where this system user's profiles stand (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "provenstore" / "profiles.toml"


def by_url(url: str, settings: ClientSettings) -> Connection:
    """Return the connection to a URL with the key of the environment."""
    return Connection(url, settings.key, settings.timeout, settings.ca_file, settings.proxy)


def by_profile(name: str, settings: ClientSettings, path: Path | None = None) -> Connection:
    """Return the connection of a profile; Misconfigured if there is none, or if others could read the file."""
    path = path or profiles_path()
    if not path.exists():
        raise Misconfigured(f"there is no profile {name!r}: profiles stand in {path}, which does not exist")
    text = _read_private(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise Misconfigured(f"{path} is not TOML: {exc}") from None
    if name not in tables:
        raise Misconfigured(f"{path} has no profile {name!r}")
    try:
        profile = _Profile.model_validate(tables[name])
    except ValidationError as exc:
        fields = ", ".join(str(error["loc"][0]) if error["loc"] else "it" for error in exc.errors())
        raise Misconfigured(f"profile {name!r} in {path} is not valid: {fields}") from None
    return Connection(profile.url, profile.key or settings.key, settings.timeout, settings.ca_file, settings.proxy)


def _read_private(path: Path) -> str:
    """Return the text of a file that only its owner can read; looked at while open, so it cannot be swapped."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_PROFILES_BYTES:
                raise Misconfigured(f"{path} is not a profiles file")
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise Misconfigured(f"{path} can be read or written by others; run chmod 600 on it")
            return file.read().decode()
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{path} is not UTF-8") from exc


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise Misconfigured("the URL of the server is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise Misconfigured("the URL of the server must be http:// or https:// and name a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise Misconfigured("the URL of the server must hold neither a password nor a query; the key goes elsewhere")
    return url.rstrip("/")

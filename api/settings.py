"""All settings, read once from the environment into one frozen object that is passed down.

A secret is held as SecretStr, so that neither `repr` nor a traceback shows it. What is missing or contradictory is an
error at the start, never a guess later.
"""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from provenstore.domain.errors import Misconfigured


def default_data_dir() -> Path:
    """Return the data directory of this system user (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "provenstore"


class Price(BaseModel):
    """What a provider charges, in US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: Decimal = Field(ge=0, le=1_000, decimal_places=9)  # for a GiB kept for a month
    served: Decimal = Field(ge=0, le=1_000, decimal_places=9)  # for a GiB given out


LIST_PRICES: Mapping[str, Price] = {"spaces": Price(stored=Decimal("0.02"), served=Decimal("0.01"))}
"""DigitalOcean Spaces beyond what its subscription includes; see docs/how-to/usage.md."""


MAX_WORKERS: Final = 64
"""Processes on one data directory: each takes a hundred megabytes and about 30 connections."""

OF_THE_CLIENT: Final = frozenset(
    f"PROVENSTORE_{name}" for name in ("URL", "KEY", "PROFILE", "TIMEOUT", "CA_FILE", "PROXY")
)
"""What `api.client.connection` reads."""

PROXY_URL: Final = re.compile(r"https?://(?:[^@/?#\s]*@)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")

_BASE_URL: Final = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[^?#\s]*)?")


class Settings(BaseSettings):
    """`PROVENSTORE_*`; see docs/reference/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="PROVENSTORE_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,  # an empty data directory would be the current folder
        validate_by_name=True,
        validate_by_alias=True,
    )

    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: SecretStr | None = None  # external PostgreSQL, as the writer role; embedded without it
    database_owner_url: SecretStr | None = None  # for `provenstore db migrate` only
    database_runner_url: SecretStr | None = None  # external PostgreSQL, as the runner role
    # Objects lie in this bucket if it is set, otherwise in the data directory; the five belong together.
    spaces_bucket: str | None = Field(default=None, validation_alias="DO_SPACES_BUCKET")
    spaces_endpoint: str | None = Field(default=None, validation_alias="DO_SPACES_ENDPOINT")
    spaces_region: str | None = Field(default=None, validation_alias="DO_SPACES_REGION")
    spaces_key: str | None = Field(default=None, validation_alias="DO_SPACES_KEY")
    spaces_secret: SecretStr | None = Field(default=None, validation_alias="DO_SPACES_SECRET")
    spaces_cdn_endpoint: str | None = Field(default=None, validation_alias="DO_SPACES_CDN_ENDPOINT")  # not used yet
    spaces_path_style: bool = False  # https://endpoint/bucket/key, for servers without a name for each bucket
    spaces_ca_file: Path | None = None  # PEM file of the authorities that the endpoint's certificate may be from
    spaces_proxy: SecretStr | None = None  # URL of the HTTP proxy through which the bucket is reached
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=MAX_WORKERS)
    public_url: str | None = None  # how clients reach us; the request's host without it
    threads: int = Field(default=64, ge=1, le=1_024)  # commands run in this many threads; fewer would cap the batch
    link_delivery: Literal["redirect", "stream"] = "redirect"  # of links to a bucket's files that do not say which
    url_keys: SecretStr | None = None  # of signed URLs, in hex, spaces between; a file in the data directory without it
    stall_timeout: PositiveFloat = 30.0  # seconds without a byte after which an upload is given up
    # What one client may take from the others, in one process; the reasons are in api/http/limits.py.
    max_connections: int = Field(default=1_000, ge=1, le=100_000)
    max_connections_per_address: int = Field(default=256, ge=1, le=100_000)
    proxy_addresses: str = "127.0.0.0/8 ::1/128"  # addresses or networks whose connections stand for many clients
    max_uploads: int = Field(default=256, ge=1, le=4_096)
    max_uploads_per_workspace: int = Field(default=128, ge=1, le=4_096)
    max_uploads_per_key: int = Field(default=64, ge=1, le=4_096)
    min_rate: int = Field(default=1_024, ge=0, le=1_000_000_000)  # bytes a second of bodies, either way; 0: none
    rate_window: PositiveFloat = 30.0  # seconds over which it is averaged
    rebuild_rate: PositiveInt | None = None  # events a second that rebuilds take at most; without it all they can
    log_origin: str | None = None  # scheme-less URL prefix by which the log and its keys go; taken at the first start
    signing_key: SecretStr | None = None  # one or several, with spaces between; a file in the data directory without it
    checkpoint_interval: float = Field(default=2.0, ge=0.05, le=3_600)  # seconds between two looks at what to sign
    log_public: bool = False  # checkpoints, verifier keys and hash tiles are for everybody; entries never are
    log_prefix: str | None = None  # where in the object store the log is published, too; not at all without it
    read_your_write_timeout: PositiveFloat = 5.0  # seconds to wait for `min_position`
    operations_days: int = Field(default=30, ge=1, le=3_650)  # for which calls to the object store are kept
    prices: Mapping[str, Price] = LIST_PRICES  # by the provider's name; one that is not here costs nothing

    @field_validator("public_url")
    @classmethod
    def _is_base_url(cls, value: str | None) -> str | None:
        if value is not None and not _BASE_URL.fullmatch(value):
            raise ValueError("is not http:// or https:// with a host, and without a password or a query")
        return value

    @field_validator("spaces_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not PROXY_URL.fullmatch(value.get_secret_value()):
            raise ValueError("is not http:// or https:// with a host")
        return value

    @field_validator("proxy_addresses")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            _networks(value)
        except ValueError:
            raise ValueError("is not a list of IP addresses or networks with spaces between") from None
        return value

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks of proxies in front of the server."""
        return _networks(self.proxy_addresses)

    @property
    def names_a_bucket(self) -> bool:
        """Say whether any of the bucket's settings is there; one without the others is a mistake to report."""
        return any((self.spaces_bucket, self.spaces_endpoint, self.spaces_region, self.spaces_key, self.spaces_secret))


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in value.replace(",", " ").split())


def load_settings(**overrides: object) -> Settings:
    """Return the settings of this process; Misconfigured names the setting that is wrong, never its value."""
    _refuse_unknown()
    try:
        found = Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic
    except SettingsError as exc:
        # One that is no JSON; its words name the field, and no value.
        named = re.search(r'field "(\w+)"', str(exc))
        raise Misconfigured(f"this setting is not valid JSON: {_variable(named[1]) if named else exc}") from None
    except ValidationError as exc:
        wrong = "; ".join(_wrong(error["loc"], error["msg"]) for error in exc.errors())
        raise Misconfigured(f"these settings are not valid: {wrong}") from None
    # Otherwise the embedded database would be used, or made, where another one was meant.
    for name in ("database_owner_url", "database_runner_url"):
        if getattr(found, name) is not None and found.database_url is None:
            raise Misconfigured(f"{_variable(name)} is set, and PROVENSTORE_DATABASE_URL is not: set both")
    return found


def _refuse_unknown() -> None:
    """Refuse a variable that is no setting: a misspelt one would be as if it were not there."""
    own = {_variable(str(field.validation_alias or name)) for name, field in Settings.model_fields.items()}
    known = own | OF_THE_CLIENT
    for name, value in sorted(os.environ.items()):
        # In lower case pydantic would take it, too, and nobody would see which of the two counts.
        if name.upper().startswith("PROVENSTORE_") and value and name not in known:
            near = get_close_matches(name.upper(), sorted(known), n=1)
            raise Misconfigured(f"{name} is no setting{f'; did you mean {near[0]}?' if near else ''}")


def _wrong(location: tuple[int | str, ...], words: str) -> str:
    """Name a setting and what is wrong with it; pydantic's words hold no value of these types."""
    first, *within = map(str, location)
    where = f" at {'.'.join(within)}" if within else ""
    words = words.removeprefix("Value error, ")
    return f"{_variable(first)}{where}: {words[:1].lower()}{words[1:]}"


def _variable(location: str) -> str:
    return location if location.startswith("DO_SPACES_") else f"PROVENSTORE_{location}".upper()

"""The bucket that the settings name, opened: a room of the composition root, loaded only where there is one.

It trusts nothing that the settings say about the bucket: what it can do was found out by trying it, and is kept in the
log until another bucket, another way of trying or a change of versioning makes that old.
"""

import re
import ssl
import threading
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.probe import VERSION, keeps_versions, probe
from provenstore.adapters.spaces.store import Spaces
from provenstore.api.settings import Settings
from provenstore.domain.custody.providers import Providers
from provenstore.domain.errors import Misconfigured
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.system.provider import Probed

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PROVIDER = "spaces"

_PLAIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


def open_bucket(settings: Settings, providers: Providers, caller: Caller, urls: LocalUrlSigner | None = None) -> Spaces:
    """Return the object store on the bucket, as it is known or, if it is not, as it is found and recorded now.

    `urls` signs the URLs that come back to us where the bucket's own would permit more than to write.
    Raises Misconfigured where somebody has to act, StoreUnavailable otherwise.
    """
    bucket = bucket_of(settings)
    client = connect(bucket)
    known = providers.probed(PROVIDER)
    if known is None or not _holds(known, bucket, versions=keeps_versions(client, bucket.name)):
        known = _try(client, bucket)
        providers.record(caller, PROVIDER, known)
    return Spaces(client, bucket.name, known.capabilities, name=PROVIDER, urls=urls)


class BucketWhenAsked:
    """The bucket, opened by whoever first needs it, so that what needs none works while the store is away. Thread safe.

    All of `ObjectStore`; what `open_bucket` raises comes from the first call, and from the next until it opens.
    """

    name = PROVIDER

    def __init__(
        self,
        settings: Settings,
        providers: Providers,
        caller: Caller,
        urls: LocalUrlSigner | None = None,
        *,
        identified: Callable[[ObjectStore], None] = lambda _: None,
    ) -> None:
        """Open as `open_bucket` does; Misconfigured at once for settings that cannot be right.

        `identified` is given what was opened, and raises WrongStore if that is not the store of the log.
        """
        bucket_of(settings)
        self._identified = identified
        self._open = partial(open_bucket, settings, providers, caller, urls)
        self._turn = threading.Lock()
        self._opened: Spaces | None = None

    def opened(self) -> Spaces:
        """Return the bucket, opened now if it is not yet."""
        with self._turn:
            if self._opened is None:
                opened = self._open()
                self._identified(opened)
                self._opened = opened
            return self._opened

    def __getattr__(self, name: str) -> Any:
        """Return what the opened store has of this name."""
        return getattr(self.opened(), name)


def probe_bucket(settings: Settings, providers: Providers, caller: Caller) -> tuple[Probed, bool]:
    """Try the bucket whatever is known about it; return what was found, and whether that was new and is recorded."""
    bucket = bucket_of(settings)
    found = _try(connect(bucket), bucket)
    return found, providers.record(caller, PROVIDER, found)


def _holds(known: Probed, bucket: Bucket, *, versions: bool) -> bool:
    same_place = (known.place, known.probe) == (_place(bucket), VERSION)
    return same_place and known.capabilities.versioning == versions


def _try(client: "S3Client", bucket: Bucket) -> Probed:
    capabilities = probe(client, bucket.name, ca_file=bucket.ca_file)
    host = urlsplit(bucket.endpoint).netloc
    return Probed(host=host, place=_place(bucket), probe=VERSION, capabilities=capabilities)


def _place(bucket: Bucket) -> str:
    return sha256(f"{bucket.endpoint}\n{bucket.name}".encode()).hexdigest()


def bucket_of(settings: Settings) -> Bucket:
    """Return the bucket that the settings describe, without asking it; Misconfigured names the setting at fault."""
    secret = settings.spaces_secret
    values = {
        "DO_SPACES_BUCKET": settings.spaces_bucket,
        "DO_SPACES_ENDPOINT": settings.spaces_endpoint,
        "DO_SPACES_REGION": settings.spaces_region,
        "DO_SPACES_KEY": settings.spaces_key,
        "DO_SPACES_SECRET": secret and secret.get_secret_value(),
    }
    found = {name: value for name, value in values.items() if value}
    if not found:
        raise Misconfigured(f"no bucket is set: objects lie in the data directory; set {', '.join(sorted(values))}")
    if missing := values.keys() - found.keys():
        raise Misconfigured(f"these settings belong together: set {', '.join(sorted(missing))}, too")
    return Bucket(
        endpoint=_endpoint(found["DO_SPACES_ENDPOINT"], found["DO_SPACES_BUCKET"]),
        region=found["DO_SPACES_REGION"],
        name=found["DO_SPACES_BUCKET"],
        key=found["DO_SPACES_KEY"],
        secret=SecretStr(found["DO_SPACES_SECRET"]),
        path_style=settings.spaces_path_style,
        ca_file=_authorities(settings.spaces_ca_file),
        proxy=settings.spaces_proxy,
    )


def _endpoint(value: str, bucket: str) -> str:
    """Return an endpoint in one spelling. Control panels show it without https:// and with the bucket before it."""
    shown = value if "://" in value else f"https://{value}"
    parts = urlsplit(shown)
    if not _PLAIN.fullmatch(shown) or parts.hostname is None:
        raise Misconfigured("DO_SPACES_ENDPOINT is not of the form https://nyc3.digitaloceanspaces.com")
    if parts.hostname.startswith(f"{bucket}."):
        raise Misconfigured("DO_SPACES_ENDPOINT begins with the bucket's name: leave that out")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _authorities(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as exc:  # as ssl's own errors are
        raise Misconfigured("PROVENSTORE_SPACES_CA_FILE is no readable PEM file of certificates") from exc
    return str(file)

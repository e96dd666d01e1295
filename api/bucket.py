"""The bucket that the settings name, opened: a room of the composition root, loaded only where there is one.

It trusts nothing that the settings say about the bucket; what it can do is probed at every start.
"""

from pydantic import SecretStr

from provenstore.adapters.spaces import Spaces
from provenstore.adapters.spaces_client import Bucket, connect
from provenstore.adapters.spaces_probe import probe
from provenstore.api.settings import Settings
from provenstore.domain.errors import Misconfigured


def open_bucket(settings: Settings) -> Spaces:
    """Return the object store on the bucket. Misconfigured where somebody has to act, StoreUnavailable otherwise."""
    bucket = _bucket(settings)
    client = connect(bucket)
    return Spaces(client, bucket.name, probe(client, bucket.name, ca_file=bucket.ca_file))


def _bucket(settings: Settings) -> Bucket:
    secret = settings.spaces_secret
    values = {
        "DO_SPACES_BUCKET": settings.spaces_bucket,
        "DO_SPACES_ENDPOINT": settings.spaces_endpoint,
        "DO_SPACES_REGION": settings.spaces_region,
        "DO_SPACES_KEY": settings.spaces_key,
        "DO_SPACES_SECRET": secret and secret.get_secret_value(),
    }
    found = {name: value for name, value in values.items() if value}
    if missing := values.keys() - found.keys():
        raise Misconfigured(f"these settings belong together: set {', '.join(sorted(missing))}, too")
    return Bucket(
        endpoint=found["DO_SPACES_ENDPOINT"],
        region=found["DO_SPACES_REGION"],
        name=found["DO_SPACES_BUCKET"],
        key=found["DO_SPACES_KEY"],
        secret=SecretStr(found["DO_SPACES_SECRET"]),
        path_style=settings.spaces_path_style,
        ca_file=None if settings.spaces_ca_file is None else str(settings.spaces_ca_file),
    )

"""The connection to one bucket: one boto3 client per provider and process, with the settings that real servers need.

Nothing here decides what a bucket can do; that is probed. The secret never leaves the client: not in a `repr`, not in
an error, not in a log.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from pydantic import SecretStr

from provenstore.adapters.objects.request_ids import note_answer
from provenstore.adapters.spaces.session import SealedSession

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds without a byte; a cluster that is full does not answer at all
CONNECTIONS = 128  # as many as commands run at once, and the parts that each may have under way
ATTEMPTS = 3  # of one request, with botocore's pauses; every request here may safely be sent again


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket, and how to get at it."""

    endpoint: str  # https://<region>.digitaloceanspaces.com, or any other S3 endpoint
    region: str
    name: str
    key: str
    secret: SecretStr
    path_style: bool = False  # https://endpoint/bucket/key instead of https://bucket.endpoint/key
    ca_file: str | None = None  # PEM file of the authorities to trust; those that botocore brings along without it
    proxy: SecretStr | None = None  # URL of the proxy that every request goes through; it may hold a password
    read_timeout: float = READ_TIMEOUT
    attempts: int = ATTEMPTS


def connect(bucket: Bucket) -> "S3Client":
    """Return a client, without sending anything yet; safe to use from many threads."""
    session = Session(
        aws_access_key_id=bucket.key,
        aws_secret_access_key=bucket.secret.get_secret_value(),
        region_name=bucket.region,
        botocore_session=SealedSession(),
    )
    proxy = None if bucket.proxy is None else bucket.proxy.get_secret_value()
    config = Config(
        signature_version="s3v4",
        # Otherwise a checksum is sent as a trailer, in chunks, and RGW answers 411 (over https only).
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=bucket.read_timeout,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": bucket.attempts},
        proxies={} if proxy is None else {"http": proxy, "https": proxy},
        s3={"addressing_style": "path" if bucket.path_style else "virtual"},
    )
    client = session.client("s3", endpoint_url=bucket.endpoint, verify=bucket.ca_file or True, config=config)
    client.meta.events.register("after-call.s3", note_answer)
    for operation in ("CopyObject", "UploadPartCopy"):
        client.meta.events.register(f"before-call.s3.{operation}", _name_the_condition_twice)
    return client


def _name_the_condition_twice(params: dict[str, Any], **_: Any) -> None:  # botocore's hook
    """Send a condition on the source of a copy under RGW's name, too: it ignores the one of the specification."""
    condition = params["headers"].get("x-amz-copy-source-if-match")
    if condition is not None:
        params["headers"]["x-amz-copy-if-match"] = condition

"""What an object of a bucket carries beyond what this adapter sets: found by name, never told by value.

A URL for writing takes headers that nobody signed; what they leave on the object would be served, or open it to others.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.bucket import WRITE, SpacesBucket, read_failure
from provenstore.adapters.spaces.errors import code, meaning
from provenstore.adapters.spaces.rules import not_offered

SERVED: Final[Mapping[str, str]] = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ExpiresString": "expires",
    "WebsiteRedirectLocation": "website-redirect-location",
    "SSECustomerAlgorithm": "server-side-encryption-customer",
}
"""Members of an answer to HEAD, and the names by which we tell them."""

_FRAMED: Final = "aws-chunked"  # what some servers leave of the framing that boto sent, and no byte of it


def extras(bucket: SpacesBucket, key: str, version: str | None) -> tuple[str, ...]:
    """Return the names of what an object carries that our writes never set; raises ObjectNotFound."""
    named = bucket.version_of(version)
    try:
        answer: Mapping[str, Any] = bucket.client.head_object(Bucket=bucket.name, Key=key, **named)
    except (ClientError, BotoCoreError) as exc:
        raise read_failure(exc, version) from exc
    found = set(_carried(answer))
    if _is_shared(bucket, key, named):
        found.add("access")
    return tuple(sorted(found))


def _carried(answer: Mapping[str, Any]) -> Iterator[str]:
    for member, name in SERVED.items():
        if answer.get(member) and answer[member] != _FRAMED:
            yield name
    if set(answer["Metadata"]) - {WRITE}:
        yield "metadata"
    if answer.get("TagCount"):
        yield "tags"
    if answer.get("StorageClass", "STANDARD") != "STANDARD":
        yield "storage-class"


def _is_shared(bucket: SpacesBucket, key: str, named: Mapping[str, Any]) -> bool:
    """Tell whether anybody but the owner has a right; False where the server keeps none, or does not tell the key."""
    try:
        answer = bucket.client.get_object_acl(Bucket=bucket.name, Key=key, **named)
    except ClientError as exc:
        if not_offered(exc) or code(exc) in ("AccessDenied", "NoSuchKey", "404", "403"):
            return False
        raise meaning(exc) from exc
    except BotoCoreError as exc:
        raise meaning(exc) from exc
    return bool(others(answer))


def others(acl: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the grants of an access list that are not its owner's own."""
    owner = acl.get("Owner", {}).get("ID")
    grants: list[Mapping[str, Any]] = acl.get("Grants", [])
    return [one for one in grants if owner is None or one.get("Grantee", {}).get("ID") != owner]

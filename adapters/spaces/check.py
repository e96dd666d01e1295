"""Is a bucket as it must be? Looked at from outside, as a stranger, and from inside, with the key.

It changes nothing but objects of its own under `temp/probe/`, which it removes again. It never shows what was signed.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.errors import code, meaning
from provenstore.adapters.spaces.findings import Finding, failed, fine, warned
from provenstore.adapters.spaces.outside import Outside
from provenstore.adapters.spaces.probe import PREFIX
from provenstore.adapters.spaces.rules import check_rules
from provenstore.adapters.spaces.unsigned_probe import AT_ONCE, UnsignedProbe
from provenstore.domain.errors import ProvenstoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONTENT = b"provenstore looks at this bucket"
_TELLS = {
    "InvalidAccessKeyId": "credentials",
    "SignatureDoesNotMatch": "credentials",
    "RequestTimeTooSkewed": "clock",
    "AuthorizationHeaderMalformed": "region",
    "PermanentRedirect": "region",
    "NoSuchBucket": "bucket",
    "InvalidBucketName": "bucket",
    "bucket-name": "bucket",
}


def check(bucket: Bucket, now: Callable[[], datetime]) -> list[Finding]:
    """Look at everything, in the order in which it has to be repaired; `now` is our clock.

    What makes the rest meaningless ends the list: an endpoint that does not answer, a key that is not accepted.
    """
    outside = Outside(bucket, now)
    found = list(outside.endpoint())
    if any(one.status == "failed" for one in found):
        return found
    client = connect(bucket)
    admitted = list(_admission(client, bucket))
    found += admitted
    if any(one.status == "failed" for one in admitted):
        return found
    return [
        *found,
        *_use(client, bucket, outside),
        *_write_urls(client, bucket),
        *check_rules(client, bucket.name),
    ]


def _admission(client: "S3Client", bucket: Bucket) -> Iterator[Finding]:
    """Ask for what takes a key, a region and a bucket; a refusal says which of them is wrong."""
    try:
        client.list_objects_v2(Bucket=bucket.name, MaxKeys=1)
    except (ClientError, BotoCoreError) as exc:
        refusal = meaning(exc)
        what = _TELLS.get(str(refusal.details.get("error")), "list")
        yield failed(what, str(refusal.details.get("error")), refusal.message)
        return
    yield fine("credentials", "the key is accepted")
    yield from _region(client, bucket)
    yield fine("list", "the key may list the bucket")


def _region(client: "S3Client", bucket: Bucket) -> Iterator[Finding]:
    """Compare the region with the one that the bucket says it is in; not every server minds, and some say nothing."""
    try:
        told = client.get_bucket_location(Bucket=bucket.name).get("LocationConstraint")
    except (ClientError, BotoCoreError):
        told = None
    if not told or told == bucket.region:
        yield fine("region", bucket.region)
        return
    advice = f"set DO_SPACES_REGION to {told}: this server takes the other one, the next may not"
    yield warned("region", f"{bucket.region} is set, the bucket is in {told}", advice)


def _use(client: "S3Client", bucket: Bucket, outside: Outside) -> Iterator[Finding]:
    """Do what the ledger will do, with an object that nobody needs; and look at that object as a stranger."""
    key: dict[str, Any] = {"Bucket": bucket.name, "Key": f"{PREFIX}check-{secrets.token_hex(8)}"}
    put = _may("put", "store objects", lambda: client.put_object(**key, Body=_CONTENT))
    yield put
    yield _may("multipart", "upload in parts", lambda: _open_and_abort(client, key))
    if put.status == "ok":
        yield _may("get", "read objects", lambda: _read(client, key))
        yield from outside.strangers(key["Key"])
        yield _may("delete", f"delete objects ({key['Key']})", lambda: _remove(client, key))


def _write_urls(client: "S3Client", bucket: Bucket) -> Iterator[Finding]:
    """Try whether URLs of the bucket permit more than to write; where they do, none is handed out, so nothing fails."""
    prefix = f"{PREFIX}check-{secrets.token_hex(8)}/"
    try:
        found = UnsignedProbe(client, bucket.name, prefix, ca_file=bucket.ca_file).found()
    except ProvenstoreError as exc:
        yield warned("write URLs", f"could not be tried: {exc.details.get('error')}", "check again")
        return
    finally:
        with suppress(ClientError, BotoCoreError):
            _remove_all(client, bucket.name, prefix)
    sound = {"PUT": found.puts, "parts": found.parts, "forms": found.forms}
    direct = ", ".join(name for name, is_sound in sound.items() if is_sound) or "none"
    told = f"lead to the bucket where nothing unsigned has an effect: {direct}"
    if passing := sorted({one.partition(" ")[2] for one in found.effects}):
        told += f"; at the others these would have one: {', '.join(passing)}"
    yield fine("write URLs", told)


def _remove_all(client: "S3Client", bucket: str, prefix: str) -> None:
    """Remove everything below a prefix of our own, version by version."""
    for upload in client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", []):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    listing: Any = client.list_object_versions(Bucket=bucket, Prefix=prefix)

    def delete(version: Any) -> None:
        named = {} if version["VersionId"] == "null" else {"VersionId": version["VersionId"]}
        client.delete_object(Bucket=bucket, Key=version["Key"], **named)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(delete, [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]))


def _may(what: str, told: str, request: Callable[[], object]) -> Finding:
    try:
        request()
    except (ClientError, BotoCoreError) as exc:
        name = code(exc) if isinstance(exc, ClientError) else type(exc).__name__
        refusal = meaning(exc)
        return failed(what, f"the key may not {told}: {name}", refusal.message)
    return fine(what, f"the key may {told.partition(' (')[0]}")


def _read(client: "S3Client", key: dict[str, Any]) -> None:
    with client.get_object(**key)["Body"] as body:
        body.read()


def _open_and_abort(client: "S3Client", key: dict[str, Any]) -> None:
    upload = client.create_multipart_upload(**key)["UploadId"]
    client.abort_multipart_upload(**key, UploadId=upload)


def _remove(client: "S3Client", key: dict[str, Any]) -> None:
    """Delete the object, what a stranger could put beside it, and the versions that a bucket may keep of them."""
    client.delete_object(**key)
    _remove_all(client, key["Bucket"], key["Key"])

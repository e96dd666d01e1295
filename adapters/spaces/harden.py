"""Repairs what may be repaired in a bucket without asking: its own abort rule, an ACL that opens it, versioning.

Rules of others stay as they are; a policy, CORS and rules that delete are somebody's decision and only reported by
the check. Doing it again changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.client import Bucket, connect
from provenstore.adapters.spaces.errors import at_start, meaning, translated
from provenstore.adapters.spaces.rules import ABORT_AFTER, aborts, lifecycle_rules, not_offered

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RULE = "provenstore-abort-unfinished"
_EVERYBODY = ("/AllUsers", "/AuthenticatedUsers")  # how the URIs of these groups end

Result = Literal["unchanged", "changed", "to change", "failed"]


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that may be repaired, and what became of it."""

    what: str
    result: Result
    told: str


def harden(bucket: Bucket, *, versioning: bool, dry_run: bool) -> list[Repair]:
    """Repair what is not as it should be, or with `dry_run` only say what would be; versioning where it is wished.

    Raises Misconfigured if the bucket cannot be reached with this key, StoreUnavailable if it does not answer.
    """
    client = connect(bucket)
    with at_start(), translated():
        client.list_objects_v2(Bucket=bucket.name, MaxKeys=1)
    steps = [_abort_rule, _acl, *([_versioning] if versioning else [])]
    return [repair for step in steps for repair in step(client, bucket.name, dry_run=dry_run)]


def _abort_rule(client: "S3Client", bucket: str, *, dry_run: bool) -> Iterator[Repair]:
    what = "abort rule"
    try:
        rules = lifecycle_rules(client, bucket)
    except (ClientError, BotoCoreError) as exc:
        yield _refused(what, exc)
        return
    if rules is None:
        yield Repair(what, "unchanged", "the server has no lifecycle rules")
        return
    if any(map(aborts, rules)):
        yield Repair(what, "unchanged", f"unfinished uploads go after {ABORT_AFTER} day")
        return
    ours: dict[str, Any] = {
        "ID": RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_AFTER},
    }
    others = [rule for rule in rules if rule.get("ID") != RULE]
    told = f"unfinished uploads go after {ABORT_AFTER} day; other rules, left as they are: {len(others)}"
    merged: Any = {"Rules": [*others, ours]}
    yield _change(
        what,
        told,
        lambda: client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=merged),
        dry_run=dry_run,
    )


def _acl(client: "S3Client", bucket: str, *, dry_run: bool) -> Iterator[Repair]:
    try:
        grants = client.get_bucket_acl(Bucket=bucket)["Grants"]
    except ClientError as exc:
        if not_offered(exc):
            yield Repair("acl", "unchanged", "the server has no ACLs")
        else:
            yield _refused("acl", exc)
        return
    except BotoCoreError as exc:
        yield _refused("acl", exc)
        return
    if not any(grant.get("Grantee", {}).get("URI", "").endswith(_EVERYBODY) for grant in grants):
        yield Repair("acl", "unchanged", "private")
        return
    yield _change(
        "acl",
        "private; it was open to everybody",
        lambda: client.put_bucket_acl(Bucket=bucket, ACL="private"),
        dry_run=dry_run,
    )


def _versioning(client: "S3Client", bucket: str, *, dry_run: bool) -> Iterator[Repair]:
    try:
        on = client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    except (ClientError, BotoCoreError) as exc:
        yield _refused("versioning", exc)
        return
    if on:
        yield Repair("versioning", "unchanged", "on")
        return
    yield _change(
        "versioning",
        "on; servers that run take it up at their next start",
        lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        dry_run=dry_run,
    )


def _change(what: str, told: str, request: Callable[[], object], *, dry_run: bool) -> Repair:
    if dry_run:
        return Repair(what, "to change", told)
    try:
        request()
    except (ClientError, BotoCoreError) as exc:
        return _refused(what, exc)
    return Repair(what, "changed", told)


def _refused(what: str, error: ClientError | BotoCoreError) -> Repair:
    return Repair(what, "failed", meaning(error).message)

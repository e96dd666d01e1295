"""A bucket's own rules: what it keeps, what it deletes by itself, and which web pages it talks to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from provenstore.adapters.spaces.errors import code, is_absent, status
from provenstore.adapters.spaces.findings import Finding, failed, fine, warned

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ABORT_AFTER = 1  # days after which the bucket itself throws an unfinished upload away
TEMPORARY = ("temp/uploads/landing/", "temp/probe/")  # what lies below them was promised to nobody
Rules = Sequence[Mapping[str, Any]]
_HARDEN = "run `provenstore bucket harden`"


def check_rules(client: "S3Client", bucket: str) -> Iterator[Finding]:
    """Look at versioning, lifecycle and CORS."""
    yield _versioning(client, bucket)
    yield from _lifecycle(client, bucket)
    yield _cors(client, bucket)


def lifecycle_rules(client: "S3Client", bucket: str) -> Rules | None:
    """Return the bucket's lifecycle rules; None where it has no such thing. Raises boto's errors."""
    try:
        # A server that does not know the question answers another one: Swift lists the bucket.
        return client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules")
    except ClientError as exc:
        if is_absent(exc):  # NoSuchLifecycleConfiguration
            return []
        if not_offered(exc):
            return None
        raise


def not_offered(error: ClientError) -> bool:
    """Say whether the server does not know this part of S3."""
    return status(error) in (405, 501) or code(error) in ("NotImplemented", "MethodNotAllowed")


def aborts(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule throws every unfinished upload of the bucket away soon enough."""
    days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
    return rule["Status"] == "Enabled" and days is not None and days <= ABORT_AFTER and covers_all(rule)


def covers_all(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule is for every key of the bucket."""
    scope: Mapping[str, Any] = rule.get("Filter", {})
    return not scope.keys() - {"Prefix"} and not rule.get("Prefix") and not scope.get("Prefix")


def _versioning(client: "S3Client", bucket: str) -> Finding:
    try:
        found: str | None = client.get_bucket_versioning(Bucket=bucket).get("Status")
    except (ClientError, BotoCoreError) as exc:
        return _unknown("versioning", exc)
    if found == "Suspended":
        advice = "switch it on again: new versions replace each other, old ones stay"
        return warned("versioning", "suspended", advice)
    return fine("versioning", "on" if found else "off (`provenstore bucket harden --versioning` switches it on)")


def _lifecycle(client: "S3Client", bucket: str) -> Iterator[Finding]:
    try:
        rules = lifecycle_rules(client, bucket)
    except (ClientError, BotoCoreError) as exc:
        yield _unknown("abort rule", exc)
        return
    if rules is None:
        advice = "nothing: the ledger aborts the uploads that it knows, and the server none"
        yield warned("abort rule", "the server has no lifecycle rules", advice)
        return
    if any(map(aborts, rules)):
        yield fine("abort rule", f"unfinished uploads go after {ABORT_AFTER} day")
    else:
        yield warned("abort rule", "unfinished uploads of crashed writers stay, and cost", _HARDEN)
    if deleting := [str(rule.get("ID", "without a name")) for rule in rules if deletes(rule)]:
        told = f"the bucket deletes or moves objects by itself: rule {', '.join(deleting)}"
        yield failed("deletion rule", told, "remove the rule: nothing may go without an event that says so")
    else:
        yield fine("deletion rule", "the bucket deletes nothing by itself")


def deletes(rule: Mapping[str, Any]) -> bool:
    """Say whether a rule takes content away, or moves it, where files may lie."""
    ways = ("Expiration", "NoncurrentVersionExpiration", "Transitions", "NoncurrentVersionTransitions")
    within: Mapping[str, Any] = rule.get("Filter", {})
    scope = rule.get("Prefix") or within.get("Prefix") or within.get("And", {}).get("Prefix") or ""
    acts = any(_acts(rule[way]) for way in ways if rule.get(way))
    return rule["Status"] == "Enabled" and acts and not scope.startswith(TEMPORARY)


def _acts(way: Any) -> bool:
    """Say whether an action touches content; one that only clears lone delete markers does not."""
    return not (isinstance(way, Mapping) and way.keys() == {"ExpiredObjectDeleteMarker"})


def _cors(client: "S3Client", bucket: str) -> Finding:
    try:
        rules = client.get_bucket_cors(Bucket=bucket).get("CORSRules", [])
    except ClientError as exc:
        if not is_absent(exc) and not not_offered(exc):
            return _unknown("cors", exc)
        rules = []
    except BotoCoreError as exc:
        return _unknown("cors", exc)
    if not rules:
        return fine("cors", "no web page of another host may use signed URLs")
    origins = sorted({origin for rule in rules for origin in rule["AllowedOrigins"]})
    if "*" in origins:
        advice = "name the origins of your own pages: a signed URL that leaks works from any page"
        return warned("cors", "every web page may use signed URLs", advice)
    return fine("cors", f"signed URLs may be used from {', '.join(origins)}")


def _unknown(what: str, error: ClientError | BotoCoreError) -> Finding:
    name = code(error) if isinstance(error, ClientError) else type(error).__name__
    return warned(what, f"could not be asked: {name}", "give the key the right to read the bucket's configuration")

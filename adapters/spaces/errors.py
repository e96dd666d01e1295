"""What a bucket's failures mean, decided once for every request.

Only the code of an error is passed on: messages may be empty, and some repeat the access key and what was signed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnection

from provenstore.domain.errors import InvalidInput, Misconfigured, ProvenstoreError, StorageFull, StoreUnavailable

_FULL = frozenset(("QuotaExceeded", "InsufficientCapacity", "InsufficientStorage", "TooManyBuckets", "507"))

_CERTIFICATE, _BAD_NAME = "certificate", "bucket-name"  # what our own side refuses

_RIGHTS = (
    "the key may not do this, or the bucket is not yours; "
    "give the key the right to read, write, list and delete in the bucket"
)
# What to do about the refusals that a person has to end. Keys and settings are repaired while a service runs, so they
# may pass: at the start, probing turns them into Misconfigured.
_ADVICE = {
    "AccessDenied": _RIGHTS,
    "Forbidden": _RIGHTS,
    "InvalidAccessKeyId": "the access key is unknown; check DO_SPACES_KEY",
    "SignatureDoesNotMatch": "the secret is not that of the access key; check DO_SPACES_SECRET and DO_SPACES_KEY",
    "RequestTimeTooSkewed": "the clock is wrong; let it be set by NTP",
    "NoSuchBucket": "there is no such bucket; check DO_SPACES_BUCKET and DO_SPACES_ENDPOINT",
    "InvalidBucketName": "no bucket can have that name; check DO_SPACES_BUCKET",
    "AuthorizationHeaderMalformed": "the region is wrong; check DO_SPACES_REGION",
    "PermanentRedirect": "the bucket is in another region; check DO_SPACES_REGION and DO_SPACES_ENDPOINT",
}
_BY_STATUS = {401: "Forbidden", 403: "Forbidden", 301: "PermanentRedirect", 307: "PermanentRedirect"}


@contextmanager
def translated() -> Iterator[None]:
    """Turn boto's errors into the domain's; wraps our own requests only, never a caller's code."""
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise meaning(exc) from exc


def code(error: ClientError) -> str:
    """Return the error's code; the HTTP status in digits where there is no body, as after HEAD."""
    return str(error.response.get("Error", {}).get("Code") or status(error))


def status(error: ClientError) -> int:
    """Return the HTTP status."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_absent(error: ClientError) -> bool:
    """Say whether there is no such object, version or upload. A missing bucket is another matter."""
    return status(error) == 404 and code(error) != "NoSuchBucket"


def is_taken(error: ClientError) -> bool:
    """Say whether a condition refused the request: also when another writer is just changing the same key."""
    return status(error) == 412 or code(error) == "ConditionalRequestConflict"


def superseded() -> ProvenstoreError:
    """Return what a success means that names nothing stored: a later write to the same place was quicker."""
    return StoreUnavailable(
        "A later write took the place of this one, and nothing of it is stored.", error="superseded"
    )


def needs_repair(error: ProvenstoreError) -> bool:
    """Say whether somebody has to change a key, a right or a setting before this passes."""
    return error.details.get("error") in (*_ADVICE, _CERTIFICATE, _BAD_NAME)


@contextmanager
def at_start() -> Iterator[None]:
    """Turn a refusal that somebody has to end into Misconfigured: before the start, waiting would not help."""
    try:
        yield
    except ProvenstoreError as exc:
        if needs_repair(exc):
            raise Misconfigured(exc.message, **exc.details) from exc
        raise


def meaning(error: ClientError | BotoCoreError) -> ProvenstoreError:
    """Return what an error means that the request itself gave no other meaning."""
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, SSLError):
        message = "The object store's certificate is not trusted: expired, of another host, or by an unknown authority."
        return StoreUnavailable(message, error=_CERTIFICATE)
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return StoreUnavailable("The object store did not answer in time.", error="timeout")
    if isinstance(error, HTTPClientError | NoConnection):
        return StoreUnavailable("The object store cannot be reached, or the connection broke.", error="connection")
    if isinstance(error, ParamValidationError):
        return StoreUnavailable("No bucket can have that name; check DO_SPACES_BUCKET.", error=_BAD_NAME)
    return StoreUnavailable("The object store could not be asked.", error=type(error).__name__)


def _answered(error: ClientError) -> ProvenstoreError:
    name, answer = code(error), status(error)
    if name in _FULL or answer == 507:
        return StorageFull("There is no room left in the bucket.", error=name)
    if name == "KeyTooLongError":
        return InvalidInput("key", "is longer than the bucket allows", error=name)
    name = name if name in _ADVICE else _BY_STATUS.get(answer, name)
    if name in _ADVICE:
        return StoreUnavailable(f"The object store refuses: {_ADVICE[name]}.", error=name)
    return StoreUnavailable(f"The object store fails: {name}.", error=name)

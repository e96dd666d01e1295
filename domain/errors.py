"""Every way in which Provenstore says no, in three kinds: caller's fault, retry later, stop (state unknown).

An error carries a stable `code` (part of the public contract), one clear sentence, and public `details`.
It never carries a secret, a private value or an HTTP status: the api floor maps kinds and codes to those.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the name of a store's own error may be; it comes from outside, and must not bring words along."""


class ProvenstoreError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    advice: ClassVar[str] = ""
    """What to do, or what it means, behind the title: the default message says both."""

    def __init__(self, message: str | None = None, **details: str | int | None) -> None:
        """Carry `message` (default: title and advice) and public `details`."""
        super().__init__(message or "; ".join(part for part in (self.title(), self.advice) if part))
        self.details: Mapping[str, str | int | None] = details

    @classmethod
    def title(cls) -> str:
        """Return what is wrong in at most six words: the first line of the class's docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0].removesuffix(".")

    @property
    def message(self) -> str:
        """The sentence for the caller."""
        return str(self.args[0])


def error_code(error: BaseException) -> str:
    """Return the code of an error, with the store's own behind it where it has one: store-unavailable/AccessDenied.

    Of an error that is none of ours, its class.
    """
    if not isinstance(error, ProvenstoreError):
        return type(error).__name__
    detail = error.details.get("error")
    return f"{error.code}/{detail}" if isinstance(detail, str) and _WORD.fullmatch(detail) else error.code


# -- the three kinds ---------------------------------------------------------------------------------------


class Refused(ProvenstoreError):
    """The request is refused."""

    code = "refused"
    noted: bool = False
    """Whether an event says already that this was refused."""


class Unavailable(ProvenstoreError):
    """Temporarily unavailable."""

    code = "unavailable"
    advice = "retry later"


class Stopped(ProvenstoreError):
    """Stopped to prevent harm."""

    code = "stopped"


# -- the caller's fault ------------------------------------------------------------------------------------


class InvalidInput(Refused):
    """A field is invalid."""

    code = "invalid-input"

    def __init__(self, field: str, message: str, **details: str | int | None) -> None:
        """Name the `field` and, in `message`, the limit it breaks."""
        super().__init__(f"{field}: {message}", field=field, **details)
        self.field = field


class InvalidProof(Refused):
    """The proof is not valid."""

    code = "invalid-proof"

    def __init__(self, place: str, message: str, **details: str | int | None) -> None:
        """Name the `place` in what was handed in and, in `message`, what is wrong there."""
        super().__init__(f"{place}: {message}", place=place, **details)
        self.place = place


class NotFound(Refused):
    """Not found."""

    code = "not-found"


class Unauthenticated(Refused):
    """Authentication failed."""

    code = "unauthenticated"
    advice = "the API key is missing, unknown, expired or revoked"


class Forbidden(Refused):
    """Permission denied."""

    code = "forbidden"
    advice = "no role of the caller allows this"


class WrongState(Refused):
    """Not allowed in the file's state."""

    code = "wrong-state"


class Gone(Refused):
    """Content is no longer available."""

    code = "gone"


class Conflict(Refused):
    """Conflict."""

    code = "conflict"
    advice = "the resource was modified by another request"


class PreconditionFailed(Refused):
    """File version does not match."""

    code = "precondition-failed"
    advice = "the file was modified since that version"


class AlreadyExists(Refused):
    """Already exists."""

    code = "already-exists"


class KeyReused(Refused):
    """Idempotency key reused."""

    code = "idempotency-key-reused"
    advice = "it was used before for a different request"


class QuotaExceeded(Refused):
    """Workspace quota exceeded."""

    code = "quota-exceeded"


class ContentMismatch(Refused):
    """Content does not match its declaration."""

    code = "content-mismatch"
    advice = "the size or a checksum differs"


class ContentTooLarge(Refused):
    """Content is too large."""

    code = "content-too-large"


class IncompleteBody(Refused):
    """Request body is incomplete."""

    code = "incomplete-body"
    advice = "it ended or stalled before all declared bytes arrived, and nothing was stored"


class TooSlow(IncompleteBody):
    """Request body arrives too slowly."""

    code = "too-slow"
    advice = "nothing was stored"


class RangeNotSatisfiable(Refused):
    """Range is outside the content."""

    code = "range-not-satisfiable"


class UnknownEventType(Refused):
    """Unknown event type."""

    code = "unknown-event-type"
    advice = "this release does not have it in its registry"


class EventTooLarge(Refused):
    """Event is too large."""

    code = "event-too-large"


class LegalHold(Refused):
    """File is under a legal hold."""

    code = "legal-hold"


class Retained(Refused):
    """Retention period has not expired."""

    code = "retained"


class ObjectMissing(Refused):
    """Stored object is missing."""

    code = "object-missing"


class SecondPersonRequired(Refused):
    """A second person must approve this."""

    code = "second-person-required"


# -- retry later -------------------------------------------------------------------------------------------


class Unsigned(Unavailable):
    """Not covered by a signed checkpoint."""

    advice = "retry shortly"


class StoreUnavailable(Unavailable):
    """Object store is unavailable."""

    code = "store-unavailable"
    advice = "it does not answer, or refuses for now"


class StorageFull(Unavailable):
    """Storage full."""

    code = "storage-full"
    advice = ""


class DatabaseUnavailable(Unavailable):
    """Database is unavailable."""

    code = "database-unavailable"


class Busy(Unavailable):
    """Too many requests in progress."""

    code = "busy"
    advice = "retry shortly"


class AppendOutcomeUnknown(Unavailable):
    """Outcome unknown."""

    code = "append-outcome-unknown"
    advice = "retry with the same idempotency key"


class Unfinished(Unavailable):
    """Recorded, but the answer is incomplete."""

    code = "recorded-unfinished"
    advice = ""


# -- stop --------------------------------------------------------------------------------------------------


class IntegrityViolated(Stopped):
    """Integrity check failed."""

    code = "integrity-violated"
    advice = "stored data differs from the recorded event"


class UnverifiedProof(IntegrityViolated):
    """Proof failed its own verification."""

    code = "unverified-proof"
    advice = ""

    def __init__(self, place: str, message: str) -> None:
        """Name the `place` in the proof and, in `message`, what is wrong there."""
        super().__init__(f"{place}: {message}", place=place)


class ContentDamaged(IntegrityViolated):
    """Stored content is missing or altered."""

    code = "content-damaged"
    advice = ""


class LogRewound(IntegrityViolated):
    """Log rollback detected."""

    code = "log-rewound"
    advice = "signing is suspended until the alarm is cleared"


class WrongStore(Stopped):
    """Object store belongs to another log."""

    code = "wrong-store"


class Misconfigured(Stopped):
    """Configuration error."""

    code = "misconfigured"
    advice = "a safe start is not possible"

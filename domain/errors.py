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

    def __init__(self, message: str | None = None, **details: str | int | None) -> None:
        """Carry `message` (default: the first line of the class docstring) and public `details`."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])
        self.details: Mapping[str, str | int | None] = details

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
    """The request cannot be carried out as it stands; repeating it unchanged does not help."""

    code = "refused"
    noted: bool = False
    """Whether an event says already that this was refused."""


class Unavailable(ProvenstoreError):
    """Temporarily unavailable; retry later."""

    code = "unavailable"


class Stopped(ProvenstoreError):
    """The state is unknown or wrong, and going on could do harm."""

    code = "stopped"


# -- the caller's fault ------------------------------------------------------------------------------------


class InvalidInput(Refused):
    """A field of the request breaks its limit."""

    code = "invalid-input"

    def __init__(self, field: str, message: str, **details: str | int | None) -> None:
        """Name the `field` and, in `message`, the limit it breaks."""
        super().__init__(f"{field}: {message}", field=field, **details)
        self.field = field


class InvalidProof(Refused):
    """A proof does not show what it claims."""

    code = "invalid-proof"

    def __init__(self, place: str, message: str, **details: str | int | None) -> None:
        """Name the `place` in what was handed in and, in `message`, what is wrong there."""
        super().__init__(f"{place}: {message}", place=place, **details)
        self.place = place


class NotFound(Refused):
    """There is no such thing, or not for this caller."""

    code = "not-found"


class Unauthenticated(Refused):
    """The credential is missing, unknown, expired or revoked."""

    code = "unauthenticated"


class Forbidden(Refused):
    """The caller's role does not allow this."""

    code = "forbidden"


class WrongState(Refused):
    """The file's state does not allow this."""

    code = "wrong-state"


class Gone(Refused):
    """The content is no longer available."""

    code = "gone"


class Conflict(Refused):
    """Somebody else changed the same thing first; read it again and decide anew."""

    code = "conflict"


class PreconditionFailed(Refused):
    """The file is no longer at the version that the request was made for."""

    code = "precondition-failed"


class AlreadyExists(Refused):
    """There is one already."""

    code = "already-exists"


class KeyReused(Refused):
    """The idempotency key was used before for a different request."""

    code = "idempotency-key-reused"


class QuotaExceeded(Refused):
    """The quota of the workspace does not allow this."""

    code = "quota-exceeded"


class ContentMismatch(Refused):
    """The bytes are not what was declared."""

    code = "content-mismatch"


class ContentTooLarge(Refused):
    """The content is larger than allowed."""

    code = "content-too-large"


class IncompleteBody(Refused):
    """The body ended, or stalled, before all declared bytes had arrived; nothing was stored."""

    code = "incomplete-body"


class TooSlow(IncompleteBody):
    """The request body arrives too slowly."""

    code = "too-slow"


class RangeNotSatisfiable(Refused):
    """The range lies outside the content."""

    code = "range-not-satisfiable"


class UnknownEventType(Refused):
    """The event type is not in the registry of this release."""

    code = "unknown-event-type"


class EventTooLarge(Refused):
    """The event would be larger than an event may be."""

    code = "event-too-large"


class LegalHold(Refused):
    """A legal hold on the file refuses this."""

    code = "legal-hold"


class Retained(Refused):
    """The file's retention has not ended."""

    code = "retained"


class ObjectMissing(Refused):
    """The stored object is missing."""

    code = "object-missing"


class SecondPersonRequired(Refused):
    """This takes a person other than the one who asked for it."""

    code = "second-person-required"


# -- retry later -------------------------------------------------------------------------------------------


class Unsigned(Unavailable):
    """No checkpoint has been signed over this yet; try again in a moment."""


class StoreUnavailable(Unavailable):
    """The object store does not answer, or refuses for now."""

    code = "store-unavailable"


class StorageFull(Unavailable):
    """There is no room left to write."""

    code = "storage-full"


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database-unavailable"


class Busy(Unavailable):
    """Too many commands wait to be recorded; try again in a moment."""

    code = "busy"


class AppendOutcomeUnknown(Unavailable):
    """The database could not be asked whether the events were recorded; ask again with the same idempotency key."""

    code = "append-outcome-unknown"


class Unfinished(Unavailable):
    """Recorded, but the answer is incomplete."""

    code = "recorded-unfinished"


# -- stop --------------------------------------------------------------------------------------------------


class IntegrityViolated(Stopped):
    """What is stored is not what was sealed."""

    code = "integrity-violated"


class UnverifiedProof(IntegrityViolated):
    """The proof failed its own verification."""

    code = "unverified-proof"

    def __init__(self, place: str, message: str) -> None:
        """Name the `place` in the proof and, in `message`, what is wrong there."""
        super().__init__(f"{place}: {message}", place=place)


class ContentDamaged(IntegrityViolated):
    """Stored content is missing or altered."""

    code = "content-damaged"


class LogRewound(IntegrityViolated):
    """The log does not extend what was signed of it; nothing is signed until it does and the alarm is cleared."""

    code = "log-rewound"


class WrongStore(Stopped):
    """The object store is not this log's."""

    code = "wrong-store"


class Misconfigured(Stopped):
    """The settings, the database or the data directory do not allow a safe start."""

    code = "misconfigured"

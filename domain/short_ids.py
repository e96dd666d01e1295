"""Short ids: the beginning of an id, where it names one thing within the caller's reach and no other."""

from typing import Literal
from uuid import UUID

from provenstore.domain.caller import Caller, Operation
from provenstore.domain.errors import InvalidInput, NotFound
from provenstore.domain.recorder import Recorder
from provenstore.domain.refusals import Asked

Kind = Literal["file", "key", "event"]

LEAST = 8
"""Hexadecimal digits; fewer would soon be ambiguous, as ids begin with the time that they were made at."""

_DIGITS = 32
_OPERATIONS: dict[Kind, Operation] = {"file": "file.get", "key": "credential.get", "event": "file.history"}
_STREAMS: dict[Kind, str | None] = {"file": "file", "key": "credential", "event": None}


class ShortIds:
    """Finds ids by their beginning."""

    def __init__(self, recorder: Recorder) -> None:
        """Look in the log of `recorder`."""
        self._recorder = recorder

    def find(self, caller: Caller, kind: Kind, prefix: str) -> UUID:
        """Return the id that begins with `prefix`, with or without dashes, of what the caller may see.

        InvalidInput for fewer than 8 digits or several matches, NotFound for none, Forbidden by role.
        """
        first, last = id_range(prefix)
        self._recorder.require(caller, _OPERATIONS[kind], caller.scope)
        if first == last:
            return first
        found = self._recorder.log.ids(_STREAMS[kind], first, last, workspace=caller.scope, limit=2)
        if not found:
            refusal = NotFound(f"there is no {kind} whose id begins with {prefix}")
            raise self._recorder.refused(
                caller, _OPERATIONS[kind], refusal, Asked(target=prefix.replace("-", "").lower())
            )
        if len(found) > 1:
            raise InvalidInput("id", f"matches more than one {kind}; give more digits")
        return found[0]


def id_range(prefix: str) -> tuple[UUID, UUID]:
    """Return the lowest and the highest id that begins with `prefix`; InvalidInput if it is not part of an id."""
    digits = prefix.replace("-", "").lower()
    if not LEAST <= len(digits) <= _DIGITS or not all(one in "0123456789abcdef" for one in digits):
        raise InvalidInput("id", f"is not an id, nor at least the first {LEAST} digits of one")
    return UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))

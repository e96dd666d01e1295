"""Short ids: the beginning of an id, where it names one thing within the caller's reach and no other.

Files, keys, events and erasures are found in the log, which knows them by their ids. Links, holds, purges and requests
stand inside events, so the audit trail is asked for them; it must have seen everything that was recorded before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID

from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import InvalidInput, NotFound
from provenstore.domain.eventlog.caller import Caller, Operation
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.files.file import File

Kind = Literal["file", "key", "event", "erasure", "link", "hold", "purge", "disposal", "request"]
"""What ids name; `disposal` is a requested disposal policy, `request` a request by the id that the server gave it."""

LEAST = 8
"""Hexadecimal digits; fewer would soon be ambiguous, as ids begin with the time that they were made at."""

_DIGITS = 32

_OPERATIONS: Final[Mapping[Kind, Operation]] = {
    "file": "file.get",
    "key": "credential.get",
    "event": "file.history",
    "erasure": "erasure.get",
    "link": "audit.search",
    "hold": "audit.search",
    "purge": "audit.search",
    "disposal": "disposal.get",
    "request": "audit.search",
}
_OF_A_FILE: Final[Mapping[Kind, Operation]] = {"link": "file.history", "hold": "file.get", "purge": "file.purge_get"}
"""Kinds that may be looked for on one file, by those who may read about it."""

_FOR: Final[Mapping[Kind, Operation]] = {"link": "file.link_revoke", "hold": "file.release"}
"""What is done to a thing of a file that is named by the beginning of its id: what is not found is refused to that."""

_STREAMS: Final[Mapping[Kind, str | None]] = {
    "file": "file",
    "key": "credential",
    "event": None,
    "erasure": "erasure",
}


class Trail(Protocol):
    """Looks ids up in an audit trail that has seen everything which was recorded before."""

    def __call__(self, kind: Kind, digits: str, *, workspace: str | None, file: str | None) -> Sequence[str]:
        """Return the ids of `kind` that begin with `digits`, two at most; of `workspace` and `file`, where given."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for, by which right, and in which workspace or on which file."""

    kind: Kind
    prefix: str
    operation: Operation
    workspace: str | None
    file: File | None = None

    @property
    def digits(self) -> str:
        return digits_of(self.prefix)


class ShortIds:
    """Finds ids by their beginning."""

    def __init__(self, recorder: Recorder) -> None:
        """Look in the log of `recorder`."""
        self._recorder = recorder

    def find(self, caller: Caller, kind: Kind, prefix: str, within: str | None = None, *, trail: Trail) -> str:
        """Return the id that begins with `prefix`, with or without dashes, of what the caller may see.

        `within` is the file that a link, hold or purge is of, or the workspace that a disposal policy was requested
        for. InvalidInput for fewer than 8 digits or several matches, NotFound for none, Forbidden by role.
        """
        first, last = id_range(prefix)
        search = self._authorised(caller, kind, prefix, within)
        if first == last and kind != "request":
            return str(first)
        found = [one for one in self._found(search, first, last, trail) if digits_of(one).startswith(search.digits)]
        if not found:
            raise self._not_found(caller, search)
        if len(found) > 1:
            raise InvalidInput("id", f"matches more than one {_noun(kind)}; give more digits")
        return found[0]

    def _authorised(self, caller: Caller, kind: Kind, prefix: str, within: str | None) -> _Search:
        """Return the search if the caller may make it; refusals are recorded."""
        recorder, operation = self._recorder, _OPERATIONS[kind]
        if kind == "disposal":
            if within is None:
                raise InvalidInput("within", "is missing; name the workspace")
            recorder.authorised_workspace(caller, operation, within)
            return _Search(kind, prefix, operation, within)
        if within is None:
            recorder.require(caller, operation, caller.scope)
            return _Search(kind, prefix, operation, caller.scope)
        if kind not in _OF_A_FILE:
            raise InvalidInput("within", "applies to links, holds, purges and disposal policies only")
        try:
            file_id = UUID(within)
        except ValueError:
            raise InvalidInput("within", "is not the id of a file") from None
        # Who may do what the id is for is refused that, in the log as in the answer; others may still look.
        meant = _FOR.get(kind, _OF_A_FILE[kind])
        operation = meant if recorder.permitted(caller, meant) else _OF_A_FILE[kind]
        file = recorder.authorised_file(caller, operation, file_id)
        return _Search(kind, prefix, operation, file.workspace, file)

    def _found(self, search: _Search, first: UUID, last: UUID, trail: Trail) -> Sequence[str]:
        recorder, kind, file = self._recorder, search.kind, search.file
        if kind in _STREAMS:
            found = recorder.log.ids(_STREAMS[kind], first, last, workspace=search.workspace, limit=2)
            return [str(one) for one in found]
        if kind == "disposal":
            requests = recorder.workspace(str(search.workspace)).disposal.requests
            return [one.id for one in requests.values()]
        if kind == "hold" and file is not None:
            return [hold.id for hold in file.holds]
        return trail(kind, search.digits, workspace=search.workspace, file=None if file is None else str(file.id))

    def _not_found(self, caller: Caller, search: _Search) -> NotFound:
        """Record on the file, or else at home, that there is nothing of the kind."""
        refusal = NotFound(f"there is no {_noun(search.kind)} whose id begins with {search.prefix}")
        if search.file is None:
            self._recorder.refused(caller, search.operation, refusal, Asked(target=search.digits))
        else:
            self._recorder.deny(caller, search.file, search.operation, refusal)
        return refusal


def _noun(kind: Kind) -> str:
    return "requested disposal policy" if kind == "disposal" else kind


def digits_of(text: str) -> str:
    """Return an id, or the beginning of one, in one spelling."""
    return text.replace("-", "").lower()


def id_range(prefix: str) -> tuple[UUID, UUID]:
    """Return the lowest and the highest id that begins with `prefix`; InvalidInput if it is not part of an id."""
    digits = digits_of(prefix)
    if not LEAST <= len(digits) <= _DIGITS or not all(one in "0123456789abcdef" for one in digits):
        raise InvalidInput("id", f"is not an id, nor at least the first {LEAST} digits of one")
    return UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))

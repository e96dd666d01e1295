"""The events that the current command has recorded, so that a later failure is not reported as if nothing was done.

A command, or the request that carries it, opens a scope by `recording`. `Recorder` notes in it what the log has sealed.
The answer is computed from these notes without querying the database again. Each scope belongs to one request.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from provenstore.domain.errors import Busy, DatabaseUnavailable, ProvenstoreError, Unavailable, Unfinished
from provenstore.domain.eventlog.envelope import Draft, Event
from provenstore.domain.eventlog.event_log import Appended, Disclosure, Disclosures, Erasure
from provenstore.domain.eventlog.sealed import event_from_draft

Params = ParamSpec("Params")
Answer = TypeVar("Answer")

READS_AS_NOTHING: Final = (DatabaseUnavailable, Busy)
"""Errors that tell a caller that nothing was done."""


class OnRecord:
    """The events sealed since the scope was opened."""

    def __init__(self) -> None:
        """Start with no events."""
        self._sealed: list[tuple[Sequence[Draft], Appended]] = []
        self._erased: list[tuple[UUID, Erasure]] = []
        self.asked = False
        """Whether part of the caller's request is on record, from this request or an earlier one."""

    def note(self, drafts: Sequence[Draft], appended: Appended, erase: Sequence[Erasure] = ()) -> None:
        """Note the sealed events. Events of the system alone do not count as requested by the caller."""
        if not self.asked:
            self.asked = any(one.origin.actor.kind != "system" for one in drafts)
        if not appended.replayed:
            self._sealed.append((drafts, appended))
            if erase:
                self._erased += [(drafts[0].id, one) for one in erase]

    def events(self, stream: str) -> list[Event]:
        """Return the sealed events of a stream, in order."""
        return [
            event_from_draft(draft, sealed.position, sealed.state)
            for drafts, appended in self._sealed
            for draft, sealed in zip(drafts, appended.events, strict=True)
            if draft.stream == stream
        ]

    def disclosures(self, before: Disclosures) -> Disclosures:
        """Return current private values: those of `before`, plus those of the sealed events, minus the erased ones."""
        found = {event: dict(values) for event, values in before.items()}
        for drafts, _ in self._sealed:
            for draft in drafts:
                found[draft.id] = {one.field: Disclosure(one.salt, one.value) for one in draft.private}
        for by, erasure in self._erased:
            if erasure.field in found.get(erasure.event_id, {}):
                found[erasure.event_id][erasure.field] = Disclosure(None, None, by)
        return found


_under_way: ContextVar[OnRecord | None] = ContextVar("provenstore_on_record", default=None)


@contextmanager
def recording() -> Iterator[OnRecord]:
    """Open a scope, or join the open one: all commands of a request share one scope."""
    known = _under_way.get()
    if known is not None:
        yield known
        return
    token = _under_way.set(OnRecord())
    try:
        found = _under_way.get()
        assert found is not None  # noqa: S101  # set one line above
        yield found
    finally:
        _under_way.reset(token)


def under_way() -> OnRecord | None:
    """Return the open scope, or None."""
    return _under_way.get()


def answer_to(error: ProvenstoreError, kinds: tuple[type[Unavailable], ...] = READS_AS_NOTHING) -> ProvenstoreError:
    """Return `error`, or Unfinished in its place if part of the caller's request is already on record."""
    found = _under_way.get()
    if found is None or not found.asked or not isinstance(error, kinds):
        return error
    return Unfinished(
        "the request was recorded, but its answer could not be completed; read the current state, or repeat the "
        "request with the same idempotency key",
        because=error.code,
    )


def answered(
    command: Callable[Params, Answer], kinds: tuple[type[Unavailable], ...] = READS_AS_NOTHING
) -> Callable[Params, Answer]:
    """Wrap a command so that an error of `kinds` becomes Unfinished once part of the request is on record."""

    @wraps(command)
    def answering(*args: Params.args, **named: Params.kwargs) -> Answer:
        # Does what `recording` does at a third of the cost: every command runs through here.
        token = _under_way.set(OnRecord()) if _under_way.get() is None else None
        try:
            return command(*args, **named)
        except kinds as exc:
            if (true := answer_to(exc, kinds)) is exc:
                raise
            raise true from exc
        finally:
            if token is not None:
                _under_way.reset(token)

    return answering

"""What the command under way has put on record, so that no failure after that is answered as though nothing was done.

A command, or the request that carries it, opens a scope by `recording`; `Recorder` notes in it what the log has sealed.
From that an answer is computed without asking the database again. Memory of the one request only.
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
"""Errors by which a caller learns that nothing was done."""


class OnRecord:
    """What was sealed since the scope was opened."""

    def __init__(self) -> None:
        """Nothing is on record yet."""
        self._sealed: list[tuple[Sequence[Draft], Appended]] = []
        self._erased: list[tuple[UUID, Erasure]] = []
        self.asked = False
        """Whether something that the caller asked for is on record, from now or from an earlier request."""

    def note(self, drafts: Sequence[Draft], appended: Appended, erase: Sequence[Erasure] = ()) -> None:
        """Note what the log has sealed. What this program does of its own accord is nothing that was asked for."""
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
        """Return private values as they are now: those of `before`, what came with the events, and less what went."""
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
    """Open a scope, or join the one that is open: a request is one, whatever commands it is made of."""
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
    """Return the open scope, None outside of any."""
    return _under_way.get()


def answer_to(error: ProvenstoreError, kinds: tuple[type[Unavailable], ...] = READS_AS_NOTHING) -> ProvenstoreError:
    """Return `error`, or what is true in its place where what was asked for is on record already."""
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
    """Return a command that never says that nothing was done once it is on record; Unfinished is raised instead."""

    @wraps(command)
    def answering(*args: Params.args, **named: Params.kwargs) -> Answer:
        # As `recording` does, at a third of the cost: every command comes by here.
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

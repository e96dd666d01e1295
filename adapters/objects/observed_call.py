"""One watched call to an object store: when it began and ended, what went through it, and whose doing its end was.

What is told of it holds no key and no content; the listener must neither raise nor wait, since every call would.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from provenstore.adapters.objects.request_ids import answered_by, current_request, forget_answer
from provenstore.domain.clock import Clock
from provenstore.domain.errors import Refused, error_code
from provenstore.domain.storage.object_store import ObjectReader
from provenstore.domain.storage.objects import Digests
from provenstore.domain.storage.store_call import Outcome, StoreAct, StoreCall

OK, ABANDONED = "ok", "abandoned"

Listener = Callable[[StoreCall], None]


class ObservedCall:
    """One call under way. As a context manager it lasts as long as the block and ends as the block does."""

    __slots__ = (
        "_act",
        "_answered",
        "_begun",
        "_clock",
        "_listener",
        "_provider",
        "_request",
        "_started_at",
        "bytes",
        "own",
    )

    def __init__(self, listener: Listener, clock: Clock, provider: str, act: StoreAct) -> None:
        self._listener, self._clock, self._provider, self._act = listener, clock, provider, act
        self._answered: str | None = None
        self.bytes = 0
        self.own: BaseException | None = None
        """What the caller's side of a stream raised: no word about the store."""

    def __enter__(self) -> Self:
        self._request = current_request()
        forget_answer()
        self._started_at = self._clock.now()
        self._begun = time.perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    def opened(self) -> None:
        """Keep what the store has answered so far: a stream may be read, and ended, by another thread."""
        self._answered = answered_by()

    def end(self, error: BaseException | None, *, abandoned: bool = False) -> None:
        """Tell the listener how it went."""
        outcome: Outcome = "ok"
        if error is not None:
            outcome = "refused" if error is self.own or isinstance(error, Refused) else "failed"
        elif abandoned:
            outcome = "refused"
        self._listener(
            StoreCall(
                self._provider,
                self._act,
                self._started_at,
                (time.perf_counter_ns() - self._begun) // 1_000,
                self.bytes,
                outcome,
                error_code(error) if error is not None else ABANDONED if abandoned else OK,
                self._request,
                self._answered or answered_by(),
            )
        )

    def counting(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what the caller's body yields."""
        chunks = iter(body)
        while True:
            with _Own(self):
                chunk = next(chunks, None)
            if chunk is None:
                return
            self.bytes += len(chunk)
            yield chunk

    def confirming(self, confirm: Callable[[Digests], None]) -> Callable[[Digests], None]:
        """Return the caller's `confirm`."""

        def confirmed(digests: Digests) -> None:
            with _Own(self):
                confirm(digests)

        return confirmed


class _Own:
    """Marks what is raised inside as the caller's own."""

    __slots__ = ("_call",)

    def __init__(self, call: ObservedCall) -> None:
        self._call = call

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._call.own = error


class ObservedReader:
    """An open object whose call lasts until it is closed."""

    def __init__(self, reader: ObjectReader, call: ObservedCall) -> None:
        self._reader = reader
        self._call = call
        self._error: BaseException | None = None
        self.info, self.first, self.length = reader.info, reader.first, reader.length

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._reader.__exit__(kind, error, trace)
        except BaseException as exc:
            self._error = self._error or exc
            raise
        finally:
            # What happens to the bytes elsewhere is not the store's doing: only that they were not all wanted.
            self._call.end(self._error, abandoned=self._call.bytes < self.length)

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._reader)
        while True:
            try:
                chunk = next(chunks, None)
            except BaseException as exc:
                self._error = exc
                raise
            if chunk is None:
                return
            self._call.bytes += len(chunk)
            yield chunk

"""The stretch after the one at hand, read in a thread of its own while that one is folded and written.

The database answers while we fold, so that neither waits for the other. Never more than one stretch is kept, and none
is read ahead at the end of the log. What was read before its turn is as good as what is read then: events never change,
and a private value that was erased meanwhile goes when the event that erased it is folded, which comes later.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from provenstore.projections.engine.batch import EventBatch, LogReader

MISSES: Final = 8
"""So often something else may be asked for before what was read ahead is given up: whoever wanted it has ended."""


class Prefetch:
    """Reads stretches for one thread, and each next one before it is asked for."""

    def __init__(self, log: LogReader) -> None:
        """Read `log`, from which two threads may read at once."""
        self._log = log
        self._thread: ThreadPoolExecutor | None = None
        self._next: tuple[int, Future[EventBatch]] | None = None
        self._missed = 0

    def stretch(self, after: int, limit: int, *, private: bool) -> EventBatch:
        """Return the stretch after a position: `limit` events or more, fewer only at the end of the log.

        Where `private`, the private values are read with it. Raises what reading raises, also when it raised earlier.
        """
        found = self._read_already(after, limit) or _read(self._log, after, limit, private=private)
        if self._next is None and len(found.events) == limit:
            self._begin(found.events[-1].position, limit, private=private)
        return found

    def close(self) -> None:
        """Forget what was read, and end the thread."""
        self._next = None
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None

    def _begin(self, after: int, limit: int, *, private: bool) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        # It refuses when the interpreter ends. That is no fault of an event, for which a read model would be parked.
        with suppress(RuntimeError):
            self._next = after, self._thread.submit(_read, self._log, after, limit, private=private)

    def _read_already(self, after: int, limit: int) -> EventBatch | None:
        """Return what was read ahead, if it is this and long enough: the log may have grown since."""
        if self._next is None:
            return None
        begin, reading = self._next
        if begin != after:
            self._missed += 1
            if self._missed < MISSES:
                return None
        self._next, self._missed = None, 0
        if begin != after:
            return None
        found = reading.result()
        return found if len(found.events) >= limit else None


def _read(log: LogReader, after: int, limit: int, *, private: bool) -> EventBatch:
    stretch = EventBatch(log, after, limit)
    if private:
        stretch.values(stretch.events)
    return stretch

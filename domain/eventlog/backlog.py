"""Events that may be recorded with a delay, each exactly once even after retries.

They report what has happened, so they have no guards. They are in memory until recorded: a crash loses them.
"""

import threading
from collections.abc import Callable, Sequence

from provenstore.domain.errors import Unavailable
from provenstore.domain.eventlog.event_log import Append, EventLog

AT_ONCE = 200
"""Commands recorded in one exchange; a longer exchange would delay other callers."""


class Backlog:
    """Commands that wait to be recorded. Thread safe."""

    def __init__(self, log: EventLog) -> None:
        """Record in `log`."""
        self._log = log
        self._waiting: list[Append] = []
        self._turn = threading.Lock()

    def record(self, more: Callable[[], Sequence[Append]]) -> None:
        """Record the waiting commands, then those that `more` returns; `more` is not called while any wait.

        Unavailable: unrecorded commands wait for the next call with the same event ids, in case they were recorded.
        """
        with self._turn:
            self._send()
            self._waiting = list(more())
            self._send()

    def _send(self) -> None:
        while self._waiting:
            errors = [one for one in self._log.append_batch(self._waiting[:AT_ONCE]) if isinstance(one, Exception)]
            for error in errors:
                if isinstance(error, Unavailable):
                    raise error
            del self._waiting[:AT_ONCE]
            if errors:
                raise errors[0]  # a refused command is dropped, so that the others do not wait for it

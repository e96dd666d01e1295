"""Events that may be recorded a little later, each exactly once however often that is tried.

They say what has happened, so nothing guards them. They are in memory until they are recorded: a crash loses them.
"""

import threading
from collections.abc import Callable, Sequence

from provenstore.domain.errors import Unavailable
from provenstore.domain.eventlog.event_log import Append, EventLog

AT_ONCE = 200
"""Commands recorded in one exchange; a longer one would keep those of others waiting."""


class Backlog:
    """What waits to be recorded. Thread safe."""

    def __init__(self, log: EventLog) -> None:
        """Record in `log`."""
        self._log = log
        self._waiting: list[Append] = []
        self._turn = threading.Lock()

    def record(self, more: Callable[[], Sequence[Append]]) -> None:
        """Record what waits, then what `more` returns; it is not asked while something waits.

        Unavailable: what is not recorded waits for the next time, under the same event ids, in case it was after all.
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
                raise errors[0]  # refused, so it never will be recorded, and the others must not wait for it

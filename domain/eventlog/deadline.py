"""The deadline of a command: set once when the command arrives, and checked before every exchange with the database.

A context variable carries it, as with `on_record`, also to other threads. Once the deadline has passed, no further
exchange begins and the command ends with DatabaseUnavailable: nothing is recorded, even after several attempts.
Three things have no deadline: a command that has recorded something, which runs to its end, except for its reads of
read models; a batch, which one thread writes for many commands; and requests that are long by nature, for which the
edge sets none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.on_record import under_way

COMMAND_SECONDS: Final = 30.0


class Deadline:
    """A moment on a monotonic clock."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Set the deadline `seconds` from now."""
        self._clock = clock
        self._ends = clock() + seconds

    def left(self) -> float:
        """Return the remaining seconds; negative once the deadline has passed."""
        return self._ends - self._clock()


_current: ContextVar[Deadline | None] = ContextVar("provenstore_deadline", default=None)


@contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """Apply this deadline, or none, to the block."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def require_time(*, reading: bool = False) -> float | None:
    """Return the remaining seconds, None without a limit; DatabaseUnavailable once the deadline has passed.

    `reading`: apply the deadline also if the command has recorded something, since a read need not be completed.
    """
    deadline, scope = _current.get(), under_way()
    if deadline is None or (scope is not None and scope.asked and not reading):
        return None
    if (left := deadline.left()) <= 0:
        raise DatabaseUnavailable("the command took too long and was given up; nothing was done")
    return left

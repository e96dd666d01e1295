"""The deadline of a command: set once where the command comes in, and asked before every exchange with the database.

It comes along in a context variable, as `on_record` does, also to other threads. Once it has passed, no further
exchange begins and the command ends with DatabaseUnavailable: nothing of it is recorded, however often it was decided
again. Three things have no deadline: a command that has recorded something, which goes on to its end, but for what it
reads from read models; a batch, which one thread writes for many commands; and requests that are long by nature, for
which the edge sets none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.on_record import under_way

COMMAND_SECONDS: Final = 30.0


class Deadline:
    """A moment by a clock that never goes back."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Let it be in so many seconds."""
        self._clock = clock
        self._ends = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left; negative once it has passed."""
        return self._ends - self._clock()


_current: ContextVar[Deadline | None] = ContextVar("provenstore_deadline", default=None)


@contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """Let what is done in the block have this deadline, or none."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def require_time(*, reading: bool = False) -> float | None:
    """Return the seconds that are left, None without a limit; DatabaseUnavailable if there are none left.

    `reading`: also where the command has recorded something, since what is only read need not be completed.
    """
    deadline, scope = _current.get(), under_way()
    if deadline is None or (scope is not None and scope.asked and not reading):
        return None
    if (left := deadline.left()) <= 0:
        raise DatabaseUnavailable("the command took too long and was given up; nothing was done")
    return left

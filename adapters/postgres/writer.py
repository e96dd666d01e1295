"""Group commit: what many threads want recorded goes to the database in one exchange and one commit.

The way of a command: (1) its thread puts it into the queue; (2) if nobody is writing, this thread becomes the leader at
once, so a lone writer waits for nobody; otherwise it sleeps; (3) the leader takes what waits, in order, and has it
sealed; (4) it makes the first that came meanwhile the next leader and wakes those it has answered. A thread that dies
between (2) and (4) answers for its batch that the outcome is not known; the database decides by itself whether it is
recorded. Nothing is kept but the queue: a crash loses only what nobody was told is recorded.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from provenstore.domain.errors import AppendOutcomeUnknown, Busy, DatabaseUnavailable
from provenstore.domain.eventlog.deadline import require_time, within
from provenstore.domain.eventlog.event_log import Append, Appended

MAX_WAITING = 4_096
"""Commands in the queue; more are told to come back later instead of growing a backlog that nobody waits for."""

MAX_SECONDS = 8.0
"""In the queue; a command that nobody has taken by then is not done."""

MAX_EVENTS = 512
MAX_BYTES = 4 * 1024 * 1024
"""Of one batch, its first command excepted: the lock that all writers wait for is held no longer than that takes."""

Answer = Appended | Exception
Seal = Callable[[Sequence[Append]], Sequence[Answer]]


class _Waiting:
    """A command on its way, and its thread's alarm clock."""

    __slots__ = ("alarm", "answer", "command", "leads", "size")

    def __init__(self, command: Append) -> None:
        self.command = command
        self.size = sum([len(fragment) for draft in command.drafts for fragment in draft.fragments])
        self.answer: Answer | None = None
        self.leads = False
        self.alarm = threading.Lock()
        self.alarm.acquire()


class Writer:
    """One queue for all threads of a process. Thread safe."""

    def __init__(self, seal: Seal, *, max_waiting: int = MAX_WAITING, patience: float = MAX_SECONDS) -> None:
        """Write with `seal`, which answers each command of a batch and is called by one thread at a time.

        A command waits for at most `patience` seconds until it is handed over.
        """
        self._patience = patience
        self._seal = seal
        self._max_waiting = max_waiting
        self._queue: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._led = False
        self._closed = False

    def append(self, command: Append) -> Appended:
        """Return once the command is recorded, or raise its refusal.

        Busy (nothing was done, and nothing will be) when too many wait already, or it waited too long for its turn;
        DatabaseUnavailable after `close`, and once the command's deadline has passed.
        """
        left = require_time()
        patience = self._patience if left is None else min(left, self._patience)
        one = _Waiting(command)
        try:
            with self._lock:
                self._enter(one)
            if not one.leads and not one.alarm.acquire(timeout=patience):
                self._give_up(one)
            if one.leads:
                self._lead(one)
        except BaseException:
            # Interrupted (Ctrl-C) or unable to write: nobody waits for the answer, but the others must go on.
            with self._lock:
                self._leave(one)
            raise
        if not isinstance(one.answer, Appended):
            raise one.answer or AppendOutcomeUnknown
        return one.answer

    def close(self) -> None:
        """Take no more commands and return when all that were taken are answered."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._led)

    def _enter(self, one: _Waiting) -> None:
        if self._closed:
            raise DatabaseUnavailable("the log is being closed")
        if len(self._queue) >= self._max_waiting:
            raise Busy(waiting=len(self._queue))
        self._queue.append(one)
        one.leads = not self._led
        self._led = True

    def _give_up(self, one: _Waiting) -> None:
        """Raise Busy for a command that is still in the queue; return with the answer of one that was handed over."""
        with self._lock:
            if one in self._queue and not one.leads:
                self._queue.remove(one)
                raise Busy(waiting=len(self._queue))
        one.alarm.acquire()

    def _leave(self, one: _Waiting) -> None:
        if one in self._queue:
            self._queue.remove(one)
        if one.leads:
            self._hand_over(one)

    def _lead(self, one: _Waiting) -> None:
        """Write the queue's first batch, of which `one` is the first command; then let the next one lead."""
        with self._lock:
            batch = self._take()
        try:
            with within(None):  # others' commands are in it
                answers = self._seal([waiting.command for waiting in batch])
            for waiting, answer in zip(batch, answers, strict=True):
                waiting.answer = answer
        finally:
            with self._lock:
                self._hand_over(one)
            for waiting in batch:
                if waiting is not one:
                    waiting.alarm.release()

    def _take(self) -> list[_Waiting]:
        """Take from the queue what goes into one batch: at least its first command."""
        batch: list[_Waiting] = []
        events = size = 0
        while self._queue:
            events += len(self._queue[0].command.drafts)
            size += self._queue[0].size
            if batch and (events > MAX_EVENTS or size > MAX_BYTES):
                break
            batch.append(self._queue.popleft())
        return batch

    def _hand_over(self, one: _Waiting) -> None:
        """Let the first in the queue lead instead of `one`, if there is anybody; the lock is held."""
        one.leads = False
        if self._queue:
            self._queue[0].leads = True
            self._queue[0].alarm.release()
        else:
            self._led = False
            self._idle.notify_all()

"""Several things done at once, each by a thread, from a list that may be longer than memory.

Nothing here knows what is done. Order is that of finishing.

Ctrl-C is asked for, not thrown: an exception between any two instructions of this thread, while it holds a lock that
the others need, would leave them waiting for ever. So the first one becomes a message in the queue that this thread
reads, whose own locks a signal cannot get between; a second one is thrown, for whoever cannot wait.
"""

import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from contextvars import Context, copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Event, Thread, current_thread, main_thread
from types import FrameType
from typing import TypeVar

AHEAD = 2
"""Things taken from the list per thread: one under way, and one so that nobody waits for the next."""

LOOK_UP = 0.5
"""Seconds: a signal that comes just before a wait does not end it, and is heeded when the next one begins."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Interrupted(BaseException):
    """The work was asked to stop; nothing that it began is finished."""


def as_completed(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int, stop: Event
) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Yield each item with its outcome as it is finished.

    When the caller goes, by whatever way, `stop` is set, nothing more is begun, and what is under way is waited for:
    long work looks at `stop` and raises Interrupted. KeyboardInterrupt after Ctrl-C.
    """
    waiting = iter(items)
    begun: SimpleQueue[tuple[Context, Item] | None] = SimpleQueue()
    finished: SimpleQueue[tuple[Item, Future[Result]] | None] = SimpleQueue()
    threads: list[Thread] = []
    under_way = 0

    def follow() -> None:
        while (one := begun.get()) is not None:
            context, item = one
            finished.put((item, _done(context, work, item)))

    with _asked_first(lambda: finished.put(None)):
        try:
            while True:
                for item in islice(waiting, AHEAD * jobs - under_way):
                    under_way += 1
                    if len(threads) < jobs:
                        # Waited for below, but for a second Ctrl-C: who throws that leaves them where they are.
                        threads.append(Thread(target=follow, name=f"transfer-{len(threads)}", daemon=True))
                        threads[-1].start()
                    # In our context: what is logged or counted there belongs to the same request.
                    begun.put((copy_context(), item))
                if not under_way:
                    return
                outcome = _awaited(finished)
                if outcome is None:
                    raise KeyboardInterrupt
                under_way -= 1
                yield outcome
        finally:
            if under_way:
                stop.set()
                _empty(begun)
            for _ in threads:
                begun.put(None)
            for thread in threads:
                while thread.is_alive():
                    thread.join(LOOK_UP)


def interruptible(work: Callable[[], Result], *, stop: Event) -> Result:
    """Do one thing in a thread, so that Ctrl-C ends it as it ends several."""
    with closing(as_completed(lambda _: work(), (None,), jobs=1, stop=stop)) as outcomes:
        return next(outcomes)[1].result()


def _awaited(finished: SimpleQueue[Item]) -> Item:
    """Return what comes next."""
    while True:
        with suppress(Empty):
            return finished.get(timeout=LOOK_UP)


def _done(context: Context, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Do it, and return what came of it."""
    outcome: Future[Result] = Future()
    try:
        outcome.set_result(context.run(work, item))
    except BaseException as error:  # noqa: BLE001  # it is raised where the outcome is looked at
        outcome.set_exception(error)
    return outcome


def _empty(queue: SimpleQueue[tuple[Context, Item] | None]) -> None:
    """Take out what nobody has begun."""
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return


@contextmanager
def _asked_first(ask: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C call `ask` and only a second one raise; elsewhere than in the main thread nothing changes.

    Whoever ignores Ctrl-C, as a shell's background does, goes on ignoring it.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.default_int_handler(number, frame)
        asked = True
        ask()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)

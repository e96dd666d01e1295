"""Several things done at once, each by a thread, from a list that may be longer than memory.

Nothing here knows what is done. Order is that of finishing.
"""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import islice
from threading import Event
from typing import TypeVar

AHEAD = 2
"""Things taken from the list per thread: one under way, and one so that nobody waits for the next."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Interrupted(BaseException):
    """The work was asked to stop; nothing that it began is finished."""


def as_finished(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int, stop: Event
) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Yield each item with its outcome as it is finished.

    When the caller goes, by whatever way, `stop` is set, nothing more is begun, and what is under way is waited for:
    long work looks at `stop` and raises Interrupted.
    """
    waiting = iter(items)
    under_way: dict[Future[Result], Item] = {}
    with ThreadPoolExecutor(jobs, "transfer") as threads:
        try:
            while True:
                for item in islice(waiting, AHEAD * jobs - len(under_way)):
                    # In our context: what is logged or counted there belongs to the same request.
                    under_way[threads.submit(copy_context().run, work, item)] = item
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for one in done:
                    yield under_way.pop(one), one
        finally:
            if under_way:
                stop.set()
            for one in under_way:
                one.cancel()

"""Readings for requests on the event loop: together, but never with one that has begun before the request came."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

from provenstore.api.http.lifecycles import AT_ONCE, MAX_STREAMS, Lifecycles
from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.event_log import Lifecycle


class Log:
    """Answers when it is let, with what was there when it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.now = Lifecycle((), {})
        self.go = threading.Event()

    def read(self, streams: Sequence[str]) -> Mapping[str, Lifecycle]:
        self.asked.append(list(streams))
        found = {stream: self.now for stream in streams if stream != "unknown"}
        assert self.go.wait(10)
        return found


async def until_asked(log: Log, times: int) -> None:
    async with asyncio.timeout(10):
        while len(log.asked) < times:
            await asyncio.sleep(0.001)


def test_who_asks_later_gets_what_was_there_later() -> None:
    """Those that wait are read together; a reading that has begun serves nobody who came after."""
    log = Log()

    async def ask() -> None:
        reads = Lifecycles()
        first = []
        for n in range(AT_ONCE):
            first.append(asyncio.create_task(reads.of(f"begun {n}", log.read)))
            await until_asked(log, n + 1)
        before = log.now
        waiting = [asyncio.create_task(reads.of(one, log.read)) for one in ("begun 0", "b", "b", "unknown")]
        await asyncio.sleep(0)
        log.now = Lifecycle((), {})
        log.go.set()
        assert await asyncio.gather(*first) == [before] * AT_ONCE
        assert await asyncio.gather(*waiting) == [log.now, log.now, log.now, None]
        assert log.asked[AT_ONCE:] == [["begun 0", "b", "unknown"]]

    asyncio.run(ask())


def test_an_exchange_is_bounded_and_all_are_answered() -> None:
    log = Log()
    log.go.set()

    async def ask() -> None:
        reads = Lifecycles()
        found = await asyncio.gather(*(reads.of(str(n), log.read) for n in range(3 * MAX_STREAMS)))
        assert None not in found
        assert max(map(len, log.asked)) <= MAX_STREAMS

    asyncio.run(ask())


def test_a_failed_reading_leaves_each_to_ask_by_itself() -> None:
    """And the next ones are read; a request that is given up takes nobody with it."""
    log = Log()
    log.go.set()

    def fail(_: Sequence[str]) -> Mapping[str, Lifecycle]:
        raise DatabaseUnavailable

    async def ask() -> None:
        reads = Lifecycles()
        found = await asyncio.gather(*(reads.of(one, fail) for one in ("a", "b")))
        assert found == [None, None]
        one, other = (asyncio.create_task(reads.of("a", log.read)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert await other is log.now

    asyncio.run(ask())


def test_a_mistake_of_ours_is_seen_by_everybody_who_waits() -> None:
    """Taken for a failed reading it would go unnoticed, and every request would take the slow way."""

    def mistaken(_: Sequence[str]) -> Mapping[str, Lifecycle]:
        raise KeyError("a statement that is not there")

    async def ask() -> None:
        reads = Lifecycles()
        found = await asyncio.gather(*(reads.of(one, mistaken) for one in ("a", "b")), return_exceptions=True)
        assert [type(one) for one in found] == [KeyError, KeyError]

    asyncio.run(ask())

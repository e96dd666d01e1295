"""Keys that were proven a moment ago: for how long, for how many, and one lookup for all who ask at once."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from provenstore.api.http.api_key_cache import ApiKeyCache
from provenstore.domain.errors import DatabaseUnavailable
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.tenants.credential import Credential
from provenstore.domain.tenants.second_person import Act

ISSUED = Act(Actor("root", "person", "cli"), datetime(2026, 11, 1, tzinfo=UTC), 1)


def credential(name: str, version: int = 1) -> Credential:
    return Credential(name, version, "svc", "service", ("service",), "acme", "digest", None, ISSUED)


class Log:
    """A log of credentials that counts how often it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.version = 1
        self.go = threading.Event()
        self.go.set()

    def find(self, name: str) -> Credential | None:
        self.asked.append(name)
        version = self.version
        assert self.go.wait(10)
        return None if name == "unknown" else credential(name, version)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def until_asked(log: Log, times: int) -> None:
    async with asyncio.timeout(5):
        while len(log.asked) < times:
            await asyncio.sleep(0.001)


def test_the_log_is_asked_again_after_a_second() -> None:
    """The second counts from before the log was asked."""
    log, clock = Log(), Clock()

    async def ask() -> None:
        keys = ApiKeyCache(clock=clock)
        for moment, asked in ((0.0, 1), (0.999, 1), (1.0, 2), (1.5, 2), (2.0, 3)):
            clock.now = moment
            assert await keys.credential("a", log.find) == credential("a")
            assert len(log.asked) == asked, moment

    asyncio.run(ask())


def test_concurrent_requests_share_one_lookup() -> None:
    """Also where it fails, and where the first of them is given up."""
    log = Log()

    async def ask() -> None:
        keys = ApiKeyCache()
        log.go.clear()
        asking = [asyncio.create_task(keys.credential("a", log.find)) for _ in range(50)]
        await until_asked(log, 1)
        asking[0].cancel()
        await asyncio.sleep(0)
        log.go.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [credential("a")] * 49
        assert log.asked == ["a"]

        def fail(name: str) -> Credential | None:
            log.asked.append(name)
            raise DatabaseUnavailable

        failed = await asyncio.gather(*(keys.credential("b", fail) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(one, DatabaseUnavailable) for one in failed)
        assert log.asked == ["a", "b"]

    asyncio.run(ask())


def test_clearing_holds_for_what_is_being_looked_up() -> None:
    """Who asks after the hint gets what the log says after it, and an earlier answer is not kept."""
    log = Log()

    async def ask() -> None:
        keys = ApiKeyCache()
        await keys.credential("a", log.find)
        keys.clear()
        log.go.clear()
        before = asyncio.create_task(keys.credential("a", log.find))
        await until_asked(log, 2)
        log.version = 2
        keys.clear()
        after = asyncio.create_task(keys.credential("a", log.find))
        await until_asked(log, 3)
        log.go.set()
        assert (await before, await after) == (credential("a", 1), credential("a", 2))
        assert keys.trusted("a") == credential("a", 2)

    asyncio.run(ask())


def test_nothing_is_kept_of_a_credential_that_is_not_there() -> None:
    """So that a key works from the moment it is issued, and guesses take no memory."""
    log = Log()

    async def ask() -> None:
        keys = ApiKeyCache()
        assert [await keys.credential("unknown", log.find) for _ in range(2)] == [None, None]
        assert log.asked == ["unknown"] * 2

    asyncio.run(ask())


@pytest.mark.parametrize("limit", [1, 10])
def test_it_is_bounded(limit: int) -> None:
    log = Log()

    async def ask() -> None:
        keys = ApiKeyCache(limit=limit)
        for number in range(limit + 1):
            await keys.credential(str(number), log.find)
        kept = [number for number in range(limit + 1) if keys.trusted(str(number)) is not None]
        assert kept == list(range(1, limit + 1))

    asyncio.run(ask())

"""Reading content at a caller's wish: one reading at a time of a file, and no second one right after it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from provenstore.api.http.shared_reads import SharedReads
from tests.api.conftest import Api, Tenant

PATIENCE = 10.0
FIRST, SECOND = UUID(int=1), UUID(int=2)


class Slow:
    """Stands before the store that is read; readings are counted, and wait until they are let go."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.began = threading.Event()
        self.go = threading.Event()
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        self.began.set()
        assert self.go.wait(PATIENCE)
        return self._real.get(*args, **kwargs)


@pytest.fixture
def slow(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Let every reading wait."""
    verifying = api.services.ledger.verifying
    found = Slow(api.services.ledger.store)
    monkeypatch.setattr(verifying, "_store", found)
    yield found
    found.go.set()


def _verify(client: httpx.Client, file_id: str, **asked: Any) -> httpx.Response:
    return client.post(f"/v1/files/{file_id}/verification", params=asked)


def test_a_reading_is_joined_while_it_goes_on() -> None:
    """By file; it goes on when whoever began it goes away, and then the next one begins another."""
    begun: list[UUID] = []

    async def ask() -> None:
        readings, go = SharedReads(), asyncio.Event()

        def read(file_id: UUID) -> Callable[[], Awaitable[Any]]:
            async def reading() -> Any:
                begun.append(file_id)
                await go.wait()
                return file_id

            return reading

        asked = [asyncio.create_task(readings.join(one, read(one))) for one in (FIRST, FIRST, SECOND, FIRST)]
        await asyncio.sleep(0)
        asked[0].cancel()
        go.set()
        assert await asyncio.gather(*asked[1:]) == [FIRST, SECOND, FIRST]
        assert begun == [FIRST, SECOND]
        await readings.join(FIRST, read(FIRST))
        assert begun == [FIRST, SECOND, FIRST]

    asyncio.run(ask())


def test_who_asks_meanwhile_gets_the_same_answer(tenant: Tenant, slow: Slow) -> None:
    """One reading, recorded once, answers all; who may not ask is refused at once."""
    service, operator = tenant.client("service"), tenant.client("operator")
    file_id = tenant.stored(service)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(_verify, operator, file_id)
        assert slow.began.wait(PATIENCE)
        others = [pool.submit(_verify, client, file_id) for client in (operator, service)]
        assert _verify(tenant.client("auditor"), file_id).status_code == 403
        slow.go.set()
        answers = [one.result().json() for one in (first, *others)]
    assert answers[0]["outcome"] == "verified"
    assert answers[1:] == answers[:1] * 2
    assert (slow.count, tenant.types(file_id).count("integrity_verified")) == (1, 1)


def test_what_was_just_read_is_not_read_again(tenant: Tenant, slow: Slow) -> None:
    """Within a minute, unless that is asked for; the answer says when it was."""
    slow.go.set()
    operator, file_id = tenant.client("operator"), tenant.stored(tenant.client("service"))
    first = _verify(operator, file_id).json()
    assert _verify(operator, file_id).json() == first
    assert (slow.count, first["verified_at"] is not None) == (1, True)
    assert _verify(operator, file_id, again=True).json()["verified_at"] > first["verified_at"]
    tenant.api.clock.ahead = timedelta(minutes=2)
    assert _verify(operator, file_id).json()["outcome"] == "verified"
    assert slow.count == 3


def test_what_was_found_wrong_is_looked_at_whenever_asked(tenant: Tenant) -> None:
    """It may have been brought back meanwhile."""
    operator, service = tenant.client("operator"), tenant.client("service")
    file_id = tenant.stored(service, b"content")
    path = tenant.api.services.settings.data_dir / "objects" / service.get(f"/v1/files/{file_id}").json()["path"]
    path.chmod(0o600)
    assert _verify(operator, file_id).json()["outcome"] == "verified"
    path.write_bytes(b"Content")
    altered = _verify(operator, file_id, again=True).json()
    assert altered["outcome"] == "altered"
    path.write_bytes(b"content")
    assert _verify(operator, file_id).json()["outcome"] == "verified"
    assert _verify(operator, file_id, again="perhaps").status_code == 422


def test_a_reading_that_fails_fails_for_all_and_is_forgotten(tenant: Tenant, slow: Slow) -> None:
    """The next one reads anew."""
    slow.go.set()
    operator, file_id = tenant.client("operator"), tenant.new(tenant.client("service")).json()["file"]["id"]
    for _ in range(2):
        assert _verify(operator, file_id).json()["code"] == "wrong-state"

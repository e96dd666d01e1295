"""Places for uploads: how many may be under way at once in this process, in all, of one workspace, and of one key.

One key that sends slowly, or one tenant that sends much, must not keep the others from uploading. A place is waited for
a few seconds, then the answer is `busy`. Used from the event loop only.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from provenstore.api.http.limits import PLACE_PATIENCE
from provenstore.domain.errors import Busy
from provenstore.domain.eventlog.caller import Caller


@dataclass(frozen=True, slots=True)
class Capacity:
    """Uploads at once."""

    total: int
    per_workspace: int
    per_key: int


class Places:
    """The places of one process."""

    def __init__(self, capacity: Capacity, *, patience: float = PLACE_PATIENCE) -> None:
        """Begin with all of them free; each is waited for at most `patience` seconds."""
        self.capacity = capacity
        self.used = 0
        self.patience = patience
        self._taken: Counter[tuple[str, str]] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, caller: Caller, workspace: str | None = None) -> AsyncIterator[None]:
        """Hold a place; Busy if there is none in time, which says whose places are taken."""
        holders = self._holders(caller, workspace)
        try:
            async with asyncio.timeout(self.patience):
                while (full := self._full(holders)) is not None:
                    await self._freed.wait()
        except TimeoutError:
            full = self._full(holders)
            if full is not None:
                words, limit = full
                raise Busy(f"all upload places {words} are taken; retry shortly", limit=limit) from None
        self._take(holders, 1)
        try:
            yield
        finally:
            self._take(holders, -1)
            freed, self._freed = self._freed, asyncio.Event()
            freed.set()

    def _holders(self, caller: Caller, workspace: str | None) -> list[tuple[str, str]]:
        """Return on whose account a place goes: a key's, or an actor's that has none; and its workspace's."""
        credential = caller.actor.credential
        key = ("key", f"actor {caller.actor.id}" if credential is None else str(credential))
        tenant = caller.scope or workspace  # a key of one workspace takes no places of another
        return [key] if tenant is None else [key, ("workspace", tenant)]

    def _full(self, holders: list[tuple[str, str]]) -> tuple[str, int] | None:
        capacity = self.capacity
        if self.used >= capacity.total:
            return "of the server", capacity.total
        limits = {
            "key": ("of this API key", capacity.per_key),
            "workspace": ("of this workspace", capacity.per_workspace),
        }
        for holder in holders:
            words, limit = limits[holder[0]]
            if self._taken[holder] >= limit:
                return words, limit
        return None

    def _take(self, holders: list[tuple[str, str]], count: int) -> None:
        self.used += count
        for holder in holders:
            self._taken[holder] += count
            if not self._taken[holder]:
                del self._taken[holder]


def place_for(request: Request, caller: Caller, workspace: str | None = None) -> AbstractAsyncContextManager[None]:
    """Hold one of the process's places for a request, which then has a thread of its own; Busy if all are taken."""
    places: Places = request.app.state.places
    return places.of(caller, workspace)

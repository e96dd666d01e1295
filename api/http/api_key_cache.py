"""API keys that were proven a moment ago, so that a request is authenticated on the event loop, without the database.

A credential is trusted for at most one second after the log was asked for it, and only until this process hears that
the log has grown. So a revocation is seen at once by the process that records it, mostly within some milliseconds by
the others, and within a second where the hint is late or lost. Expiry is compared with the clock at each use. A command
is besides guarded by the credential's version, which its append compares with the log.

Nothing of a key is kept: a credential holds the digest of the secret that the log has. Each use is compared with it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final, TypeVar

from anyio import to_thread

from provenstore.domain.tenants.credential import Credential

TRUSTED_SECONDS: Final = 1.0
"""Counted from before the log was asked."""

MAX_TRUSTED: Final = 4_096
"""Credentials, of some hundred bytes each; the one that was looked up longest ago is forgotten first."""

Found = TypeVar("Found")


class ApiKeyCache:
    """The credentials that this process trusts. For one event loop; `clear` may be called from any thread."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, seconds: float = TRUSTED_SECONDS, limit: int = MAX_TRUSTED
    ) -> None:
        """Trust nobody yet; `clock` counts seconds and never goes back."""
        self._clock = clock
        self._seconds = seconds
        self._limit = limit
        self._known: OrderedDict[str, tuple[Credential, float]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Credential | None]] = {}

    def clear(self) -> None:
        """Trust nobody: what was looked up before now, or is just being looked up, is not used from here on."""
        # New ones in their places, so that a lookup under way keeps its answer in the old ones, where nobody looks.
        self._known, self._asked = OrderedDict(), {}

    def trusted(self, credential: str) -> Credential | None:
        """Return a credential that was looked up less than a second ago, None where the log has to be asked."""
        found = self._known.get(credential)
        if found is None or self._clock() - found[1] >= self._seconds:
            return None
        return found[0]

    async def credential(self, credential: str, look_up: Callable[[str], Credential | None]) -> Credential | None:
        """Return a credential, None where the log has none of this id. `look_up` asks the log, in a thread.

        Requests that ask for the same one at the same time wait for one lookup, and get what it raises.
        """
        if (found := self.trusted(credential)) is not None:
            return found
        known, asked = self._known, self._asked
        task = asked.get(credential)
        if task is None:
            # In a context of its own: it belongs to no request, nor to the deadline of one.
            began, reading = self._clock(), to_thread.run_sync(look_up, credential)
            task = asked[credential] = asyncio.create_task(_run(reading), context=Context())
            task.add_done_callback(lambda done: self._keep(known, asked, credential, done, began))
        return await asyncio.shield(task)

    def _keep(
        self,
        known: OrderedDict[str, tuple[Credential, float]],
        asked: dict[str, asyncio.Task[Credential | None]],
        credential: str,
        done: asyncio.Task[Credential | None],
        began: float,
    ) -> None:
        del asked[credential]
        if done.cancelled() or done.exception() is not None:
            return
        if (found := done.result()) is not None:
            known[credential] = (found, began)
            known.move_to_end(credential)
            if len(known) > self._limit:
                known.popitem(last=False)


async def _run(awaitable: Awaitable[Found]) -> Found:
    return await awaitable

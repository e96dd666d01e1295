"""Files' lifecycles for requests on the event loop: those that wait are read together, in one exchange in one thread.

A reading that has begun takes nobody in any more, since it may show the log as it was before the request came.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from typing import Final

from anyio import to_thread

from provenstore.domain.errors import ProvenstoreError
from provenstore.domain.eventlog.event_log import Lifecycle

AT_ONCE: Final = 2
"""Exchanges under way: one is read while the answers of the other are made."""

MAX_STREAMS: Final = 64
"""Of one exchange."""

Read = Callable[[Sequence[str]], Mapping[str, Lifecycle]]


class Lifecycles:
    """The readings of one process. For one event loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[str, asyncio.Future[Lifecycle | None]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def of(self, stream: str, read: Read) -> Lifecycle | None:
        """Return a stream as it is after this call; None where it has to be asked for by itself.

        That is where it has no events, is damaged, or could not be read: an error is for who asks for it alone.
        """
        future = self._waiting.get(stream)
        if future is None:
            future = self._waiting[stream] = asyncio.get_running_loop().create_future()
        if len(self._reading) < AT_ONCE:
            # In a context of its own: it belongs to no request, nor to the deadline of one.
            task = asyncio.create_task(self._read(read), context=Context())
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        return await asyncio.shield(future)

    async def _read(self, read: Read) -> None:
        while self._waiting:
            asked = {stream: self._waiting.pop(stream) for stream in list(self._waiting)[:MAX_STREAMS]}
            found: Mapping[str, Lifecycle] = {}
            try:
                found = await to_thread.run_sync(read, list(asked))
            except ProvenstoreError:
                pass  # each asks again by itself, and is told what is true for it
            except BaseException as error:
                for future in asked.values():  # a mistake of ours: nobody waits for ever, and it is seen
                    if not future.done():
                        future.set_exception(error)
                raise
            for stream, future in asked.items():
                if not future.done():
                    future.set_result(found.get(stream))

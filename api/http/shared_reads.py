"""Whole objects that are being read: one reading answers everybody who asks for it while it goes on.

Holds nothing but what is under way in this process; every process has its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from provenstore.domain.files.file import File


class SharedReads:
    """The readings under way, by file. Used from the event loop only."""

    def __init__(self) -> None:
        """Begin with none."""
        self._under_way: dict[UUID, asyncio.Task[File]] = {}

    async def join(self, file_id: UUID, read: Callable[[], Awaitable[File]]) -> File:
        """Return what the reading of a file under way comes to, or begin one with `read`; raises what it raises.

        It goes on when those who wait go away: what it proves is recorded.
        """
        task = self._under_way.get(file_id)
        if task is None:
            task = self._under_way[file_id] = asyncio.ensure_future(_run(read))
            task.add_done_callback(lambda done: self._end(file_id, done))
        return await asyncio.shield(task)

    def _end(self, file_id: UUID, done: "asyncio.Task[File]") -> None:
        del self._under_way[file_id]
        if not done.cancelled():
            done.exception()  # seen, even if nobody waits for it any more


async def _run(read: Callable[[], Awaitable[File]]) -> File:
    return await read()

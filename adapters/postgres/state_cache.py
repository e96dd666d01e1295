"""StateCache of streams as this process last saw them, so that a command need not fold a stream that has not moved.

A state may be older than the log: whoever decides from it guards its append with the state's version, and asks the log
itself before it refuses anybody. Memory only, bounded, the longest unused forgotten first.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_STATES = 4_096
MAX_VERSION = 1_000
"""Streams longer than this are not kept: their states may be as large as they are long."""


@dataclass(frozen=True, slots=True)
class CachedState:
    """A stream's state after its event `version`, whose leaf hash (hex) is `leaf`."""

    version: int
    leaf: str
    state: Any


class StateCache:
    """CachedState states by stream and the function that folded them. Thread safe."""

    def __init__(self, limit: int = MAX_STATES) -> None:
        """Know nothing, and later at most `limit` states."""
        self._limit = limit
        self._known: OrderedDict[tuple[str, Callable[..., Any]], CachedState] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, stream: str, project: Callable[..., Any]) -> CachedState | None:
        """Return what is known."""
        with self._lock:
            known = self._known.get((stream, project))
            if known is not None:
                self._known.move_to_end((stream, project))
            return known

    def keep(self, stream: str, project: Callable[..., Any], known: CachedState) -> None:
        """Keep a state unless a newer one is known."""
        if known.version > MAX_VERSION:
            return
        key = (stream, project)
        with self._lock:
            before = self._known.get(key)
            if before is None or before.version <= known.version:
                self._known[key] = known
                self._known.move_to_end(key)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)

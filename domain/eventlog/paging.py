"""Long lists in pieces that fit into events: an event has a limit, and what the outside world shows has none. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from pydantic import BaseModel

from provenstore.domain.canonical import canonical

Item = TypeVar("Item", bound=BaseModel)

MAX_LIST_BYTES: Final = 40_000
"""Canonical bytes of the list in one event: far below what an event may have, whatever stands around the list."""


def pages(items: Iterable[Item], limit: int = MAX_LIST_BYTES) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, as many together as their canonical JSON takes up to `limit` bytes; no empty page."""
    page: list[Item] = []
    used = 0
    for item in items:
        size = len(canonical(item.model_dump(mode="json"))) + 1
        if page and used + size > limit:
            yield tuple(page)
            page, used = [], 0
        page.append(item)
        used += size
    if page:
        yield tuple(page)

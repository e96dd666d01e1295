"""Splits long lists into pages that fit into events: events have a size limit, external lists do not. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from pydantic import BaseModel

from provenstore.domain.canonical import canonical

Item = TypeVar("Item", bound=BaseModel)

MAX_LIST_BYTES: Final = 40_000
"""Canonical bytes of the list in one event: far below the event limit, which leaves room for the other fields."""


def pages(items: Iterable[Item], limit: int = MAX_LIST_BYTES) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, in pages of up to `limit` bytes of canonical JSON; no page is empty."""
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

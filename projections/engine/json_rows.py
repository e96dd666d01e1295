"""Rows as one JSON array, which PostgreSQL takes apart in one statement.

Only turns values into text: what a column can hold is decided by the database.
"""

from collections.abc import Iterable, Mapping

import orjson


def json_rows(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as a JSON array, or "" for none; times with their offset, TypeError for what JSON lacks."""
    found = list(rows)
    return orjson.dumps(found).decode() if found else ""

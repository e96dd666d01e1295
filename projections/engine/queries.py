"""Named statements from the `.sql` files of this floor. Loads text; never fills in a value.

A file is a sequence of blocks, each `-- name: <name>`, a line of purpose, and the statement.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_BLOCK = re.compile(r"^-- name: (\w+)\n-- \S.*\n(?:-- .*\n)*", re.MULTILINE)


@cache
def queries(name: str) -> Mapping[str, str]:
    """Return the statements of `<name>.sql` by their names; `name` is that of a wing and its file: `audit/query`."""
    return parse_queries(files("provenstore.projections").joinpath(f"{name}.sql").read_text("utf-8"))


def parse_queries(text: str) -> Mapping[str, str]:
    """Return the statements in `text` by their names; ValueError for a block without a purpose or named twice."""
    _, *parts = _BLOCK.split(text)
    found = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    if len(found) * 2 != len(parts) or len(found) != text.count("-- name:"):
        raise ValueError("every statement needs a name of its own and a line that says its purpose")
    return MappingProxyType(found)

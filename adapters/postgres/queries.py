"""The loader of named queries: SQL lives in `.sql` files, one `-- name:` line and one line of purpose per query.

It never builds SQL: a query reaches the database as it stands in its file.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString, cast

_HEADER = re.compile(r"^-- name: ([a-z_]+)\n-- (\S.*)\n", re.MULTILINE)


def parse_queries(text: str) -> Mapping[str, LiteralString]:
    """Return the queries of one file by name; ValueError for text outside a query, or a name given twice."""
    parts = _HEADER.split(text)
    queries: dict[str, LiteralString] = {}
    if parts[0].strip():
        raise ValueError("a file of queries begins with '-- name: x' and a line of purpose")
    for name, sql in zip(parts[1::3], parts[3::3], strict=True):
        if name in queries or not sql.strip() or "-- name:" in sql:
            raise ValueError(f"query {name!r} is given twice, is empty, or the next one has no purpose")
        # What the package ships is as literal as what the source says; nothing of a request ever gets in.
        queries[name] = cast(LiteralString, sql.strip().removesuffix(";"))
    return MappingProxyType(queries)


def load_queries(file: str, package: str = "provenstore.adapters.postgres") -> Mapping[str, LiteralString]:
    """Return the queries of `sql/<file>` in a package; ValueError where the file is malformed."""
    return parse_queries((files(package) / "sql" / file).read_text("utf-8"))

"""The loader of named queries takes only what is named and explained."""

import pytest

from provenstore.adapters.postgres.queries import parse_queries


def test_queries_by_name() -> None:
    """Each query stands under its name, without its header and semicolon."""
    text = "-- name: one\n-- The first.\nselect 1;\n\n-- name: two\n-- The second.\nselect\n2;\n"
    assert dict(parse_queries(text)) == {"one": "select 1", "two": "select\n2"}


@pytest.mark.parametrize(
    "text",
    [
        "select 1;",
        "-- name: one\nselect 1;",
        "-- name: one\n-- Purpose.\n",
        "-- name: one\n-- Purpose.\nselect 1;\n-- name: two\nselect 2;",
        "-- name: one\n-- Purpose.\nselect 1;\n-- name: one\n-- Purpose.\nselect 1;",
    ],
)
def test_malformed_files_are_refused(text: str) -> None:
    """A query without name or purpose, an empty one and a second one of a name are errors."""
    with pytest.raises(ValueError, match=r"quer(y|ies)"):
        parse_queries(text)

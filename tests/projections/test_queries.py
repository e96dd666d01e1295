"""The loader takes statements apart by their names, and takes no others."""

from pathlib import Path

import pytest

from provenstore.projections.engine.queries import parse_queries, queries

FLOOR = Path(__file__).parents[2] / "projections"
FILES = sorted(file.relative_to(FLOOR).with_suffix("").as_posix() for file in FLOOR.rglob("*.sql"))


def test_statements_are_found_by_name() -> None:
    """Each block is its statement without name and purpose; other comments stay."""
    text = "-- about\n\n-- name: one\n-- Says one.\nSELECT 1; -- why\n\n-- name: two\n-- Says\n-- 2.\nSELECT 2;\n"
    assert parse_queries(text) == {"one": "SELECT 1; -- why", "two": "SELECT 2;"}


@pytest.mark.parametrize(
    "text",
    ["-- name: one\nSELECT 1;\n", "-- name: one\n-- Says.\nSELECT 1;\n-- name: one\n-- Says.\nSELECT 2;\n"],
)
def test_a_statement_without_purpose_or_with_a_taken_name_is_refused(text: str) -> None:
    """Such a file is a fault of ours, found when it is loaded."""
    with pytest.raises(ValueError, match="name of its own"):
        parse_queries(text)


@pytest.mark.parametrize("name", FILES)
def test_all_files_load(name: str) -> None:
    """Every file of this floor can be read, also from an installed package."""
    assert all(queries(name).values())

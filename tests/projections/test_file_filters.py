"""Lists find what they are asked for and nothing else, and a reader finds it in one workspace only.

These tests only read, so they share one database.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from memory_log import at
from provenstore.domain.errors import InvalidInput
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.query import FileFilter, Files
from shelf import LONG, found, index, two_files

Pool = ConnectionPool[Any]


@pytest.fixture(scope="module")
def shelf(new_database: Callable[[], AbstractContextManager[Callable[[str], str]]]) -> Iterator[Callable[[str], str]]:
    """Return the way into a database in which the two files are indexed."""
    with new_database() as conninfo:
        with psycopg.connect(conninfo("runner"), autocommit=True) as connection:
            index(connection, two_files())
        yield conninfo


@pytest.fixture(scope="module")
def runner_pool(shelf: Callable[[str], str]) -> Iterator[Pool]:
    """Return a pool of the role that sees every workspace."""
    with ConnectionPool(shelf("runner"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture(scope="module")
def reader_pool(shelf: Callable[[str], str]) -> Iterator[Pool]:
    """Return a pool of the role that sees one workspace at a time."""
    with ConnectionPool(shelf("reader"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.mark.parametrize(
    "asked",
    [
        {"category": "book_cover"},
        {"variant": "thumbnail"},
        {"status": "stored"},
        {"filename": "a%_b.PDF"},
        {"filename_prefix": "a"},
        {"filename_prefix": "a%_"},
        {"filename_contains": "_b"},
        {"media_type": "image/png"},
        {"min_size": 7, "max_size": 7},
        {"max_size": 119},
        {"owner": "ann"},
        {"related_type": "order"},
        {"related_id": "7"},
        {"related_id": LONG},
        {"related_type": "order", "related_id": "7"},
        {"subject": "ann"},
        {"subject": LONG},
        {"held": True},
        {"created_from": at(3)},
        {"created_from": at(3), "created_before": at(4)},
        {"stored_from": at(3)},
        {"stored_from": at(4), "stored_before": at(5)},
        {"expires_from": at(50)},
        {"expires_before": at(51)},
        {"retained_until": at(100)},
        {"retention_mode": "governance"},
        {"retained_until": at(1), "retention_mode": "governance", "held": True, "owner": "ann"},
        {"metadata_key": "shelf"},
        {"metadata_key": "shelf", "metadata_value": "7"},
        {"metadata_key": "long", "metadata_value": LONG},
        {"category": "book_cover", "owner": "ann", "metadata_key": "shelf"},
    ],
)
def test_a_filter_finds_what_fits_alone(reader_pool: Pool, asked: dict[str, Any]) -> None:
    """Each filter by itself tells the special file from the plain one, for the reader and its one workspace."""
    assert found(reader_pool, workspaces=("acme",), **asked) == ["special"]


@pytest.mark.parametrize(
    "asked",
    [
        {"category": "book"},
        {"variant": "chunk"},
        {"status": "purged"},
        {"filename": "A%_B.PDF"},
        {"filename_prefix": "a_"},
        {"filename_prefix": "%"},
        {"filename_contains": "a_b"},
        {"media_type": "image/*"},
        {"min_size": 8, "max_size": 119},
        {"owner": "Ann"},
        {"related_type": "7"},
        {"related_id": "order"},
        {"related_type": "book", "related_id": "7"},
        {"subject": "shelf"},
        {"subject": LONG + "x"},
        {"created_before": at(1)},
        {"created_from": at(4)},
        {"stored_before": at(2)},
        {"stored_from": at(5)},
        {"deleted_from": at(7)},
        {"deleted_before": at(6)},
        {"expires_from": at(51)},
        {"expires_before": at(50)},
        {"retained_until": at(101)},
        {"retention_mode": "compliance"},
        {"metadata_key": "7"},
        {"metadata_key": "long", "metadata_value": "7"},
        {"category": "book_cover", "owner": "clerk"},
        {"workspaces": ("other",)},
        {"workspaces": ()},
    ],
)
def test_a_filter_finds_nothing_else(runner_pool: Pool, asked: dict[str, Any]) -> None:
    """Wildcards are letters, ranges have ends, and conditions are all to be met."""
    assert found(runner_pool, **asked) == []


def test_negative_filters_find_the_other(runner_pool: Pool) -> None:
    """What is not held, and what comes before, is found as well."""
    assert found(runner_pool, held=False) == ["plain"]
    assert found(runner_pool, deleted_from=at(6), deleted_before=at(7)) == ["plain"]
    assert found(runner_pool, unretained_at=at(99)) == ["plain"]
    assert found(runner_pool, unretained_at=at(100)) == ["special", "plain"]
    assert found(runner_pool, created_before=at(3)) == ["plain"]
    assert found(runner_pool, filename_prefix="b%_c.pdf") == ["plain"]
    assert found(runner_pool) == ["special", "plain"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"metadata_value": "7"}, "metadata_value"),
        ({"filename": "a\0b"}, "filename"),
        ({"min_size": -1}, "min_size"),
        ({"max_size": 2**63}, "max_size"),
        ({"subject": "\ud800"}, "subject"),
        ({"created_from": datetime(2026, 1, 1)}, "created_from"),  # noqa: DTZ001  # naive on purpose
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(asked: dict[str, Any], field: str) -> None:
    """The refusal names the field, before the database is asked."""
    with pytest.raises(InvalidInput) as error:
        FileFilter(**asked)
    assert error.value.field == field


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_a_limit(runner_pool: Pool, limit: int) -> None:
    """No page is longer than a thousand rows."""
    with pytest.raises(InvalidInput, match="limit"):
        Files(runner_pool).list(FileFilter(), limit=limit)


def test_a_reader_sees_one_workspace(reader_pool: Pool) -> None:
    """Row-level security holds for every table behind every view, whatever is asked."""
    with reader_pool.connection() as reader:
        for view in FileIndex.tables:
            for table in (view, f"{view}_1"):
                counts = {}
                for workspace in ("acme", "other", ""):
                    reader.execute("SELECT set_config('provenstore.workspace', %s, true)", (workspace,))
                    counts[workspace] = reader.execute(f"SELECT count(*) > 0 FROM provenstore_read.{table}").fetchone()
                assert counts == {"acme": (True,), "other": (False,), "": (False,)}, table
    assert found(reader_pool, workspaces=("other",)) == []
    assert found(reader_pool, workspaces=("acme", "other")) == []
    assert found(reader_pool) == []


def test_a_reader_writes_nothing(reader_pool: Pool) -> None:
    """The reader's role may read the read models, and no more."""
    for table in (*FileIndex.tables, "file_index_1", "projection"):
        with reader_pool.connection() as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"DELETE FROM provenstore_read.{table}")

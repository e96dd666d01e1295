"""Officers find what they ask for and nothing else, newest first, and a reader finds it in one workspace only.

These tests only read, so they share one database.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL
from psycopg_pool import ConnectionPool

from audited import KEY_1, KEY_2, LONG, audit_rows, catch_up, happenings, naive, positions
from memory_log import at
from provenstore.domain.errors import InvalidInput
from provenstore.projections.audit.query import Audit, AuditFilter, question
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.files.index import FileIndex

Pool = ConnectionPool[Any]
Way = Callable[[str], str]


@pytest.fixture(scope="module")
def trail(new_database: Callable[[], AbstractContextManager[Way]]) -> Iterator[Way]:
    """Return the way into a database with the audit trail of what happened."""
    with new_database() as conninfo:
        with psycopg.connect(conninfo("runner"), autocommit=True) as connection:
            catch_up(connection, happenings(), FileIndex())
            catch_up(connection, happenings(), AuditTrail(), batch=4)
        yield conninfo


QUESTIONS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ({"workspace": "other"}, [11]),
    ({"file": "a"}, [13, 12, 10, 9, 7, 6, 4, 3, 2]),
    ({"file": "b"}, [8, 5]),
    ({"file": "A"}, []),
    ({"actor": "alice"}, [10, 9, 8, 7, 6]),
    ({"on_behalf_of": "ann"}, [4, 3, 2]),
    ({"credential": KEY_1}, [4, 3, 2]),
    ({"type": ("file.stored.v1",)}, [4]),
    ({"type": ("file.stored.v1", "file.soft_deleted.v1")}, [13, 4]),
    ({"type": ("file.upload_initiated.v1",), "file": "a"}, [2]),
    ({"type": ("file.upload_initiated.v1",), "subject": "ann", "workspace": "acme"}, [5, 2]),
    ({"action": ("upload",)}, [11, 5, 4, 3, 2]),
    ({"action": ("upload",), "type": ("file.stored.v1", "file.accessed.v1")}, [4]),
    ({"action": ("view",)}, [6]),
    ({"action": ("download",)}, [7]),
    ({"action": ("download", "delete"), "actor": "alice"}, [7]),
    ({"action": ("view", "download")}, [7, 6]),
    ({"action": ("view", "audit", "refuse")}, [10, 8, 6]),
    ({"action": ("purge",)}, []),
    ({"related_id": "7"}, [13, 12, 10, 9, 7, 6, 4, 3, 2]),
    ({"related_id": LONG, "outcome": "ok", "type": ("file.stored.v1",)}, [4]),
    ({"related_id": "8", "related_type": "order"}, [8, 5]),
    ({"related_id": "8", "related_type": "book"}, []),
    ({"subject": "bob"}, [13, 12, 10, 9, 7, 6, 4, 3, 2]),
    ({"subject": "ann", "outcome": "denied"}, [8]),
    ({"subject": "ann", "related_id": "8"}, [8, 5]),
    ({"subject": LONG, "actor": "alice", "time_before": at(7)}, [6]),
    ({"subject": LONG + "x"}, []),
    ({"outcome": "denied"}, [8]),
    ({"outcome": "ok", "credential": KEY_2}, [10, 9, 7, 6]),
    ({"address": "192.0.2.1"}, [8, 2]),
    ({"address": "2001:db8::1"}, [6]),
    ({"address": "192.0.2.1", "actor": "alice"}, [8]),
    ({"time_from": at(12)}, [13, 12]),
    ({"time_before": at(3)}, [2, 1]),
    ({"time_from": at(6), "time_before": at(8), "actor": "alice"}, [7, 6]),
    ({"time_from": at(14)}, []),
    ({"time_before": at(1)}, []),
    ({"time_from": at(3), "time_before": at(99), "type": ("file.accessed.v1", "file.stored.v1")}, [7, 6, 4]),
]


@pytest.mark.parametrize(("asked", "expected"), QUESTIONS)
def test_a_question_finds_what_fits(pool: Pool, asked: dict[str, Any], expected: list[int]) -> None:
    """Each condition by itself and together with others, in both orders."""
    assert positions(pool, **asked) == expected
    assert positions(pool, oldest_first=True, **asked) == expected[::-1]


def test_rows_come_back_as_they_were_folded(pool: Pool) -> None:
    """Every column survives the tables, and each event's file has the name that it has now."""
    page = Audit(pool).search(AuditFilter(), oldest_first=True)
    assert [entry.row for entry in page.entries] == list(audit_rows(happenings()).values())
    names = {entry.row.file: entry.filename for entry in page.entries}
    assert names == {None: None, "a": "a.pdf", "b": "b.pdf", "c": "c.pdf"}


INDEXES: list[tuple[dict[str, Any], str]] = [
    ({}, "workspace_position"),
    ({"file": "a"}, "file_position"),
    ({"actor": "alice"}, "actor_position"),
    ({"credential": KEY_1}, "credential_position"),
    ({"type": ("file.stored.v1",)}, "type_position"),
    ({"action": ("hold",)}, "type_position"),
    ({"related_id": "7"}, "file_position"),
    ({"subject": "ann"}, "file_position"),
    ({"outcome": "denied"}, "outcome_position"),
    ({"address": "192.0.2.1"}, "address_hash_position"),
]


@pytest.mark.parametrize(("asked", "index"), INDEXES)
def test_an_index_answers(reader: Pool, asked: dict[str, Any], index: str) -> None:
    """Also under row-level security, and with a time range, which becomes positions of the same index."""
    wanted = AuditFilter(workspace="acme", time_from=at(2), time_before=at(12), **asked)
    statement, values = question(wanted, limit=1)
    with reader.connection() as connection:
        # As if the table were large: what can be found by an index is, unless row-level security forbids it.
        connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        connection.execute("SELECT set_config('provenstore.workspace', 'acme', true)")
        plan = "\n".join(row[0] for row in connection.execute(SQL("EXPLAIN ") + statement, values))
    column = index.removesuffix("_position")
    assert re.search(
        rf"audit_trail_1_{index}_idx .*\n\s+Index Cond: .*\b{column} = .*position\W* >= .*position\W* < ", plan
    ), plan


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("asked", [{}, {"subject": "ann"}, {"action": ("upload", "delete")}])
def test_pages_follow_each_other(pool: Pool, asked: dict[str, Any], oldest_first: bool) -> None:
    """Page by page comes what one page has, and a full last page has no next."""
    audit, seen, cursor = Audit(pool), list[int](), None
    whole = positions(pool, oldest_first=oldest_first, **asked)
    while True:
        page = audit.search(AuditFilter(**asked), cursor=cursor, limit=2, oldest_first=oldest_first)
        seen += [entry.row.position for entry in page.entries]
        cursor = page.next
        if cursor is None:
            break
    assert seen == whole
    exact = audit.search(AuditFilter(**asked), limit=len(whole), oldest_first=oldest_first)
    assert exact.next is None


def test_a_cursor_goes_on_in_its_own_order_only(pool: Pool) -> None:
    """Neither the other order's nor an altered one is taken."""
    cursor = Audit(pool).search(AuditFilter(), limit=3).next
    assert cursor is not None
    for altered, oldest_first in ((cursor, True), ("b" + cursor[1:], False), ("AAAA", False), ("é", False)):
        with pytest.raises(InvalidInput, match="cursor"):
            Audit(pool).search(AuditFilter(), cursor=altered, oldest_first=oldest_first)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"type": ("file.eaten.v1",)}, "type"),
        ({"action": ("other",)}, "action"),
        ({"related_type": "order"}, "related_type"),
        ({"actor": "a\0b"}, "actor"),
        ({"subject": "\ud800"}, "subject"),
        ({"time_from": naive("2026-01-01")}, "time_from"),
        ({"time_from": at(2), "time_before": at(2)}, "time_before"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(asked: dict[str, Any], field: str) -> None:
    """The refusal names the field, before the database is asked."""
    with pytest.raises(InvalidInput) as error:
        AuditFilter(**asked)
    assert error.value.field == field


@pytest.mark.parametrize("limit", [0, -1, 1_001, 1_000_000])
def test_a_page_has_a_limit(pool: Pool, limit: int) -> None:
    """No page is longer than a thousand rows."""
    with pytest.raises(InvalidInput, match="limit"):
        Audit(pool).search(AuditFilter(), limit=limit)


def test_a_reader_sees_one_workspace(reader: Pool) -> None:
    """Row-level security holds for every table behind every view, whatever is asked."""
    with reader.connection() as connection:
        for view in AuditTrail.tables:
            for table in (view, f"{view}_1"):
                counts = {}
                for workspace in ("acme", "nobody", ""):
                    connection.execute("SELECT set_config('provenstore.workspace', %s, true)", (workspace,))
                    row = connection.execute(f"SELECT count(*) > 0 FROM provenstore_read.{table}").fetchone()
                    counts[workspace] = row
                assert counts == {"acme": (True,), "nobody": (False,), "": (False,)}, table
    assert positions(reader, workspace="other") == [11]
    assert positions(reader, workspace="acme", subject="ann", time_from=at(11)) == [13, 12]
    assert positions(reader) == []

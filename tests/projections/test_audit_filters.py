"""Every filter of the audit trail finds what it names, its negation finds the rest, and an index answers under RLS.

These tests only read, so they share one database.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool

from audited import ALICE, HOLD, KEY_1, KEY_2, LINK, SHA, SHOP, catch_up, positions
from memory_log import MemoryLog, accessed, at, initiated, stored
from provenstore.domain.errors import InvalidInput
from provenstore.domain.eventlog.envelope import Origin
from provenstore.domain.eventlog.refusals import RequestRefused
from provenstore.domain.files import file_events as f
from provenstore.domain.tenants import workspace_events as w
from provenstore.projections.audit.filters import FILTERS, NAMES
from provenstore.projections.audit.query import Audit, AuditFilter, question
from provenstore.projections.audit.row import audit_json
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.files.index import FileIndex

Pool = ConnectionPool[Any]
Way = Callable[[str], str]
PURGE = "01a1fc12-0000-7000-8000-00000000000c"
ISSUED = UUID(int=5)  # the event by which the link was issued
TOKEN = "pvs_" + UUID(KEY_1).hex + "_" + "A" * 43
RELATED = [{"type": "order", "id": "7"}]
NAMED: dict[str, Any] = {"filename": "a.pdf", "related": RELATED, "subjects": ["ann"], "metadata": {"k": "1"}}


def searched() -> MemoryLog:
    """Return the log; comments give the positions."""
    log = MemoryLog()
    new = w.WorkspaceCreated(workspace="acme", four_eyes=True, max_bytes=None, max_files=None)
    log.add("workspace:acme", new, name="Acme & Sons")  # 1
    log.seal("file:a", initiated(path="books/2026/a.pdf"), {**NAMED, "client_request": "c-1"}, by=SHOP)  # 2
    log.seal("file:a", stored(sha256=SHA), by=SHOP, decision="stored-only-after-check/1")  # 3
    log.add("file:b", initiated(path="books/2027/b.pdf"), filename="invoice 7.pdf", subjects=["bob"])  # 4
    granted = f.LinkIssued(
        link=LINK, version_id=None, disposition="inline", ttl=60, expires_at=at(99), observed=True
    )  # fmt: skip
    log.seal("access:a", granted, {"recipient": "bob@example.com"}, by=ALICE)  # 5
    log.seal("access:a", accessed("view"), {"address": "192.0.2.1"}, by=Origin(ALICE.actor, cause=ISSUED))  # 6
    log.add("file:a", f.MetadataChanged(changed=("filename", "metadata")), filename="z.pdf", metadata={"k": "2"})  # 7
    held = {"name": "hold one", "matter": "Smith v. Jones", "reason": "lawsuit"}
    log.seal("file:a", f.LegalHoldPlaced(hold=HOLD), held, by=ALICE, decision="hold-any-time/1")  # 8
    refused = f.AccessDenied(operation="file.soft_delete", code="legal-hold", count=1)
    log.seal("access:a", refused, by=SHOP, outcome="denied", decision="hold-refuses-delete/1")  # 9
    log.seal(
        "file:a", f.LegalHoldReleased(hold=HOLD), {"reason": "over"}, decision="hold-release-second-person/1"
    )  # 10
    log.seal("file:b", f.SoftDeleted(), decision="delete-not-held/1")  # 11
    log.seal("file:b", f.PurgeRequested(purge=PURGE, four_eyes=True), {"reason": "old"}, decision="x-y/2")  # 12
    was = w.FormerQuota(max_bytes=None, max_files=None)
    log.add("workspace:acme", w.QuotaSet(max_bytes=5, max_files=None, was=was))  # 13
    log.add("audit:clerk", w.AuditRead(what="history", file="a"))  # 14
    return log


EVERYTHING = list(range(14, 0, -1))
FILE_A = [14, 10, 9, 8, 7, 6, 5, 3, 2]
FILE_B = [12, 11, 4]
FOUND: dict[str, list[tuple[Any, list[int]]]] = {
    "workspace": [("acme", EVERYTHING), ("other", [])],
    "file": [("a", FILE_A), ("A", [])],
    "actor": [("shop", [9, 3, 2])],
    "on_behalf_of": [("ann", [9, 3, 2])],
    "credential": [
        (KEY_1, [9, 3, 2]), (UUID(KEY_1).hex, [9, 3, 2]), (KEY_1.upper(), [9, 3, 2]), (TOKEN, [9, 3, 2]),
        (KEY_2, [8, 6, 5]),
    ],
    "session": [("s", [9, 3, 2])],
    "request": [("r-1", [9, 3, 2])],
    "client_request": [("c-1", [2])],
    "cause": [(str(ISSUED), [6]), (ISSUED.hex, [6])],
    "type": [("file.stored.v1", [3])],
    "action": [("hold", [10, 8]), ("view", [6]), ("download", []), ("audit", [14])],
    "outcome": [("denied", [9]), ("failed", [])],
    "decision": [
        ("hold-refuses-delete", [9]), ("hold-refuses-delete/1", [9]), ("hold-refuses-delete/2", []),
        ("x-y/2", [12]), ("delete-not-held", [11]),
    ],
    "code": [("legal-hold", [9])],
    "purge": [(PURGE, [12])],
    "hold": [(HOLD, [10, 8])],
    "link": [(LINK, [6, 5]), (LINK.replace("-", ""), [6, 5])],
    "address": [("192.0.2.1", [6])],
    "related_id": [("7", FILE_A)],
    "subject": [("bob", FILE_B)],
    "matter": [("Smith v. Jones", FILE_A), ("Smith", [])],
    "filename": [("a.pdf", FILE_A), ("z.pdf", FILE_A), ("a", [])],
    "filename_prefix": [("invoice", FILE_B), ("z", FILE_A), ("nvoice", [])],
    "filename_contains": [("voice 7", FILE_B), (".pdf", sorted([*FILE_A, *FILE_B], reverse=True)), ("VOICE", [])],
    "sha256": [(SHA, FILE_A), (SHA.upper(), FILE_A), ("0" * 64, [])],
    "path_prefix": [("books/2026", FILE_A), ("books/", sorted([*FILE_A, *FILE_B], reverse=True)), ("ooks", [])],
}  # fmt: skip
CASES = [(name, value, found) for name, cases in FOUND.items() for value, found in cases]


@pytest.fixture(scope="module")
def trail(new_database: Callable[[], AbstractContextManager[Way]]) -> Iterator[Way]:
    """Return the way into a database with the audit trail of what happened."""
    with new_database() as conninfo:
        with psycopg.connect(conninfo("runner"), autocommit=True) as connection:
            catch_up(connection, searched(), FileIndex())
            catch_up(connection, searched(), AuditTrail(), batch=5)
            for view in AuditTrail.tables:
                connection.execute(SQL("ANALYZE provenstore_read.{}").format(Identifier(f"{view}_1")))
        yield conninfo


def test_every_filter_is_tried() -> None:
    """A filter that is added without a case here would be believed untested."""
    assert FOUND.keys() | {"related_type", "time_from", "time_before"} == {one.name for one in FILTERS}


@pytest.mark.parametrize(("name", "value", "found"), CASES)
def test_a_filter_finds_what_it_names_and_its_negation_the_rest(
    pool: Pool, name: str, value: Any, found: list[int]
) -> None:
    """Also of events that have nothing there, which a comparison with null would lose."""
    assert positions(pool, **{name: value}) == found
    rest = [one for one in EVERYTHING if one not in found]
    assert positions(pool, **{f"not_{name}": value}) == rest
    assert positions(pool, **{f"not_{name}": value}, oldest_first=True) == rest[::-1]


@pytest.mark.parametrize(("name", "value", "found"), CASES)
def test_filters_hold_together(reader: Pool, name: str, value: Any, found: list[int]) -> None:
    """With a file, a time, an action, and what is not to be found, under row-level security."""
    within = {"workspace": "acme"} if name != "workspace" else {}
    if name != "workspace":
        asked = {name: value, **within, "time_from": at(3), "time_before": at(12)}
        assert positions(reader, **asked) == [one for one in found if 3 <= one < 12]
        assert positions(reader, **asked, not_outcome="denied") == [one for one in found if 3 <= one < 12 and one != 9]
        assert positions(reader, **asked, not_type=["file.accessed.v1"], not_action="hold") == [
            one for one in found if 3 <= one < 12 and one not in {6, 8, 10}
        ]


def test_a_refusal_tells_nothing_of_a_foreign_file(
    new_database: Callable[[], AbstractContextManager[Way]],
) -> None:
    """It names the id that was asked for; neither name nor content of that file can be found out by it."""
    log = searched()
    refused = RequestRefused(operation="file.get", code="not-found", count=1, file="a")
    log.seal("refusals:eve", refused, workspace="spies", outcome="denied")
    with new_database() as conninfo, ConnectionPool(conninfo("runner"), min_size=1, max_size=2) as everywhere:
        with everywhere.connection() as connection:
            connection.autocommit = True
            for model in (FileIndex(), AuditTrail()):
                catch_up(connection, log, model)
            connection.autocommit = False
        audit = Audit(everywhere)
        (entry,) = audit.search(AuditFilter(workspace="spies")).entries
        assert (entry.row.file, entry.filename, entry.filename_then) == ("a", None, None)
        for name in ("sha256", "filename", "filename_contains", "path_prefix", "matter", "related_id"):
            for value, _ in FOUND[name]:
                assert positions(everywhere, workspace="spies", **{name: value}) == []
                assert positions(everywhere, workspace="spies", **{f"not_{name}": value}) == [15]


def test_several_values_are_left_out(pool: Pool) -> None:
    """Each of them, of actions the modes of an access too."""
    assert positions(pool, not_actor=["shop", "alice"], not_type=("workspace.created.v1", "audit.read.v1")) == [
        13, 12, 11, 10, 7, 4,
    ]  # fmt: skip
    assert 6 not in positions(pool, not_action=["view", "download"])
    assert 6 in positions(pool, not_action="download")
    assert positions(pool, not_decision=["delete-not-held/1", "x-y"], file="b") == [4]
    assert positions(pool, not_subject="ann", not_filename_prefix="inv") == [13, 1]


INDEXES = {
    "session": "s", "request": "r-1", "client_request": "c-1", "cause": str(ISSUED), "code": "legal-hold",
    "purge": PURGE, "hold": HOLD, "on_behalf_of": "ann", "decision": "hold-refuses-delete",
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_answers_under_row_level_security(reader: Pool, name: str) -> None:
    """With a time range, which becomes positions of the same index."""
    plan = _plan(reader, time_from=at(2), time_before=at(12), **{name: INDEXES[name]})
    column = {"decision": "rule"}.get(name, name)
    assert f"audit_trail_1_{column}_position_idx" in plan, plan


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"filename": "a.pdf"}, "audit_value_1_field_text_idx"),
        ({"filename_prefix": "inv"}, "audit_value_1_field_text_idx"),
        ({"matter": "Smith v. Jones"}, "audit_value_1_field_text_idx"),
        ({"sha256": SHA}, "audit_trail_1_sha256_idx"),
        ({"path_prefix": "books/2026"}, "audit_trail_1_path_workspace_idx"),
        ({"link": LINK}, "audit_trail_1_link_position_idx"),
    ],
)
def test_an_index_finds_the_files(reader: Pool, asked: dict[str, Any], index: str) -> None:
    """And then the newest events of each."""
    assert index in _plan(reader, **asked)


def _plan(reader: Pool, **asked: Any) -> str:
    statement, values = question(AuditFilter(workspace="acme", **asked), limit=1)
    with reader.connection() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SELECT set_config('provenstore.workspace', 'acme', true)")
        return "\n".join(row[0] for row in connection.execute(SQL("EXPLAIN ") + statement, values))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"cause": "x"}, "cause"), ({"purge": "p"}, "purge"), ({"hold": "h"}, "hold"), ({"link": "l"}, "link"),
        ({"credential": "key-1"}, "credential"), ({"not_credential": "pvs_x"}, "not_credential"),
        ({"sha256": "abc"}, "sha256"), ({"sha256": SHA + "0"}, "sha256"), ({"decision": "Drop; it"}, "decision"),
        ({"code": "no code"}, "code"), ({"address": "203.0.113.7 "}, "address"), ({"outcome": "maybe"}, "outcome"),
        ({"not_type": "file.eaten.v1"}, "not_type"), ({"not_action": ("hold", "eat")}, "not_action"),
        ({"actor": ""}, "actor"), ({"matter": "a\0"}, "matter"), ({"actor": ("a", "b")}, "actor"),
        ({"not_subject": ("a", "b")}, "not_subject"), ({"related_type": "order"}, "related_type"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(asked: dict[str, Any], field: str) -> None:
    """By the name of the filter; the value is not repeated, as it may be an API key."""
    with pytest.raises(InvalidInput) as error:
        AuditFilter(**asked)
    assert error.value.field == field
    assert "pvs_" not in str(error.value).replace("pvs_…", "")


def test_what_has_no_negation() -> None:
    """Times, and the type of a business object, which only narrows its id."""
    assert {"not_time_from", "not_time_before", "not_related_type"}.isdisjoint(NAMES)
    with pytest.raises(TypeError):
        AuditFilter(not_time_from=at(1))


def test_a_key_is_kept_as_its_id_alone() -> None:
    """What is asked by a whole key is known by its id from then on."""
    assert AuditFilter(credential=TOKEN).asked() == {"credential": (KEY_1,)}


def test_entries_say_what_it_was_and_what_it_became(pool: Pool) -> None:
    """Of public data, of private values, of the name as it was then, and of the hold."""
    found = {entry.row.position: audit_json(entry) for entry in Audit(pool).search(AuditFilter()).entries}
    details: dict[int, Any] = {position: entry["details"] for position, entry in found.items()}
    assert details[7] == {
        "changed": ["filename", "metadata"],
        "was": {"filename": "a.pdf", "metadata": {"k": "1"}},
        "became": {"filename": "z.pdf", "metadata": {"k": "2"}},
    }
    assert details[13] == {
        "was": {"max_bytes": None, "max_files": None},
        "became": {"max_bytes": 5, "max_files": None},
    }
    assert details[8] == details[10] == {"hold": HOLD, "name": "hold one", "matter": "Smith v. Jones"}
    assert details[5]["recipient"] == "bob@example.com"
    assert (details[1]["name"], details[1]["four_eyes"]) == ("Acme & Sons", True)
    assert {"what": "history", "by": []}.items() <= details[14].items()
    names = {position: (entry["filename_then"], entry["filename"]) for position, entry in found.items()}
    assert (names[6], names[7], names[4]) == (("a.pdf", "z.pdf"), ("z.pdf", "z.pdf"), ("invoice 7.pdf",) * 2)
    assert names[1] == (None, None)

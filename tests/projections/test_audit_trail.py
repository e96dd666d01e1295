"""The audit trail: a row for every event, of known types and others, and nothing of what was erased."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from audited import LONG, audit_rows, catch_up, happenings, positions
from memory_log import accessed, add_file
from provenstore.domain.canonical import Json
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.event_types import REGISTRY, RawData
from provenstore.domain.tenants import workspace_events  # noqa: F401  # they fill the registry
from provenstore.projections.audit.fold import AuditFold
from provenstore.projections.audit.row import Entry, action_of, audit_json
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.files.index import FileIndex

Connection = psycopg.Connection[Any]
ERASABLE = ("filename", "related", "subjects", "metadata", "reason", "address", "user_agent", "name", "matter")


def test_every_type_amounts_to_an_action() -> None:
    """A type that is added without one would hide among those that nobody knows."""
    ours = {name for name in REGISTRY.names if REGISTRY.require_writable(name).__module__.startswith("provenstore.")}
    assert {name for name in ours if action_of(name) == "other"} == set()
    assert action_of("file.stored.v12") == "upload"
    assert (action_of("file.eaten.v1"), action_of("nonsense")) == ("other", "other")


def test_an_event_of_an_unknown_type_has_its_row() -> None:
    """Who, when and what it was called are known, and where it stands; the rest is in the log."""
    event = replace(happenings().events[3], type="file.eaten.v1", data=RawData(fields={"purge": "p"}))
    row = AuditFold().fold("4", None, event, {})
    assert row is not None
    assert (row.action, row.file, row.type, row.purge, row.bytes) == ("other", "a", "file.eaten.v1", None, None)


def test_a_private_value_without_its_shape_is_refused() -> None:
    """A number in the place of a reason is a broken log, not a reason."""
    event = happenings().events[0]
    wrong: list[dict[str, Json]] = [{"reason": 7}, {"address": ["x"]}, {"user_agent": {}}]
    for values in wrong:
        with pytest.raises(IntegrityViolated):
            AuditFold().fold("1", None, event, values)


def test_json_shows_what_the_event_has() -> None:
    """Members that only some events have stand under details."""
    rows = audit_rows(happenings())
    denied: Any = audit_json(Entry(rows["8"], "b.pdf", "a.pdf"))
    assert denied["details"] == {"operation": "file.content", "code": "forbidden", "count": 3}
    assert (denied["action"], denied["filename"], denied["filename_then"], denied["address"]) == (
        "refuse", "b.pdf", "a.pdf", "192.0.2.1",
    )  # fmt: skip
    assert audit_json(Entry(rows["7"]))["details"] == {"mode": "download", "bytes": 120, "size": 120}
    assert (audit_json(Entry(rows["6"]))["action"], audit_json(Entry(rows["7"]))["action"]) == ("view", "download")
    assert audit_json(Entry(rows["6"]))["cause"] == "00000000-0000-0000-0000-00000000004d"


def test_erasure_leaves_the_rows_that_a_rebuild_makes(connection: Connection, conninfo: Any) -> None:
    """What was erased after it was folded is gone from every table, and nothing finds the file by it any more."""
    log = happenings()
    model = AuditTrail()
    catch_up(connection, log, FileIndex())
    catch_up(connection, log, model)
    held = [(event.position, name) for event in log.events for name in log.private[event.id] if event.stream[-1] == "a"]
    log.erase("a", *ERASABLE)
    with connection.cursor() as cursor:
        model.forget(cursor, 1, [one for one in held if one[1] in ERASABLE])
        catch_up(connection, log, model)
        keys = [str(event.position) for event in log.events]
        assert model.load(cursor, 1, keys) == audit_rows(log)
        texts = [str(row) for t in model.tables for row in cursor.execute(f"SELECT t FROM provenstore_read.{t}_1 t")]
    assert [text for text in texts if LONG in text or "lawsuit" in text or "curl" in text] == []
    with ConnectionPool(conninfo("runner"), min_size=1, max_size=1) as pool:
        assert positions(pool, subject="bob") == []
        assert positions(pool, subject="ann") == [11, 8, 5]
        assert positions(pool, address="192.0.2.1") == [8]
        assert len(positions(pool, file="a")) == 10


def test_erasing_one_value_leaves_the_others(connection: Connection) -> None:
    """Only the named column of the named event is emptied."""
    log = happenings()
    model = AuditTrail()
    catch_up(connection, log, model, batch=5)
    before = audit_rows(log)
    with connection.cursor() as cursor:
        model.forget(cursor, 1, [(2, "subjects"), (2, "filename"), (9, "reason"), (6, "address")])
        after = model.load(cursor, 1, list(before))
    gone = {"subjects", "filename"}
    erased = tuple((name, None if name in gone else value) for name, value in before["2"].values)
    expected = {
        **before,
        "2": replace(before["2"], subjects=(), values=erased),
        "9": replace(before["9"], reason=None),
        "6": replace(before["6"], address=None),
    }
    assert after == expected


def test_events_are_found_as_they_come(connection: Connection, conninfo: Any) -> None:
    """Events that come while somebody turns pages move none of the ones to come."""
    log = happenings()
    catch_up(connection, log, FileIndex())
    catch_up(connection, log, AuditTrail())
    with ConnectionPool(conninfo("runner"), min_size=1, max_size=1) as pool:
        first = positions(pool, file="a")
        add_file(log, "late")
        log.add("access:a", accessed())
        catch_up(connection, log, AuditTrail())
        assert positions(pool, file="a") == [16, *first]

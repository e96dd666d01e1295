"""A small log in which everything that an officer asks for happens once, and how to bring a read model to its end."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from memory_log import MemoryLog, accessed, initiated, stored
from provenstore.domain.canonical import parse_canonical
from provenstore.domain.eventlog.envelope import Actor, Origin
from provenstore.domain.eventlog.event_log import disclosed
from provenstore.domain.files import file_events as f
from provenstore.domain.tenants import workspace_events as w
from provenstore.projections.audit.fold import AuditFold
from provenstore.projections.audit.query import Audit, AuditFilter
from provenstore.projections.audit.row import AuditRow
from provenstore.projections.engine.batch import advance
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.positions import prepare, statuses

KEY_1, KEY_2 = "01a1fc12-0000-7000-8000-000000000001", "01a1fc12-0000-7000-8000-000000000002"
HOLD = "01a1fc12-0000-7000-8000-00000000000a"
LINK = "01a1fc12-0000-7000-8000-00000000000b"
SHA = "c" * 64
LONG = "x" * 5_000  # more than a B-tree entry may hold
SHOP = Origin(Actor("shop", "service", "api_key", KEY_1), on_behalf_of="ann", session="s", request="r-1")
ALICE = Origin(Actor("alice", "person", "oidc", KEY_2), cause=UUID(int=77))


def happenings() -> MemoryLog:
    """Return the log; comments give the positions."""
    log = MemoryLog()
    quota = w.WorkspaceCreated(workspace="acme", four_eyes=True, max_bytes=None, max_files=None)
    log.add("workspace:acme", quota)  # 1
    related = [{"type": "order", "id": "7"}, {"type": "book", "id": LONG}]
    private: dict[str, Any] = {"filename": "a.pdf", "related": related, "subjects": ["ann", LONG], "metadata": {}}
    log.seal("file:a", initiated(), {"address": "192.0.2.1", "user_agent": "curl", **private}, by=SHOP)  # 2
    chunk = f.ChunkUploaded(upload="u", number=1, first=0, size=120, etag="e", md5=None, sha256=None)
    log.seal("parts:a", chunk, by=SHOP)  # 3
    log.seal("file:a", stored(), by=SHOP)  # 4
    log.add("file:b", initiated(), filename="b.pdf", related=[{"type": "order", "id": "8"}], subjects=["ann"])  # 5
    log.seal("access:a", accessed("view"), {"address": "2001:db8::1"}, by=ALICE)  # 6
    log.seal("access:a", accessed(), {"address": LONG}, by=ALICE)  # 7
    denied = f.AccessDenied(operation="file.content", code="forbidden", count=3)
    log.seal("access:b", denied, {"address": "192.0.2.1"}, by=ALICE, outcome="denied")  # 8
    log.seal("file:a", f.LegalHoldPlaced(hold=HOLD), {"name": "n", "matter": "m", "reason": "lawsuit"}, by=ALICE)  # 9
    log.seal("audit:alice", w.AuditRead(what="history", file="a"), by=ALICE)  # 10
    log.add("file:c", initiated(), workspace="other", filename="c.pdf", subjects=["ann"])  # 11
    log.add("file:a", f.MetadataChanged(changed=("subjects",)), subjects=["bob"])  # 12
    log.add("file:a", f.SoftDeleted(), reason="spring cleaning")  # 13
    return log


def catch_up(connection: psycopg.Connection[Any], log: MemoryLog, model: Projection[Any], batch: int = 1_000) -> None:
    """Bring one read model to the end of `log`."""
    prepare(connection, [model])
    while advance(connection, log, model, _place(connection, model.name), batch):
        pass


def _place(connection: psycopg.Connection[Any], name: str) -> Any:
    return next(place for place in statuses(connection) if place.name == name)


def audit_rows(log: MemoryLog) -> dict[str, AuditRow]:
    """Return what the events say, one by one: the plain model of the read model."""
    fold, found = AuditFold(), dict[str, AuditRow]()
    for event in log.events:
        (key,) = fold.keys(event)
        row = fold.fold(key, None, event, disclosed(log.private, event.id, parse_canonical))
        assert row is not None
        found[key] = row
    return found


def positions(pool: ConnectionPool[Any], *, oldest_first: bool = False, **asked: Any) -> list[int]:
    """Return the positions that a question finds, in order."""
    page = Audit(pool).search(AuditFilter(**asked), oldest_first=oldest_first)
    return [entry.row.position for entry in page.entries]


def naive(text: str) -> datetime:
    """Return a time without a zone."""
    return datetime.fromisoformat(text)

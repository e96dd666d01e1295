"""Quota under pressure, idempotent requests, and personal data that can be forgotten."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from custody import ADMIN, AUDITOR, CONTENT, RECORDS, SERVICE, Custody, caller
from provenstore.domain.errors import (
    AlreadyExists,
    ContentTooLarge,
    Forbidden,
    InvalidInput,
    KeyReused,
    LegalHold,
    NotFound,
    QuotaExceeded,
)
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.tenants.workspace import SetLimits, SetQuota
from provenstore.domain.tenants.workspace_events import Limits
from provenstore.domain.uploads.initiation import NewFile

PRIVACY = caller("dora", "privacy")


def _quota(custody: Custody, max_bytes: int | None, max_files: int | None = None) -> None:
    custody.ledger.change_workspace(ADMIN, "acme", SetQuota(max_bytes=max_bytes, max_files=max_files))


def _used(custody: Custody) -> tuple[int, int]:
    use = custody.log.quota("acme")
    assert use is not None
    return use.bytes, use.files


def test_quota_is_never_exceeded_by_many_at_once(custody: Custody) -> None:
    """quota-never-exceeded: 50 at once for space for ten, less one byte: nine win."""
    _quota(custody, 999)
    processes = [custody.another_process() for _ in range(4)]

    def initiate(number: int) -> bool:
        new = NewFile(
            workspace="acme", filename="a.pdf", media_type="application/pdf", category="book_content", size=100
        )
        try:
            processes[number % 4].initiate(SERVICE, new)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = sum(pool.map(initiate, range(50)))
    assert won == 9
    assert _used(custody) == (900, 9)


def test_quota_counts_files_too(custody: Custody) -> None:
    """quota-never-exceeded, in files"""
    _quota(custody, None, 1)
    custody.initiated(size=0)
    with pytest.raises(QuotaExceeded):
        custody.initiated(size=0)


def test_an_undeclared_size_reserves_and_settles(custody: Custody) -> None:
    """quota-reserved: the category's default until the true size is known"""
    file = custody.initiated()
    assert _used(custody) == (64 * 1024**2, 1)
    custody.ledger.upload_content(SERVICE, file.id, [b"12345"])
    assert _used(custody) == (5, 1)


def test_more_than_was_reserved_needs_room(custody: Custody) -> None:
    """quota-never-exceeded: refused before anything becomes visible, and the upload stays open."""
    _quota(custody, 64 * 1024**2)
    file = custody.initiated()
    chunk = bytes(1024**2)
    with pytest.raises(QuotaExceeded):
        custody.ledger.upload_content(SERVICE, file.id, (chunk for _ in range(65)))
    assert custody.store.list("").objects == ()
    assert custody.ledger.upload_content(SERVICE, file.id, [chunk]).size == 1024**2


def test_deleted_bytes_count_until_purged(custody: Custody) -> None:
    """quota-until-purged"""
    file = custody.deleted()
    size = file.size
    assert _used(custody) == (size, 1)
    custody.purged()
    assert _used(custody) == (size, 1)


def _key(name: str, request: bytes = b"r" * 32) -> IdempotencyKey:
    return IdempotencyKey("svc-books", name, request)


def test_a_repeated_request_is_done_once(custody: Custody) -> None:
    """The same key gives the same file, and nothing new in the log."""
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="book_content", size=1)
    first = custody.ledger.initiate(SERVICE, new, _key("k"))
    before = custody.log.position()
    assert custody.another_process().initiate(SERVICE, new, _key("k")).id == first.id
    assert custody.log.position() == before
    with pytest.raises(KeyReused):
        custody.ledger.initiate(SERVICE, new, _key("k", b"x" * 32))
    file = custody.stored()
    for _ in range(2):
        assert custody.ledger.soft_delete(SERVICE, file.id, None, _key("delete")).status == "soft_deleted"
    assert custody.types(file.id).count("soft_deleted") == 1


def test_what_is_repeated_is_answered_though_it_would_be_refused_by_now(custody: Custody) -> None:
    """A lower limit or a full quota came after the file; a known key of another request is refused."""
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="book_content", size=9)
    first = custody.ledger.initiate(SERVICE, new, _key("k"))
    _quota(custody, 9, 1)
    assert custody.ledger.initiate(SERVICE, new, _key("k")).id == first.id
    limits = SetLimits(category="book_content", limits=Limits(max_size=5))
    custody.ledger.change_workspace(ADMIN, "acme", limits)
    before = custody.log.position()
    assert custody.another_process().initiate(SERVICE, new, _key("k")).id == first.id
    assert custody.log.position() == before
    with pytest.raises(ContentTooLarge):
        custody.ledger.initiate(SERVICE, new, _key("other"))
    with pytest.raises(KeyReused):
        custody.ledger.initiate(SERVICE, new, _key("k", b"x" * 32))
    # Both are refusals of a known caller, which are recorded; no file was begun.
    assert {event.type for event in custody.log.read(before, 10)} == {"request.refused.v1"}


def test_a_repeated_hold_has_the_same_id(custody: Custody) -> None:
    """A client that lost the answer gets it again."""
    file = custody.stored()
    asked: dict[str, Any] = {"name": "n", "reason": "r", "key": _key("hold")}
    _, first = custody.ledger.place_hold(RECORDS, file.id, **asked)
    _, second = custody.ledger.place_hold(RECORDS, file.id, **asked)
    assert first == second
    assert len(custody.ledger.recorder.file(file.id).holds) == 1


def test_personal_data_is_erased_and_the_log_still_verifies(custody: Custody) -> None:
    """The values are gone with their salts; commitments and chains stay."""
    file = custody.stored(subjects=("patient-7",), metadata={"diagnosis": "secret"})
    custody.ledger.change_file(SERVICE, file.id, values={"filename": "renamed.pdf"})
    custody.erase(PRIVACY, file.id, "filename", "subjects", "metadata")
    disclosures = custody.ledger.history(AUDITOR, file.id).disclosures
    erased = {name for values in disclosures.values() for name, one in values.items() if one.value is None}
    assert erased == {"filename", "subjects", "metadata"}
    assert all(one.salt is None for values in disclosures.values() for one in values.values() if one.value is None)
    assert verify_log(custody.log).findings == ()


def test_from_where_is_erased_from_every_event_of_a_file(custody: Custody) -> None:
    """From its parts, accesses and refusals too; the log still verifies, in every stream."""
    file = custody.initiated(upload="multipart")
    custody.ledger.upload_part(SERVICE, file.id, 1, [CONTENT], size=len(CONTENT))
    custody.ledger.complete_upload(SERVICE, file.id)
    custody.read(SERVICE, file.id)
    with pytest.raises(Forbidden):
        custody.ledger.place_hold(SERVICE, file.id, name="n", reason="r")
    there = [event.id for event in custody.events(file.id) if "address" in event.private]
    assert len(there) == len(custody.events(file.id)) == 7
    custody.erase(PRIVACY, file.id, "address", "user_agent")
    left = custody.log.disclosures(there)
    assert [values["address"].value for values in left.values()] == [None] * len(there)
    assert verify_log(custody.log).findings == ()


def test_erasure_is_refused_under_hold_and_for_unknown_fields(custody: Custody) -> None:
    """hold-refuses-erasure, and nothing is erased by a typing error."""
    file = custody.stored()
    with pytest.raises(InvalidInput):
        custody.erase(PRIVACY, file.id, "file_name")
    custody.ledger.place_hold(RECORDS, file.id, name="n", reason="r")
    with pytest.raises(LegalHold):
        custody.erase(PRIVACY, file.id, "filename")
    values = custody.ledger.history(AUDITOR, file.id).disclosures
    assert any("filename" in one and one["filename"].value for one in values.values())


def test_keys_are_issued_within_ones_reach(custody: Custody) -> None:
    """A tenant's admin issues keys for its tenant, and an actor's kind never changes."""
    tenant = caller("tina", "admin")
    issued = custody.ledger.issue_key(tenant, actor="svc-x", kind="service", roles=("service",), scope="acme")
    assert custody.ledger.authenticate(issued.key).scope == "acme"
    with pytest.raises(NotFound):
        custody.ledger.issue_key(tenant, actor="svc-y", kind="service", roles=("admin",), scope="umbrella")
    with pytest.raises(Forbidden, match="name your workspace, acme: a key without one is for the whole ledger"):
        custody.ledger.issue_key(tenant, actor="svc-y", kind="service", roles=("admin",), scope=None)
    with pytest.raises(Forbidden, match=r"none of your roles allows credential\.issue"):
        custody.ledger.issue_key(SERVICE, actor="svc-y", kind="service", roles=("admin",), scope=None)
    with pytest.raises(AlreadyExists, match="a service of this id already; a person takes another id"):
        custody.ledger.issue_key(ADMIN, actor="svc-x", kind="person", roles=("approver",), scope="acme")

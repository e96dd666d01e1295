"""An approval that the owner of the database slips in, rightly sealed, destroys nothing, and verification names it."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from custody import ADMIN, APPROVER, RECORDS, SERVICE, Custody
from provenstore.adapters.embedded.running import OWNER
from provenstore.domain.errors import SecondPersonRequired
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor, Event, Origin, draft
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_events as fe
from provenstore.domain.proofs.verification import PERSONS, verify_log
from sealing import join

_LAST = "select version, leaf from provenstore.event where stream = %s order by version desc limit 1"
_NUMBER = "select number, leaf from provenstore.event where workspace = 'acme' order by number desc limit 1"
_NEWEST = "select position, time from provenstore.event order by position desc limit 1"


def forge(owner: psycopg.Connection[Any], stream: str, data: EventData, by: Actor, decision: str | None) -> None:
    """Append a rightly sealed event as the owner can, with all its chains."""
    last = owner.execute(_LAST, (stream,)).fetchone()
    number = owner.execute(_NUMBER).fetchone()
    newest = owner.execute(_NEWEST).fetchone()
    assert last is not None
    assert number is not None
    assert newest is not None
    one = draft(
        Fact(data, decision=decision), event_id=uuid4(), stream=stream, workspace="acme", origin=Origin(by), salts={}
    )
    state = join(
        one,
        number=number[0] + 1,
        prev=last[1].hex(),
        time=newest[1],
        version=last[0] + 1,
        workspace_prev=number[1].hex(),
        head=b"null",
    )
    event = Event.parse(newest[0] + 1, state)
    owner.execute(
        "insert into provenstore.event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(event.position, event.id, event.stream, event.version, event.workspace, event.number),
            *(event.type, event.time, event.leaf, state),
        ),
    )


@pytest.fixture
def owner(postgres: Any, custody: Custody) -> Any:
    """The owner's connection."""
    with psycopg.connect(postgres.conninfo(OWNER), autocommit=True) as connection:
        connection.execute("alter table provenstore.event disable trigger user")
        yield connection


def _requested(custody: Custody, by: Caller = RECORDS) -> tuple[UUID, str]:
    file = custody.ledger.request_purge(by, custody.deleted().id, None)
    assert file.purge is not None
    return file.id, file.purge.id


@pytest.mark.parametrize("decision", ["purge-second-person/2", "purge-second-person/1", None])
def test_an_approval_in_the_requesters_name_destroys_nothing(
    custody: Custody, owner: psycopg.Connection[Any], decision: str | None
) -> None:
    """purge-start-checks-approval: whatever rule it claims to have been decided by."""
    file, purge = _requested(custody)
    forge(owner, f"file:{file}", fe.PurgeApproved(purge=purge), RECORDS.actor, decision)
    elsewhere = custody.another_process()
    assert elsewhere.recorder.file(file).purge.approved is not None  # type: ignore[union-attr]
    assert elsewhere.settle(file).status == "soft_deleted"
    with pytest.raises(SecondPersonRequired):
        elsewhere.purging.carry_out(ADMIN, file)
    assert custody.store.versions(elsewhere.recorder.file(file).path)
    assert {(one.step, one.stream) for one in verify_log(custody.log).findings} == {(PERSONS, f"file:{file}")}
    assert elsewhere.approve_purge(APPROVER, file, None, None).status == "purged"


def test_an_approval_with_a_key_that_is_not_on_record_destroys_nothing(
    custody: Custody, owner: psycopg.Connection[Any]
) -> None:
    """purge-start-checks-approval: nobody is believed whom the log does not know."""
    file, purge = _requested(custody)
    stranger = Actor("zoe", "person", "api_key", str(uuid4()))
    forge(owner, f"file:{file}", fe.PurgeApproved(purge=purge), stranger, "purge-second-person/2")
    assert custody.another_process().settle(file).status == "soft_deleted"
    assert PERSONS in {one.step for one in verify_log(custody.log).findings}


def test_an_approval_with_a_key_that_was_revoked_destroys_nothing(
    custody: Custody, owner: psycopg.Connection[Any]
) -> None:
    """purge-start-checks-approval: a revoked key agrees to nothing, and a valid approval outlives its key."""
    ledger = custody.ledger
    keys = [ledger.issue_key(ADMIN, actor="bea", kind="person", roles=("approver",), scope="acme") for _ in range(2)]
    file, purge = _requested(custody)
    ledger.revoke_key(ADMIN, UUID(keys[1].id), "lost")
    bea = Actor("bea", "person", "api_key", keys[1].id)
    forge(owner, f"file:{file}", fe.PurgeApproved(purge=purge), bea, "purge-second-person/2")
    assert custody.another_process().settle(file).status == "soft_deleted"
    found = verify_log(custody.log).findings
    assert [one.problem for one in found] == [
        "the purge was approved, and the approver's key was not good at that time"
    ]


def test_a_request_that_claims_to_need_nobody_destroys_nothing(
    custody: Custody, owner: psycopg.Connection[Any]
) -> None:
    """purge-start-checks-approval: the workspace asked for four eyes."""
    file = custody.deleted()
    data = fe.PurgeRequested(purge=str(uuid4()), four_eyes=False)
    forge(owner, file.stream, data, RECORDS.actor, "purge-not-held-nor-retained/1")
    assert custody.another_process().settle(file.id).status == "soft_deleted"
    assert {one.step for one in verify_log(custody.log).findings} == {PERSONS}


def test_a_hold_that_is_released_in_the_placers_name_is_found(custody: Custody, owner: psycopg.Connection[Any]) -> None:
    """It is gone, but not unseen."""
    file = custody.stored()
    _, hold = custody.ledger.place_hold(RECORDS, file.id, name="n", reason="r")
    forge(owner, file.stream, fe.LegalHoldReleased(hold=hold), RECORDS.actor, "hold-release-second-person/2")
    assert {(one.step, one.stream) for one in verify_log(custody.log).findings} == {(PERSONS, file.stream)}


def test_what_two_persons_did_is_found_to_be_right(custody: Custody) -> None:
    """With keys, by different issuers, through a whole life."""
    ledger = custody.ledger
    ann, bea = (
        ledger.authenticate(
            ledger.issue_key(ADMIN, actor=name, kind="person", roles=("records", "approver"), scope="acme").key
        )
        for name in ("ann", "bea")
    )
    file = custody.stored()
    _, hold = ledger.place_hold(ann, file.id, name="n", reason="r")
    ledger.release_hold(bea, file.id, hold)
    ledger.soft_delete(SERVICE, file.id)
    ledger.request_purge(ann, file.id, None)
    with pytest.raises(SecondPersonRequired):
        ledger.approve_purge(ann, file.id, None, None)
    assert ledger.approve_purge(bea, file.id, None, None).status == "purged"
    custody.purged()
    assert verify_log(custody.log).findings == ()

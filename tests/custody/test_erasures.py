"""Erasures: of everything that was recorded of a person, wherever it stands, by two persons, and on record."""

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest

from custody import ADMIN, APPROVER, RECORDS, SERVICE, Custody, caller
from provenstore.adapters.embedded.running import OWNER
from provenstore.domain.access.links import LinkWish
from provenstore.domain.errors import (
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    LegalHold,
    NotFound,
    SecondPersonRequired,
    WrongState,
)
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import Append, in_pages
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.ledger import SYSTEM
from provenstore.domain.privacy import erasure_events as ee
from provenstore.domain.privacy import erasure_request as er
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.removal import erasures as erasing
from provenstore.domain.removal.erasures import Wanted
from provenstore.domain.tenants.workspace import CreateWorkspace

ANNA = "anna@example.org"
PRIVACY = caller("dora", "privacy")
OTHER = caller("emil", "privacy")
OFFICER = caller("frida", "privacy", scope=None)
SECOND = caller("gustav", "approver", scope=None)


def _recorded(custody: Custody) -> dict[str, UUID]:
    """Let a person be named in streams of every kind."""
    sent = custody.initiated(upload="multipart", size=3, filename=ANNA, category="misc", subjects=("someone", ANNA))
    custody.ledger.upload_part(SERVICE, sent.id, 1, [b"abc"], size=3)
    custody.ledger.complete_upload(SERVICE, sent.id)
    custody.ledger.issue_link(SERVICE, sent.id, LinkWish(recipient=ANNA, purpose="a letter"))
    custody.ledger.issue_link(SERVICE, sent.id, LinkWish(recipient="bert@example.org"))
    other = custody.stored(metadata={"from": ANNA}, related=({"type": "customer", "id": ANNA},))
    renamed = custody.stored(filename=ANNA, category="misc")
    custody.ledger.change_file(SERVICE, renamed.id, values={"filename": "letter.pdf"})
    issued = custody.ledger.issue_key(
        ADMIN, actor="anna", kind="person", roles=("auditor",), scope="acme", about={"name": "Anna", "email": ANNA}
    )
    custody.ledger.revoke_key(ADMIN, UUID(issued.id), ANNA)
    return {"sent": sent.id, "other": other.id, "renamed": renamed.id}


def _wanted(**said: Any) -> Wanted:
    return Wanted(**{"workspace": "acme", "subject": ANNA, **said})


def _erased(custody: Custody, wanted: Wanted, by: Caller = PRIVACY, second: Caller = APPROVER) -> er.ErasureRequest:
    asked = custody.ledger.request_erasure(by, wanted, "she asked us to")
    return custody.ledger.approve_erasure(second, UUID(asked.id), "agreed")


def _values(custody: Custody) -> dict[tuple[str, str], list[Any]]:
    """Return all private values that are left, by kind of stream and name."""
    found: dict[tuple[str, str], list[Any]] = {}
    for event in in_pages(custody.log):
        for name, one in custody.log.disclosures([event.id]).get(event.id, {}).items():
            if one.value is not None:
                found.setdefault((event.stream.partition(":")[0], name), []).append(json.loads(one.value))
    return found


def test_a_person_is_erased_wherever_it_stands(custody: Custody) -> None:
    """In files, links, persons and reasons of keys: what names others stays, and the log verifies."""
    files = _recorded(custody)
    done = _erased(custody, _wanted())
    assert done.completed is not None
    counted = {(one.kind, one.field): one.values for one in done.completed.found}
    assert counted == {
        ("access", "recipient"): 1,
        ("actor", "email"): 1,
        ("credential", "reason"): 1,
        ("file", "filename"): 2,
        ("file", "metadata"): 1,
        ("file", "related"): 1,
        ("file", "subjects"): 1,
    }
    assert done.asked.found == done.completed.found
    assert done.asked.files == len(files)
    left = _values(custody)
    assert ANNA not in json.dumps(list(left.values()))
    assert left["access", "recipient"] == ["bert@example.org"]
    assert left["actor", "name"] == ["Anna"]
    assert "letter.pdf" in left["file", "filename"]
    assert ("erasure", "subject") not in left
    assert verify_log(custody.log).findings == ()


def test_an_erasure_takes_a_second_person(custody: Custody) -> None:
    """erasure-second-person: not who asked, by whatever name, nor a service, nor who came later."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to")
    for one in (PRIVACY, caller("Dora.", "privacy"), caller("robot", "approver", kind="service")):
        with pytest.raises(SecondPersonRequired):
            custody.ledger.approve_erasure(one, UUID(asked.id))
    assert ANNA in json.dumps(list(_values(custody).values()))
    assert custody.ledger.approve_erasure(OTHER, UUID(asked.id)).completed is not None


def test_who_approves_is_who_was_decided_on(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """erasure-second-person: a key that the first person issues to the second meanwhile is seen."""
    _recorded(custody)
    ledger = custody.ledger
    keys = [ledger.issue_key(ADMIN, actor="dora", kind="person", roles=("admin",), scope="acme"),
            ledger.issue_key(ADMIN, actor="bea", kind="person", roles=("privacy",), scope="acme")]  # fmt: skip
    dora, bea = (ledger.authenticate(one.key) for one in keys)
    asked = ledger.request_erasure(dora, _wanted(), "asked to")
    real = er.approve

    def made_meanwhile(*decided: Any) -> Any:
        facts = real(*decided)
        monkeypatch.setattr(er, "approve", real)
        ledger.issue_key(dora, actor="bea", kind="person", roles=("privacy",), scope="acme")
        return facts

    monkeypatch.setattr(er, "approve", made_meanwhile)
    with pytest.raises(SecondPersonRequired):
        ledger.approve_erasure(bea, UUID(asked.id))
    assert ledger.find_erasure(PRIVACY, UUID(asked.id)).approved is None


def test_a_forged_approval_erases_nothing(custody: Custody) -> None:
    """erasure-start-checks-approval: who approved is asked again of the log before anything goes."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to")
    forged = Fact(ee.ErasureApproved(erasure=asked.id), decision="erasure-second-person/1")
    custody.log.append(Append(custody.ledger.recorder.drafts(PRIVACY, asked.stream, "acme", [forged])))
    (due,) = custody.ledger.erasing.due()
    with pytest.raises(SecondPersonRequired) as caught:
        custody.ledger.erasing.settle(SYSTEM, due)
    assert caught.value.details["rule"] == "erasure-start-checks-approval"
    assert ANNA in json.dumps(list(_values(custody).values()))
    assert verify_log(custody.log).findings != ()


@pytest.mark.parametrize("slow", ["reading", "erasing"])
def test_what_takes_long_is_left_to_the_background(
    custody: Custody, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """The second person waits for some seconds, however long it takes to read or to erase; nothing is left out."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(PRIVACY, _wanted(), "she asked us to")
    pages, home = in_pages, erasing._home

    def slow_pages(log: Any) -> Any:
        for event in pages(log, page=3):
            custody.clock.pass_time(seconds=4)
            yield event

    def slow_home(hit: Any) -> str:
        custody.clock.pass_time(seconds=4)
        return home(hit)

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "PAGE", 3)
        if slow == "reading":
            patch.setattr(erasing, "in_pages", lambda log, **_: slow_pages(log))
        else:
            patch.setattr(erasing, "_home", slow_home)
        approved = custody.ledger.approve_erasure(APPROVER, UUID(asked.id), "agreed")
    assert (approved.approved is not None, approved.completed) == (True, None)
    assert ANNA in json.dumps(list(_values(custody).values()))
    (due,) = custody.ledger.erasing.due()
    done = custody.ledger.erasing.settle(SYSTEM, due)
    assert done.completed is not None
    assert done.completed.found == done.asked.found
    assert ANNA not in json.dumps(list(_values(custody).values()))


def test_a_request_is_seen_and_decided_within_reach(custody: Custody) -> None:
    """Foreign requests do not exist; one of the whole ledger takes keys for the whole ledger."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(OFFICER, _wanted(workspace=None), "asked to")
    for act in (custody.ledger.find_erasure, custody.ledger.approve_erasure):
        with pytest.raises(NotFound):
            act(APPROVER, UUID(asked.id))
    assert custody.ledger.list_erasures(APPROVER) == []
    with pytest.raises(Forbidden):
        custody.ledger.request_erasure(PRIVACY, _wanted(workspace=None), "asked to")
    with pytest.raises(Forbidden):
        custody.ledger.request_erasure(RECORDS, _wanted(), "asked to")
    assert [one.id for one in custody.ledger.list_erasures(OFFICER)] == [asked.id]
    assert custody.ledger.approve_erasure(SECOND, UUID(asked.id)).completed is not None


def test_a_hold_keeps_its_file_and_nothing_else(custody: Custody) -> None:
    """hold-refuses-erasure, on record; the report counts the files, and a later request erases them."""
    files = _recorded(custody)
    _, hold = custody.ledger.place_hold(RECORDS, files["other"], name="case", reason="asked to")
    done = _erased(custody, _wanted())
    assert done.completed is not None
    assert done.completed.held == 1
    assert "access_denied" in custody.types(files["other"])
    left = _values(custody)
    assert (left["file", "metadata"].count({"from": ANNA}), ANNA in left["file", "filename"]) == (1, False)
    custody.ledger.release_hold(APPROVER, files["other"], hold)
    assert _erased(custody, _wanted()).asked.files == 1
    assert ANNA not in json.dumps(list(_values(custody).values()))
    assert verify_log(custody.log).findings == ()


def test_one_file_takes_two_persons_too(custody: Custody) -> None:
    """Its links too; a hold refuses the request; nothing else is touched."""
    files = _recorded(custody)
    wanted = Wanted(file=files["sent"], fields=("recipient",))
    assert custody.ledger.request_erasure(PRIVACY, wanted, "asked to").approved is None
    assert len(_values(custody)["access", "recipient"]) == 2
    assert _erased(custody, wanted).completed is not None
    assert ("access", "recipient") not in _values(custody)
    assert ANNA in _values(custody)["file", "filename"]
    custody.ledger.place_hold(RECORDS, files["sent"], name="case", reason="asked to")
    with pytest.raises(LegalHold):
        custody.ledger.request_erasure(PRIVACY, Wanted(file=files["sent"], fields=("filename",)), "asked to")
    with pytest.raises(InvalidInput):
        custody.ledger.request_erasure(PRIVACY, Wanted(file=files["sent"], fields=("file_name",)), "asked to")
    assert verify_log(custody.log).findings == ()


def test_from_where_an_actor_came_is_erased(custody: Custody) -> None:
    """By the actor's id, in every stream, audits and refusals included; of others nothing."""
    custody.read(RECORDS, custody.stored().id)
    custody.ledger.history(RECORDS, custody.stored().id)
    with pytest.raises(Forbidden):
        custody.ledger.create_workspace(RECORDS, _new_workspace())
    done = _erased(custody, Wanted(workspace="acme", actor="alice"))
    assert done.completed is not None
    assert {one.kind for one in done.completed.found} >= {"access", "audit"}
    for event in in_pages(custody.log):
        address = custody.log.disclosures([event.id]).get(event.id, {}).get("address")
        if event.actor.id == "alice" and event.workspace == "acme":
            assert address is not None
            assert address.value is None
        elif address is not None:
            assert address.value is not None
    assert verify_log(custody.log).findings == ()


def _new_workspace() -> CreateWorkspace:
    return CreateWorkspace(id="mine")


def test_what_comes_after_the_request_is_left(custody: Custody) -> None:
    """It is a matter of another request; so is a request that found nothing."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to")
    later = custody.stored(filename=ANNA, category="misc")
    custody.ledger.approve_erasure(APPROVER, UUID(asked.id))
    assert _values(custody)["file", "filename"].count(ANNA) == 1
    assert _erased(custody, _wanted()).asked.files == 1
    assert custody.ledger.reading.filename(later) is None
    with pytest.raises(InvalidInput):
        custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to")


def test_a_request_ends(custody: Custody) -> None:
    """Rejected, withdrawn, or after seven days: what it searched for goes, and nobody approves it any more."""
    _recorded(custody)
    requests = [custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to") for _ in range(3)]
    rejected, withdrawn, expired = (UUID(one.id) for one in requests)
    custody.ledger.reject_erasure(OTHER, rejected, "no")
    custody.ledger.reject_erasure(PRIVACY, withdrawn)
    custody.clock.pass_time(days=7, minutes=5)
    with pytest.raises(WrongState):
        custody.ledger.approve_erasure(OTHER, expired)
    assert [one.id for one in custody.ledger.erasing.due()] == [str(expired)]
    custody.ledger.erasing.settle(SYSTEM, next(custody.ledger.erasing.due()))
    now = custody.clock.now()
    found = [custody.ledger.find_erasure(PRIVACY, one).status(now) for one in (rejected, withdrawn, expired)]
    assert found == ["rejected", "withdrawn", "expired"]
    assert list(custody.ledger.erasing.due()) == []
    assert ("erasure", "subject") not in _values(custody)
    assert ANNA in _values(custody)["file", "filename"]
    assert verify_log(custody.log).findings == ()


def test_a_look_is_on_record_and_says_nothing_of_the_person(custody: Custody) -> None:
    """The counts are the answer; the log's public bytes never hold the value."""
    _recorded(custody)
    before = custody.log.position()
    preview = custody.ledger.preview_erasure(PRIVACY, _wanted())
    (read,) = custody.log.read(before, 10)
    assert (read.type, read.actor.id) == ("audit.read.v1", "dora")
    assert preview.files == 3
    _erased(custody, _wanted())
    assert not any(ANNA.encode() in event.state for event in in_pages(custody.log))


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_process_that_dies_is_followed_by_the_background_work(
    custody: Custody, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Whichever append does not come any more, the rest is erased and the report counts all of it."""
    _recorded(custody)
    asked = custody.ledger.request_erasure(PRIVACY, _wanted(), "asked to")
    real, left = custody.log.append, [nth]

    def failing(command: Append) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise DatabaseUnavailable
        return real(command)

    with monkeypatch.context() as patch:
        patch.setattr(custody.log, "append", failing)
        assert custody.ledger.approve_erasure(APPROVER, UUID(asked.id)).approved is not None
    ledger = custody.another_process()
    for one in ledger.erasing.due():
        ledger.erasing.settle(SYSTEM, one)
    done = ledger.find_erasure(PRIVACY, UUID(asked.id))
    assert done.completed is not None
    assert done.completed.found == asked.asked.found
    assert list(ledger.erasing.due()) == []
    assert verify_log(custody.log).findings == ()


_KINDS = ("file", "access", "actor", "credential")


@pytest.mark.parametrize("kind", _KINDS)
def test_only_a_recorded_erasure_explains_a_value_that_is_gone(custody: Custody, postgres: Any, kind: str) -> None:
    """A value of any kind of stream that is taken away otherwise stays a finding, also beside a real erasure."""
    _recorded(custody)
    done = _erased(custody, _wanted(fields=("metadata",)))
    by = next(event.id for event in in_pages(custody.log) if event.type == "file.personal_data_erased.v1")
    event = next(
        event
        for event in in_pages(custody.log)
        if event.stream.startswith(f"{kind}:")
        and any(one.value for one in custody.log.disclosures([event.id]).get(event.id, {}).values())
    )
    field = next(n for n, one in custody.log.disclosures([event.id])[event.id].items() if one.value)
    assert done.completed is not None
    _as_owner(
        postgres,
        "update provenstore.private_value set salt = null, value = null, erased_by = %s"
        " where event_id = %s and field = %s",
        (by, event.id, field),
    )
    (finding,) = verify_log(custody.log).findings
    assert finding.position == event.position


def _as_owner(postgres: Any, statement: str, values: tuple[Any, ...]) -> None:
    with psycopg.connect(postgres.conninfo(OWNER), autocommit=True) as connection:
        connection.execute(statement, values)

"""What is read of the audit and of private values is on record before it is shown, and never as less than it was."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from custody import AUDITOR, ERASURE_APPROVER, SERVICE, Custody, caller
from provenstore.domain.access.audit_reads import conditions_of
from provenstore.domain.canonical import Json, parse_canonical
from provenstore.domain.errors import DatabaseUnavailable, Forbidden
from provenstore.domain.eventlog import remembered_reads
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import disclosed
from provenstore.domain.removal.erasures import Wanted

PRIVACY = caller("dora", "privacy")
LEDGER_AUDITOR = replace(AUDITOR, scope=None)


def _reads(custody: Custody, by: Caller = AUDITOR) -> list[dict[str, Any]]:
    """Return what the events of a reader say, without what they leave out."""
    found = [event.to_json()["data"] for event in custody.log.events([f"audit:{by.principal}"])]
    return [{name: value for name, value in one.items() if value not in (None, [])} for one in found]


def test_a_list_is_on_record_with_what_was_asked(custody: Custody) -> None:
    """reads-on-record: conditions with their values; those that may name a person are private."""
    asked = {
        "category": "misc",
        "status": "stored",
        "subject": "jo@example.org",
        "filename_contains": "salary",
        "held": None,
    }
    custody.ledger.audit_reads.listed(AUDITOR, "acme", asked)
    assert _reads(custody) == [
        {
            "what": "list",
            "by": ["category", "filename_contains", "status", "subject"],
            "asked": ["category=misc", "status=stored"],
        }
    ]
    (event,) = custody.log.events([f"audit:{AUDITOR.principal}"])
    assert (event.workspace, sorted(event.private)) == ("acme", ["address", "searched_for"])
    assert b"salary" not in event.state
    assert _private(custody, event) == {"filename_contains": "salary", "subject": "jo@example.org"}


def _private(custody: Custody, event: Event) -> Any:
    """Return the conditions of a reading that may name a person, None once erased."""
    return disclosed(custody.log.disclosures([event.id]), event.id, parse_canonical).get("searched_for")


def test_who_searched_for_a_person_is_known_until_the_person_is_erased(custody: Custody) -> None:
    """In searches of the trail as in lists; the request by two persons finds the value, and what else was searched."""
    custody.ledger.audit_reads.listed(AUDITOR, "acme", {"subject": "patient-7", "category": "misc"})
    asked = {"subject": "patient-7", "not_session": ("s 1",), "actor": "bob"}
    custody.ledger.record_search(AUDITOR, "acme", file=None, asked=asked, shown=0)
    events = custody.log.events([f"audit:{AUDITOR.principal}"])
    assert [_private(custody, one) for one in events] == [
        {"subject": "patient-7"},
        {"not_session": ["s 1"], "subject": "patient-7"},
    ]
    wanted = Wanted(workspace="acme", subject="patient-7")
    found = custody.ledger.preview_erasure(PRIVACY, wanted).found
    assert [(one.kind, one.field, one.values) for one in found] == [("audit", "searched_for", 2)]
    request = custody.ledger.request_erasure(PRIVACY, wanted, "asked to")
    custody.ledger.approve_erasure(ERASURE_APPROVER, UUID(request.id), "agreed")
    assert [_private(custody, one) for one in events] == [None, None]
    assert custody.ledger.preview_erasure(PRIVACY, wanted).found == (), "nor does looking leave the name again"


HELD: dict[str, Json] = {
    "legal_holds": [{"id": "1", "name": "Case 7", "matter": None, "reason": "sued"}],
    "metadata": {"reason": "x"},
}


def test_private_values_of_a_file_are_on_record_before_they_are_shown(custody: Custody) -> None:
    """private-values-on-record: once a minute for the same values, the same reader, from the same place."""
    shown = custody.ledger.audit_reads.shown
    for _ in range(3):
        shown(AUDITOR, "acme", "file", HELD, file="f1")
    assert _reads(custody) == [{"what": "file", "file": "f1"}]
    shown(AUDITOR, "acme", "holds", HELD, file="f1")
    shown(AUDITOR, "acme", "file", HELD, file="f2")
    shown(replace(AUDITOR, address="198.51.100.7"), "acme", "file", HELD, file="f1")
    shown(AUDITOR, "acme", "file", {**HELD, "deletion_reason": "obsolete"}, file="f1")
    assert len(_reads(custody)) == 5
    custody.clock.pass_time(seconds=60)
    shown(AUDITOR, "acme", "file", HELD, file="f1")
    assert len(_reads(custody)) == 6


def test_an_answer_without_private_values_is_no_reading(custody: Custody) -> None:
    """What is null is not shown; names of files and what users named themselves are their readers' anyway."""
    nothing: dict[str, Json] = {
        "filename": "a.pdf",
        "deletion_reason": None,
        "legal_holds": [{"id": "1", "name": None}],
    }
    custody.ledger.audit_reads.shown(AUDITOR, "acme", "file", {**nothing, "metadata": {"name": "x"}}, file="f1")
    assert _reads(custody) == []


def test_free_text_is_never_kept_for_good() -> None:
    """A condition with a value that is no plain word is named without it."""
    assert conditions_of({"category": "John Smith, Main Street", "owner": "svc-1"}) == ("owner=svc-1",)
    assert conditions_of({"not_purge": "01a2", "subject": "jo", "not_subject": "jo"}) == ("not_purge=01a2",)
    assert conditions_of({"type": ("a.b.v1", "c d"), "action": ("view", "edit")}) == ("action=view,edit",)


def test_a_long_question_is_on_record_in_full(custody: Custody) -> None:
    """asked-in-full: two questions that differ at their ends leave different records, and `by` names the condition."""
    first = tuple(f"{number:064x}" for number in range(40))
    for values in (first, (*first[:-1], "f" * 64)):
        asked = {"not_sha256": values, "action": "view"}
        custody.ledger.record_search(AUDITOR, "acme", file=None, asked=asked, shown=0)
    events = custody.log.events([f"audit:{AUDITOR.principal}"])
    assert [_private(custody, one) for one in events] == [
        {"not_sha256": [*first]},
        {"not_sha256": [*first[:-1], "f" * 64]},
    ]
    assert [one["asked"] for one in _reads(custody)] == [["action=view"]] * 2
    assert [one["by"] for one in _reads(custody)] == [["action", "not_sha256"]] * 2
    assert conditions_of({"sha256": ("a" * 255,) * 4}) == (f"sha256={','.join(['a' * 255] * 4)}",), "1,023 are no more"


def test_many_questions_of_one_reader_crowd_out_nobody_else(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """readings-merged-for-all: another one's pages are still one reading; of the many the oldest are forgotten."""
    monkeypatch.setattr(remembered_reads, "MAX_REMEMBERED", 12)
    monkeypatch.setattr(remembered_reads, "MAX_OF_ONE", 5)
    listed, other = custody.ledger.audit_reads.listed, caller("erin", "auditor")
    for number in range(30):
        listed(AUDITOR, "acme", {"category": f"c-{number}"})
    for _ in range(3):
        listed(other, "acme", {"category": "misc"})
    assert len(_reads(custody, other)) == 1
    listed(AUDITOR, "acme", {"category": "c-29"})
    assert len(_reads(custody)) == 30, "the newest are remembered"
    listed(AUDITOR, "acme", {"category": "c-0"})
    assert len(_reads(custody)) == 31, "and the oldest are recorded again"


def test_a_full_memory_takes_from_who_has_most(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who asks little keeps their place, however many others ask."""
    monkeypatch.setattr(remembered_reads, "MAX_REMEMBERED", 6)
    listed, little = custody.ledger.audit_reads.listed, caller("erin", "auditor")
    listed(little, "acme", {"category": "misc"})
    for number in range(9):
        listed(AUDITOR, "acme", {"category": f"c-{number}"})
    listed(little, "acme", {"category": "misc"})
    assert len(_reads(custody, little)) == 1
    assert len(_reads(custody)) == 9


def test_each_reading_is_forgotten_after_its_own_time(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of a minute ago make room first: a mirror of the same reader goes on under its one event for an hour."""
    monkeypatch.setattr(remembered_reads, "MAX_OF_ONE", 3)
    read, listed = custody.ledger.proving.open_entries, custody.ledger.audit_reads.listed
    read(LEDGER_AUDITOR, 1)
    for minute in range(4):
        listed(LEDGER_AUDITOR, None, {"category": f"a-{minute}"})
        listed(LEDGER_AUDITOR, None, {"category": f"b-{minute}"})
        custody.clock.pass_time(seconds=60)
    read(LEDGER_AUDITOR, 257)
    assert [one["what"] for one in _reads(custody, LEDGER_AUDITOR)].count("entries") == 1


def test_the_pages_of_a_list_are_one_reading(custody: Custody) -> None:
    """reads-never-less: for a minute, under the same conditions, from the same place; anything else is another one."""
    listed = custody.ledger.audit_reads.listed
    for _ in range(3):
        listed(AUDITOR, "acme", {"category": "misc"})
    assert len(_reads(custody)) == 1
    listed(AUDITOR, "acme", {"category": "book_content"})
    listed(AUDITOR, "acme", {"category": "misc", "subject": "a"})
    listed(AUDITOR, "acme", {"category": "misc", "subject": "b"})
    listed(replace(AUDITOR, address="198.51.100.7"), "acme", {"category": "misc"})
    listed(replace(AUDITOR, user_agent="other/1"), "acme", {"category": "misc"})
    listed(replace(AUDITOR, on_behalf_of="ann"), "acme", {"category": "misc"})
    assert len(_reads(custody)) == 7
    custody.clock.pass_time(seconds=60)
    listed(AUDITOR, "acme", {"category": "misc"})
    assert len(_reads(custody)) == 8


def test_a_service_that_lists_its_own_files_reads_nothing_new(custody: Custody) -> None:
    """All else is on record: files of others, and everything that a person lists."""
    listed = custody.ledger.audit_reads.listed
    listed(SERVICE, "acme", {"owner": SERVICE.actor.id, "category": "misc"})
    assert _reads(custody, SERVICE) == []
    listed(SERVICE, "acme", {"category": "misc"})
    listed(SERVICE, "acme", {"owner": "somebody-else"})
    assert len(_reads(custody, SERVICE)) == 2
    listed(AUDITOR, "acme", {"owner": AUDITOR.actor.id})
    assert len(_reads(custody)) == 1
    everywhere = replace(SERVICE, scope=None)  # a workspace's owner of the same id is somebody else
    listed(everywhere, "acme", {"owner": SERVICE.actor.id})
    assert len(_reads(custody, everywhere)) == 1


def test_entries_are_on_record_from_where_they_are_read(custody: Custody) -> None:
    """A mirror goes on for an hour under one event; whoever goes back further leaves another one."""
    read = custody.ledger.proving.open_entries
    for first in (513, 513, 769, 1025):
        read(LEDGER_AUDITOR, first)
    assert [one["from_position"] for one in _reads(custody, LEDGER_AUDITOR)] == [513]
    read(LEDGER_AUDITOR, 1)
    read(LEDGER_AUDITOR, 257)
    read(LEDGER_AUDITOR, 513)
    assert [one["from_position"] for one in _reads(custody, LEDGER_AUDITOR)] == [513, 1]
    custody.clock.pass_time(hours=1)
    read(LEDGER_AUDITOR, 1025)
    assert [one["from_position"] for one in _reads(custody, LEDGER_AUDITOR)] == [513, 1, 1025]
    with pytest.raises(Forbidden):
        read(AUDITOR, 1)


def test_a_receipt_that_says_more_than_the_file_is_on_record(custody: Custody) -> None:
    """A reason, or from where somebody came; what describes the file to its services leaves no trace."""
    file, proving = custody.deleted(), custody.ledger.proving
    proving.newest(SERVICE, file.id)
    proving.event(SERVICE, custody.events(file.id)[0].id)
    assert _reads(custody, SERVICE) == []
    proving.newest(AUDITOR, file.id)
    proving.event(AUDITOR, custody.events(file.id)[0].id)
    assert [(one["what"], one["file"]) for one in _reads(custody)] == [("receipt", str(file.id))] * 2
    custody.erase(PRIVACY, file.id, "reason", "address", "user_agent")
    proving.event(AUDITOR, custody.events(file.id)[0].id)
    assert len(_reads(custody)) == 2, "what is erased is not shown"


def test_no_record_no_answer(custody: Custody) -> None:
    """Also the next one, which would have been merged into what was never recorded."""
    recorder = custody.ledger.recorder
    log = recorder.log

    class Away:
        def append(self, command: object) -> None:
            raise DatabaseUnavailable

    for _ in range(2):
        recorder.log = Away()  # type: ignore[assignment]
        with pytest.raises(DatabaseUnavailable):
            custody.ledger.audit_reads.listed(AUDITOR, "acme", {})
        with pytest.raises(DatabaseUnavailable):
            custody.ledger.audit_reads.shown(AUDITOR, "acme", "file", HELD, file="f1")
    recorder.log = log
    custody.ledger.audit_reads.listed(AUDITOR, "acme", {})
    assert len(_reads(custody)) == 1

"""Who may read, what is recorded before the first byte leaves, and what a refusal leaves behind."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from custody import ADMIN, AUDITOR, CONTENT, RECORDS, SERVICE, Custody, caller
from interposed import Interposed
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import (
    AppendOutcomeUnknown,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    Gone,
    InvalidInput,
    LegalHold,
    NotFound,
    RangeNotSatisfiable,
    Refused,
    SecondPersonRequired,
    Unauthenticated,
    WrongState,
)
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_events as fe
from provenstore.domain.tenants.workspace import CreateWorkspace

OTHER_SERVICE = caller("svc-sites", "service", kind="service")
STRANGER = caller("svc-books", "service", kind="service", scope="umbrella")


def _accesses(custody: Custody, file_id: Any) -> list[fe.Accessed]:
    return [event.data for event in custody.events(file_id) if isinstance(event.data, fe.Accessed)]


def _denials(custody: Custody, file_id: Any) -> list[tuple[str, str, int]]:
    found = [event.data for event in custody.events(file_id) if isinstance(event.data, fe.AccessDenied)]
    return [(data.operation, data.code, data.count) for data in found]


def test_each_reading_is_an_event(custody: Custody) -> None:
    """access-after-event: whole readings are never merged."""
    file = custody.stored()
    for _ in range(3):
        assert custody.read(SERVICE, file.id) == CONTENT
    assert [(one.mode, one.first, one.size) for one in _accesses(custody, file.id)] == [
        ("download", None, len(CONTENT))
    ] * 3


def test_nothing_is_read_that_cannot_be_recorded(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """access-after-event: no event, no byte."""
    file = custody.stored()

    def gone(*_: Any) -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append", gone)
        with pytest.raises(DatabaseUnavailable):
            custody.read(SERVICE, file.id)
    assert custody.read(SERVICE, file.id) == CONTENT


def test_a_range_outside_is_no_access(custody: Custody) -> None:
    """Nothing was given out."""
    file = custody.stored()
    with pytest.raises(RangeNotSatisfiable):
        custody.read(SERVICE, file.id, first=len(CONTENT))
    assert _accesses(custody, file.id) == []


@pytest.mark.parametrize("stage", ["initiated", "deleted", "purged"])
def test_content_that_is_not_there(custody: Custody, stage: str) -> None:
    """Not yet, or no more: refused, and the attempt is on record."""
    file = getattr(custody, stage)()
    with pytest.raises(WrongState if stage == "initiated" else Gone):
        custody.read(SERVICE, file.id)
    assert [denial[0] for denial in _denials(custody, file.id)] == ["file.content"]


def test_a_private_file_is_its_owners(custody: Custody) -> None:
    """Other services need the workspace level; records and admin see everything in their scope."""
    file = custody.stored()
    with pytest.raises(Forbidden):
        custody.read(OTHER_SERVICE, file.id)
    with pytest.raises(Forbidden):
        custody.read(AUDITOR, file.id)
    assert custody.read(RECORDS, file.id) == custody.read(ADMIN, file.id) == CONTENT
    custody.ledger.change_file(SERVICE, file.id, access="workspace")
    assert custody.read(OTHER_SERVICE, file.id) == CONTENT


FORBIDDEN_ACTS: dict[str, tuple[str, Callable[[Custody, Caller, UUID], object]]] = {
    "change": ("stored", lambda on, by, file: on.ledger.change_file(by, file, access="workspace")),
    "rename": ("stored", lambda on, by, file: on.ledger.change_file(by, file, values={"filename": "mine.pdf"})),
    "soft_delete": ("stored", lambda on, by, file: on.ledger.soft_delete(by, file)),
    "restore": ("deleted", lambda on, by, file: on.ledger.restore(by, file)),
    "purge_request": ("deleted", lambda on, by, file: on.ledger.request_purge(by, file, None)),
    "upload": ("initiated", lambda on, by, file: on.ledger.upload_content(by, file, [CONTENT])),
    "complete": ("initiated", lambda on, by, file: on.ledger.complete_upload(by, file)),
    "abort": ("initiated", lambda on, by, file: on.ledger.abort_upload(by, file, None)),
}
"""What another service of the workspace may not do to a private file: the stage the file is in, and the act."""


@pytest.mark.parametrize("act", FORBIDDEN_ACTS)
def test_a_private_file_is_touched_by_its_owner_only(custody: Custody, act: str) -> None:
    """private-to-owner: nothing of it is changed, filled or removed by somebody else; each attempt is recorded."""
    stage, do = FORBIDDEN_ACTS[act]
    file = getattr(custody, stage)()
    with pytest.raises(Forbidden) as caught:
        do(custody, OTHER_SERVICE, file.id)
    assert caught.value.details["rule"] == "private-to-owner"
    assert [event.decision for event in custody.events(file.id)][-1] == "private-to-owner/1"
    assert custody.ledger.recorder.file(file.id).version == file.version


@pytest.mark.parametrize("act", [name for name in FORBIDDEN_ACTS if name not in {"restore", "purge_request"}])
def test_a_shared_file_is_touched_by_its_workspace(custody: Custody, act: str) -> None:
    """What is not private is common."""
    stage, do = FORBIDDEN_ACTS[act]
    file = getattr(custody, stage)(access="workspace")
    if act == "complete":
        return  # nothing has arrived
    do(custody, OTHER_SERVICE, file.id)


def test_parts_of_a_private_upload_are_its_owners(custody: Custody) -> None:
    """private-to-owner: neither a part, nor a URL for one, nor the list of what has arrived."""
    file = custody.initiated(upload="multipart", size=len(CONTENT))
    for attempt in (
        lambda: custody.ledger.upload_part(OTHER_SERVICE, file.id, 1, [CONTENT], size=len(CONTENT)),
        lambda: custody.ledger.part_urls(OTHER_SERVICE, file.id, (1,)),
        lambda: custody.ledger.parts(OTHER_SERVICE, file.id),
    ):
        with pytest.raises(Forbidden):
            attempt()
    custody.ledger.upload_part(SERVICE, file.id, 1, [CONTENT], size=len(CONTENT))
    with pytest.raises(Forbidden):
        custody.ledger.complete_upload(OTHER_SERVICE, file.id)
    assert custody.ledger.complete_upload(SERVICE, file.id).stored is not None


def test_a_process_that_remembers_a_shared_file_asks_again(custody: Custody) -> None:
    """private-to-owner: what another process has made private since is not touched on the strength of a memory."""
    file = custody.stored(access="workspace")
    elsewhere = custody.another_process()
    assert elsewhere.recorder.file(file.id).access == "workspace"
    custody.ledger.change_file(SERVICE, file.id, access="private")
    with pytest.raises(Forbidden):
        elsewhere.soft_delete(OTHER_SERVICE, file.id)


def test_nothing_becomes_public(custody: Custody) -> None:
    """public-not-offered: neither at the beginning nor later, since nothing would come of it."""
    with pytest.raises(InvalidInput, match="not offered yet"):
        custody.initiated(access="public")
    file = custody.stored()
    with pytest.raises(InvalidInput, match="not offered yet"):
        custody.ledger.change_file(SERVICE, file.id, access="public")
    assert custody.ledger.recorder.file(file.id).access == "private"


def test_a_foreign_workspace_does_not_exist(custody: Custody) -> None:
    """isolation: the answer is that of an unknown id; nothing is written beside the file."""
    custody.ledger.create_workspace(ADMIN, CreateWorkspace(id="umbrella"))
    file = custody.stored()
    messages = set()
    for file_id in (file.id, uuid4()):
        for attempt in (
            lambda file_id=file_id: custody.read(STRANGER, file_id),
            lambda file_id=file_id: custody.ledger.soft_delete(STRANGER, file_id),
            lambda file_id=file_id: custody.ledger.history(STRANGER, file_id),
            lambda file_id=file_id: custody.ledger.lifecycle(STRANGER, file_id),
        ):
            with pytest.raises(NotFound) as caught:
                attempt()
            messages.add((type(caught.value), caught.value.message))
    assert len(messages) == 1
    assert _denials(custody, file.id) == []
    assert all(event.workspace == "acme" for event in custody.events(file.id))


def test_refusals_are_recorded_with_their_rule(custody: Custody) -> None:
    """denials-recorded: what was asked, why it was refused, and from where."""
    file = custody.stored()
    custody.ledger.place_hold(RECORDS, file.id, name="Smith v. Jones", reason="litigation")
    with pytest.raises(LegalHold):
        custody.ledger.soft_delete(SERVICE, file.id)
    event = custody.events(file.id)[-1]
    assert (event.outcome, event.decision, event.actor.id) == ("denied", "hold-refuses-delete/1", "svc-books")
    assert event.data == fe.AccessDenied(operation="file.soft_delete", code="legal-hold", count=1)
    assert "address" in event.private


def test_identical_refusals_within_a_minute_are_counted(custody: Custody) -> None:
    """denials-merged: one at once, and the counts of the rest every few seconds."""
    file = custody.stored()
    for _ in range(5):
        with pytest.raises(Forbidden):
            custody.read(OTHER_SERVICE, file.id)
    assert _denials(custody, file.id) == [("file.content", "forbidden", 1)]
    custody.ledger.flush()
    assert _denials(custody, file.id) == [("file.content", "forbidden", 1), ("file.content", "forbidden", 4)]
    with pytest.raises(Forbidden):
        custody.read(OTHER_SERVICE, file.id)
    custody.ledger.flush()
    custody.ledger.flush()
    assert [count for _, _, count in _denials(custody, file.id)] == [1, 4, 1]
    custody.clock.pass_time(minutes=1)
    with pytest.raises(Forbidden):
        custody.read(OTHER_SERVICE, file.id)
    assert [count for _, _, count in _denials(custody, file.id)] == [1, 4, 1, 1]


@pytest.mark.parametrize(
    "other",
    [{"address": "198.51.100.7"}, {"user_agent": "another"}, {"session": "s"}, {"on_behalf_of": "jo"}],
)
def test_refusals_from_elsewhere_are_not_the_same(custody: Custody, other: dict[str, Any]) -> None:
    """denials-merged: only with the same address, agent and session, and for the same person."""
    file = custody.stored()
    for who in (OTHER_SERVICE, replace(OTHER_SERVICE, **other)):
        with pytest.raises(Forbidden):
            custody.read(who, file.id)
    assert [count for _, _, count in _denials(custody, file.id)] == [1, 1]


def test_counts_outlive_a_database_that_is_away(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """denials-merged: what could not be recorded is, once, when that is possible again."""
    file = custody.stored()
    for _ in range(3):
        with pytest.raises(Forbidden):
            custody.read(OTHER_SERVICE, file.id)
    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append_batch", lambda _, commands: [DatabaseUnavailable() for _ in commands])
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                custody.ledger.flush()
    custody.ledger.flush()
    custody.ledger.flush()
    assert [count for _, _, count in _denials(custody, file.id)] == [1, 2]


def test_counts_are_not_doubled_by_a_lost_answer(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """denials-merged: they are sent again under the ids that they had."""
    file = custody.stored()
    for _ in range(3):
        with pytest.raises(Forbidden):
            custody.read(OTHER_SERVICE, file.id)
    seal = PostgresEventLog.append_batch

    def lost(self: PostgresEventLog, commands: Any) -> Any:
        seal(self, commands)
        return [AppendOutcomeUnknown() for _ in commands]

    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append_batch", lost)
        with pytest.raises(AppendOutcomeUnknown):
            custody.ledger.flush()
    custody.ledger.flush()
    assert [count for _, _, count in _denials(custody, file.id)] == [1, 2]


def test_shutdown_records_what_is_counted(custody: Custody) -> None:
    """denials-merged: nothing is forgotten in an orderly end."""
    file = custody.stored()
    for _ in range(2):
        with pytest.raises(Forbidden):
            custody.read(OTHER_SERVICE, file.id)
    custody.ledger.flush(everything=True)
    assert sum(count for _, _, count in _denials(custody, file.id)) == 2


def test_a_denial_does_not_move_the_file(custody: Custody) -> None:
    """Whoever is refused often must not make others conflict."""
    file = custody.stored()
    with pytest.raises(Forbidden):
        custody.read(OTHER_SERVICE, file.id)
    assert custody.ledger.soft_delete(SERVICE, file.id).version == file.version + 1


def test_readings_race_a_deletion(custody: Custody) -> None:
    """access-guarded: no Accessed stands in the log after SoftDeleted, and its head covers all before."""
    file = custody.stored()
    processes = [custody.another_process() for _ in range(4)]

    def read(number: int) -> bool:
        try:
            with processes[number % 4].content(SERVICE, file.id):
                return True
        except Gone:
            return False

    with ThreadPoolExecutor(8) as pool:
        readings = [pool.submit(read, number) for number in range(40)]
        custody.ledger.soft_delete(SERVICE, file.id)
        given = sum(reading.result() for reading in readings)
    events = custody.events(file.id)
    deleted = next(event for event in events if isinstance(event.data, fe.SoftDeleted))
    accesses = [event for event in events if isinstance(event.data, fe.Accessed)]
    assert len(accesses) == given
    assert all(event.position < deleted.position for event in accesses)
    assert isinstance(deleted.data, fe.SoftDeleted)
    head = deleted.data.access_head
    assert (head.version if head else 0) == len(accesses)


def test_a_revoked_key_grants_nothing_in_any_process(custody: Custody) -> None:
    """access-guarded: even to a request that was authenticated before the revocation."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-books", kind="service", roles=("service",), scope="acme")
    bearer = custody.another_process().authenticate(issued.key)
    file = custody.stored()
    custody.ledger.revoke_key(ADMIN, UUID(issued.id), "lost")
    with pytest.raises(Unauthenticated):
        custody.ledger.authenticate(issued.key)
    for attempt in (
        lambda: custody.read(bearer, file.id),
        lambda: custody.ledger.soft_delete(bearer, file.id),
        lambda: custody.initiated(by=bearer),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert isinstance(caught.value, Conflict | Unauthenticated)
    assert _accesses(custody, file.id) == []


def test_history_tells_everything_and_is_itself_recorded(custody: Custody) -> None:
    """All streams of the file in log order; services do not see reasons and addresses."""
    file = custody.deleted()
    history = custody.ledger.history(AUDITOR, file.id)
    positions = [event.position for event in history.events]
    assert positions == sorted(positions)
    assert {name for values in history.disclosures.values() for name in values} >= {"filename", "reason", "address"}
    seen = custody.ledger.history(SERVICE, file.id).disclosures
    assert {name for values in seen.values() for name in values} == {"filename", "related", "subjects", "metadata"}
    assert [event.type for event in custody.log.events(["audit:acme/carol", "audit:acme/svc-books"])] == [
        "audit.read.v1"
    ] * 2


def test_history_comes_in_pages(custody: Custody) -> None:
    """Each page says where the next begins."""
    file = custody.purged()
    pages, after = [], 0
    while True:
        page = custody.ledger.history(AUDITOR, file.id, after=after, limit=3)
        pages.append([event.id for event in page.events])
        if page.next is None:
            break
        after = page.next
    assert [one for page in pages for one in page] == [event.id for event in custody.events(file.id)]
    assert max(map(len, pages)) == 3


def test_admin_is_not_its_own_second_person(custody: Custody) -> None:
    """purge-second-person, hold-release-second-person: whatever the role"""
    root = caller("root", "admin")
    file = custody.deleted()
    custody.ledger.request_purge(root, file.id, None)
    with pytest.raises(SecondPersonRequired):
        custody.ledger.approve_purge(root, file.id, None, None)
    _, hold = custody.ledger.place_hold(root, file.id, name="n", reason="r")
    with pytest.raises(SecondPersonRequired):
        custody.ledger.release_hold(root, file.id, hold)


def test_a_range_is_not_given_out_on_a_record_that_is_not_durable(log: PostgresEventLog, tmp_path: Path) -> None:
    """merged-if-covered: a range that one covers which is being recorded waits for that, or is recorded."""
    at_log = Interposed(log)
    custody = Custody(at_log, LocalFolder(tmp_path / "objects"))  # type: ignore[arg-type]  # it answers as the real one
    file = custody.stored()
    begun: list[Future[bytes]] = []
    with ThreadPoolExecutor(1) as other:

        def fail() -> None:
            begun.append(other.submit(custody.read, SERVICE, file.id, first=1, last=2))
            with pytest.raises(TimeoutError):
                begun[0].result(0.2)
            raise DatabaseUnavailable

        at_log.interrupt("append", "before", fail)
        with pytest.raises(DatabaseUnavailable):
            custody.read(SERVICE, file.id, first=0, last=3)
        assert begun[0].result(10) == CONTENT[1:3]
    assert custody.types(file.id).count("accessed") == 1

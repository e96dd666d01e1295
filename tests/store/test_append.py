"""The port on PostgreSQL, seen from its callers: first events, keys, refusals by name, reading back."""

import pytest

from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import Conflict, IntegrityViolated, InvalidInput, KeyReused, NotFound
from provenstore.domain.eventlog.event_log import Append, Erasure, Guard, IdempotencyKey
from store_commands import command, happened
from store_database import ScratchDatabase


def test_first_event(log: PostgresEventLog) -> None:
    """The first event of a ledger has position, version and number 1."""
    sealed = log.append(command(happened("file:1"))).events[0]
    assert (sealed.position, sealed.version, sealed.number) == (1, 1, 1)
    assert log.head("file:1") == (1, sealed.leaf)


def test_a_conflict_names_the_stream(log: PostgresEventLog) -> None:
    """The caller learns which guard failed and what the version is."""
    log.append(command(happened("file:1")))
    with pytest.raises(Conflict) as caught:
        log.append(command(happened("file:1"), expected=[Guard("file:1", 0)]))
    assert caught.value.details == {"stream": "file:1", "expected": 0, "actual": 1}


def test_a_key_is_recalled(log: PostgresEventLog) -> None:
    """What a key recorded can be asked for, under the same fingerprint only."""
    key = IdempotencyKey("svc-1", "k", b"1")
    assert log.recall(key) is None
    sealed = log.append(command(happened("file:1"), key=key))
    again = log.recall(key)
    assert again is not None
    assert (again.events, again.replayed) == (sealed.events, True)
    with pytest.raises(KeyReused):
        log.recall(IdempotencyKey("svc-1", "k", b"2"))


def test_a_command_without_events_is_refused(log: PostgresEventLog) -> None:
    """Nothing changes without an event that says so; its neighbours are not harmed."""
    refused, sealed = log.append_batch([Append([]), command(happened("file:1"))])
    assert isinstance(refused, InvalidInput)
    assert not isinstance(sealed, Exception)


def test_an_id_that_is_recorded_elsewhere_is_no_repetition(log: PostgresEventLog) -> None:
    """The same draft sent again is answered with where it stands; in another workspace its id is taken."""
    draft = happened("file:1")
    assert log.append(command(draft)).events == log.append(command(draft)).events
    with pytest.raises(InvalidInput):
        log.append(command(happened("file:1", event_id=draft.id, workspace="other")))
    assert log.position() == 1


def test_streams_are_folded_and_merged(log: PostgresEventLog) -> None:
    """A stream is loaded through the repository; several are read in log order, page by page."""
    for stream in ("file:1", "access:1", "file:1", "file:2"):
        log.append(command(happened(stream)))
    assert log.load("file:1", lambda _, events: [event.position for event in events] or None) == [1, 3]
    assert [event.position for event in log.events(["file:1", "access:1"], after=1)] == [2, 3]
    assert [event.position for event in log.events(["file:1", "access:1"], limit=2)] == [1, 2]
    with pytest.raises(NotFound):
        log.load("file:none", lambda _, events: list(events) or None)


def test_a_stream_is_told_with_its_private_values(log: PostgresEventLog) -> None:
    """In its order, with the values that its own events have, and by whom one was erased; no other stream's."""
    first = happened("file:1", private={"reason": "a", "address": "b"})
    log.append(command(first))
    log.append(command(happened("file:2", private={"reason": "c"})))
    log.append(command(happened("file:1"), erase=[Erasure(first.id, "reason")]))
    log.append(command(happened("file:1", private={"reason": "d"})))
    events, disclosures = log.events_with_private_values("file:1")
    assert events == log.events(["file:1"])
    assert [event.version for event in events] == [1, 2, 3]
    assert disclosures == log.disclosures([event.id for event in events])
    assert disclosures[first.id]["reason"].erased_by == events[1].id
    assert log.events_with_private_values("file:none") == ([], {})


def test_several_streams_are_told_at_once(log: PostgresEventLog) -> None:
    """Each as by itself; the same object until an event or an erasure of a value has changed what is told."""
    first = happened("file:1", private={"reason": "a", "address": "b"})
    log.append(command(first))
    log.append(command(happened("file:2")))
    asked = ["file:2", "file:1", "file:none"]
    before = log.lifecycles(asked)
    assert before.keys() == {"file:1", "file:2"}
    for stream, found in before.items():
        assert (found.events, found.disclosures) == log.events_with_private_values(stream)
    again = log.lifecycles(asked)
    assert all(again[stream] is found for stream, found in before.items())
    log.append(command(happened("elsewhere:1"), erase=[Erasure(first.id, "reason")]))
    after = log.lifecycles(asked)
    assert after["file:2"] is before["file:2"]
    assert after["file:1"].disclosures == log.events_with_private_values("file:1")[1] != before["file:1"].disclosures


def test_notifications_are_the_log(log: PostgresEventLog) -> None:
    """eventsourcing's view has the same order, bounds and pages; it does not write."""
    for stream in ("a:1", "a:2", "a:3"):
        log.append(command(happened(stream)))
    recorder = log.recorder
    assert [note.id for note in recorder.select_notifications(2, 10)] == [2, 3]
    assert [note.id for note in recorder.select_notifications(1, 10, stop=2, inclusive_of_start=False)] == [2]
    assert recorder.select_notifications(1, 10, topics=["other"]) == []
    assert recorder.max_notification_id() == 3
    with pytest.raises(NotImplementedError):
        recorder.insert_events([])


@pytest.mark.parametrize(
    "column", ["stream = 'file:x'", "type = 'x'", "number = 7", "time = now()", "leaf = sha256('')"]
)
def test_a_column_that_contradicts_its_bytes_is_found(
    log: PostgresEventLog, database: ScratchDatabase, column: str
) -> None:
    """Whoever edits a column with the triggers off is found out by the next reader."""
    sealed = log.append(command(happened("file:1"))).events[0]
    with database.connect() as connection:
        connection.execute("alter table provenstore.event disable trigger user")
        connection.execute(f"update provenstore.event set {column}".encode())
    with pytest.raises(IntegrityViolated) as caught:
        log.find(sealed.id)
    assert caught.value.details == {"position": 1, "column": column.split(maxsplit=1)[0]}


def test_a_missing_event_is_found(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """A deleted event is a gap in the log and a broken chain in its stream."""
    for _ in range(3):
        log.append(command(happened("file:1")))
    with database.connect() as connection:
        connection.execute("alter table provenstore.event disable trigger user")
        connection.execute("delete from provenstore.event where position = 2")
    with pytest.raises(IntegrityViolated) as caught:
        log.read(0, 10)
    assert caught.value.details["position"] == 2
    with pytest.raises(IntegrityViolated):
        log.load("file:1", lambda _, events: list(events) or None)
    with pytest.raises(IntegrityViolated):
        log.events_with_private_values("file:1")

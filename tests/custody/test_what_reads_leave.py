"""What is on record of a read is never less than what was sent: merging, guards, and what was sent in the end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody import ADMIN, CONTENT, RECORDS, SERVICE, Custody
from interposed import Interposed
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.access import open_accesses
from provenstore.domain.errors import Conflict, DatabaseUnavailable, Gone
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.files import file_events as fe

SIZE = len(CONTENT)


def _events(custody: Custody, file_id: UUID, kind: type) -> list[Event]:
    return [event for event in custody.events(file_id) if isinstance(event.data, kind)]


def _ranges(custody: Custody, file_id: UUID) -> list[tuple[int | None, int | None]]:
    return [(e.data.first, e.data.last) for e in _events(custody, file_id, fe.Accessed)]  # type: ignore[attr-defined]


def _ends(custody: Custody, file_id: UUID) -> list[fe.AccessEnded]:
    return [event.data for event in _events(custody, file_id, fe.AccessEnded)]  # type: ignore[misc]


def test_what_an_event_says_is_merged_into_it(custody: Custody) -> None:
    """merged-if-covered: ranges within one that is on record, for a minute."""
    file = custody.stored()
    assert custody.read(SERVICE, file.id, first=2, last=9) == CONTENT[2:10]
    for first, last in ((2, 9), (3, 3), (8, 9)):
        assert custody.read(SERVICE, file.id, first=first, last=last) == CONTENT[first : last + 1]
    assert _ranges(custody, file.id) == [(2, 9)]
    custody.clock.pass_time(seconds=60)
    custody.read(SERVICE, file.id, first=3, last=3)
    assert _ranges(custody, file.id) == [(2, 9), (3, 3)]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 5), (5, None), (0, None), (9, 12)])
def test_more_than_an_event_says_is_another_event(custody: Custody, first: int, last: int | None) -> None:
    """merged-if-covered: who first asks for some bytes does not take the rest unseen."""
    file = custody.stored()
    custody.read(SERVICE, file.id, first=2, last=9)
    assert custody.read(SERVICE, file.id, first=first, last=last) == CONTENT[first : None if last is None else last + 1]
    assert _ranges(custody, file.id) == [(2, 9), (first, SIZE - 1 if last is None else last)]


def test_one_byte_then_the_whole(custody: Custody) -> None:
    """merged-if-covered: a whole reading is an event of its own, and covers ranges after it."""
    file = custody.stored()
    custody.read(SERVICE, file.id, first=0, last=0)
    custody.read(SERVICE, file.id)
    custody.read(SERVICE, file.id, first=4)
    assert _ranges(custody, file.id) == [(0, 0), (None, None)]
    custody.read(SERVICE, file.id)
    assert _ranges(custody, file.id) == [(0, 0), (None, None), (None, None)]


@pytest.mark.parametrize(
    "other",
    [
        {"address": "198.51.100.7"},
        {"user_agent": "another"},
        {"session": "s"},
        {"on_behalf_of": "jo"},
        {"cause": UUID(int=7)},
    ],
)
def test_only_the_same_reader_is_merged(custody: Custody, other: dict[str, Any]) -> None:
    """merged-if-covered: from the same address, by the same agent, key and link, in the same session, for the same
    person.
    """
    file = custody.stored()
    for who in (SERVICE, replace(SERVICE, **other)):
        custody.read(who, file.id, first=0, last=3)
    assert len(_ranges(custody, file.id)) == 2


def test_another_key_mode_or_version_is_not_merged(custody: Custody) -> None:
    """merged-if-covered: nor what is shown with what is saved, nor before a change with after it."""
    file = custody.stored()
    actor = replace(SERVICE.actor, credential="another key")
    custody.read(SERVICE, file.id, first=0, last=3)
    custody.read(replace(SERVICE, actor=actor), file.id, first=0, last=3)
    custody.read(SERVICE, file.id, first=0, last=3, mode="view")
    custody.ledger.place_hold(RECORDS, file.id, name="n", reason="r")
    custody.read(SERVICE, file.id, first=0, last=3)
    assert len(_ranges(custody, file.id)) == 4


def test_a_clock_that_is_set_back_opens_no_window(custody: Custody) -> None:
    """merged-if-covered: otherwise it would last as long as the clock was wrong."""
    file = custody.stored()
    custody.read(SERVICE, file.id, first=0, last=3)
    custody.clock.pass_time(hours=-1)
    custody.read(SERVICE, file.id, first=0, last=3)
    assert len(_ranges(custody, file.id)) == 2


def test_beyond_the_bound_every_read_is_an_event(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile variety costs events, not memory; what was sent is recorded all the same."""
    monkeypatch.setattr(open_accesses, "MAX_OPEN", 1)
    file = custody.stored()
    for first in (0, 1, 1):
        custody.read(SERVICE, file.id, first=first, last=first)
    assert _ranges(custody, file.id) == [(0, 0), (1, 1), (1, 1)]
    custody.ledger.flush(everything=True)
    assert len(_ends(custody, file.id)) == 3


def test_many_ranges_of_one_reader_are_bounded(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest are searched, so that no request takes longer for those before it."""
    monkeypatch.setattr(open_accesses, "MAX_OF_A_KEY", 2)
    file = custody.stored()
    for first in (0, 1, 2, 0, 2):
        custody.read(SERVICE, file.id, first=first, last=first)
    assert [first for first, _ in _ranges(custody, file.id)] == [0, 1, 2, 0]


def test_a_merged_read_of_a_deleted_file_gives_nothing(custody: Custody) -> None:
    """merged-guarded: the deletion is in another process, and this one remembers the file as stored."""
    file = custody.stored()
    custody.read(SERVICE, file.id)
    custody.another_process().soft_delete(SERVICE, file.id)
    with pytest.raises(Gone):
        custody.read(SERVICE, file.id, first=0, last=3)


def test_a_merged_read_by_a_revoked_key_gives_nothing(custody: Custody) -> None:
    """merged-guarded: even in a request that was authenticated before."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-books", kind="service", roles=("service",), scope="acme")
    bearer = custody.ledger.authenticate(issued.key)
    file = custody.stored()
    custody.read(bearer, file.id, first=0, last=3)
    custody.another_process().revoke_key(ADMIN, UUID(issued.id), "lost")
    with pytest.raises(Conflict):
        custody.read(bearer, file.id, first=0, last=3)
    custody.ledger.flush(everything=True)
    assert [one.count for one in _ends(custody, file.id)] == [1]


def test_the_end_says_what_was_sent(custody: Custody) -> None:
    """Once nothing more is merged: the union of the ranges, how many requests, how many bytes, caused by the access."""
    file = custody.stored()
    custody.read(SERVICE, file.id, first=0, last=9)
    custody.read(SERVICE, file.id, first=2, last=3)
    custody.ledger.flush()
    assert _ends(custody, file.id) == []
    custody.clock.pass_time(seconds=60)
    custody.ledger.flush()
    custody.ledger.flush()
    (access,), (end,) = _events(custody, file.id, fe.Accessed), _events(custody, file.id, fe.AccessEnded)
    assert end.data == fe.AccessEnded(
        mode="download",
        link=None,
        ranges=(fe.SentRange(first=0, last=9),),
        exact=True,
        count=2,
        size=12,
        granted=10,
        began=access.time,
    )
    assert (end.cause, end.actor, end.workspace) == (access.id, access.actor, "acme")


def test_what_was_broken_off_says_less(custody: Custody) -> None:
    """Only what was handed over counts; a reading of which nothing was taken has sent nothing."""
    content = b"x" * (3 * 1024 * 1024)
    file = custody.stored(content)
    with custody.ledger.content(SERVICE, file.id, first=0) as given:
        next(iter(given.reader))
    with custody.ledger.content(SERVICE, file.id):
        pass
    custody.ledger.flush(everything=True)
    assert [(one.size, one.ranges, one.granted) for one in _ends(custody, file.id)] == [
        (1024 * 1024, (fe.SentRange(first=0, last=1024 * 1024 - 1),), len(content)),
        (0, (), len(content)),
    ]


def test_a_long_transfer_ends_when_it_is_over(custody: Custody) -> None:
    """Not with its window."""
    file = custody.stored()
    with custody.ledger.content(SERVICE, file.id) as given:
        custody.clock.pass_time(minutes=10)
        custody.ledger.flush()
        assert _ends(custody, file.id) == []
        assert b"".join(given.reader) == CONTENT
    custody.ledger.flush()
    assert [one.size for one in _ends(custody, file.id)] == [SIZE]


def test_an_end_that_could_not_be_recorded_is_recorded_later(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once."""
    file = custody.stored()
    custody.read(SERVICE, file.id)
    custody.clock.pass_time(minutes=1)
    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append_batch", lambda _, commands: [DatabaseUnavailable() for _ in commands])
        with pytest.raises(DatabaseUnavailable):
            custody.ledger.flush()
    for _ in range(2):
        custody.ledger.flush()
    assert len(_ends(custody, file.id)) == 1


def test_many_readers_at_once_leave_what_they_took(custody: Custody) -> None:
    """Whatever is merged: the events say at least as much as was sent, and the ends exactly as much."""
    file = custody.stored()
    readers: list[Caller] = [replace(SERVICE, address=f"203.0.113.{number}") for number in range(3)]
    asked = [(reader, first, last) for reader in readers for first in range(6) for last in range(first, 12)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda one: len(custody.read(one[0], file.id, first=one[1], last=one[2])), asked))
    custody.ledger.flush(everything=True)
    ends = _ends(custody, file.id)
    assert sum(one.size for one in ends) == sum(got)
    assert sum(one.count for one in ends) == len(asked)
    by_id = {event.id: event.data for event in _events(custody, file.id, fe.Accessed)}
    for event in _events(custody, file.id, fe.AccessEnded):
        access, end = by_id[event.cause], event.data  # type: ignore[index]
        assert isinstance(access, fe.Accessed)
        assert isinstance(end, fe.AccessEnded)
        assert access.first is not None
        assert access.last is not None
        assert all(access.first <= one.first and one.last <= access.last for one in end.ranges)


def test_two_processes_each_keep_their_own(log: PostgresEventLog, tmp_path: Path) -> None:
    """What one has merged is not known to the other: more history, never less."""
    custody = Custody(log, LocalFolder(tmp_path / "objects"))
    file = custody.stored()
    other = custody.another_process()
    custody.read(SERVICE, file.id, first=0, last=3)
    with other.content(SERVICE, file.id, first=0, last=3) as given:
        assert b"".join(given.reader) == CONTENT[:4]
    assert len(_ranges(custody, file.id)) == 2


def test_a_deletion_between_the_decision_and_the_check(log: PostgresEventLog, tmp_path: Path) -> None:
    """merged-guarded: the check is the last thing before the bytes."""
    between: Any = Interposed(log)
    custody = Custody(between, LocalFolder(tmp_path / "objects"))
    file = custody.stored()
    custody.read(SERVICE, file.id)
    between.interrupt("versions", "before", lambda: custody.ledger.soft_delete(SERVICE, file.id))
    with pytest.raises(Gone):
        custody.read(SERVICE, file.id, first=0, last=3)

"""What a verification says of purges: the end against the request and the list on record."""

from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from provenstore.domain.files.destroyed import list_digest
from provenstore.domain.proofs.purge_check import PurgeCheck
from sealing import ALICE, BOB

DONE: dict[str, Any] = {
    "purge": "purge-1",
    "provider": "local",
    "path": "books/x.pdf",
    "size": 100,
    "sha256": SHA,
    "quota_bytes": -100,
    "quota_files": -1,
}


def _problems(life: FileLife) -> list[str]:
    check = PurgeCheck()
    return [problem for event in life.log.events for problem in check.take(event)]


def _forged(life: FileLife, *events: EventData, by: Actor = BOB) -> list[str]:
    """Return what is found in a log in which these follow, as somebody else's program would write them."""
    life.log.record([Fact(one) for one in events], stream=life.state.stream, by=by)
    return _problems(life)


def test_what_the_ledger_records_is_in_order() -> None:
    """Plain purges, rejected ones, and missing objects given up by two."""
    life = FileLife().deleted().purge_requested().do(c.RejectPurge, by=BOB, reason="keep it")
    life.purge_started().do(c.RecordPurged)
    assert _problems(life) == []
    life = FileLife().deleted().do(c.RecordMissing)
    life.do(c.RequestPurge, by=ALICE, purge="p", four_eyes=True, reason=None, missing=True)
    life.do(c.ApprovePurge, by=BOB, reason=None)
    life.do(c.StartPurge, sha256=None, versions=(), found="nothing").do(c.RecordPurged)
    assert _problems(life) == []


def test_a_certificate_of_nothing_is_found() -> None:
    """destroyed-on-record: also in a ledger of an earlier release, which believed an empty listing."""
    life = FileLife().deleted().purge_approved()
    started = e.PurgeStarted(purge="purge-1", sha256=SHA, versions=())
    assert _forged(life, started, e.Purged(**DONE, versions=())) == [
        "a destruction is certified although nothing was found to destroy"
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_that_is_not_the_one_on_record_is_found(count: int) -> None:
    """destroyed-on-record: by its count and its digest."""
    other = e.DestroyedVersion(version_id="other", size=1, marker=False)
    versions = (other, other)[:count]
    done = e.Purged(**DONE, versions=versions, count=count, list_sha256=list_digest(versions))
    assert "of the list on record" in _forged(FileLife().deleted().purge_started(), done)[0]


def test_a_missing_object_given_up_by_one_is_found() -> None:
    """destroyed-on-record: without an approval, and with one's own."""
    nothing = e.Purged(**{**DONE, "sha256": None}, versions=(), found="nothing")
    for approval in ((), (e.PurgeApproved(purge="purge-1"),)):
        life = FileLife().deleted().do(c.RecordMissing)
        life.do(c.RequestPurge, by=ALICE, purge="purge-1", four_eyes=True, reason=None, missing=True)
        found = _forged(life, *approval, nothing, by=ALICE)
        assert found == ["a missing object was given up without a second person"]


def test_a_purge_that_nobody_requested_is_found() -> None:
    """destroyed-on-record"""
    assert "nobody requested" in _forged(FileLife().deleted(), e.Purged(**DONE, versions=(VERSION,)))[0]

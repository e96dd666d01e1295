"""Jobs follow from the file index: each kind is found when it is due, page by page, and attempts are remembered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from memory_log import START, MemoryLog, add_file, at, stored
from provenstore.domain.errors import DatabaseUnavailable, InvalidInput
from provenstore.domain.files import file_events as f
from provenstore.projections.files.jobs import KINDS, SETTLED, Job, Jobs, Kind
from shelf import index

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Any]

GRACE, APPROVAL = timedelta(minutes=5), timedelta(days=30)
SOON, LATER = START + timedelta(hours=1), START + timedelta(hours=2)
REQUESTED = f.CompletionRequested(size=1, sha256=None, md5=None, parts=None, quota_bytes=0)
STARTED = f.PurgeStarted(purge="p", sha256=None, versions=())


@pytest.fixture
def jobs(runner_pool: Pool) -> Jobs:
    return Jobs(runner_pool, grace=GRACE, approval=APPROVAL)


def listed(jobs: Jobs, now: datetime, *kinds: Kind, **asked: Any) -> list[tuple[str, str]]:
    return [(job.file, job.kind) for job in jobs.list(now, kinds=kinds or KINDS, **asked).jobs]


def test_what_is_due_expires(connection: Connection, jobs: Jobs) -> None:
    """Stored files and unfinished uploads whose time is up, unless something keeps them."""
    log = MemoryLog()
    for file in ("late", "held", "kept", "freed", "deleted"):
        add_file(log, file, expires_at=LATER)
    add_file(log, "early", expires_at=SOON)
    add_file(log, "never")
    log.add("file:held", f.LegalHoldPlaced(hold="h"))
    log.add("file:kept", f.RetentionSet(until=LATER + timedelta(seconds=1), mode="governance"))
    log.add("file:freed", f.RetentionSet(until=LATER, mode="governance"))
    log.add("file:deleted", f.SoftDeleted())
    for file, deadline in (("open", LATER), ("first", SOON), ("completing", SOON), ("held-open", SOON)):
        add_file(log, file, finish=False, upload_expires_at=deadline)
    log.add("file:completing", REQUESTED)
    log.add("file:held-open", f.LegalHoldPlaced(hold="h"))
    index(connection, log)
    assert listed(jobs, LATER - timedelta(microseconds=1), "expire") == [("early", "expire"), ("first", "expire")]
    due = ["late", "freed", "early", "open", "first"]
    assert listed(jobs, LATER, "expire") == [(file, "expire") for file in due]
    upcoming = jobs.list(SOON, kinds=["expire"], upcoming=True).jobs
    assert [job.file for job in upcoming] == ["late", "kept", *due[1:]]
    assert [job.due_at for job in upcoming if job.file in {"kept", "early"}] == [LATER + timedelta(seconds=1), SOON]


def test_intents_without_an_outcome_are_found(connection: Connection, jobs: Jobs) -> None:
    """Completions after their grace, clearings at once, purges unless they must wait; since the intent."""
    log = MemoryLog()
    add_file(log, "done")
    for file in ("purging", "approved", "retained", "held", "requested"):
        add_file(log, file)
        if file != "purging":
            log.add(f"file:{file}", f.PurgeRequested(purge="p", four_eyes=file == "requested"))
    log.add("file:purging", STARTED)
    for file in ("purging", "retained"):
        log.add(f"file:{file}", f.RetentionSet(until=LATER, mode="governance"))
    for file in ("purging", "held"):
        log.add(f"file:{file}", f.LegalHoldPlaced(hold="h"))
    add_file(log, "aborted", finish=False)
    aborted = log.add("file:aborted", f.UploadAborted())
    add_file(log, "completing", finish=False)
    requested = log.add("file:completing", REQUESTED)
    index(connection, log)
    now = requested.time + GRACE
    intents = [("purging", "purge"), ("approved", "purge"), ("aborted", "clear")]
    assert listed(jobs, now - timedelta(microseconds=1)) == intents
    assert listed(jobs, now) == [*intents, ("completing", "complete")]
    assert ("retained", "purge") in listed(jobs, LATER)
    clear, complete = jobs.list(now, kinds=["clear", "complete"]).jobs
    assert (clear.due_at, complete.due_at) == (aborted.time, now)
    assert (clear.workspace, clear.attempts, clear.last_code, clear.next_at) == ("acme", 0, None, aborted.time)


def test_places_are_looked_at_again_and_claims_are_verified(connection: Connection, jobs: Jobs) -> None:
    """Once the last URL has died, and as long as nobody has read what arrived past us."""
    log = MemoryLog()
    for file in ("claimed", "altered", "looked"):
        add_file(log, file, finish=False, write_until=SOON)
        log.add(f"file:{file}", stored(sha256_status="claimed"))
    add_file(log, "open", finish=False, write_until=SOON)
    failure = f.IntegrityFailed(found="at_rest", check="size", expected="1", actual="2")
    log.add("file:altered", failure)
    log.add("file:looked", f.PlaceChecked(look_after=SOON))
    index(connection, log)
    assert listed(jobs, at(100)) == [("claimed", "verify"), ("looked", "verify")]
    both = [("claimed", "look_again"), ("claimed", "verify"), ("altered", "look_again"), ("looked", "verify")]
    assert listed(jobs, SOON) == both
    assert listed(jobs, SOON, file="altered") == [("altered", "look_again")]
    log.add("file:claimed", f.IntegrityVerified(size=120, sha256="ab" * 32, etag="e1", version_id="o1"))
    index(connection, log)
    assert listed(jobs, SOON, "verify") == [("looked", "verify")]


def test_an_approval_carries_a_purge_for_a_while(connection: Connection, jobs: Jobs) -> None:
    """Then it is no job any more, nor will be, until somebody approves anew; one that has started goes on."""
    log = MemoryLog()
    for file in ("approved", "alone", "started", "kept"):
        add_file(log, file)
        log.add(f"file:{file}", f.SoftDeleted())
        log.add(f"file:{file}", f.PurgeRequested(purge="p", four_eyes=file != "alone"))
        if file != "alone":
            log.add(f"file:{file}", f.PurgeApproved(purge="p"))
    log.add("file:started", STARTED)
    log.add("file:kept", f.RetentionSet(until=START + 2 * APPROVAL, mode="governance"))
    index(connection, log)
    fresh = START + APPROVAL - timedelta(days=1)
    assert listed(jobs, fresh, "purge", upcoming=True) == [(one, "purge") for one in ("approved", "alone", "started")]
    old = fresh + timedelta(days=2)
    assert listed(jobs, old, "purge", upcoming=True) == [("started", "purge")]
    again = log.add("file:approved", f.PurgeApproved(purge="p")).time
    index(connection, log)
    assert listed(jobs, again + APPROVAL, "purge", file="approved") == [("approved", "purge")]
    assert listed(jobs, again + APPROVAL + timedelta(seconds=1), "purge", file="approved") == []


@pytest.fixture
def many(connection: Connection) -> MemoryLog:
    """Seven files of two workspaces, each with two jobs."""
    log = MemoryLog()
    for number in range(7):
        workspace = "acme" if number % 2 else "other"
        add_file(log, f"f{number}", workspace=workspace, finish=False, write_until=START)
        log.add(f"file:f{number}", stored(sha256_status="none"), workspace=workspace)
    index(connection, log)
    return log


@pytest.mark.usefixtures("many")
def test_pages_split_no_job_off(jobs: Jobs) -> None:
    """Also where a page ends between two jobs of one file; the last page has no next, even if it is full."""
    seen: list[tuple[str, str]] = []
    cursor, sizes = None, []
    while True:
        page = jobs.list(SOON, cursor=cursor, limit=7)
        seen += [(job.file, job.kind) for job in page.jobs]
        sizes.append(len(page.jobs))
        if (cursor := page.next) is None:
            break
    assert seen == [(f"f{number}", kind) for number in range(7) for kind in ("look_again", "verify")]
    assert sizes == [7, 7]
    assert {job.file for job in jobs.list(SOON, workspace="acme").jobs} == {"f1", "f3", "f5"}
    for bad in ({"cursor": "AAAA"}, {"limit": 0}, {"limit": 1_001}):
        with pytest.raises(InvalidInput):
            jobs.list(SOON, **bad)


@pytest.mark.usefixtures("many")
def test_who_works_gets_everything_once(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the first page, whatever was settled or failed meanwhile."""
    monkeypatch.setattr("provenstore.projections.files.jobs.MAX_PAGE", 2)
    found = [job.file for job in _failing(jobs, jobs.ready(SOON, SETTLED))]
    assert found == [f"f{number}" for number in range(7)]
    assert list(jobs.ready(SOON, SETTLED)) == []
    assert [job.file for job in jobs.ready(SOON, ["verify"], "acme")] == ["f1", "f3", "f5"]


def _failing(jobs: Jobs, found: Iterator[Job]) -> Iterator[Job]:
    for job in found:
        jobs.failed(job, "store-unavailable", SOON, 1.0)
        yield job


@pytest.mark.usefixtures("many")
def test_attempts_come_less_and_less_often(jobs: Jobs) -> None:
    """After 1, 2, 4 … 60 minutes, for ever; success forgets them."""
    now, pauses = SOON, []
    for _ in range(9):
        (job,) = jobs.list(now, file="f1", kinds=SETTLED).jobs
        jobs.failed(job, "store-unavailable", now, 1.0)
        (job,) = jobs.list(now, file="f1", kinds=SETTLED).jobs
        pauses.append((job.next_at - now) / timedelta(minutes=1))
        assert "f1" not in {one.file for one in jobs.ready(job.next_at - timedelta(microseconds=1), SETTLED)}
        now = job.next_at
        assert "f1" in {one.file for one in jobs.ready(now, SETTLED)}
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (job.attempts, job.last_code, job.last_at) == (9, "store-unavailable", now - timedelta(hours=1))
    assert jobs.failed(job, "x", now, 0.5).next_at == now + timedelta(minutes=30)
    jobs.done(job)
    (job,) = jobs.list(now, file="f1", kinds=SETTLED).jobs
    assert (job.attempts, job.last_code, job.last_at, job.next_at) == (0, None, None, START)


@pytest.mark.usefixtures("many")
def test_a_job_can_be_brought_forward(jobs: Jobs) -> None:
    """How often it was in vain is remembered, and the other jobs wait on."""
    for job in jobs.list(SOON, file="f1").jobs:
        jobs.failed(job, "store-unavailable", SOON, 1.0)
    jobs.hurry("f1", ["verify"], SOON)
    assert [(one.kind, one.attempts) for one in jobs.ready(SOON, KINDS) if one.file == "f1"] == [("verify", 1)]


def test_attempts_end_with_their_job(connection: Connection, jobs: Jobs, many: MemoryLog) -> None:
    """However it ended; those of jobs that stand are kept."""
    for kind in ("look_again", "verify"):
        (job,) = jobs.list(SOON, file="f1", kinds=[kind]).jobs
        jobs.failed(job, "store-unavailable", SOON, 1.0)
    many.add("file:f1", f.PlaceChecked(look_after=START))
    index(connection, many)
    assert (jobs.forget(SOON), jobs.forget(SOON)) == (1, 0)
    assert jobs.list(SOON, file="f1").jobs[0].attempts == 1


def test_only_the_runner_sees_attempts(connection: Connection, reader_pool: Pool) -> None:
    """They belong to operators, who come through the runner's role; a tenant's role gets nothing."""
    index(connection, MemoryLog())
    with reader_pool.connection() as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("SELECT FROM provenstore_read.job_attempt")


def test_listing_before_anything_was_made_can_be_tried_again(jobs: Jobs) -> None:
    """As with every read model."""
    with pytest.raises(DatabaseUnavailable, match="being built"):
        jobs.list(START)

"""Disposal on a real log and folder: what policies destroy, what they leave, and what a run reports."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from custody import APPROVER, AUDITOR, CONTENT, RECORDS, SERVICE, Custody
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import Forbidden, ObjectMissing, StoreUnavailable, WrongState, WrongStore
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File
from provenstore.domain.ledger import SYSTEM, Ledger
from provenstore.domain.removal.policy_disposal import Run
from provenstore.domain.system.provider_events import ProviderIdentified
from provenstore.domain.tenants.disposal import NOTICE
from provenstore.domain.tenants.disposal_events import DisposalRunEnded


def agree(custody: Custody, days: int | None = 30, category: str = "book_content") -> None:
    """Let two persons agree to a policy."""
    disposing = custody.ledger.disposing
    request = disposing.request_policy(RECORDS, "acme", category, after_days=days, reason="as the law asks")
    disposing.approve_policy(APPROVER, "acme", request.id, "agreed")


def run_of(ledger: Ledger, *files: UUID) -> tuple[Run, list[File]]:
    """Dispose of files in one run."""
    run = ledger.disposing.begin("acme")
    found = [ledger.disposing.dispose(SYSTEM, run, file) for file in files]
    ledger.disposing.end(SYSTEM, run)
    return run, found


def expired(custody: Custody) -> File:
    """Let a temporary file expire."""
    file = custody.stored(category="temp")
    custody.clock.pass_time(hours=25)
    return custody.ledger.settle(file.id)


def reports(custody: Custody) -> list[DisposalRunEnded]:
    found = [one.data for one in custody.ledger.disposing.runs(AUDITOR, "acme")]
    return [data for data in found if isinstance(data, DisposalRunEnded)]


def test_an_expired_temporary_file_is_destroyed_after_a_week(custody: Custody) -> None:
    """disposal-by-policy: not before, its space is free then, and the certificate names the policy."""
    file = expired(custody)
    custody.clock.pass_time(days=5)
    assert run_of(custody.ledger, file.id)[1][0].status == "expired"
    custody.clock.pass_time(days=2)
    run, (after,) = run_of(custody.ledger, file.id)
    assert (after.status, custody.store.versions(after.path)) == ("purged", ())
    assert custody.types(file.id)[-4:] == ["expired", "purge_requested", "purge_started", "purged"]
    use = custody.log.quota("acme")
    assert use is not None
    assert (use.bytes, use.files) == (0, 0)
    certificate: Any = custody.ledger.certificate(RECORDS, file.id)
    assert certificate["policy"] == "temp/built-in/1"
    assert [step["actor"] for step in certificate["steps"]] == ["provenstore"] * 3
    assert run.destroyed == [file.id]


def test_what_expired_under_an_earlier_release_has_a_week(log: PostgresEventLog, tmp_path: Path) -> None:
    """disposal-not-at-once: counted from the first start of a release that disposes, when it records its store."""
    custody = Custody(log, LocalFolder(tmp_path), identified=False)
    disposing = custody.ledger.disposing
    assert disposing.in_force("acme", "temp") is None
    custody.ledger.identity.require()
    (recorded,) = [one for one in log.read(0, 100) if isinstance(one.data, ProviderIdentified)]
    policy = disposing.in_force("acme", "temp")
    assert policy is not None
    assert policy.due_at(recorded.time - timedelta(days=100)) == recorded.time + NOTICE
    assert disposing.in_force("acme", "book_content") is None


def test_without_a_policy_a_deleted_file_stays(custody: Custody) -> None:
    """disposal-by-policy: until two persons have agreed, and a week has passed since."""
    file = custody.deleted()
    custody.clock.pass_time(days=1_000)
    assert run_of(custody.ledger, file.id)[1][0].status == "soft_deleted"
    agree(custody)  # the log's own time has not moved, so its week is over by the clock of this test
    assert run_of(custody.ledger, file.id)[1][0].status == "purged"


def test_what_is_kept_or_before_somebody_stays(custody: Custody) -> None:
    """Held, retained, purge requested, restored: nothing is asked in vain either."""
    agree(custody)
    held, asked, restored = (custody.deleted() for _ in range(3))
    custody.ledger.place_hold(RECORDS, held.id, name="n", reason="r")
    custody.ledger.request_purge(RECORDS, asked.id, None)
    custody.ledger.restore(SERVICE, restored.id)
    before = [custody.types(one.id) for one in (held, asked, restored)]
    custody.clock.pass_time(days=100)
    run_of(custody.ledger, held.id, asked.id, restored.id)
    assert [custody.types(one.id) for one in (held, asked, restored)] == before
    assert reports(custody) == []


def test_a_run_reports_what_it_destroyed(custody: Custody) -> None:
    """How many files and bytes, under which policies, and that is all that stands on its stream."""
    agree(custody)
    files = [custody.deleted() for _ in range(2)]
    custody.clock.pass_time(days=31)
    run, _ = run_of(custody.ledger, *(file.id for file in files))
    (report,) = reports(custody)
    assert (report.run, report.files, report.bytes, report.failed) == (run.id, 2, 2 * len(CONTENT), 0)
    assert report.policies == ("book_content/1",)
    with pytest.raises(Forbidden):
        custody.ledger.disposing.runs(SERVICE, "acme")


def test_of_two_runs_at_once_one_counts_a_file(custody: Custody) -> None:
    """Both come to the same file; it is destroyed once and reported once."""
    file = expired(custody)
    custody.clock.pass_time(days=8)
    one, other = custody.ledger, custody.another_process()
    changed = one.recorder.change

    def quicker(*args: Any, **more: Any) -> File:
        one.recorder.change = changed  # type: ignore[method-assign]
        run_of(other, file.id)
        return changed(*args, **more)

    one.recorder.change = quicker  # type: ignore[method-assign]
    run, (after,) = run_of(one, file.id)
    assert (after.status, run.destroyed) == ("purged", [])
    assert [report.files for report in reports(custody)] == [1]
    assert custody.types(file.id).count("purge_requested") == 1


def test_a_policy_that_ends_meanwhile_starts_nothing(custody: Custody) -> None:
    """disposal-start-checks-policy: death between request and start, and two persons who think better of it."""
    agree(custody)
    file = custody.deleted()
    custody.clock.pass_time(days=31)
    _died_after_asking(custody, file)
    agree(custody, None)
    with pytest.raises(WrongState):
        custody.ledger.settle(file.id)
    assert custody.types(file.id)[-2:] == ["purge_requested", "purge_withdrawn"]
    assert custody.ledger.settle(file.id).status == "soft_deleted"
    assert custody.store.versions(file.path)


def test_a_run_that_died_is_finished(custody: Custody) -> None:
    """Whatever it had asked for is destroyed by the next round; the file's own events say under which policy."""
    file = expired(custody)
    custody.clock.pass_time(days=8)
    _died_after_asking(custody, file)
    after = custody.another_process().settle(file.id)
    assert after.purged is not None
    assert after.purged.policy == "temp/built-in/1"


def _died_after_asking(custody: Custody, file: File) -> None:
    custody.ledger.recorder.change(
        SYSTEM, "system.sweep", file.id, lambda _, now: c.Dispose(by=SYSTEM.actor, now=now, purge="p")
    )


def _unmounted(custody: Custody, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(custody.store, "identity", lambda: None)


def _away(custody: Custody, patch: pytest.MonkeyPatch) -> None:
    def away() -> str:
        raise StoreUnavailable("it is away")

    patch.setattr(custody.store, "identity", away)


@pytest.mark.parametrize(("how", "error"), [(_unmounted, WrongStore), (_away, StoreUnavailable)])
def test_another_store_destroys_nothing(
    custody: Custody, monkeypatch: pytest.MonkeyPatch, how: Callable[..., None], error: type[Exception]
) -> None:
    """disposal-by-policy: a folder that is not mounted looks empty; nothing is recorded then."""
    file = expired(custody)
    custody.clock.pass_time(days=8)
    before = custody.types(file.id)
    how(custody, monkeypatch)
    with pytest.raises(error):
        run_of(custody.ledger, file.id)
    assert custody.types(file.id) == before


def test_a_missing_object_is_not_destroyed(custody: Custody) -> None:
    """It is a finding of the file; its space still counts, and no policy asks again."""
    file = expired(custody)
    for one in custody.store.versions(file.path):
        custody.store.delete(one.key, version=one.version_id)
    custody.clock.pass_time(days=8)
    with pytest.raises(ObjectMissing):
        run_of(custody.ledger, file.id)
    assert custody.types(file.id)[-3:] == ["purge_requested", "object_missing", "purge_withdrawn"]
    after = run_of(custody.ledger, file.id)[1][0]
    assert (after.status, after.damage, after.reserved) == ("expired", "missing", len(CONTENT))


def test_a_repeated_request_is_one_request(custody: Custody) -> None:
    """The same idempotency key answers the same request."""
    key = IdempotencyKey("acme/alice", "k", b"f" * 32)
    first, again = (
        custody.ledger.disposing.request_policy(RECORDS, "acme", "misc", after_days=9, reason="r", key=key)
        for _ in range(2)
    )
    assert first == again
    assert list(custody.ledger.disposing.policies(AUDITOR, "acme").requests) == ["misc"]

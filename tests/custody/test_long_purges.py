"""A key with thousands of versions: purged whole, resumable in the middle, and every version on record."""

from typing import Any

import pytest

from custody import APPROVER, RECORDS, Custody
from interposed import Crash
from provenstore.adapters.local.folder import LocalFolder
from provenstore.domain.files import file_events as e
from provenstore.domain.files.file import File
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.removal.purges import Purges
from provenstore.domain.storage.objects import ObjectVersion

MANY = 3_000


class Versions:
    """A folder that keeps thousands of versions of one key; `dies_at` deletions it dies."""

    def __init__(self, custody: Custody, file: File, patch: pytest.MonkeyPatch) -> None:
        """Begin with the object and as many versions of before."""
        (one,) = custody.store.versions(file.path)
        self.left = [vars(one) | {"version_id": f"version-of-before-{n:05}", "size": n} for n in range(MANY)]
        self.left.append(vars(one))
        self.file, self.dies_at = file, -1
        patch.setattr(LocalFolder, "versions", self.versions)
        patch.setattr(LocalFolder, "delete", self.delete)

    def versions(self, key: str) -> tuple[ObjectVersion, ...]:
        """List what is left."""
        return tuple(ObjectVersion(**one) for one in self.left if key == self.file.path)

    def delete(self, _: str, *, version: str | None) -> None:
        """Delete one."""
        if len(self.left) == self.dies_at:
            raise Crash
        self.left = [one for one in self.left if one["version_id"] != version]


@pytest.fixture
def long(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> Versions:
    """A deleted file with thousands of versions, and a purge of it that is requested."""
    file = custody.deleted()
    custody.ledger.request_purge(RECORDS, file.id, None)
    # One pass over thousands of versions for each deletion is enough.
    return Versions(custody, file, monkeypatch)


def _check(custody: Custody, file: File, *, more: int = 0) -> None:
    events = custody.events(file.id)
    started = next(event.data for event in events if isinstance(event.data, e.PurgeStarted))
    pages = [event.data for event in events if isinstance(event.data, e.PurgeListed)]
    assert (started.count, started.versions) == (MANY + 1, ())
    assert [page.page for page in pages] == [*range(1, len(pages) + 1)]
    assert sum(len(page.versions) for page in pages) == MANY + 1 + more
    certificate = custody.ledger.certificate(RECORDS, file.id)
    assert (certificate["count"], len(certificate["versions"])) == (MANY + 1 + more, MANY + 1 + more)  # type: ignore[arg-type]
    assert more or certificate["list_sha256"] == started.list_sha256
    assert all(len(event.state) < 65_535 for event in events)
    assert verify_log(custody.log).findings == ()


def test_thousands_of_versions_are_purged(custody: Custody, long: Versions) -> None:
    """Count and digest in the start and the end, the list in pages between them, and every event within its limit."""
    assert custody.ledger.approve_purge(APPROVER, long.file.id, None, None).status == "purged"
    assert long.left == []
    _check(custody, long.file)


def test_a_long_purge_goes_on_after_a_crash_in_the_middle(custody: Custody, long: Versions) -> None:
    """What was listed is what was destroyed, however much of it was left."""
    long.dies_at = MANY // 2
    with pytest.raises(Crash):
        custody.ledger.approve_purge(APPROVER, long.file.id, None, None)
    long.dies_at = -1
    long.left.append({**long.left[0], "version_id": "came-meanwhile"})
    assert custody.ledger.settle(long.file.id).status == "purged"
    _check(custody, long.file, more=1)


def test_a_long_purge_goes_on_after_a_crash_between_its_pages(
    custody: Custody, long: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes that is on no page yet."""
    real = Purges._list

    def some(self: Purges, system: Any, file: File, versions: Any) -> None:
        real(self, system, file, versions[:1_000])
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Purges, "_list", some)
        with pytest.raises(Crash):
            custody.ledger.approve_purge(APPROVER, long.file.id, None, None)
    assert len(long.left) == MANY + 1
    assert custody.ledger.settle(long.file.id).status == "purged"
    _check(custody, long.file)

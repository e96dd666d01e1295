"""What must be true of a ledger, its store and its counters whenever nothing is under way."""

from uuid import UUID

from custody import Custody
from provenstore.domain.files.file import File
from provenstore.domain.proofs.verification import verify_log


def check_whole(custody: Custody) -> None:
    """Assert that log, objects and quota agree, for every file that there is, and that the log verifies."""
    files = [custody.ledger.recorder.file(file_id) for file_id in file_ids(custody)]
    for file in files:
        check_object(custody, file)
    use = custody.log.quota("acme")
    assert use is not None
    alive = [file for file in files if file.purged is None and not file.cleared]
    assert (use.bytes, use.files) == (sum(file.reserved for file in alive), len(alive))
    assert verify_log(custody.log).findings == ()


def file_ids(custody: Custody) -> list[UUID]:
    """Return the ids of all files, in log order."""
    events = custody.log.read(0, 100_000)
    return [UUID(event.stream.partition(":")[2]) for event in events if event.type == "file.upload_initiated.v1"]


def check_object(custody: Custody, file: File) -> None:
    """Assert that a stored file's object is the recorded one, and that nothing is left of one that has ended."""
    if file.purged is not None or file.cleared:
        for key in file.keys:
            assert custody.store.versions(key) == ()
            assert custody.store.list_multiparts(key) == ()
    elif file.stored is not None and not (file.purge and file.purge.started):
        found = custody.store.head(file.path, version=file.stored.version_id)
        assert (found.size, found.etag) == (file.stored.size, file.stored.etag)
        assert None in (found.sha256, file.stored.sha256) or found.sha256 == file.stored.sha256

"""What must be true of a log, its store and its counters, once everything has come to rest."""

import hashlib
from uuid import UUID

from typer.testing import CliRunner

from provenstore.api.cli.app import app
from provenstore.api.services import Services
from provenstore.domain.canonical import parse_canonical
from provenstore.domain.eventlog.event_log import EventLog, disclosed, in_pages
from provenstore.domain.files.file import File, file_stream, parts_stream
from provenstore.domain.files.file_events import UploadInitiated
from provenstore.domain.storage.object_store import ObjectStore
from tests.crash.killable import WORKSPACE


def files_named(log: EventLog) -> dict[str, UUID]:
    """Return all files by what the tests know them by: their id, and the filename without its extension."""
    found: dict[str, UUID] = {}
    for event in in_pages(log):
        if isinstance(event.data, UploadInitiated):
            file = UUID(event.stream.partition(":")[2])
            private = disclosed(log.disclosures([event.id]), event.id, parse_canonical)
            name = str(private["filename"]).removesuffix(".pdf")
            assert name not in found, "one initiation made two files"
            found |= {str(file): file, name: file}
    return found


def events_of(log: EventLog, file: UUID) -> list[str]:
    """Return the short names of what happened to a file, in order."""
    events = log.events([file_stream(file), parts_stream(file)])
    return [event.type.removeprefix("file.").removesuffix(".v1") for event in events]


def check_whole(services: Services) -> None:
    """Assert that no file lacks its object, no object its file, and no counter an event."""
    log, store = services.ledger.log, services.ledger.store
    files = [services.ledger.recorder.file(file) for file in sorted(set(files_named(log).values()))]
    assert [file.id for file in files if file.completion or (file.purge and file.purge.started)] == []
    kept = [file for file in files if file.stored and not file.purged]
    for file in kept:
        _check_bytes(store, file)
    assert {one.key for one in store.list("").objects} == {file.path for file in kept}
    for file in files:
        expected = 1 if file in kept else 0
        assert (file.path, len(store.versions(file.path))) == (file.path, expected)
    assert store.list_multiparts("") == ()
    alive = [file for file in files if not file.purged and not file.cleared]
    use = log.quota(WORKSPACE)
    assert use is not None
    assert (use.bytes, use.files) == (sum(file.reserved for file in alive), len(alive))
    verified = CliRunner().invoke(app, ["verify", "--data-dir", str(services.settings.data_dir)])
    assert verified.exit_code == 0, verified.output


def _check_bytes(store: ObjectStore, file: File) -> None:
    assert file.stored is not None
    with store.get(file.path, version=file.stored.version_id) as reader:
        found = b"".join(reader)
    assert (len(found), hashlib.sha256(found).hexdigest()) == (file.stored.size, file.stored.sha256)

"""Reads stored objects and compares them with the log, for a verification: records nothing, changes nothing.

`domain.access.content_verification` is the variant that records its findings.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from provenstore.domain.access.content_verification import has_content, read_whole
from provenstore.domain.custody.recorder import require_store
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import EventLog
from provenstore.domain.files.file import File, file_stream, project
from provenstore.domain.files.file_events import Purged, Stored, UploadCleared
from provenstore.domain.proofs.tree_check import OBJECTS
from provenstore.domain.proofs.verification import Finding
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import NoObject, ObjectNotFound


def check_object(
    log: EventLog,
    store: ObjectStore,
    file_id: UUID,
    same_store: Callable[[], None],
    progress: Callable[[int], None] | None = None,
) -> Finding | None:
    """Read a file's whole object and compare size and SHA-256; None if it matches the record.

    For a purged or cleared file, check that no object is left. Without a recorded SHA-256 only the size is compared.
    `same_store` is called before a missing object is reported (WrongStore). Misconfigured if the object is kept in
    another store; StoreUnavailable.
    """
    events = log.events([file_stream(file_id)])
    file = project(None, events)
    if file is None:
        return None
    if file.status == "purged" or (file.upload_ended and file.cleared):
        return _left_over(store, file, events, same_store)
    if file.stored is None or not has_content(file):
        return None
    require_store(file, store)
    event = next(one for one in events if isinstance(one.data, Stored))

    def finding(problem: str) -> Finding:
        return Finding(OBJECTS, event.position, event.stream, str(event.id), f"{problem}: {file.path}")

    try:
        with store.get(file.path, version=file.stored.version_id) as reader:
            found = read_whole(reader, None, progress)
    except ObjectNotFound:
        same_store()
        return finding("the object is missing")
    except NoObject as exc:
        same_store()
        return finding(f"what stands in the object's place is no object that can be read ({exc.details.get('kind')})")
    except IntegrityViolated:
        return finding("the object is not of the size that the store says")
    if found.size != file.stored.size:
        return finding(f"the object has {found.size:,} bytes, not the {file.stored.size:,} that were stored")
    if file.stored.sha256 is not None and found.sha256 != file.stored.sha256:
        return finding("the object has another SHA-256 than was stored")
    return None


def _left_over(
    store: ObjectStore, file: File, events: Sequence[Event], same_store: Callable[[], None]
) -> Finding | None:
    """Report objects that exist although the log says that they were destroyed."""
    require_store(file, store)
    said = next(one for one in reversed(events) if isinstance(one.data, Purged | UploadCleared))
    versions = [one.key for key in file.keys for one in store.versions(key) if not one.is_delete_marker]
    uploads = [one.key for key in file.keys for one in store.list_multiparts(key) if one.key == key]
    same_store()
    if not versions and not uploads:
        return None
    what = f"the store still has {len(versions):,} versions and {len(uploads):,} unfinished uploads of it"
    problem = f"the log says that this was destroyed, and {what}: {[*versions, *uploads][0]}"
    return Finding(OBJECTS, said.position, said.stream, str(said.id), problem)

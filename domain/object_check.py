"""Reading stored objects and holding them against the log, for a verification: records nothing, changes nothing.

What it finds, `domain.verifying` records when the same is asked of the ledger.
"""

from collections.abc import Callable
from uuid import UUID

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.event_log import EventLog
from provenstore.domain.file import file_stream, project
from provenstore.domain.file_events import Stored
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import ObjectNotFound
from provenstore.domain.recorder import require_store
from provenstore.domain.tree_check import OBJECTS
from provenstore.domain.verification import Finding
from provenstore.domain.verifying import has_content, read_whole


def check_object(
    log: EventLog, store: ObjectStore, file_id: UUID, progress: Callable[[int], None] | None = None
) -> Finding | None:
    """Read a file's object from end to end and compare size and SHA-256; None where it is as recorded, or destroyed.

    A SHA-256 that nobody has claimed or read cannot be compared; the size can. Misconfigured where the object is kept
    in another store; StoreUnavailable.
    """
    events = log.events([file_stream(file_id)])
    file = project(None, events)
    if file is None or file.stored is None or not has_content(file):
        return None
    require_store(file, store)
    stored = file.stored
    event = next(one for one in events if isinstance(one.data, Stored))

    def finding(problem: str) -> Finding:
        return Finding(OBJECTS, event.position, event.stream, str(event.id), f"{problem}: {file.path}")

    try:
        with store.get(file.path, version=stored.version_id) as reader:
            found = read_whole(reader, None, progress)
    except ObjectNotFound:
        return finding("the object is missing")
    except IntegrityViolated:
        return finding("the object is not of the size that the store says")
    if found.size != stored.size:
        return finding(f"the object has {found.size:,} bytes, not the {stored.size:,} that were stored")
    if stored.sha256 is not None and found.sha256 != stored.sha256:
        return finding("the object has another SHA-256 than was stored")
    return None

"""The cleanup of unfinished uploads, and the recheck of every object key that a URL could write.

Life of an aborted or expired upload, and what a crash leaves at each point:
 1. UploadAborted or UploadExpired. Crash: `clear` continues with 2.
 2. Multipart uploads and versions at its keys are removed. Crash: 2 again.
 3. Once no write URL works: what arrived meanwhile is recorded (StrayFound) and removed. Crash: 3 again.
 4. UploadCleared releases the quota. Crash after this: nothing is left to do.

A stored or purged file whose URLs have expired since is checked as in 3, and PlaceChecked records it. So is an aborted
or expired upload with a failed announcement, an hour after that.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar
from uuid import UUID

from provenstore.domain.access.content_verification import ContentVerifier
from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import StoreUnavailable, Unavailable
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, later
from provenstore.domain.files.parts import combined_etag
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import MultipartInfo, MultipartNotFound, ObjectVersion
from provenstore.domain.uploads.part_uploads import PartUploads

Found = TypeVar("Found", ObjectVersion, MultipartInfo)

STRAYS_AT_ONCE = 50
"""Maximum versions, and uploads, in one event; fewer if their names are long, since events have a size limit."""

MAX_STRAYS_BYTES = 24_000
"""Bytes of the versions, and of the uploads, in one event."""


class UploadCleanup:
    """Ends uploads and removes unexpected objects; safe to repeat and to run concurrently."""

    def __init__(
        self,
        recorder: Recorder,
        store: ObjectStore,
        parts: PartUploads,
        verifying: ContentVerifier,
        identity: StoreIdentity,
    ) -> None:
        """Record with `recorder`, remove from `store`; `parts` knows when URLs expire.

        No object is recorded as removed before the store's `identity` was compared with the log.
        """
        self._identity = identity
        self._recorder = recorder
        self._store = store
        self._parts = parts
        self._verifying = verifying

    def abort(self, caller: Caller, file_id: UUID, reason: str | None) -> File:
        """Abort an unfinished upload, remove its remains, and release its quota."""
        file = self._recorder.change(
            caller, "file.abort", file_id, lambda _, now: c.Abort(by=caller.actor, now=now, reason=reason)
        )
        try:
            return self.clear(caller, file_id)
        except Unavailable:
            return file  # the abort is recorded; background work removes the remains

    def expire(self, caller: Caller, file_id: UUID) -> File:
        """Expire an upload whose time has passed, as the system."""
        self._recorder.change(caller, "system.sweep", file_id, lambda _, now: c.ExpireUpload(by=caller.actor, now=now))
        return self.clear(caller, file_id)

    def clear(self, caller: Caller, file_id: UUID) -> File:
        """Remove the remains of an ended upload from the store, then release its quota; safe to repeat."""
        recorder = self._recorder
        file = recorder.file(file_id)
        if not file.upload_ended or file.cleared:
            return file
        require_store(file, self._store)
        until = self.write_until(file)
        if until is None:
            versions, uploads = self._found(file)
            self._remove(versions, uploads)
            self._confirm(file, removed=bool(versions or uploads))
        elif recorder.clock.now() < until:
            self._remove(*self._found(file))
            return file
        else:
            self._remove_strays(caller, file)
        self._identity.require()
        return recorder.change(
            caller,
            "file.abort",
            file_id,
            lambda _, now: c.RecordCleared(by=caller.actor, now=now, write_until=until),
        )

    def due(self, file: File, now: datetime) -> datetime | None:
        """Return the moment for which a key recheck is due, None if none is due."""
        after = later(self.write_until(file), file.look_after)
        if after is None or now < after or (file.looked_after is not None and file.looked_after >= after):
            return None
        return after

    def look(self, caller: Caller, file_id: UUID) -> File:
        """Recheck the object keys of a file whose upload is over, remove unexpected objects, and record it."""
        recorder = self._recorder
        file = recorder.file(file_id)
        after = self.due(file, recorder.clock.now())
        purging = file.purge is not None and file.purge.started is not None
        if after is None or file.status == "initiated" or purging or (file.upload_ended and not file.cleared):
            return file
        require_store(file, self._store)
        self._remove_strays(caller, file)
        if file.stored is not None and file.status != "purged":
            self._verifying.compare(caller, file)
        self._identity.require()
        return recorder.change(
            caller,
            "system.sweep",
            file_id,
            lambda _, now: c.RecordPlaceChecked(by=caller.actor, now=now, look_after=after),
        )

    def write_until(self, file: File) -> datetime | None:
        """Return the first moment at which no URL of the upload can write, None if no URL was issued."""
        if file.initiated.upload != "multipart":
            return file.initiated.write_until
        return later(file.initiated.write_until, self._parts.recorded(file).write_until)

    def _remove_strays(self, caller: Caller, file: File) -> None:
        """Record unexpected objects and uploads, remove them, and confirm the removal."""
        versions, uploads = self._found(file)
        by_versions = _in_pieces(versions, lambda one: len(one.key) + len(one.version_id or "") + len(one.etag or ""))
        by_uploads = _in_pieces(uploads, lambda one: len(one.upload))
        for some, others in zip_longest(by_versions, by_uploads, fillvalue=()):
            self._record_strays(caller, file, some, others)
            self._remove(some, others)
        self._confirm(file, removed=bool(versions or uploads))

    def _record_strays(
        self, caller: Caller, file: File, versions: Sequence[ObjectVersion], uploads: Sequence[MultipartInfo]
    ) -> None:
        strays = tuple(
            fe.StrayVersion(
                key=one.key,
                version_id=one.version_id,
                size=None if one.is_delete_marker else one.size,
                etag=one.etag,
                marker=one.is_delete_marker,
            )
            for one in versions
        )
        system, ids = self._recorder.system(caller), tuple(one.upload for one in uploads)
        self._recorder.change(
            system,
            "system.sweep",
            file.id,
            lambda _, now: c.RecordStrayFound(by=system.actor, now=now, versions=strays, uploads=ids),
        )

    def _found(self, file: File) -> tuple[list[ObjectVersion], list[MultipartInfo]]:
        """Return unexpected objects and uploads at the file's keys; none at a path that lacks the stored object."""
        versions: list[ObjectVersion] = []
        for key in file.keys:
            found = self._store.versions(key)
            kept = [one for one in found if _belongs(file, one)]
            if kept or key != file.path or file.stored is None or file.status == "purged":
                versions += [one for one in found if one not in kept]
        uploads = [
            one
            for key in file.keys
            for one in self._store.list_multiparts(key)
            if one.key == key and not self._became(file, one)
        ]
        return versions, uploads

    def _became(self, file: File, upload: MultipartInfo) -> bool:
        """Tell whether the stored object was made from this multipart upload, which a store may still list.

        Aborting it would remove the object's bytes.
        """
        if file.stored is None or file.status == "purged" or upload.key != file.path:
            return False
        if upload.upload == file.multipart:
            return True
        try:
            parts = self._store.list_parts(upload.key, upload.upload)
        except MultipartNotFound:
            return False
        return bool(parts) and combined_etag([part.ref for part in parts]) == file.stored.etag

    def _confirm(self, file: File, *, removed: bool) -> None:
        """Raise StoreUnavailable if the store still lists a removed object or upload.

        If versioning was enabled on the bucket since we listed it, a deletion only adds a delete marker.
        """
        if removed and any(self._found(file)):
            raise StoreUnavailable("object store still lists objects after deletion", error="kept")

    def _remove(self, versions: Sequence[ObjectVersion], uploads: Sequence[MultipartInfo]) -> None:
        """Remove version by version: otherwise a bucket might only add a delete marker."""
        for upload in uploads:
            self._store.abort_multipart(upload.key, upload.upload)
        for version in versions:
            self._store.delete(version.key, version=version.version_id)


def _in_pieces(found: Sequence[Found], size: Callable[[Found], int]) -> Iterator[Sequence[Found]]:
    """Yield the found items in slices that fit into one event."""
    start = used = 0
    for at, one in enumerate(found):
        needed = size(one) + 150  # the names of the fields, and the small ones
        if at > start and (used + needed > MAX_STRAYS_BYTES or at - start == STRAYS_AT_ONCE):
            yield found[start:at]
            start, used = at, 0
        used += needed
    if start < len(found):
        yield found[start:]


def _belongs(file: File, found: ObjectVersion) -> bool:
    """Tell whether this version is to be kept as the stored object.

    A replacement in a bucket without versions is kept as evidence. If versioning was enabled later, the same object has
    a version id that was never recorded.
    """
    if file.stored is None or file.status == "purged" or found.key != file.path:
        return False
    same = (found.size, found.etag) == (file.stored.size, file.stored.etag)
    return same or (found.version_id == file.stored.version_id and not found.is_delete_marker)

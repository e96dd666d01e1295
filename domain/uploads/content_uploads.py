"""Streams a file's bytes through us into the store.

Life of a streamed upload, and what a crash leaves at each point:
 1. UploadInitiated is durable, quota is reserved. Crash: the upload can continue, or it expires and is cleared.
 2. The bytes stream into the store's staging area while digests are computed. Crash: the store clears its staging area.
 3. All bytes are staged and match the declaration; CompletionRequested announces them: from here exactly one attempt
    may publish. Crash: `domain.uploads.completion` finds no object at the key and reopens the upload.
 4. The store publishes the object if the key is empty. Crash: `completion` finds the announced object: Stored.
 5. Stored is recorded. Crash after this: nothing is left to do.
"""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import (
    AlreadyExists,
    ContentMismatch,
    ContentTooLarge,
    InvalidInput,
    WrongState,
)
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File
from provenstore.domain.files.upload_decisions import require_open
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import Digests, ObjectInfo
from provenstore.domain.uploads.completion import UploadCompletion


class ContentUploads:
    """Receives the bytes of uploads."""

    def __init__(
        self, recorder: Recorder, store: ObjectStore, completing: UploadCompletion, identity: StoreIdentity
    ) -> None:
        """Record with `recorder`, keep bytes in `store`; `completing` settles announced completions.

        Nothing is written into a store whose `identity` differs from the one recorded in the log.
        """
        self._identity = identity
        self._recorder = recorder
        self._store = store
        self._completing = completing

    def upload_content(
        self, caller: Caller, file_id: UUID, body: Iterable[bytes], *, size: int | None = None, md5: str | None = None
    ) -> File:
        """Store the whole content from a stream and finish the file; see the module's numbered life.

        `size` and `md5` come from the request's headers. ContentMismatch, ContentTooLarge: recorded as IntegrityFailed,
        and the upload stays open. WrongState if it is over or another attempt is being completed.
        """
        recorder, store = self._recorder, self._store
        file = recorder.authorised_file(caller, "file.upload", file_id)
        require_store(file, store)
        self._identity.require_lately()
        if file.completion is not None and file.completion.stray:
            file = self._completing.finish(caller, file_id)
        try:
            require_open(file)
        except WrongState as refusal:
            recorder.deny(caller, file, "file.upload", refusal)
            raise

        announced: list[Digests] = []

        def announce(found: Digests) -> None:
            self._announce(caller, file, found)
            announced.append(found)

        declared = file.initiated
        try:
            _agree("size", declared.declared_size, size)
            _agree("md5", declared.declared_md5, md5)
            try:
                info = store.put(
                    file.path,
                    body,
                    media_type=declared.media_type,
                    max_size=declared.max_size,
                    size=size if declared.declared_size is None else declared.declared_size,
                    sha256=declared.declared_sha256,
                    md5=declared.declared_md5 or md5,
                    confirm=announce,
                )
            except AlreadyExists:
                # An earlier attempt published an object and crashed before recording it. If its bytes are the same,
                # the file is stored; otherwise the object is unexpected.
                if not announced:
                    announce(digests_of(body, declared.max_size))
                return self.adopt(caller, file_id)
        except (ContentMismatch, ContentTooLarge) as refusal:
            if not announced:
                self._completing.record_failure(caller, file_id, "arriving", refusal)
            raise
        return self.published(caller, file_id, info)

    def published(self, caller: Caller, file_id: UUID, info: ObjectInfo) -> File:
        """Record Stored for an object that was announced and published.

        WrongState if the upload was aborted or expired, or if another attempt stored the file and it was purged since.
        """
        try:
            file = self._completing.record_stored(
                caller, file_id, info, sha256=info.sha256, verified=info.sha256 is not None
            )
            if _destroyed(file):
                raise WrongState("the file was stored by another attempt, and purged since", status=file.status)
        except WrongState:
            self._take_back(file_id)
            raise
        return file

    def adopt(self, caller: Caller, file_id: UUID) -> File:
        """Settle an announcement with an object at its key; ContentMismatch if it was a different object."""
        file = self._completing.finish(caller, file_id)
        if file.status != "stored":
            raise ContentMismatch("the object in the file's place was not the announced one; upload again")
        return file

    def _take_back(self, file_id: UUID) -> None:
        """Remove an object that was published after its upload had ended, or after its file's purge."""
        file = self._recorder.file(file_id)
        # Only then: another attempt may announce and store the object of a reopened upload.
        if file.upload_ended or _destroyed(file):
            # Version by version: otherwise a bucket might only add a delete marker.
            for version in self._store.versions(file.path):
                self._store.delete(file.path, version=version.version_id)

    def _announce(self, caller: Caller, file: File, found: Digests) -> None:
        if found.size == 0:
            category = self._recorder.workspace(file.workspace).category(file.initiated.category)
            if not category.allow_empty:
                raise InvalidInput("size", f"is 0, which category {category.name} does not take")
        self._recorder.change(
            caller,
            "file.upload",
            file.id,
            lambda _, now: c.RequestCompletion(
                by=caller.actor, now=now, size=found.size, sha256=found.sha256, md5=found.md5
            ),
        )


def _destroyed(file: File) -> bool:
    return file.status == "purged" or (file.purge is not None and file.purge.started is not None)


def digests_of(body: Iterable[bytes], max_size: int) -> Digests:
    """Read a body to its end and return its digests; ContentTooLarge beyond `max_size` bytes."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    for chunk in body:
        size += len(chunk)
        if size > max_size:
            raise ContentTooLarge(f"the content is larger than {max_size:,} bytes", limit=max_size)
        sha256.update(chunk)
        md5.update(chunk)
    return Digests(size=size, sha256=sha256.hexdigest(), md5=md5.hexdigest())


def _agree(check: str, declared: str | int | None, said: str | int | None) -> None:
    if declared is not None and said is not None and declared != said:
        raise ContentMismatch(
            f"the request says {check} {said}, declared was {declared}",
            check=check,
            expected=str(declared),
            actual=str(said),
        )

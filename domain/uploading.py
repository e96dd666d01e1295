"""The way of a file's bytes into the store, and the end of uploads that did not get there.

Life of a streamed upload, and what a crash leaves at each point:
 1. UploadInitiated is durable, space is reserved. Crash: the upload can go on, or it expires and is cleared.
 2. The bytes stream into the store's staging, digests computed on the way. Crash: the store clears its staging.
 3. All bytes are staged and compared with what was declared; CompletionRequested announces them: from here exactly
    one attempt may publish. Crash: `settle` looks whether the object is there (it is not) and opens the upload again.
 4. The store publishes the object, only if none is there. Crash: `settle` finds the announced object: Stored.
 5. Stored is recorded. Crash after this: nothing is left to do.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

from provenstore.domain import file_commands as c
from provenstore.domain.caller import Caller
from provenstore.domain.errors import (
    AlreadyExists,
    ContentMismatch,
    ContentTooLarge,
    InvalidInput,
    WrongState,
)
from provenstore.domain.file import File
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import Digests, ObjectInfo, ObjectNotFound, SourceChanged
from provenstore.domain.recorder import Recorder
from provenstore.domain.upload_decisions import require_open

COMPLETION_GRACE = timedelta(minutes=5)
"""How long an announced completion is left to the process that announced it before another one settles it."""


class Uploading:
    """Takes the bytes of uploads, and ends the ones that do not finish."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`, keep bytes in `store`."""
        self._recorder = recorder
        self._store = store

    def upload_content(
        self, caller: Caller, file_id: UUID, body: Iterable[bytes], *, size: int | None = None, md5: str | None = None
    ) -> File:
        """Stream the whole content in and finish the file; see the module's numbered life.

        `size` and `md5` are what the request's headers say. ContentMismatch, ContentTooLarge: recorded as
        IntegrityFailed, and the upload stays open. WrongState if it is over or another attempt is being completed.
        """
        recorder, store = self._recorder, self._store
        file = recorder.authorised_file(caller, "file.upload", file_id)
        if file.completion is not None and file.completion.stray:
            file = self.finish(caller, file_id)
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
                # An attempt before this one published an object and died before it could say so. If its bytes are
                # these, they are stored; if not, they are in nobody's name.
                if not announced:
                    announce(_digests(body, declared.max_size))
                return self._adopt(caller, file_id)
        except (ContentMismatch, ContentTooLarge) as refusal:
            if not announced:
                self._record_failure(caller, file_id, "arriving", refusal)
            raise
        try:
            return self._record_stored(caller, file_id, info)
        except WrongState:
            self._take_back(file_id)
            raise

    def _adopt(self, caller: Caller, file_id: UUID) -> File:
        file = self.finish(caller, file_id)
        if file.status != "stored":
            raise ContentMismatch("the object in the file's place was not the announced one; upload again")
        return file

    def _take_back(self, file_id: UUID) -> None:
        """Remove an object that was published after its upload had been given up: nobody will look there again."""
        file = self._recorder.file(file_id)
        # Only then: the object of an upload that is open again may be announced, and stored, by another attempt.
        if file.status in {"aborted", "expired"} and file.stored is None:
            self._remove(file.path)

    def _remove(self, path: str) -> None:
        """Remove what stands under a key, version by version: otherwise a bucket might only lay a marker over it."""
        for version in self._store.versions(path):
            self._store.delete(path, version=version.version_id)

    def _announce(self, caller: Caller, file: File, found: Digests) -> None:
        category = self._recorder.workspace(file.workspace).category(file.initiated.category)
        if found.size == 0 and not category.allow_empty:
            raise InvalidInput("size", f"is 0, which category {category.name} does not take")
        self._recorder.change(
            caller,
            "file.upload",
            file.id,
            lambda _, now: c.RequestCompletion(
                by=caller.actor, now=now, size=found.size, sha256=found.sha256, md5=found.md5
            ),
        )

    def finish(self, caller: Caller, file_id: UUID) -> File:
        """Settle an announced completion by what stands in its place; safe to repeat and to race.

        The announced object: Stored. Nothing: the upload is open again. A stray object: it is recorded, removed, and
        only then is the upload open again. Until that the announcement keeps everybody else out, so that what is
        removed can be nobody's: not even that of an attempt with the very same bytes.
        """
        file = self._recorder.file(file_id)
        announced = file.completion
        if announced is None:
            return file
        try:
            info = self._store.head(file.path)
        except ObjectNotFound:
            if announced.stray:
                return self._record_stray_removed(caller, file_id, "")
            missing = ContentMismatch(check="missing", expected=announced.sha256, actual=None)
            return self._record_failure(caller, file_id, "nothing", missing)
        sha256 = info.sha256 or self._read_digest(info)
        if not announced.stray and (info.size, sha256) == (announced.size, announced.sha256):
            return self._record_stored(caller, file_id, replace(info, sha256=sha256))
        stray = ContentMismatch(check="sha256", expected=announced.sha256, actual=sha256)
        file = self._record_failure(caller, file_id, "stray", stray)
        if file.completion is None or not file.completion.stray:
            return file  # another process has settled it meanwhile
        try:
            self._store.delete(file.path, version=info.version_id, if_etag=info.etag)
        except SourceChanged:
            return file  # the next one to come here looks again
        return self._record_stray_removed(caller, file_id, info.etag)

    def _read_digest(self, info: ObjectInfo) -> str:
        """Return the SHA-256 of an object whose store does not tell it: a stranger must not pass, nor a friend fail."""
        digest = hashlib.sha256()
        with self._store.get(info.key, version=info.version_id) as reader:
            for chunk in reader:
                digest.update(chunk)
        return digest.hexdigest()

    def abort(self, caller: Caller, file_id: UUID, reason: str | None) -> File:
        """Give an unfinished upload up, remove what it left, and free its space."""
        self._recorder.change(
            caller, "file.abort", file_id, lambda _, now: c.Abort(by=caller.actor, now=now, reason=reason)
        )
        return self.clear(caller, file_id)

    def expire(self, caller: Caller, file_id: UUID) -> File:
        """Give up an upload whose time has passed, as the system."""
        self._recorder.change(caller, "system.sweep", file_id, lambda _, now: c.ExpireUpload(by=caller.actor, now=now))
        return self.clear(caller, file_id)

    def clear(self, caller: Caller, file_id: UUID) -> File:
        """Remove what a given-up upload left in the store, then free its space; safe to repeat."""
        file = self._recorder.file(file_id)
        if file.status not in {"aborted", "expired"} or file.stored is not None or file.cleared:
            return file
        for upload in self._store.list_multiparts(file.path):
            self._store.abort_multipart(upload.key, upload.upload)
        self._remove(file.path)
        write_until = file.initiated.write_until
        if write_until is not None and self._recorder.clock.now() < write_until:
            return file
        return self._recorder.change(
            caller, "file.abort", file_id, lambda _, now: c.RecordCleared(by=caller.actor, now=now)
        )

    def _record_stored(self, caller: Caller, file_id: UUID, info: ObjectInfo) -> File:
        return self._recorder.change(
            caller,
            "file.upload",
            file_id,
            lambda _, now: c.RecordStored(
                by=caller.actor,
                now=now,
                size=info.size,
                sha256=info.sha256,
                sha256_status="verified" if info.sha256 else "none",
                md5=info.md5,
                etag=info.etag,
                version_id=info.version_id,
            ),
        )

    def _record_stray_removed(self, caller: Caller, file_id: UUID, etag: str) -> File:
        return self._recorder.change(
            caller, "file.upload", file_id, lambda _, now: c.RecordStrayRemoved(by=caller.actor, now=now, etag=etag)
        )

    def _record_failure(
        self, caller: Caller, file_id: UUID, found: c.Found, refusal: ContentMismatch | ContentTooLarge
    ) -> File:
        details = refusal.details
        check = str(details.get("check", "size"))
        expected, actual = details.get("expected", details.get("limit")), details.get("actual")
        return self._recorder.change(
            caller,
            "file.upload",
            file_id,
            lambda _, now: c.RecordIntegrityFailure(
                by=caller.actor,
                now=now,
                found=found,
                check=cast("c.Check", check),
                expected=None if expected is None else str(expected),
                actual=None if actual is None else str(actual),
            ),
        )


def _digests(body: Iterable[bytes], max_size: int) -> Digests:
    """Read a body to its end, keeping nothing but its digests."""
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

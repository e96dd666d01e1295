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
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from provenstore.domain import file_commands as c
from provenstore.domain import file_events as fe
from provenstore.domain import text
from provenstore.domain.caller import Caller
from provenstore.domain.canonical import MAX_INTEGER, Json
from provenstore.domain.categories import UPLOAD_TTL, Category, extension_of, path_for, require_type
from provenstore.domain.errors import (
    AlreadyExists,
    Conflict,
    ContentMismatch,
    ContentTooLarge,
    InvalidInput,
    WrongState,
)
from provenstore.domain.event_log import Guard, IdempotencyKey
from provenstore.domain.file import File, file_stream
from provenstore.domain.file_decisions import decide
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import Digests, ObjectInfo, ObjectNotFound, SignedUrl, SourceChanged
from provenstore.domain.recorder import MAX_ATTEMPTS, Recorder
from provenstore.domain.upload_decisions import require_open
from provenstore.domain.workspace import workspace_stream

COMPLETION_GRACE = timedelta(minutes=5)
"""How long an announced completion is left to the process that announced it before another one settles it."""


WRITE_URL_TTL = timedelta(minutes=15)
"""How long a URL for writing works: long enough to begin sending, short enough to be of little use once leaked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """What a caller says about a file that it wants to store; checked by `initiate`."""

    workspace: str
    filename: str
    media_type: str
    category: str
    size: int | None = None
    variant: fe.Variant = "original"
    upload: fe.UploadMethod | Literal["auto"] = "auto"
    sha256: str | None = None
    md5: str | None = None
    access: fe.AccessLevel = "private"
    related: tuple[Mapping[str, str], ...] = ()
    subjects: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    placement: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


class Uploading:
    """Initiates uploads, takes their bytes, and ends the ones that do not finish."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`, keep bytes in `store`."""
        self._recorder = recorder
        self._store = store

    def initiate(self, caller: Caller, new: NewFile, key: IdempotencyKey | None = None) -> File:
        """Check everything that can be checked before a byte arrives, reserve the space, and record it."""
        recorder = self._recorder
        recorder.require(caller, "file.initiate", new.workspace)
        if key is not None and (known := recorder.log.recall(key)) is not None:
            return recorder.file(UUID(known.events[0].stream.partition(":")[2]))
        for _ in range(MAX_ATTEMPTS):
            workspace = recorder.workspace(new.workspace)
            file_id = recorder.entropy.event_id()
            now = recorder.clock.now()
            data = self._initiation(new, workspace.category(new.category), file_id, caller, now)
            command = c.Initiate(by=caller.actor, now=now, data=data, private={**_private(new), **caller.client})
            stream = file_stream(file_id)
            drafts = recorder.drafts(caller, stream, new.workspace, decide(None, command))
            policy = workspace_stream(new.workspace)
            try:
                recorded = recorder.append(
                    caller,
                    drafts,
                    expected=[Guard(stream, 0)],
                    reads=[Guard(policy, workspace.version)],
                    key=key,
                )
            except Conflict as conflict:
                recorder.retry_or_raise(conflict, policy)
                continue
            return recorder.file(UUID(recorded.events[0].stream.partition(":")[2]))
        raise Conflict("the workspace keeps changing; try again")

    def _initiation(
        self, new: NewFile, category: Category, file_id: UUID, caller: Caller, now: datetime
    ) -> fe.UploadInitiated:
        method = self._method(new.upload)
        text.require_filename(new.filename)
        media_type = text.require_media_type(new.media_type)
        extension = extension_of(new.filename, media_type)
        require_type(category, extension, media_type)
        _require_size(new.size, category)
        return fe.UploadInitiated(
            path=path_for(
                category,
                workspace=new.workspace,
                placement=new.placement,
                file_id=file_id,
                extension=extension,
                now=now,
            ),
            extension=extension,
            category=category.name,
            variant=new.variant,
            media_type=media_type,
            provider=self._store.name,
            upload=method,
            owner=caller.actor.id,
            access=new.access,
            declared_size=new.size,
            declared_sha256=text.require_hex("sha256", new.sha256, 32),
            declared_md5=text.require_hex("md5", new.md5, 16),
            max_size=category.max_size,
            reserved=category.reserve if new.size is None else new.size,
            expires_after=category.expires_after,
            expires_at=new.expires_at,
            upload_expires_at=now + timedelta(seconds=UPLOAD_TTL),
            write_until=now + WRITE_URL_TTL if method == "presigned" else None,
        )

    def _method(self, asked: fe.UploadMethod | Literal["auto"]) -> fe.UploadMethod:
        """Return the way in which the bytes come; straight to the store where it can take them by itself."""
        store = self._store.capabilities()
        if asked == "auto":
            return "presigned" if store.presign and store.direct else "api"
        if asked == "multipart" or (asked == "presigned" and not store.presign):
            available = "auto, api, presigned" if store.presign else "auto, api"
            raise InvalidInput("upload", f"is {asked}, which is not available here; available are {available}")
        return asked

    def write_url(self, file: File) -> SignedUrl | None:
        """Return the URL at which a presigned upload takes its bytes, None for other uploads.

        It is bound to the event that initiated the upload and to what that declared; again it is the same URL.
        """
        declared = file.initiated
        if declared.upload != "presigned" or declared.write_until is None:
            return None
        return self._store.presign_put(
            file.path,
            file=str(file.id),
            grant=str(file.private_events[0]),
            expires_at=declared.write_until,
            media_type=declared.media_type,
            size=declared.declared_size,
            sha256=declared.declared_sha256,
            md5=declared.declared_md5,
        )

    def upload_content(
        self, caller: Caller, file_id: UUID, body: Iterable[bytes], *, size: int | None = None, md5: str | None = None
    ) -> File:
        """Stream the whole content in and finish the file; see the module's numbered life.

        `size` and `md5` are what the request's headers say. ContentMismatch, ContentTooLarge: recorded as
        IntegrityFailed, and the upload stays open. WrongState if it is over or another attempt is being completed.
        """
        recorder, store = self._recorder, self._store
        file = recorder.authorised_file(caller, "file.upload", file_id)
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
        except (ContentMismatch, ContentTooLarge) as refusal:
            self._record_failure(caller, file_id, refusal)
            raise
        except AlreadyExists:
            # An attempt before this one published an object and died before it could say so. If its bytes are these,
            # they are stored; if not, they are in nobody's name.
            if not announced:
                announce(_digests(body, declared.max_size))
            return self.finish(caller, file_id)
        try:
            return self._record_stored(caller, file_id, info)
        except WrongState:
            self._take_back(file_id)
            raise

    def _take_back(self, file_id: UUID) -> None:
        """Remove an object that was published after its upload had been given up: nobody will look there again."""
        file = self._recorder.file(file_id)
        # Only then: the object of an upload that is open again may be announced, and stored, by another attempt.
        if file.status in {"aborted", "expired"} and file.stored is None:
            self._store.delete(file.path)

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
        """Settle an announced completion by what stands in its place: Stored, or the upload is open again."""
        file = self._recorder.file(file_id)
        if file.completion is None:
            if file.status == "initiated":
                raise WrongState("nothing was announced for this file")
            return file
        try:
            info = self._store.head(file.path)
        except ObjectNotFound:
            return self._record_failure(
                caller, file_id, ContentMismatch(check="missing", expected=file.completion.sha256, actual=None)
            )
        if info.sha256 is None or (info.size, info.sha256) != (file.completion.size, file.completion.sha256):
            failure = ContentMismatch(check="sha256", expected=file.completion.sha256, actual=info.sha256)
            # Recorded first, removed second: a crash in between is settled by the next attempt, which comes here too.
            # Only the object that was seen: by now another attempt may have put its own there.
            self._record_failure(caller, file_id, failure)
            with suppress(SourceChanged):
                self._store.delete(file.path, version=info.version_id, if_etag=info.etag)
            raise ContentMismatch("the object in the file's place is not the announced one; upload again")
        return self._record_stored(caller, file_id, info)

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
        self._store.delete(file.path)
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

    def _record_failure(self, caller: Caller, file_id: UUID, refusal: ContentMismatch | ContentTooLarge) -> File:
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
                check=cast("c.Check", check),
                expected=None if expected is None else str(expected),
                actual=None if actual is None else str(actual),
            ),
        )


def _require_size(size: int | None, category: Category) -> None:
    if size is None:
        return
    if size < 0 or size > MAX_INTEGER:
        raise InvalidInput("size", "is negative or too large to count")
    if size > category.max_size:
        raise ContentTooLarge(
            f"size: category {category.name} takes at most {category.max_size:,} bytes",
            field="size",
            limit=category.max_size,
        )
    if size == 0 and not category.allow_empty:
        raise InvalidInput("size", f"is 0, which category {category.name} does not take")


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


def _private(new: NewFile) -> dict[str, Json]:
    return {
        "filename": new.filename,
        "related": cast(Json, text.require_related(new.related)),
        "subjects": cast(Json, text.require_subjects(new.subjects)),
        "metadata": cast(Json, text.require_metadata(new.metadata)),
    }

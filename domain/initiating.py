"""The beginning of a file: what its caller says about it is checked, its space reserved, its place and path decided.

Nothing of the file exists after this but its first event. A crash before that leaves nothing; after it the upload can
go on, or it expires and is cleared (see `domain.uploading`).
"""

from collections.abc import Mapping
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
    Conflict,
    ContentTooLarge,
    InvalidInput,
)
from provenstore.domain.event_log import Guard, IdempotencyKey
from provenstore.domain.file import File, file_stream
from provenstore.domain.file_decisions import decide
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import SignedUrl
from provenstore.domain.recorder import MAX_ATTEMPTS, Recorder
from provenstore.domain.workspace import workspace_stream

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


class Initiating:
    """Initiates uploads, and says where their bytes may be sent."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`; the bytes will lie in `store`."""
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
        """Return the way in which the bytes come.

        Through us, or through a URL of ours: bytes that went straight to a bucket could not be completed yet.
        """
        store = self._store.capabilities()
        presigned = store.presign and not store.direct
        if asked == "auto":
            return "api"
        if asked == "multipart" or (asked == "presigned" and not presigned):
            available = "auto, api, presigned" if presigned else "auto, api"
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


def _private(new: NewFile) -> dict[str, Json]:
    return {
        "filename": new.filename,
        "related": cast(Json, text.require_related(new.related)),
        "subjects": cast(Json, text.require_subjects(new.subjects)),
        "metadata": cast(Json, text.require_metadata(new.metadata)),
    }

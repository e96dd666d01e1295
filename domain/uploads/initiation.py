"""Initiation of an upload: checks the declaration, reserves quota, and decides store, path and upload method.

After this, only the file's first event exists. A crash before that leaves nothing; after it the upload can continue, or
it expires and is cleared (see `domain.uploads.content_uploads`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypedDict, cast
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.canonical import MAX_INTEGER, Json
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import (
    ContentTooLarge,
    InvalidInput,
    Refused,
)
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import Appended, Guard, IdempotencyKey
from provenstore.domain.eventlog.recording import LookAgain, slug_of
from provenstore.domain.eventlog.refusals import Asked
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, file_stream
from provenstore.domain.files.file_decisions import decide
from provenstore.domain.storage.media_types import extension_of
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import Capabilities, Digests, SignedUrl
from provenstore.domain.storage.upload_sizes import MULTIPART_ABOVE, part_size_for
from provenstore.domain.tenants.categories import UPLOAD_TTL, Category, path_for, require_type
from provenstore.domain.tenants.workspace import workspace_stream
from provenstore.domain.uploads.part_uploads import WRITE_URL_TTL

_BY_ONE_URL = frozenset({"presigned", "form"})
"""Methods that send the whole content to one URL without an API key."""

LANDING = "temp/uploads/landing/"
"""Key prefix for bytes that a URL could still alter after their upload."""


class _Grant(TypedDict):
    """The claims of every signed URL."""

    file: str
    grant: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A caller's declaration of a new file; checked by `initiate`."""

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


class UploadInitiation:
    """Initiates uploads, and issues their write URLs."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`; the bytes will be in `store`."""
        self._recorder = recorder
        self._store = store

    def initiate(self, caller: Caller, new: NewFile, key: IdempotencyKey | None = None) -> File:
        """Check the declaration, reserve quota, and record the file, before any byte arrives."""
        return self.begin(caller, new, key)[0]

    def begin(
        self, caller: Caller, new: NewFile, key: IdempotencyKey | None = None, at_hand: Digests | None = None
    ) -> tuple[File, bool]:
        """Like `initiate`, and tell whether an earlier command with `key` began the file.

        The digests `at_hand` are announced in the same append, so that the content may be published at once.
        """
        self._recorder.require(caller, "file.initiate", new.workspace)
        try:
            return self._begun(caller, new, key, at_hand)
        except Refused as refusal:
            # The reason for the refusal may be newer than the file: a repeated request gets the first answer. The key
            # is recalled only here, since the append detects a known key itself.
            if (known := self._recorder.recall(key)) is None:
                raise self._recorder.refused(caller, "file.initiate", refusal, asked_of(new)) from None
        return self._recorder.file(_file_of(known)), True

    def _begun(
        self, caller: Caller, new: NewFile, key: IdempotencyKey | None, at_hand: Digests | None
    ) -> tuple[File, bool]:
        recorder = self._recorder

        def attempt(recent: bool) -> tuple[File, bool]:
            file_id = recorder.entropy.event_id()
            now = recorder.clock.now()
            workspace = recorder.workspace(new.workspace, recent=recent)
            try:
                data = self._initiation(new, workspace.category(new.category), file_id, caller, now)
            except Refused as refusal:
                if recent:  # the category may have changed since this process last looked
                    raise LookAgain from refusal
                raise
            private = _private(new)
            announcing = None if at_hand is None else _announcing(caller, now, at_hand)
            command = c.Initiate(by=caller.actor, now=now, data=data, private=private, announcing=announcing)
            stream = file_stream(file_id)
            drafts = recorder.drafts(caller, stream, new.workspace, decide(None, command))
            policy = Guard(workspace_stream(new.workspace), workspace.version)
            appended = recorder.append(caller, drafts, expected=[Guard(stream, 0)], reads=[policy], key=key)
            if appended.replayed:
                return recorder.file(_file_of(appended)), True
            return recorder.advanced(None, drafts, appended), False

        return recorder.attempts(caller, "the workspace", attempt, remembered=True)

    def _initiation(
        self, new: NewFile, category: Category, file_id: UUID, caller: Caller, now: datetime
    ) -> fe.UploadInitiated:
        method = self._method(new)
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
            owner_reach=caller.reach,
            access=new.access,
            declared_size=new.size,
            declared_sha256=text.require_hex("sha256", new.sha256, 32),
            declared_md5=text.require_hex("md5", new.md5, 16),
            max_size=category.max_size,
            reserved=category.reserve if new.size is None else new.size,
            expires_after=category.expires_after,
            expires_at=new.expires_at,
            upload_expires_at=now + timedelta(seconds=UPLOAD_TTL),
            write_until=now + WRITE_URL_TTL if method in _BY_ONE_URL else None,
            landing=self._landing(method, file_id),
            part_size=part_size_for(category.max_size if new.size is None else new.size)
            if method == "multipart"
            else None,
        )

    def _method(self, new: NewFile) -> fe.UploadMethod:
        """Return the upload method: direct to the bucket only if its URLs permit nothing but a write. InvalidInput."""
        store, asked = self._store.capabilities(), new.upload
        if asked == "auto":
            return _automatic(store, new.size)
        if asked == "presigned" and not store.presign:
            raise InvalidInput(
                "upload", "is presigned, which is not available here; available are auto, api, multipart"
            )
        if asked == "form" and not store.direct_forms:
            raise InvalidInput(
                "upload", "is form, which is not available here; available are auto, api, presigned, multipart"
            )
        if asked == "form" or (asked == "presigned" and store.direct_puts):
            _require_one_request(new.size, store)
        if asked == "multipart" and new.size == 0:
            raise InvalidInput("size", "an empty file cannot be uploaded in parts; use auto, api or presigned")
        return asked

    def _landing(self, method: fe.UploadMethod, file_id: UUID) -> str | None:
        """Return a landing key for the bytes, if a URL could still write to the file's path after its upload."""
        store = self._store.capabilities()
        # A form can be sent again until it expires. A PUT through us works once.
        safe = {
            "api": True,
            "presigned": store.signed_if_absent or not store.direct_puts,
            "form": False,
            "multipart": not store.late_parts,
        }
        return None if safe[method] or not store.direct else f"{LANDING}{file_id}"

    def write_url(self, file: File) -> SignedUrl | None:
        """Return the write URL for the whole content; None for other methods, after its expiry, or after the upload.

        It is bound to the event that initiated the upload and to its declaration; repeated calls return the same URL.
        None also if the store has changed since, so that its URL would permit more than a write (rule
        write-url-only-writes). The content can then be streamed through us.
        """
        declared = file.initiated
        if declared.upload not in _BY_ONE_URL or declared.write_until is None or file.status != "initiated":
            return None
        if self._recorder.clock.now() >= declared.write_until:
            return None  # the content can still be streamed through us
        store, size = self._store.capabilities(), declared.declared_size
        grant = _Grant(file=str(file.id), grant=str(file.private_events[0]), expires_at=declared.write_until)
        if declared.upload == "form":
            if not store.direct_forms or declared.landing is None or size is None:
                return None
            return self._store.presign_form(declared.landing, **grant, media_type=declared.media_type, size=size)
        if store.direct_puts and (size is None or (declared.landing is None and not store.signed_if_absent)):
            return None
        return self._store.presign_put(
            file.upload_key,
            **grant,
            media_type=declared.media_type,
            size=size,
            sha256=declared.declared_sha256,
            md5=declared.declared_md5,
        )


def asked_of(new: NewFile) -> Asked:
    """Return the fields recorded for a refused upload: nothing private, and only well-formed values."""
    try:
        media_type = text.require_media_type(new.media_type)
    except InvalidInput:
        media_type = None
    size = new.size if new.size is not None and 0 <= new.size <= MAX_INTEGER else None
    return Asked(category=slug_of(new.category), media_type=media_type, size=size)


def _automatic(store: Capabilities, size: int | None) -> fe.UploadMethod:
    """Return the upload method that the server prefers."""
    if not store.direct or size is None:
        return "api"
    if size > MULTIPART_ABOVE:
        return "multipart" if store.direct_parts else "api"
    if store.direct_puts:
        return "presigned"
    return "form" if store.direct_forms else "api"


def _require_one_request(size: int | None, store: Capabilities) -> None:
    if size is None:
        raise InvalidInput("size", "must be declared for an upload that goes straight to the bucket")
    if size > store.max_part_size:
        raise InvalidInput(
            "size",
            f"is more than the {store.max_part_size:,} bytes of one request; take multipart",
            limit=store.max_part_size,
        )


def _announcing(caller: Caller, now: datetime, found: Digests) -> c.RequestCompletion:
    return c.RequestCompletion(by=caller.actor, now=now, size=found.size, sha256=found.sha256, md5=found.md5)


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


def _file_of(begun: Appended) -> UUID:
    return UUID(begun.events[0].stream.partition(":")[2])


def _private(new: NewFile) -> dict[str, Json]:
    return {
        "filename": new.filename,
        "related": cast(Json, text.require_related(new.related)),
        "subjects": cast(Json, text.require_subjects(new.subjects)),
        "metadata": cast(Json, text.require_metadata(new.metadata)),
    }

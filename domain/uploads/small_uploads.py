"""Stores a small file, whose whole content comes with the request, in one command: the most common case, made cheap.

Life of such a file, and what a crash leaves at each point:
 1. The content is hashed and compared with the declaration. Crash, or a refusal: nothing is recorded.
 2. UploadInitiated and CompletionRequested are recorded by one append: quota is reserved, and exactly this content may
    be published. Crash: `domain.uploads.completion` finds no object at the key and reopens the upload.
 3. The store publishes the object if the key is empty. Crash: `completion` finds the announced object: Stored.
 4. Stored is recorded. Crash after this: nothing is left to do.
"""

from dataclasses import dataclass, replace

from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import AlreadyExists, ContentTooLarge, InvalidInput
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.files.file import File
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.upload_sizes import MAX_AT_HAND
from provenstore.domain.uploads.content_uploads import ContentUploads, digests_of
from provenstore.domain.uploads.initiation import NewFile, UploadInitiation, asked_of


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of a command that begins a file."""

    file: File
    at_hand: bool
    """Whether its content came with the command."""
    replayed: bool
    """Whether nothing was done, since an earlier command with the same idempotency key did it."""


class SmallUploads:
    """Stores content that comes with the command."""

    def __init__(
        self,
        recorder: Recorder,
        store: ObjectStore,
        initiating: UploadInitiation,
        uploading: ContentUploads,
        identity: StoreIdentity,
    ) -> None:
        """Keep bytes in `store`, begin files with `initiating`, and settle other cases with `uploading`.

        Nothing is begun for a store whose `identity` differs from the one recorded in the log.
        """
        self._identity = identity
        self._recorder = recorder
        self._store = store
        self._initiating = initiating
        self._uploading = uploading

    def begin(self, caller: Caller, new: NewFile, content: bytes | None, key: IdempotencyKey | None = None) -> Begun:
        """Begin a file, and finish it with `content` if given; see the module's numbered life.

        The errors of an initiation, ContentMismatch and ContentTooLarge: no file was recorded. Repeated with the same
        `key`, it continues an interrupted upload, and otherwise returns the file's current state.
        """
        if content is None:
            file, replayed = self._initiating.begin(caller, new, key)
            return Begun(file, at_hand=False, replayed=replayed)
        file, replayed = self._begin_with(caller, new, content, key)
        interrupted = replayed and file.status == "initiated"
        if interrupted:
            file = self._go_on(caller, file, content)
        elif not replayed:
            file = self._publish(caller, file, content)
        return Begun(file, at_hand=True, replayed=replayed and not interrupted)

    def _begin_with(
        self, caller: Caller, new: NewFile, content: bytes, key: IdempotencyKey | None
    ) -> tuple[File, bool]:
        """Do steps 1 and 2, and tell whether an earlier command with `key` began the file."""
        self._recorder.require(caller, "file.upload", new.workspace)
        if new.upload not in {"auto", "api"}:
            raise InvalidInput("upload", f"is {new.upload}, but the content has come already; leave it out")
        if len(content) > MAX_AT_HAND:
            refusal = ContentTooLarge(
                f"content: is longer than {MAX_AT_HAND:,} bytes; initiate the file and send them to its URL",
                field="content",
                limit=MAX_AT_HAND,
            )
            raise self._recorder.refused(caller, "file.initiate", refusal, asked_of(new))
        self._identity.require_lately()
        found = digests_of([content], MAX_AT_HAND)
        new = replace(new, upload="api", size=found.size if new.size is None else new.size)
        return self._initiating.begin(caller, new, key, found)

    def _go_on(self, caller: Caller, file: File, content: bytes) -> File:
        """Finish a file that an earlier command began; another process may work on it concurrently."""
        require_store(file, self._store)
        announced, found = file.completion, digests_of([content], MAX_AT_HAND)
        if announced is not None and not announced.stray and announced.sha256 == found.sha256:
            return self._publish(caller, file, content)
        return self._uploading.upload_content(caller, file.id, [content], size=found.size)

    def _publish(self, caller: Caller, file: File, content: bytes) -> File:
        """Do steps 3 and 4."""
        declared, announced = file.initiated, file.completion
        try:
            info = self._store.put(
                file.path,
                [content],
                media_type=declared.media_type,
                max_size=declared.max_size,
                size=len(content),
                sha256=announced.sha256 if announced else None,
                md5=declared.declared_md5,
            )
        except AlreadyExists:
            return self._uploading.adopt(caller, file.id)
        return self._uploading.published(caller, file.id, info)

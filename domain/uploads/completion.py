"""From bytes in the store to a stored file: announces completions, and settles them by the object found at the key.

Life of a completion of bytes that were not streamed through us whole, and what a crash leaves at each point:
 1. The store's list is compared with the ledger and with the client's list. Crash: nothing has happened.
 2. Unrecorded parts are recorded. Crash: they stay recorded, and the client can retry.
 3. CompletionRequested announces size, ETag and the claimed digest. Crash: `finish` continues with 4 or 5, or reopens
    the upload if it cannot succeed.
 4. The store makes one object of the parts. Crash: `finish` finds it by its ETag.
 5. Bytes at a landing key, which a URL may still write, are copied to the file's path. Crash: `finish` finds the copy,
    or copies again.
 6. The object at the path is compared once more, and Stored is recorded. Crash after this: the key recheck removes
    what is left at the landing key (`domain.uploads.cleanup`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from provenstore.domain.custody.extras import check_of, extras_of
from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import (
    ContentMismatch,
    ContentTooLarge,
    InvalidInput,
    ProvenstoreError,
    Refused,
    StoreUnavailable,
    Unavailable,
    WrongState,
)
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import REMOVAL_LEASE, Completion, File
from provenstore.domain.files.parts import combined_etag
from provenstore.domain.files.upload_decisions import require_open
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectInfo, ObjectNotFound, PartRef, SourceChanged
from provenstore.domain.storage.upload_sizes import PART_SIZE
from provenstore.domain.text import require_hex
from provenstore.domain.uploads.part_uploads import PartUploads


class UploadCompletion:
    """Announces completions and settles them; safe to repeat and to run concurrently."""

    def __init__(self, recorder: Recorder, store: ObjectStore, parts: PartUploads, identity: StoreIdentity) -> None:
        """Record with `recorder`; the bytes are in `store`, and `parts` manages their parts.

        An object counts as absent only after the store's `identity` was compared with the log.
        """
        self._identity = identity
        self._recorder = recorder
        self._store = store
        self._parts = parts

    def complete(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        parts: Sequence[PartRef] | None = None,
        sha256: str | None = None,
    ) -> File:
        """Finish an upload whose bytes are in the store; see the module's numbered life.

        `parts` is the client's list; without it all uploaded parts are used. `sha256` is the client's claim about the
        whole. Repeated with the same parts, it returns the same file. WrongState for different parts, or if the upload
        is over; InvalidInput for missing parts or parts of a wrong size; ContentMismatch if the bytes differ from the
        declaration.
        """
        recorder = self._recorder
        file = recorder.authorised_file(caller, "file.upload", file_id)
        sha256 = _claim(file, require_hex("sha256", sha256, 32))
        if file.stored is not None:
            return self._again(file, parts, sha256)
        if file.completion is not None and file.completion.etag is not None:
            self._require_same(file.completion, parts)
            return self._settled(caller, file_id, sha256)
        try:
            require_open(file)
        except WrongState as refusal:
            recorder.deny(caller, file, "file.upload", refusal)
            raise
        if file.initiated.upload == "api":
            raise WrongState("this upload takes its whole content by PUT, and is finished by that")
        self._identity.require_lately()
        try:
            command = self._arrived(caller, file, parts, sha256)
            category = recorder.workspace(file.workspace).category(file.initiated.category)
            if command.size == 0 and not category.allow_empty:
                raise InvalidInput("size", f"is 0, which category {category.name} does not take")
            recorder.change(caller, "file.upload", file_id, lambda _, now: replace(command, by=caller.actor, now=now))
        except (ContentMismatch, ContentTooLarge) as refusal:
            # The caller has not proven yet that these bytes are its own: their size and digest are not disclosed.
            told = _without_actual(refusal)
            self.record_failure(caller, file_id, "arriving", told)
            raise told from None
        return self._settled(caller, file_id, sha256)

    def _settled(self, caller: Caller, file_id: UUID, sha256: str | None) -> File:
        file = self.finish(caller, file_id)
        if file.stored is None:
            check = "etag" if sha256 is None else "sha256"
            raise ContentMismatch(
                "what arrived is not what was announced, and was removed; send the bytes again", check=check
            )
        return file

    @staticmethod
    def _again(file: File, parts: Sequence[PartRef] | None, sha256: str | None) -> File:
        stored = file.stored
        if stored is not None and parts is not None and combined_etag(parts) != stored.etag:
            raise WrongState("the file is stored, of other parts", status=file.status)
        if stored is not None and None not in (sha256, stored.sha256) and sha256 != stored.sha256:
            raise WrongState("the file is stored, with another SHA-256", status=file.status)
        return file

    @staticmethod
    def _require_same(announced: Completion, parts: Sequence[PartRef] | None) -> None:
        if parts is not None and combined_etag(parts) != announced.etag:
            raise WrongState("the upload is being completed, of other parts")

    def _arrived(
        self, caller: Caller, file: File, parts: Sequence[PartRef] | None, sha256: str | None
    ) -> c.RequestCompletion:
        """Return the announcement of the bytes in the store."""
        now = self._recorder.clock.now()
        if file.initiated.upload == "multipart":
            chunks = self._parts.gather(caller, file, parts)
            return c.RequestCompletion(
                by=caller.actor,
                now=now,
                size=sum(chunk.size for chunk in chunks),
                sha256=sha256,
                md5=None,
                parts=len(chunks),
                etag=combined_etag([PartRef(chunk.number, chunk.etag) for chunk in chunks]),
            )
        if parts is not None:
            raise InvalidInput("parts", "do not apply: this upload takes the content as a whole")
        self._require_sound(file)
        try:
            info = self._store.head(file.upload_key)
        except ObjectNotFound:
            raise WrongState("no bytes have arrived yet; send them to the URL first") from None
        return c.RequestCompletion(
            by=caller.actor, now=now, size=info.size, sha256=info.sha256 or sha256, md5=info.md5, etag=info.etag
        )

    def _require_sound(self, file: File) -> None:
        """Refuse bytes that a URL may have written with more rights than a plain write (rule write-url-only-writes).

        A URL of an earlier release may have written there, with unsigned headers.
        """
        store = self._store.capabilities()
        if store.direct and not (store.sound_forms if file.initiated.upload == "form" else store.sound_put_urls):
            raise WrongState(
                "this store's URLs permit more than to write, so nothing that came by one is taken; "
                "send the content by PUT",
                rule="write-url-only-writes",
            )

    # -- settling ---------------------------------------------------------------------------------------------

    def finish(self, caller: Caller, file_id: UUID) -> File:
        """Settle an announced completion by the object at its key; safe to repeat and to run concurrently.

        The announced object: record Stored. No object: make it from the uploaded bytes; if that fails, reopen the
        upload. An unexpected object: record it, remove it, and only then reopen the upload. Until then the announcement
        blocks all other attempts, so that the removed object cannot be theirs, not even with the same bytes. If the
        store fails, retry until the upload's time and grace period are over; after that, only the lookup of the object
        must succeed. If that fails too, keep waiting: the announced object may be there.
        """
        file = self._recorder.file(file_id)
        announced = file.completion
        if announced is None:
            return file
        require_store(file, self._store)
        if announced.being_removed(self._recorder.clock.now()):
            return file
        info = self._find(file.path)
        if announced.stray:
            return self._remove_stray(caller, file, announced, info)
        if info is None:
            try:
                info = self._make(file, announced)
            except Refused:
                info = self._find(file.path)  # another process may have been quicker
            except ProvenstoreError:
                if not file.completion_timed_out(self._recorder.clock.now()):
                    raise
                info = self._find(file.path)
            if info is None:
                self._identity.require()
                missing = ContentMismatch(check="missing", expected=announced.etag or announced.sha256, actual=None)
                return self.record_failure(caller, file_id, "nothing", missing)
        if (proven := self._as_announced(file, announced, info)) is not None and not self._extras(file, info):
            return self.record_stored(caller, file_id, info, sha256=proven or announced.sha256, verified=bool(proven))
        return self._remove_stray(caller, file, announced, info)

    def _find(self, key: str) -> ObjectInfo | None:
        try:
            return self._store.head(key)
        except ObjectNotFound:
            return None

    def _make(self, file: File, announced: Completion) -> ObjectInfo | None:
        """Make the object at the file's path from parts or a landing key; None if no bytes are available."""
        if announced.etag is None:
            return None  # streamed: unpublished bytes are gone
        key, arrived = file.upload_key, None
        if announced.parts is not None:
            arrived = self._find(key)
            if (arrived is None or arrived.etag != announced.etag) and file.multipart is not None:
                arrived = self._assemble(file, file.multipart, announced)
        if file.initiated.landing is None:
            return arrived
        arrived = arrived or self._store.head(key)
        return self._store.copy(
            key,
            file.path,
            source_version=arrived.version_id,
            if_source_etag=announced.etag,
            part_size=file.initiated.part_size if announced.parts is not None else None,
            media_type=file.initiated.media_type,  # and no other header that was sent
        )

    def _assemble(self, file: File, upload: str, announced: Completion) -> ObjectInfo:
        """Make one object of the recorded parts; ContentMismatch if they are no longer the announced ones."""
        recorded = sorted(self._parts.recorded(file).of(upload).items())[: announced.parts]
        refs = [PartRef(number, chunk.etag) for number, chunk in recorded]
        if not refs or combined_etag(refs) != announced.etag:
            raise ContentMismatch("a part has come again since the completion was announced", check="etag")
        landed = file.initiated.landing is not None
        return self._store.complete_multipart(file.upload_key, upload, refs, if_absent=not landed)

    def _as_announced(self, file: File, announced: Completion, info: ObjectInfo) -> str | None:
        """Return the object's SHA-256 ("" if it was not computed), or None if it is not the announced object."""
        if announced.etag is None:
            sha256 = info.sha256 or self._read_digest(info)
            return sha256 if (info.size, sha256) == (announced.size, announced.sha256) else None
        same = (info.size, info.etag) == (announced.size, announced.etag)
        told = ((info.sha256, announced.sha256), (info.md5, file.initiated.declared_md5))
        refuted = any(None not in pair and pair[0] != pair[1] for pair in told)
        return info.sha256 or "" if same and not refuted else None

    def _extras(self, file: File, info: ObjectInfo) -> tuple[str, ...]:
        """Return the names of headers or access settings that we did not set; see `extras_of`."""
        return extras_of(self._store, file, info)

    def _read_digest(self, info: ObjectInfo) -> str:
        """Return the SHA-256 of an object, by reading it, if its store does not report one."""
        digest = hashlib.sha256()
        with self._store.get(info.key, version=info.version_id) as reader:
            for chunk in reader:
                digest.update(chunk)
        return digest.hexdigest()

    def _remove_stray(self, caller: Caller, file: File, announced: Completion, info: ObjectInfo | None) -> File:
        """Remove the unexpected object at the announced key, as the only process to do so, and reopen the upload."""
        if info is None:
            self._identity.require()
            return self._record_stray_removed(caller, file.id, announced.stray_at, "")
        begun = self._recorder.clock.now()
        found = self._claim_stray(caller, file.id, announced, info)
        if found is None:
            return self._recorder.file(file.id)  # another process removes it, or has settled it meanwhile
        # A process that was paused for too long leaves the removal to the next one.
        if self._recorder.clock.now() - begun >= REMOVAL_LEASE / 2:
            return self._recorder.file(file.id)
        try:
            self._store.delete(file.path, version=info.version_id, if_etag=info.etag)
            kept = self._store.versions(file.path)
        except SourceChanged:
            return self._recorder.file(file.id)  # the next process looks again
        except Unavailable:
            if not file.completion_timed_out(self._recorder.clock.now()):
                raise
            return self._recorder.file(file.id)  # it cannot succeed any more: the object is removed with the upload
        if any((one.version_id, one.etag) == (info.version_id, info.etag) for one in kept):
            raise StoreUnavailable("the store kept the object that was to be removed", error="kept")
        return self._record_stray_removed(caller, file.id, found, info.etag)

    def _claim_stray(self, caller: Caller, file_id: UUID, announced: Completion, info: ObjectInfo) -> datetime | None:
        """Record that an unexpected object was found; return when, or None if another process recorded it first."""
        stray = self._stray(self._recorder.file(file_id), announced, info)
        seen: list[Completion | None] = []
        file = self.record_failure(caller, file_id, "stray", stray, seen.append)
        before, now = seen[-1], file.completion
        ours = before is not None and before.at == announced.at and now is not None and now.stray_at != before.stray_at
        return now.stray_at if ours and now is not None else None

    def _stray(self, file: File, announced: Completion, info: ObjectInfo) -> ContentMismatch:
        """Return the mismatch: a different object than announced, or headers or access settings that we did not set."""
        extras = self._extras(file, info)
        if extras and self._as_announced(file, announced, info) is not None:
            return ContentMismatch(check=check_of(extras), expected=None, actual=" ".join(extras))
        expected, actual = announced.etag or announced.sha256, info.etag if announced.etag else info.sha256
        return ContentMismatch(check="etag" if announced.etag else "sha256", expected=expected, actual=actual)

    # -- recording --------------------------------------------------------------------------------------------

    def record_stored(
        self, caller: Caller, file_id: UUID, info: ObjectInfo, *, sha256: str | None, verified: bool
    ) -> File:
        """Record Stored; a SHA-256 that was not computed over the whole object is only a claim."""
        status: fe.Sha256Status = "verified" if verified else "claimed" if sha256 else "none"
        # Uses only fields of the initiation, which never change.
        leftovers = self._leftovers(self._recorder.file(file_id, recent=True), info)
        return self._recorder.change(
            caller,
            "file.upload",
            file_id,
            lambda _, now: c.RecordStored(
                by=caller.actor,
                now=now,
                size=info.size,
                sha256=sha256,
                sha256_status=status,
                md5=info.md5,
                etag=info.etag,
                version_id=info.version_id,
                leftovers=leftovers,
            ),
        )

    def _leftovers(self, file: File, info: ObjectInfo) -> bool:
        """Empty the landing key, and tell whether unfinished uploads are left at the file's keys.

        They are not aborted here: the object may be made from one of them, which a store still lists for a moment;
        aborting it would remove the object's bytes. The key recheck aborts them an hour later.
        """
        if file.initiated.landing is not None:
            for version in self._store.versions(file.initiated.landing):
                self._store.delete(version.key, version=version.version_id)
        in_parts = file.initiated.upload == "multipart" or info.size > PART_SIZE or file.initiated.declared_size is None
        return in_parts and any(self._store.list_multiparts(key) for key in file.keys)

    def record_failure(
        self,
        caller: Caller,
        file_id: UUID,
        found: c.Found,
        refusal: ContentMismatch | ContentTooLarge,
        see: Callable[[Completion | None], None] = lambda _: None,
    ) -> File:
        """Record IntegrityFailed with the expected and actual values of the refusal.

        `see` is called at each attempt with the announcement that the attempt decided about.
        """
        details = refusal.details
        check = str(details.get("check", "size"))
        expected, actual = details.get("expected", details.get("limit")), details.get("actual")

        def make(file: File, now: datetime) -> c.RecordIntegrityFailure:
            see(file.completion)
            return c.RecordIntegrityFailure(
                by=caller.actor,
                now=now,
                found=found,
                check=cast("c.Check", check),
                expected=None if expected is None else str(expected),
                actual=None if actual is None else str(actual),
            )

        return self._recorder.change(caller, "file.upload", file_id, make)

    def _record_stray_removed(self, caller: Caller, file_id: UUID, found_at: datetime | None, etag: str) -> File:
        return self._recorder.change(
            caller,
            "file.upload",
            file_id,
            lambda _, now: c.RecordStrayRemoved(by=caller.actor, now=now, etag=etag, found_at=found_at),
        )


def _without_actual(refusal: ContentMismatch | ContentTooLarge) -> ContentMismatch | ContentTooLarge:
    """Return the refusal without the actual value: a wrong guess must not reveal the right one."""
    if isinstance(refusal, ContentTooLarge):
        return refusal
    check, actual = str(refusal.details.get("check")), refusal.details.get("actual")
    tells = actual is not None and str(actual) in refusal.message
    message = f"the content's {check} is not the declared one" if tells else refusal.message
    return ContentMismatch(message, check=check, expected=refusal.details.get("expected"), actual=None)


def _claim(file: File, said: str | None) -> str | None:
    """Return the SHA-256 that the client claims, in its declaration or now; InvalidInput if the two differ."""
    declared = file.initiated.declared_sha256
    if None not in (declared, said) and declared != said:
        raise InvalidInput("sha256", "is not the one that was declared when the upload was initiated")
    return said or declared

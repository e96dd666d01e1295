"""Reads a stored object again: the only proof that its bytes match the record.

A successful verification turns a claimed SHA-256 into a verified one. A failed one is recorded, and the content is no
longer served. The store is never changed.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from provenstore.domain.custody.extras import check_of, extras_of
from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import ContentDamaged, IntegrityViolated, PreconditionFailed, WrongState
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_commands as c
from provenstore.domain.files.file import File
from provenstore.domain.files.parts import PartsEtag
from provenstore.domain.storage.object_store import ObjectReader, ObjectStore
from provenstore.domain.storage.objects import NoObject, ObjectInfo, ObjectNotFound


@dataclass(frozen=True, slots=True)
class ContentRead:
    """Size and digests of a whole object that was read."""

    size: int
    sha256: str
    md5: str
    parts_etag: str | None  # as S3 makes it of parts of the upload's size


ENOUGH_FOR = timedelta(minutes=1)
"""How long a verification answers further requests: reading an object is expensive, requests are cheap."""


class ContentVerifier:
    """Reads whole objects and records the result."""

    def __init__(self, recorder: Recorder, store: ObjectStore, identity: StoreIdentity) -> None:
        """Record with `recorder`, read from `store`, whose `identity` is compared with the log."""
        self._recorder = recorder
        self._store = store
        self._identity = identity

    def just_verified(self, caller: Caller, file_id: UUID) -> File | None:
        """Return the file if its whole object was verified within the last minute, else None."""
        file = self._recorder.authorised_file(caller, "file.verify", file_id)
        if not has_content(file) or file.damage is not None or file.verified_at is None:
            return None
        return file if self._recorder.clock.now() - file.verified_at < ENOUGH_FOR else None

    def verify(self, caller: Caller, file_id: UUID, progress: Callable[[int], None] | None = None) -> File:
        """Read the stored object from end to end and record IntegrityVerified, IntegrityFailed or ObjectMissing.

        `progress` is called with the size of every block, and may raise to stop. WrongState if the file has no content,
        or its content is being destroyed. StoreUnavailable, and errors raised by `progress`, record nothing.
        """
        file = self._recorder.authorised_file(caller, "file.verify", file_id)
        stored = file.stored
        if stored is None or not has_content(file):
            raise WrongState(f"the file is {file.status.replace('_', ' ')}; there is no content", status=file.status)
        info = self.compare(caller, file)
        if info is None:
            return self._recorder.file(file_id)
        try:
            with self._store.get(file.path, version=stored.version_id) as reader:
                found = read_whole(reader, file.initiated.part_size, progress)
        except ObjectNotFound:
            return self.missing(caller, file_id)
        except NoObject as exc:
            return self.no_object(caller, file, exc)
        except IntegrityViolated:
            return self._altered(caller, file, "size", str(stored.size), None)
        for check, expected, actual in (
            ("size", str(stored.size), str(found.size)),
            ("sha256", stored.sha256, found.sha256),
            ("md5", stored.md5, found.md5),
            ("etag", stored.etag if "-" in stored.etag else None, found.parts_etag),
        ):
            if expected is not None and actual is not None and expected != actual:
                return self._altered(caller, file, check, expected, actual)
        return self._recorder.change(
            caller,
            "file.verify",
            file_id,
            lambda _, now: c.RecordVerified(
                by=caller.actor,
                now=now,
                size=found.size,
                sha256=found.sha256,
                etag=info.etag,
                version_id=info.version_id,
            ),
        )

    def compare(self, caller: Caller, file: File) -> ObjectInfo | None:
        """Compare the store's description of the object with the record, without reading it.

        Records the damage and returns None if the object is missing, different, or has extras that we did not set.
        """
        if file.stored is None:
            return None
        require_store(file, self._store)
        try:
            info = self._store.head(file.path, version=file.stored.version_id)
        except ObjectNotFound:
            self.missing(caller, file.id)
            return None
        except NoObject as exc:
            self.no_object(caller, file, exc)
            return None
        if (info.size, info.etag) != (file.stored.size, file.stored.etag):
            self._altered(caller, file, "etag", file.stored.etag, info.etag)
            return None
        if extras := extras_of(self._store, file, info):
            self._altered(caller, file, check_of(extras), None, " ".join(extras))
            return None
        return info

    def refuse_damaged(self, caller: Caller, file: File, info: ObjectInfo | None) -> None:
        """Record that a read found the object missing (`info` None) or different, and raise ContentDamaged.

        Return if the file has changed meanwhile, or its object is being destroyed: the file must then be loaded again.
        Recorded by the system, within the caller's request: not every reader may verify.
        """
        finder, stored = self._recorder.system(caller), file.stored
        if stored is None:
            return
        try:
            if info is None:
                found = self.missing(finder, file.id, if_version=file.version)
            elif info.size != stored.size:
                found = self._altered(finder, file, "size", str(stored.size), str(info.size), if_version=file.version)
            else:
                found = self._altered(finder, file, "etag", stored.etag, info.etag, if_version=file.version)
        except PreconditionFailed:
            return
        require_undamaged(found)

    def refuse_no_object(self, caller: Caller, file: File, found: NoObject) -> None:
        """Like `refuse_damaged`, if the entry at the object's key is not an object."""
        try:
            damaged = self.no_object(self._recorder.system(caller), file, found, if_version=file.version)
        except PreconditionFailed:
            return
        require_undamaged(damaged)

    def no_object(self, caller: Caller, file: File, found: NoObject, *, if_version: int | None = None) -> File:
        """Record that the entry at the object's key is not an object, or cannot be read."""
        kind = str(found.details.get("kind"))
        return self._altered(caller, file, "kind", "object", kind, if_version=if_version)

    def record_altered(self, caller: Caller, file: File, check: str, actual: str) -> None:
        """Record that the bytes read have a different digest than recorded; nothing if the file has no content."""
        if file.stored is not None and has_content(file):
            self._altered(caller, file, check, file.stored.sha256, actual)

    def _altered(
        self,
        caller: Caller,
        file: File,
        check: str,
        expected: str | None,
        actual: str | None,
        *,
        if_version: int | None = None,
    ) -> File:
        self._identity.require()
        command = {"check": check, "expected": expected, "actual": actual}
        return self._recorder.change(
            caller,
            "file.verify",
            file.id,
            lambda _, now: c.RecordIntegrityFailure(by=caller.actor, now=now, found="at_rest", **command),  # type: ignore[arg-type]  # check is one of its words
            if_version=if_version,
        )

    def missing(self, caller: Caller, file_id: UUID, *, if_version: int | None = None) -> File:
        """Record that the object is missing; WrongStore unless the store is the one recorded in the log."""
        self._identity.require()
        return self._recorder.change(
            caller,
            "file.verify",
            file_id,
            lambda _, now: c.RecordMissing(by=caller.actor, now=now),
            if_version=if_version,
        )


def require_undamaged(file: File) -> None:
    """Raise ContentDamaged for a missing or altered object, until a verification of the whole object succeeds."""
    if file.damage is not None:
        raise ContentDamaged(
            f"the file's object is {file.damage}, so its content is not given out; restore the object, then verify it",
            file=str(file.id),
            damage=file.damage,
        )


def has_content(file: File) -> bool:
    """Tell whether the file has an object that is not being destroyed."""
    destroyed = file.status == "purged" or (file.purge is not None and file.purge.started is not None)
    return file.stored is not None and not destroyed


def read_whole(reader: ObjectReader, part_size: int | None, progress: Callable[[int], None] | None) -> ContentRead:
    """Read to the end and compute all digests."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    parts = None if part_size is None else PartsEtag(part_size)
    for chunk in reader if parts is None else parts.through(reader):
        size += len(chunk)
        if progress is not None:
            progress(len(chunk))
        sha256.update(chunk)
        md5.update(chunk)
    return ContentRead(size, sha256.hexdigest(), md5.hexdigest(), parts.finish() if parts else None)

"""The destruction of bytes: every version, delete marker and open multipart of a key, until it is listed empty.

Life of a purge, and what a crash leaves at each point:
 1. PurgeRequested, PurgeApproved. Crash: `settle` starts an approved purge.
 2. What is to be destroyed is listed, and read and hashed if its SHA-256 was never verified. Crash: as after 1.
 3. PurgeStarted commits that list with a fresh check of hold, retention and the approval's age. From here nothing calls
    it back. Crash: `settle` goes on with 4.
 4. Every version goes; the key is listed again and must be empty. Crash: 4 again, with what is left.
 5. Purged says what was destroyed. A store that kept something gives PurgeFailed, and `settle` tries again.
"""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from provenstore.domain import file_commands as c
from provenstore.domain import file_events as fe
from provenstore.domain.administration import current_workspace
from provenstore.domain.caller import Caller
from provenstore.domain.canonical import Json
from provenstore.domain.destruction import circumstances
from provenstore.domain.envelope import Event
from provenstore.domain.errors import StoreUnavailable, Unavailable, WrongState
from provenstore.domain.event_log import Disclosures, Guard, IdempotencyKey
from provenstore.domain.file import File
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import ObjectNotFound, ObjectVersion
from provenstore.domain.recorder import Recorder, require_store
from provenstore.domain.workspace import workspace_stream


class Purging:
    """Asks for, decides and carries out purges."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Record with `recorder`, destroy in `store`."""
        self._recorder = recorder
        self._store = store

    def request(self, caller: Caller, file_id: UUID, reason: str | None, key: IdempotencyKey | None = None) -> File:
        """Ask for a purge; where the workspace asks for no second person it is carried out at once."""
        recorder = self._recorder
        file = recorder.authorised_file(caller, "file.purge_request", file_id)
        workspace = current_workspace(recorder, caller, file.workspace)
        purge = str(recorder.entropy.event_id())
        file = recorder.change(
            caller,
            "file.purge_request",
            file_id,
            lambda _, now: c.RequestPurge(
                by=caller.actor, now=now, purge=purge, four_eyes=workspace.four_eyes, reason=reason
            ),
            reads=[Guard(workspace_stream(workspace.id), workspace.version)],
            key=key,
        )
        return self.carry_out(caller, file_id) if file.purge and file.purge.approved_at else file

    def approve(
        self,
        caller: Caller,
        file_id: UUID,
        purge: str | None,
        reason: str | None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Agree, and carry the purge out."""
        self._recorder.change(
            caller,
            "file.purge_approve",
            file_id,
            lambda file, now: self._meant(file, purge, c.ApprovePurge(by=caller.actor, now=now, reason=reason)),
            key=key,
        )
        return self.carry_out(caller, file_id)

    def reject(
        self,
        caller: Caller,
        file_id: UUID,
        purge: str | None,
        reason: str | None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Disagree; the file stays deleted and can be restored."""
        return self._recorder.change(
            caller,
            "file.purge_reject",
            file_id,
            lambda file, now: self._meant(file, purge, c.RejectPurge(by=caller.actor, now=now, reason=reason)),
            key=key,
        )

    def withdraw(
        self,
        caller: Caller,
        file_id: UUID,
        purge: str | None,
        reason: str | None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Take the request back."""
        return self._recorder.change(
            caller,
            "file.purge_withdraw",
            file_id,
            lambda file, now: self._meant(file, purge, c.WithdrawPurge(by=caller.actor, now=now, reason=reason)),
            key=key,
        )

    @staticmethod
    def _meant(file: File, purge: str | None, command: c.FileCommand) -> c.FileCommand:
        """Refuse a decision about a purge that is no longer the one under way."""
        if purge is not None and file.purge is not None and file.purge.id != purge:
            raise WrongState("this purge request is over; another one is under way")
        return command

    def carry_out(self, caller: Caller, file_id: UUID) -> File:
        """Start, or go on with, an approved purge; see the module's numbered life. Safe to repeat and to race."""
        recorder, system = self._recorder, self._recorder.system(caller)
        file = recorder.file(file_id)
        if file.status == "purged":
            return file
        require_store(file, self._store)
        found = _listed(self._standing(file))
        sha256 = self._digest(file)
        file = recorder.change(
            system,
            "system.sweep",
            file_id,
            lambda _, now: c.StartPurge(by=system.actor, now=now, sha256=sha256, versions=found),
        )
        if file.status == "purged":
            return file
        try:
            destroyed = self._destroy(file)
        except Unavailable as exc:
            code = exc.code
            recorder.change(
                system,
                "system.sweep",
                file_id,
                lambda _, now: c.RecordPurgeFailure(by=system.actor, now=now, code=code),
            )
            raise
        return recorder.change(
            system,
            "system.sweep",
            file_id,
            lambda _, now: c.RecordPurged(by=system.actor, now=now, versions=destroyed),
        )

    def _standing(self, file: File) -> list[ObjectVersion]:
        return [version for key in file.keys for version in self._store.versions(key)]

    def _destroy(self, file: File) -> tuple[fe.DestroyedVersion, ...]:
        store = self._store
        found = self._standing(file)
        for version in found:
            store.delete(version.key, version=version.version_id)
        for key in file.keys:
            for upload in store.list_multiparts(key):
                store.abort_multipart(upload.key, upload.upload)
        if self._standing(file) or any(store.list_multiparts(key) for key in file.keys):
            raise StoreUnavailable("the store kept something of the file")
        return _listed(found)

    def _digest(self, file: File) -> str | None:
        """Return the SHA-256 of what will be destroyed: the verified one, or read and hashed now."""
        if file.stored is None or file.stored.sha256_status == "verified":
            return file.stored.sha256 if file.stored else None
        digest = hashlib.sha256()
        try:
            with self._store.get(file.path, version=file.stored.version_id) as reader:
                for chunk in reader:
                    digest.update(chunk)
        except ObjectNotFound:
            # Gone already, by the attempt before this one or outside us: there is nothing left to hash.
            return file.stored.sha256
        return digest.hexdigest()


def _listed(found: Iterable[ObjectVersion]) -> tuple[fe.DestroyedVersion, ...]:
    return tuple(
        fe.DestroyedVersion(version_id=one.version_id, size=one.size, marker=one.is_delete_marker) for one in found
    )


def certificate(file: File, events: Iterable[Event], disclosures: Disclosures) -> dict[str, Json]:
    """Return what can be said about a file's destruction: who asked, who agreed, what is gone, and where it stands.

    `disclosures` are the private values that the reader may see.
    """
    if file.purged is None:
        raise WrongState("the file has not been purged, so there is no certificate of its destruction")
    return {
        "file_id": str(file.id),
        "workspace": file.workspace,
        "provider": file.purged.provider,
        "path": file.purged.path,
        "size": file.purged.size,
        "sha256": file.purged.sha256,
        "versions": [one.model_dump() for one in file.purged.versions],
        "purge": file.purged.purge,
        **circumstances(events, disclosures, file.purged.purge),
    }

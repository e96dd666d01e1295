"""The destruction of bytes: every version, delete marker and open multipart of a key, until it is listed empty.

Life of a purge, and what a crash leaves at each point:
 1. PurgeRequested, PurgeApproved. Crash: background work starts an approved purge.
 2. The store must be the one recorded in the log. The versions to destroy are listed, and read and hashed if their
    SHA-256 was never verified. A missing object cancels the purge (ObjectMissing, PurgeWithdrawn). Crash: as after 1.
 3. PurgeStarted commits count and digest of that list, with a fresh check of hold, retention and the approval.
    From here the purge cannot be cancelled. Crash: background work continues with 4.
 4. PurgeListed records, page by page, a list too long for one event. Crash: versions on no page yet are listed again.
 5. Every version is deleted; the keys are listed again and must be empty, and the store must still be the recorded one.
    Crash: 4 again, with the remaining versions: the recorded list is the list of destroyed versions.
 6. Purged records the destroyed versions. If the store kept one, PurgeFailed is recorded and background work retries.

A purge under a disposal policy (`policy_disposal`) begins with a PurgeRequested that contains the policy; step 3 checks
again that the policy is in force, and otherwise cancels the purge.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from uuid import UUID

from provenstore.domain.administration.workspaces import current_workspace
from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import IntegrityViolated, ObjectMissing, StoreUnavailable, Unavailable, WrongState
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.deadline import within
from provenstore.domain.eventlog.event_log import Guard, IdempotencyKey
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.destroyed import destroyed_versions
from provenstore.domain.files.file import File
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectNotFound, ObjectVersion
from provenstore.domain.tenants.workspace import workspace_stream

LISTED_AT_ONCE = 5_000
"""Versions that one command records, in as many pages as they need."""


class Purges:
    """Requests, decides and carries out purges."""

    def __init__(self, recorder: Recorder, store: ObjectStore, identity: StoreIdentity) -> None:
        """Record with `recorder`, destroy in `store`, whose `identity` is compared with the log."""
        self._recorder = recorder
        self._store = store
        self._identity = identity

    def request(
        self,
        caller: Caller,
        file_id: UUID,
        reason: str | None,
        key: IdempotencyKey | None = None,
        *,
        missing: bool = False,
    ) -> File:
        """Request a purge; carried out at once if the workspace requires no second person.

        With `missing` it ends a file whose object is known to be missing, which always requires a second person.
        """
        recorder = self._recorder
        file = recorder.authorised_file(caller, "file.purge_request", file_id)
        workspace = current_workspace(recorder, caller, file.workspace)
        if not workspace.four_eyes:
            self._require_store()
        purge = str(recorder.entropy.event_id())

        def request(file: File, now: datetime) -> c.RequestPurge:
            tenant = current_workspace(recorder, caller, file.workspace)
            return c.RequestPurge(
                by=caller.actor,
                now=now,
                purge=purge,
                four_eyes=tenant.four_eyes,
                reason=reason,
                missing=missing,
                policy=(Guard(workspace_stream(tenant.id), tenant.version),),
            )

        file = recorder.change(caller, "file.purge_request", file_id, request, key=key)
        return self._carry_on(caller, file)

    def approve(
        self,
        caller: Caller,
        file_id: UUID,
        purge: str | None,
        reason: str | None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Approve the purge and carry it out; WrongStore before anything is recorded.

        If store or database become unavailable after that, return the file as recorded.
        """
        self._recorder.authorised_file(caller, "file.purge_approve", file_id)
        self._require_store()
        approved = self._recorder.change(
            caller,
            "file.purge_approve",
            file_id,
            lambda file, now: self._meant(file, purge, c.ApprovePurge(by=caller.actor, now=now, reason=reason)),
            key=key,
        )
        return self._carry_on(caller, approved)

    def reject(
        self,
        caller: Caller,
        file_id: UUID,
        purge: str | None,
        reason: str | None,
        key: IdempotencyKey | None = None,
    ) -> File:
        """Reject the purge; the file stays deleted and can be restored."""
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
        """Withdraw the purge request."""
        return self._recorder.change(
            caller,
            "file.purge_withdraw",
            file_id,
            lambda file, now: self._meant(file, purge, c.WithdrawPurge(by=caller.actor, now=now, reason=reason)),
            key=key,
        )

    def require_ready(self, file: File) -> None:
        """Require the file's own store before anything is recorded. Misconfigured, WrongStore, StoreUnavailable."""
        require_store(file, self._store)
        self._identity.require()

    def _require_store(self) -> None:
        """Raise WrongStore in a wrong store; ignore an unavailable one, which is checked again later."""
        with suppress(Unavailable):
            self._identity.require()

    @staticmethod
    def _meant(file: File, purge: str | None, command: c.FileCommand) -> c.FileCommand:
        """Refuse a decision about a purge that is no longer the current one."""
        if purge is not None and file.purge is not None and file.purge.id != purge:
            raise WrongState("this purge request is over; another one is under way")
        return command

    def _carry_on(self, caller: Caller, file: File) -> File:
        """Carry out an approved purge; if store or database are unavailable, background work does it later."""
        if file.purge is None or file.purge.approved_at is None:
            return file
        try:
            return self.carry_out(caller, file.id)
        except Unavailable:
            return self._newest(file)

    def _newest(self, file: File) -> File:
        """Return a file's newest state, cached if possible, since the database may be unavailable."""
        with suppress(Unavailable):
            newest = self._recorder.file(file.id, recent=True)
            return newest if newest.version > file.version else file
        return file

    def carry_out(self, caller: Caller, file_id: UUID) -> File:
        """Start or continue an approved purge; see the module's numbered life. Safe to repeat and to run concurrently.

        WrongStore, with nothing recorded. ObjectMissing if the object is not found: the purge is then cancelled.
        """
        with within(None):  # cut between its start and its end, it would be answered as not done
            return self._carry_out(caller, file_id)

    def _carry_out(self, caller: Caller, file_id: UUID) -> File:
        recorder, system = self._recorder, self._recorder.system(caller)
        file = recorder.file(file_id)
        if file.status == "purged":
            return file
        require_store(file, self._store)
        self._identity.require()
        file = self._start(system, file)
        if file.status == "purged":
            return file
        try:
            self._destroy(system, file)
        except Unavailable as exc:
            code = exc.code
            recorder.change(
                system,
                "system.sweep",
                file_id,
                lambda _, now: c.RecordPurgeFailure(by=system.actor, now=now, code=code),
            )
            raise
        return recorder.change(system, "system.sweep", file_id, lambda _, now: c.RecordPurged(by=system.actor, now=now))

    def _start(self, system: Caller, file: File) -> File:
        """Start the purge, which is final, if the store has the requested object; otherwise cancel it."""
        standing = self._standing(file)
        found = self._found(file, standing)
        # What was just seen to be absent may be so because the folder was unmounted since.
        self._identity.require()
        started = file.purge is not None and file.purge.started is not None
        if found == "altered" and not started:
            file = self._record_altered(system, file, standing)
        sha256 = None if started else self._digest(file, found)
        versions = destroyed_versions(file.path, standing)
        asked = file.purge
        file = self._recorder.change(
            system,
            "system.sweep",
            file.id,
            lambda _, now: c.StartPurge(by=system.actor, now=now, sha256=sha256, versions=versions, found=found),
        )
        if file.status != "purged" and file.purge is None:
            if asked is not None and asked.policy is not None and found != "nothing":
                raise WrongState(
                    "the disposal policy does not destroy the file as it is now, so nothing was destroyed",
                    rule="disposal-start-checks-policy",
                )
            if asked is not None and asked.missing:
                raise WrongState(
                    "something stands in the place of the missing object, so the purge was called off: verify the "
                    "content, then decide again",
                    rule="purge-finds-the-object",
                )
            raise ObjectMissing(
                "the store does not have the file's object, so nothing was destroyed and the purge was called off",
                rule="purge-finds-the-object",
            )
        return file

    def _record_altered(self, system: Caller, file: File, standing: Sequence[ObjectVersion]) -> File:
        """Record that the content to destroy differs from the stored one; recorded once."""
        expected = file.stored.etag if file.stored else None
        actual = next((one.etag for one in standing if one.key == file.path and one.etag), None)
        return self._recorder.change(
            system,
            "system.sweep",
            file.id,
            lambda _, now: c.RecordIntegrityFailure(
                by=system.actor,
                now=now,
                found="at_rest",
                check="etag" if actual else "kind",
                expected=expected,
                actual=actual,
            ),
        )

    def _standing(self, file: File) -> list[ObjectVersion]:
        return [version for key in file.keys for version in self._store.versions(key)]

    def _found(self, file: File, standing: Iterable[ObjectVersion]) -> fe.Found:
        """Tell whether the key has the stored object, another object, or nothing."""
        stored = file.stored
        there = [one for one in standing if one.key == file.path and not one.is_delete_marker]
        if stored is None or not there:
            return "nothing"
        if any(
            (one.size, one.etag) == (stored.size, stored.etag)
            or (stored.version_id is not None and one.version_id == stored.version_id)
            for one in there
        ):
            return "object"
        try:  # some stores list another etag than they return for the object
            info = self._store.head(file.path, version=stored.version_id)
        except (ObjectNotFound, IntegrityViolated):
            return "altered"
        return "object" if (info.size, info.etag) == (stored.size, stored.etag) else "altered"

    def _destroy(self, system: Caller, file: File) -> None:
        """Destroy all recorded versions at the file's keys; StoreUnavailable unless the keys are then listed empty."""
        store = self._store
        standing = self._standing(file)
        self._list(system, file, destroyed_versions(file.path, standing))
        for version in standing:
            store.delete(version.key, version=version.version_id)
        for key in file.keys:
            for upload in store.list_multiparts(key):
                store.abort_multipart(upload.key, upload.upload)
        if self._standing(file) or any(store.list_multiparts(key) for key in file.keys):
            raise StoreUnavailable("the store kept something of the file")
        self._identity.require()

    def _list(self, system: Caller, file: File, versions: Sequence[fe.DestroyedVersion]) -> None:
        """Record the versions that no event lists yet; a long list takes several commands."""
        while file.purge is not None and (new := _unlisted(file.purge.listed, versions)):
            before = file.version
            file = self._recorder.change(
                system,
                "system.sweep",
                file.id,
                lambda _, now, new=new: c.RecordPurgeListed(by=system.actor, now=now, versions=new),  # type: ignore[misc]
            )
            if file.version == before:
                return

    def _digest(self, file: File, found: fe.Found) -> str | None:
        """Return the SHA-256 of the content to destroy: the verified one, or computed now; None if it is unreadable."""
        stored = file.stored
        if stored is None or found == "nothing":
            return None
        if found == "object" and stored.sha256_status == "verified":
            return stored.sha256
        digest = hashlib.sha256()
        try:
            with self._store.get(file.path, version=stored.version_id if found == "object" else None) as reader:
                for chunk in reader:
                    digest.update(chunk)
        except (ObjectNotFound, IntegrityViolated) as exc:
            if found == "altered":
                return None  # a link, or a delete marker over what is left: nothing that can be read
            raise StoreUnavailable("the store lists the file's object, and does not give it") from exc
        return digest.hexdigest()


def _unlisted(
    listed: Iterable[fe.DestroyedVersion], versions: Sequence[fe.DestroyedVersion]
) -> tuple[fe.DestroyedVersion, ...]:
    known = frozenset(listed)
    return tuple(islice((one for one in versions if one not in known), LISTED_AT_ONCE))

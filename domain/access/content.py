"""Serves content: no byte is sent before an event that covers it is durable, and damaged content is not served.

Life of a read, and what a crash leaves at each point:
 1. The caller may read the file now. Crash: nothing.
 2. The object is opened and compared with the stored one; a missing or different object is recorded and refused.
 3. Accessed is durable, guarded by file and credential. Or an earlier event covers this range, and the log confirms
    that file and credential are unchanged. Crash: an access on record of which no byte may have been sent.
 4. The bytes are sent. The sent ranges are recorded once no more reads are merged (AccessEnded). Crash: they are not.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from provenstore.domain.access.content_verification import ContentVerifier
from provenstore.domain.access.open_accesses import OpenAccess, OpenAccesses
from provenstore.domain.access.reads import AuthorisedReads
from provenstore.domain.custody.recorder import Recorder, require_store
from provenstore.domain.errors import IntegrityViolated, Unavailable
from provenstore.domain.eventlog.backlog import Backlog
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.event_log import Append, Appended, Guard
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.recording import LookAgain
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, access_stream
from provenstore.domain.storage.disposition import served
from provenstore.domain.storage.object_store import ObjectReader, ObjectStore
from provenstore.domain.storage.objects import NoObject, ObjectNotFound, SignedUrl
from provenstore.domain.storage.sent_reader import SentReader

RANGES_MERGED_FOR = timedelta(seconds=60)
"""How long after an Accessed event the ranges that it covers are merged into it: seeking in a player is one access."""

REDIRECT_FOR = timedelta(seconds=60)
"""Maximum lifetime of a store URL that a link redirects to: enough to follow it, too short to pass it on."""


@dataclass(frozen=True, slots=True)
class Content:
    """Content ready to be sent; its Accessed event is durable."""

    file: File
    reader: ObjectReader


@dataclass(frozen=True, slots=True)
class _Lent:
    """An open object whose access is durable."""

    file: File
    reader: ObjectReader
    access: OpenAccess


class ContentReader:
    """Opens content for callers who may read it, and records the bytes sent."""

    def __init__(
        self, recorder: Recorder, store: ObjectStore, reading: AuthorisedReads, verifying: ContentVerifier
    ) -> None:
        """Record with `recorder`, read from `store`; `reading` checks permissions, `verifying` records damage."""
        self._recorder = recorder
        self._store = store
        self._reading = reading
        self._verifying = verifying
        self._accesses = OpenAccesses(RANGES_MERGED_FOR)
        self._backlog = Backlog(recorder.log)

    @contextmanager
    def content(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        mode: fe.AccessMode = "download",
        first: int | None = None,
        last: int | None = None,
    ) -> Iterator[Content]:
        """Open content, or the range from byte `first` to `last` inclusive, after recording Accessed.

        RangeNotSatisfiable, Gone, Forbidden, WrongState; ContentDamaged if the object differs from the stored one. A
        deletion or revocation that commits first causes a refusal.
        """
        ranged = first is not None or last is not None

        def attempt(recent: bool) -> _Lent:
            file = self._reading.readable(caller, file_id, recent=recent)
            with ExitStack() as stack:
                opened = stack.enter_context(self._open(caller, file, first, last, recent=recent))
                access = self._recorded(caller, file, mode, opened, ranged=ranged)
                stack.pop_all()  # it stays open for the caller
            return _Lent(file, opened, access)

        lent = self._recorder.attempts(caller, "the file", attempt, remembered=True)
        with lent.reader as opened:
            sent = SentReader(opened, _proven_sha256(lent.file, opened), partial(self._wrong, caller, lent.file))
            try:
                yield Content(lent.file, sent)
            finally:
                self._accesses.leave(lent.access, sent.first, sent.sent)

    def _open(self, caller: Caller, file: File, first: int | None, last: int | None, *, recent: bool) -> ObjectReader:
        """Open the object; LookAgain if the file must be loaded again. Damage is recorded and refused."""
        require_store(file, self._store)
        version = file.stored.version_id if file.stored else None
        try:
            reader = self._store.get(file.path, version=version, first=first, last=last)
        except ObjectNotFound as exc:
            if not recent:
                self._verifying.refuse_damaged(caller, file, None)
            raise LookAgain from exc
        except NoObject as exc:
            if not recent:
                self._verifying.refuse_no_object(caller, file, exc)
            raise LookAgain from exc
        if file.stored and (reader.info.size, reader.info.etag) != (file.stored.size, file.stored.etag):
            with reader:
                if not recent:
                    self._verifying.refuse_damaged(caller, file, reader.info)
                raise LookAgain
        return reader

    def _recorded(
        self, caller: Caller, file: File, mode: fe.AccessMode, reader: ObjectReader, *, ranged: bool
    ) -> OpenAccess:
        """Return a durable access that covers the bytes of `reader`; Conflict if a guard fails."""
        first, last = reader.first, reader.first + reader.length - 1
        data = fe.Accessed(
            mode=mode,
            first=first if ranged else None,
            last=last if ranged else None,
            size=reader.length,
            link=caller.link.id if caller.link else None,
        )
        # All facts that an event records of a read: only reads with the same facts are merged.
        origin = (caller.actor, caller.on_behalf_of, caller.session, caller.address, caller.user_agent, caller.cause)
        key = (file.id, file.version, mode, caller.guards, *origin)
        now = self._recorder.clock.now()

        def record() -> OpenAccess:
            event = self.record(caller, file, data).events[0]
            return OpenAccess(event.id, caller, file.id, file.workspace, data, first, last, event.time, now)

        if not ranged:
            return self._accesses.add(key, record())
        access, merged = self._accesses.enter(key, first, last, now, record)
        if merged:
            try:
                self._recorder.require_unmoved(caller, [Guard(file.stream, file.version)])
            except BaseException:
                self._accesses.withdraw(access)
                raise
        return access

    def redirect(self, caller: Caller, file_id: UUID, disposition: fe.Disposition, until: datetime) -> SignedUrl:
        """Return a store URL for the whole content, valid for a minute or until `until`, the earlier of both.

        Like `content`; the Accessed event of mode `redirect` is durable before the URL is returned. Uses of the URL are
        not observed, so each redirect is a separate event, without AccessEnded.
        """

        def attempt(recent: bool) -> SignedUrl:
            file = self._reading.readable(caller, file_id, recent=recent)
            if not self._stands(caller, file, recent=recent):
                raise LookAgain
            # Signed before the record, so that no URL is recorded that has expired already; returned after it.
            url = self._store_url(caller, file, disposition, until)
            data = fe.Accessed(
                mode="redirect",
                first=None,
                last=None,
                size=file.stored.size if file.stored else 0,
                link=caller.link.id if caller.link else None,
            )
            self.record(caller, file, data)
            return url

        return self._recorder.attempts(caller, "the file", attempt, remembered=True)

    def _stands(self, caller: Caller, file: File, *, recent: bool) -> bool:
        """Tell whether the store's description matches the stored object; damage is recorded and refused.

        False if the file must be loaded again.
        """
        require_store(file, self._store)
        stored, info = file.stored, None
        with suppress(ObjectNotFound):
            info = self._store.head(file.path, version=stored.version_id if stored else None)
        if stored is None or (info is not None and (info.size, info.etag) == (stored.size, stored.etag)):
            return True
        if not recent:
            self._verifying.refuse_damaged(caller, file, info)
        return False

    def _store_url(self, caller: Caller, file: File, disposition: fe.Disposition, until: datetime) -> SignedUrl:
        name = self._reading.filename(file) or file.path.rpartition("/")[2]
        shown = served(file.initiated.media_type, disposition, name)
        return self._store.presign_get(
            file.path,
            file=str(file.id),
            grant=str(caller.cause),
            expires_at=min(self._recorder.clock.now() + REDIRECT_FOR, until),
            version=file.stored.version_id if file.stored else None,
            disposition=shown.disposition,
            media_type=shown.media_type,
        )

    def record(self, caller: Caller, file: File, data: fe.Accessed) -> Appended:
        """Record an access, guarded by the file's version and the caller's credential; Conflict."""
        recorder = self._recorder
        drafts = recorder.drafts(caller, access_stream(file.id), file.workspace, [Fact(data)])
        return recorder.append(caller, drafts, reads=[Guard(file.stream, file.version)])

    def _wrong(self, caller: Caller, file: File, sha256: str | None) -> None:
        """Record damage found during a transfer: a different digest, or an object that ended early."""
        try:
            file = self._recorder.file(file.id)
            if sha256 is not None:
                self._verifying.record_altered(self._recorder.system(caller), file, "sha256", sha256)
            else:
                self._verifying.compare(self._recorder.system(caller), file)
        except Unavailable as exc:
            raise IntegrityViolated("the object is not what was stored; that could not be recorded") from exc

    # -- what was sent -------------------------------------------------------------------------------------

    def flush(self, *, everything: bool = False) -> None:
        """Record the ends of finished accesses, or of all at shutdown; on Unavailable they are kept."""
        now = self._recorder.clock.now()
        self._backlog.record(
            lambda: [self._ended(one) for one in self._accesses.take_ended(now, everything=everything)]
        )

    def _ended(self, access: OpenAccess) -> Append:
        # No guards: the sent ranges stay true if the file or the credential has changed meanwhile.
        about = replace(access.caller, cause=access.event)
        facts = [Fact(_end(access))]
        return Append(self._recorder.drafts(about, access_stream(access.file_id), access.workspace, facts))


def _end(access: OpenAccess) -> fe.AccessEnded:
    return fe.AccessEnded(
        mode=access.data.mode,
        link=access.data.link,
        ranges=tuple(fe.SentRange(first=first, last=last) for first, last in access.sent.ranges),
        exact=access.sent.exact,
        count=access.requests,
        size=access.size,
        granted=access.data.size,
        began=access.recorded_at,
    )


def _proven_sha256(file: File, reader: ObjectReader) -> str | None:
    """Return the verified SHA-256 that the bytes must have, if the whole object is read; else None."""
    stored = file.stored
    whole = stored is not None and reader.length == stored.size
    return stored.sha256 if stored is not None and whole and stored.sha256_status == "verified" else None

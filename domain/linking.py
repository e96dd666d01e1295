"""Links: a URL by which whoever has it may read the content of one file for a while.

Life of a link, and what a crash leaves at each point:
 1. The caller may read the file now, and the file's category allows a link of that time. Crash: nothing.
 2. LinkIssued is durable, guarded by file, credential and category. Crash: a link on record that nobody has.
 3. The URL is signed and handed out; it is never recorded. Signed anew for the same expiry it is as good.
A URL that leads to the store itself is out of our hands until it expires, and its uses are not seen. One that comes
back to us is asked about at each use, and each use is recorded as Accessed, caused by LinkIssued.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from provenstore.domain import file_events as fe
from provenstore.domain import text
from provenstore.domain.administration import Administration, Arriving
from provenstore.domain.caller import Caller
from provenstore.domain.canonical import Json
from provenstore.domain.categories import Category
from provenstore.domain.disposition import served
from provenstore.domain.envelope import Event
from provenstore.domain.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from provenstore.domain.event_log import Guard, IdempotencyKey
from provenstore.domain.event_types import Fact
from provenstore.domain.file import File, access_stream
from provenstore.domain.object_store import ObjectStore
from provenstore.domain.objects import NotSupported, SignedUrl, UrlExpired
from provenstore.domain.reading import Reading
from provenstore.domain.recorder import MAX_ATTEMPTS, Recorder
from provenstore.domain.workspace import workspace_stream

DEFAULT_TTL = 600
"""Seconds: long enough to be sent and followed, short enough to be of little use once forwarded."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as its issuer gets it; the URL is a secret."""

    id: str
    url: SignedUrl
    expires_at: datetime
    observed: bool
    """Whether its uses come by us and are recorded."""


class Linking:
    """Issues links, and says what a link that comes back permits."""

    def __init__(
        self, recorder: Recorder, store: ObjectStore, reading: Reading, administration: Administration
    ) -> None:
        """Record with `recorder`; `store` signs, `reading` says who may read, `administration` whose keys are good."""
        self._recorder = recorder
        self._store = store
        self._reading = reading
        self._administration = administration

    def issue(
        self,
        caller: Caller,
        file_id: UUID,
        *,
        ttl: int | None = None,
        purpose: str | None = None,
        recipient: str | None = None,
        disposition: fe.Disposition = "attachment",
        key: IdempotencyKey | None = None,
    ) -> Link:
        """Issue a link of `ttl` seconds; again with the same key it is the same link.

        Refused where reading would be. InvalidInput for more than the category allows, UrlExpired for a link that is
        asked for again after its time, NotSupported where the store signs nothing.
        """
        recorder = self._recorder
        if not self._store.capabilities().presign:
            raise NotSupported("this object store signs no URLs, so there are no links to its files")
        private = _about(purpose, recipient)
        for _ in range(MAX_ATTEMPTS):
            file = self._reading.readable(caller, file_id, "file.link")
            if key is not None and (known := recorder.log.recall(key)) is not None:
                return self._signed(file, known.events[0].id)
            workspace = recorder.workspace(file.workspace)
            data = self._grant(file, workspace.category(file.initiated.category), ttl, disposition)
            fact = Fact(data, private, decision="link-bounded/1")
            drafts = recorder.drafts(caller, access_stream(file.id), file.workspace, [fact])
            policy = workspace_stream(file.workspace)
            reads = [Guard(file.stream, file.version), Guard(policy, workspace.version)]
            try:
                recorded = recorder.append(caller, drafts, reads=reads, key=key)
            except Conflict as conflict:
                recorder.retry_or_raise(conflict, file.stream, policy)
                continue
            return self._signed(file, recorded.events[0].id, None if recorded.replayed else data)
        raise Conflict("the file keeps changing; try again")

    def _grant(self, file: File, category: Category, ttl: int | None, disposition: fe.Disposition) -> fe.LinkIssued:
        seconds = min(DEFAULT_TTL, category.link_ttl) if ttl is None else ttl
        if not 1 <= seconds <= category.link_ttl:
            raise InvalidInput(
                "ttl",
                f"is not 1 to {category.link_ttl:,} seconds, which category {category.name} allows",
                limit=category.link_ttl,
            )
        return fe.LinkIssued(
            link=str(self._recorder.entropy.event_id()),
            version_id=file.stored.version_id if file.stored else None,
            disposition=disposition,
            ttl=seconds,
            expires_at=(self._recorder.clock.now() + timedelta(seconds=seconds)).replace(microsecond=0),
            observed=not self._store.capabilities().direct,
        )

    def _signed(self, file: File, grant: UUID, data: fe.LinkIssued | None = None) -> Link:
        data = data or self._recorded(file.id, grant)[1]
        if self._recorder.clock.now() >= data.expires_at:
            raise UrlExpired("the link has expired; ask for another one")
        name = self._reading.filename(file) or file.path.rpartition("/")[2]
        url = self._store.presign_get(
            file.path,
            file=str(file.id),
            grant=str(grant),
            expires_at=data.expires_at,
            version=data.version_id,
            disposition=served(file.initiated.media_type, data.disposition, name).disposition,
        )
        return Link(data.link, url, data.expires_at, data.observed)

    def authenticate(
        self, file_id: UUID, grant: UUID, arriving: Arriving | None = None
    ) -> tuple[Caller, fe.LinkIssued]:
        """Return for whom a link reads, its issuer while their key is good, and what it permits.

        `grant` is the id of its LinkIssued, from a URL that is known to be ours. Unauthenticated or UrlExpired where
        it permits nothing any more; whether the file may still be read is asked when it is.
        """
        event, data = self._recorded(file_id, grant)
        if self._recorder.clock.now() >= data.expires_at:
            raise UrlExpired
        # The issuer of a link without a key was admin of the data directory, and so saw private files.
        return replace(self._administration.grantor(event, "records", arriving=arriving), cause=event.id), data

    def _recorded(self, file_id: UUID, grant: UUID) -> tuple[Event, fe.LinkIssued]:
        try:
            event = self._recorder.log.find(grant)
        except NotFound:
            raise Unauthenticated("nothing grants what the signed URL permits") from None
        if event.stream != access_stream(file_id) or not isinstance(event.data, fe.LinkIssued):
            raise Unauthenticated("nothing grants what the signed URL permits")
        return event, event.data


def _about(purpose: str | None, recipient: str | None) -> dict[str, Json]:
    said: dict[str, Json] = {}
    if purpose is not None:
        said["purpose"] = text.require_text("purpose", purpose, text.MAX_REASON_BYTES, lines=True)
    if recipient is not None:
        said["recipient"] = text.require_text("recipient", recipient, text.MAX_ID_BYTES)
    return said

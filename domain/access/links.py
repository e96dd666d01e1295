"""Links: a URL with which any holder may read the content of one file for a limited time.

Life of a link, and what a crash leaves at each point:
 1. The caller may read the file now, and the file's category allows a link of that time and kind. Crash: nothing.
 2. LinkIssued is durable, guarded by file, credential and category. Crash: a recorded link whose URL nobody has.
 3. The URL is signed and handed out; it is never recorded. Signed again with the same expiry, it is just as valid.
With every store the URL leads to this server, which checks at each use that the link has not ended (by its expiry, by a
deletion or expiry of the file, or by revocation), that its issuer's API key is valid, and that the issuer may read.
Each use is recorded as Accessed, caused by LinkIssued, before the content or the redirect is sent. A direct URL of a
bucket cannot be revoked before it expires, and its uses are not observed: the category must allow it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.access.reads import AuthorisedReads, link_ended
from provenstore.domain.canonical import Json
from provenstore.domain.custody.authentication import Arriving, Authentication
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import Forbidden, IntegrityViolated, InvalidInput, NotFound, Unauthenticated
from provenstore.domain.eventlog.caller import Caller, LinkUse
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import Guard, IdempotencyKey
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.recording import first_event
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, access_stream
from provenstore.domain.storage.disposition import served
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import NotSupported, SignedUrl, UrlExpired
from provenstore.domain.storage.url_signer import UrlSigner
from provenstore.domain.tenants.categories import Category
from provenstore.domain.tenants.workspace import workspace_stream

DEFAULT_TTL = 600
"""Seconds: long enough to be sent and followed, short enough to limit forwarding."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as returned to its issuer; the URL is a secret."""

    id: str
    url: SignedUrl
    expires_at: datetime
    delivery: fe.LinkDelivery
    """How the content is delivered."""

    @property
    def observed(self) -> bool:
        """Whether its uses come through us and are recorded."""
        return self.delivery != "direct"


@dataclass(frozen=True, slots=True)
class LinkWish:
    """The options of a new link; None means the default."""

    ttl: int | None = None  # seconds
    purpose: str | None = None
    recipient: str | None = None
    disposition: fe.Disposition = "attachment"
    delivery: Literal["redirect", "stream"] | None = None
    observed: bool = True


@dataclass(frozen=True, slots=True)
class LinkWays:
    """How this server makes links: the signer of its URLs (None: no links), and the default delivery."""

    urls: UrlSigner | None = None
    delivery: Literal["redirect", "stream"] = "redirect"


class LinkService:
    """Issues, revokes and authenticates links."""

    def __init__(
        self,
        recorder: Recorder,
        store: ObjectStore,
        reading: AuthorisedReads,
        authentication: Authentication,
        ways: LinkWays,
    ) -> None:
        """Record with `recorder`; `reading` checks who may read, `authentication` checks API keys."""
        self._recorder = recorder
        self._store = store
        self._reading = reading
        self._authentication = authentication
        self._ways = ways

    def issue(
        self, caller: Caller, file_id: UUID, wish: LinkWish | None = None, *, key: IdempotencyKey | None = None
    ) -> Link:
        """Issue a link; repeated with the same idempotency key it returns the same link.

        Refused if a read would be refused; Forbidden for a direct link that the category does not allow; InvalidInput
        for a longer lifetime than it allows; UrlExpired or Gone for a repeated request after the link's end;
        NotSupported if the store lacks the capability.
        """
        recorder, wish = self._recorder, wish or LinkWish()
        private = _about(wish)

        def attempt(_: bool) -> Link:
            file = self._reading.readable(caller, file_id, "file.link")
            if (known := recorder.recall(key)) is not None:
                return self._signed(file, first_event(known))
            workspace = recorder.workspace(file.workspace)
            category = workspace.category(file.initiated.category)
            link = recorder.entropy.event_id()
            data = self._grant(file, category, wish, self._delivery(caller, file, category, wish), link)
            # Loaded before the record, since nothing may fail after it.
            name = None if data.observed else self._name(file)
            fact = Fact(data, private, decision="link-bounded/1")
            drafts = recorder.drafts(caller, access_stream(file.id), file.workspace, [fact], first_id=link)
            policy = Guard(workspace_stream(file.workspace), workspace.version)
            recorded = recorder.append(caller, drafts, reads=[Guard(file.stream, file.version), policy], key=key)
            return self._signed(file, first_event(recorded), name)

        return recorder.attempts(caller, "the file", attempt)

    def _delivery(self, caller: Caller, file: File, category: Category, wish: LinkWish) -> fe.LinkDelivery:
        """Return the link's delivery, or refuse (rule link-observed)."""
        own = self._store.capabilities()
        redirects = own.direct and own.presign
        if wish.observed:
            if self._ways.urls is None:
                raise NotSupported("this ledger was opened without a key for signed URLs, so there are no links")
            if wish.delivery == "redirect" and not redirects:
                raise NotSupported("this object store has no URLs of its own to redirect to; take stream")
            wanted = wish.delivery or self._ways.delivery
            return wanted if redirects else "stream"
        if not category.direct_links:
            name = category.name
            refusal = Forbidden(f"category {name} does not allow unobserved links", rule="link-observed", category=name)
            self._recorder.deny(caller, file, "file.link", refusal)
            raise refusal
        if wish.delivery is not None:
            raise InvalidInput("delivery", "does not apply to unobserved links; leave out delivery or observed")
        if not redirects:
            raise NotSupported("this object store has no URLs of its own, so no link can be unobserved")
        return "direct"

    def _grant(
        self, file: File, category: Category, wish: LinkWish, delivery: fe.LinkDelivery, link: UUID
    ) -> fe.LinkIssued:
        seconds = min(DEFAULT_TTL, category.link_ttl) if wish.ttl is None else wish.ttl
        if not 1 <= seconds <= category.link_ttl:
            raise InvalidInput(
                "ttl",
                f"is not 1 to {category.link_ttl:,} seconds, which category {category.name} allows",
                limit=category.link_ttl,
            )
        return fe.LinkIssued(
            link=str(link),
            version_id=file.stored.version_id if file.stored else None,
            disposition=wish.disposition,
            ttl=seconds,
            expires_at=(self._recorder.clock.now() + timedelta(seconds=seconds)).replace(microsecond=0),
            observed=delivery != "direct",
            delivery=delivery,
        )

    def _signed(self, file: File, event: Event, name: str | None = None) -> Link:
        data = event.data
        if not isinstance(data, fe.LinkIssued):
            raise IntegrityViolated("what is on record under the key is no link", position=event.position)
        if (ended := link_ended(file, LinkUse(data.link, event.position))) is not None:
            raise ended
        if self._recorder.clock.now() >= data.expires_at:
            raise UrlExpired("the link has expired; ask for another one")
        if not data.observed:
            return Link(data.link, self._direct(file, event, data, name), data.expires_at, "direct")
        if self._ways.urls is None:
            raise NotSupported("this ledger was opened without a key for signed URLs, so there are no links")
        url = self._ways.urls.get(file=str(file.id), grant=str(event.id), expires_at=data.expires_at)
        return Link(data.link, url, data.expires_at, "redirect" if self.redirects(data) else "stream")

    def _name(self, file: File) -> str:
        return self._reading.filename(file) or file.path.rpartition("/")[2]

    def _direct(self, file: File, event: Event, data: fe.LinkIssued, name: str | None) -> SignedUrl:
        shown = served(file.initiated.media_type, data.disposition, name or self._name(file))
        return self._store.presign_get(
            file.path,
            file=str(file.id),
            grant=str(event.id),
            expires_at=data.expires_at,
            version=data.version_id,
            disposition=shown.disposition,
            media_type=shown.media_type,
        )

    def revoke(
        self, caller: Caller, file_id: UUID, link: UUID, reason: str | None, key: IdempotencyKey | None = None
    ) -> None:
        """Revoke a link; no effect on a link that has ended. NotFound, Forbidden for a private file.

        A direct URL of a bucket works until it expires: it cannot be revoked.
        """
        reason = None if reason is None else text.require_reason(reason)
        self._recorder.authorised_file(caller, "file.link_revoke", file_id)
        event, data = self._issued(file_id, link)
        self._recorder.change(
            caller,
            "file.link_revoke",
            file_id,
            lambda _, now: c.RevokeLink(
                by=caller.actor,
                now=now,
                link=data.link,
                expires_at=data.expires_at,
                issued_at=event.position,
                reason=reason,
            ),
            key=key,
        )

    def _issued(self, file_id: UUID, link: UUID) -> tuple[Event, fe.LinkIssued]:
        """Return the event that issued a link. Its id is the link's id, except for links of earlier releases."""
        try:
            return self._recorded(file_id, link)
        except Unauthenticated:
            for event in self._reading.walk(access_stream(file_id)):
                if isinstance(event.data, fe.LinkIssued) and event.data.link == str(link):
                    return event, event.data
        raise NotFound("the file has no such link")

    # -- a link that comes back ----------------------------------------------------------------------------

    def authenticate(
        self, file_id: UUID, grant: UUID, arriving: Arriving | None = None
    ) -> tuple[Caller, fe.LinkIssued]:
        """Return the caller of a link, its issuer while the issuer's API key is valid, and the link's data.

        `grant` is the id of its LinkIssued, from a URL that is known to be ours. Unauthenticated or UrlExpired if the
        link is not valid; whether the file may still be read is checked at the read.
        """
        event, data = self._recorded(file_id, grant)
        if self._recorder.clock.now() >= data.expires_at:
            raise UrlExpired
        # An issuer without an API key was admin of the data directory, and so may see private files.
        issuer = self._authentication.grantor(event, "records", arriving=arriving)
        return replace(issuer, cause=event.id, link=LinkUse(data.link, event.position)), data

    def redirects(self, link: fe.LinkIssued) -> bool:
        """Tell whether a use of the link is answered by a redirect to the store."""
        own = self._store.capabilities()
        return link.delivery == "redirect" and own.direct and own.presign

    def _recorded(self, file_id: UUID, grant: UUID) -> tuple[Event, fe.LinkIssued]:
        try:
            event = self._recorder.log.find(grant)
        except NotFound:
            raise Unauthenticated("signed URL is not valid") from None
        if event.stream != access_stream(file_id) or not isinstance(event.data, fe.LinkIssued):
            raise Unauthenticated("signed URL is not valid")
        return event, event.data


def _about(wish: LinkWish) -> dict[str, Json]:
    said: dict[str, Json] = {}
    if wish.purpose is not None:
        said["purpose"] = text.require_text("purpose", wish.purpose, text.MAX_REASON_BYTES, lines=True)
    if wish.recipient is not None:
        said["recipient"] = text.require_text("recipient", wish.recipient, text.MAX_ID_BYTES)
    return said

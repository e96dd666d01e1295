"""Links in the ledger: who gets one, for how long, what is on record, and what a link that comes back still permits."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from custody import ADMIN, AUDITOR, CONTENT, RECORDS, SERVICE, Custody, caller
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.access.links import LinkWays, LinkWish
from provenstore.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    Gone,
    InvalidInput,
    NotFound,
    Unauthenticated,
    WrongState,
)
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import IdempotencyKey
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File, evolve
from provenstore.domain.proofs.verification import verify_log
from provenstore.domain.storage.objects import NotSupported, UrlExpired
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.workspace_events import Limits

OTHER_SERVICE = caller("svc-sites", "service", kind="service")
HOUR = 3_600


@pytest.fixture
def custody(log: PostgresEventLog, tmp_path: Path) -> Custody:
    """A ledger on a folder; its links lead to the server."""
    return Custody(log, LocalFolder(tmp_path / "objects"))


def _issued(custody: Custody, file: File) -> list[Event]:
    return [event for event in custody.events(file.id) if isinstance(event.data, fe.LinkIssued)]


def _grant(custody: Custody, file: File) -> UUID:
    return _issued(custody, file)[-1].id


def _limit(custody: Custody, seconds: int) -> None:
    command = ws.SetLimits(category="book_content", limits=Limits(link_ttl=seconds))
    custody.ledger.change_workspace(ADMIN, "acme", command)


def test_a_link_is_an_event(custody: Custody) -> None:
    """What it permits stands in the leaf; for whom, what for and from where is private; the URL is nowhere."""
    file = custody.stored()
    link = custody.ledger.issue_link(SERVICE, file.id, LinkWish(purpose="the audit", recipient="jo@example.org"))
    (event,) = _issued(custody, file)
    expires = (custody.clock.now() + timedelta(seconds=600)).replace(microsecond=0)
    assert event.data == fe.LinkIssued(
        link=link.id,
        version_id=None,
        disposition="attachment",
        ttl=600,
        expires_at=expires,
        observed=True,
        delivery="stream",
    )
    assert (link.expires_at, link.url.expires_at, link.observed) == (expires, expires, True)
    assert set(event.private) == {"purpose", "recipient", "address"}
    assert custody.ledger.recorder.file(file.id).version == file.version
    assert link.url.url not in repr(link)
    assert link.url.url.encode() not in b"".join(one.state for one in custody.events(file.id))


def test_what_a_link_was_for_can_be_erased(custody: Custody) -> None:
    """Purpose and recipient go like any other private value, and services never see them."""
    file = custody.stored()
    custody.ledger.issue_link(SERVICE, file.id, LinkWish(purpose="the audit", recipient="jo@example.org"))
    grant = _grant(custody, file)
    assert custody.ledger.history(SERVICE, file.id).disclosures[grant] == {}
    seen = custody.ledger.history(AUDITOR, file.id).disclosures[grant]
    assert seen["recipient"].value == b'"jo@example.org"'
    privacy = caller("dpo", "privacy")
    custody.erase(privacy, file.id, "recipient", "purpose")
    left = custody.ledger.history(AUDITOR, file.id).disclosures[grant]
    assert (left["recipient"].value, left["purpose"].value, left["address"].value is None) == (None, None, False)
    # The values lay beside the file's lifecycle, where their erasure stands.
    assert verify_log(custody.log).findings == ()


@pytest.mark.parametrize(
    ("limit", "asked", "lives"),
    [(None, None, 600), (None, HOUR, HOUR), (None, 1, 1), (60, None, 60), (ws.MAX_LINK_TTL, 86_400, 86_400)],
)
def test_how_long_a_link_lives(custody: Custody, limit: int | None, asked: int | None, lives: int) -> None:
    """Ten minutes unless something else is asked for and the category allows it."""
    if limit is not None:
        _limit(custody, limit)
    file = custody.stored()
    custody.clock.moment = custody.clock.moment.replace(microsecond=0)
    link = custody.ledger.issue_link(SERVICE, file.id, LinkWish(ttl=asked))
    assert link.expires_at == custody.clock.now() + timedelta(seconds=lives)


@pytest.mark.parametrize(("limit", "asked"), [(None, HOUR + 1), (None, 0), (None, -1), (60, 61), (86_400, 86_401)])
def test_no_link_outlives_its_category(custody: Custody, limit: int | None, asked: int) -> None:
    """link-bounded: one hour, or what the category says."""
    if limit is not None:
        _limit(custody, limit)
    file = custody.stored()
    with pytest.raises(InvalidInput, match="ttl: is not 1 to"):
        custody.ledger.issue_link(SERVICE, file.id, LinkWish(ttl=asked))
    assert _issued(custody, file) == []


@pytest.mark.parametrize("seconds", [0, -1, ws.MAX_LINK_TTL + 1])
def test_no_category_allows_more_than_a_bucket_can_sign(custody: Custody, seconds: int) -> None:
    """Seven days, and no link of no time."""
    with pytest.raises(InvalidInput, match="link_ttl"):
        _limit(custody, seconds)


@pytest.mark.parametrize(
    "said", [{"purpose": ""}, {"recipient": "a\nb"}, {"recipient": "x" * 256}, {"purpose": "x" * 4_097}]
)
def test_what_is_said_about_a_link_is_text(custody: Custody, said: dict[str, str]) -> None:
    """Within the limits of all free text."""
    file = custody.stored()
    with pytest.raises(InvalidInput):
        custody.ledger.issue_link(SERVICE, file.id, LinkWish(**said))  # type: ignore[arg-type]  # only texts are tried
    assert _issued(custody, file) == []


def test_who_may_not_read_gets_no_link(custody: Custody) -> None:
    """link-like-reading: role, owner and workspace are asked as for content, and the refusal is on record."""
    file = custody.stored()
    stranger = caller("svc-books", "service", kind="service", scope="umbrella")
    for who, refusal in ((AUDITOR, Forbidden), (OTHER_SERVICE, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal):
            custody.ledger.issue_link(who, file.id)
    denied = [event for event in custody.events(file.id) if isinstance(event.data, fe.AccessDenied)]
    assert [event.data.operation for event in denied if isinstance(event.data, fe.AccessDenied)] == ["file.link"] * 2
    custody.ledger.issue_link(RECORDS, file.id)
    assert len(_issued(custody, file)) == 1
    with pytest.raises(NotFound):
        custody.ledger.issue_link(SERVICE, uuid4())


@pytest.mark.parametrize("stage", ["initiated", "deleted", "purged"])
def test_no_link_to_what_is_not_there(custody: Custody, stage: str) -> None:
    """link-like-reading: not yet, or no more."""
    file = getattr(custody, stage)()
    with pytest.raises(WrongState if stage == "initiated" else Gone):
        custody.ledger.issue_link(SERVICE, file.id)
    assert custody.types(file.id)[-1] == "access_denied"


def test_no_link_that_cannot_be_recorded(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """link-after-event: no event, no URL."""
    file = custody.stored()

    def gone(*_: Any) -> Any:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventLog, "append", gone)
        with pytest.raises(DatabaseUnavailable):
            custody.ledger.issue_link(SERVICE, file.id)
    assert _issued(custody, file) == []


def test_no_link_after_a_deletion_that_was_quicker(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """link-after-event: the grant is guarded by the file that the decision saw."""
    file = custody.stored()
    readable = custody.ledger.reading.readable

    def overtaken(*arguments: Any) -> File:
        found = readable(*arguments)
        monkeypatch.undo()
        custody.another_process().soft_delete(SERVICE, file.id)
        return found

    monkeypatch.setattr(custody.ledger.reading, "readable", overtaken)
    with pytest.raises(Gone):
        custody.ledger.issue_link(SERVICE, file.id)
    assert _issued(custody, file) == []


def test_a_revoked_key_issues_nothing(custody: Custody) -> None:
    """Even in a request that was authenticated before."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-books", kind="service", roles=("service",), scope="acme")
    bearer = custody.ledger.authenticate(issued.key)
    file = custody.stored()
    custody.ledger.revoke_key(ADMIN, UUID(issued.id), "lost")
    with pytest.raises(Conflict):
        custody.ledger.issue_link(bearer, file.id)
    assert _issued(custody, file) == []


def test_the_same_request_is_the_same_link(custody: Custody) -> None:
    """Its URL is signed anew for the same expiry; after that it is refused, as it is once the file is gone."""
    file = custody.stored()
    key = IdempotencyKey("acme/svc-books", "k", b"f")
    first = custody.ledger.issue_link(SERVICE, file.id, key=key)
    custody.clock.pass_time(seconds=300)
    again = custody.ledger.issue_link(SERVICE, file.id, key=key)
    assert (again.id, again.expires_at, again.url.url) == (first.id, first.expires_at, first.url.url)
    custody.clock.pass_time(seconds=301)
    with pytest.raises(UrlExpired):
        custody.ledger.issue_link(SERVICE, file.id, key=key)
    custody.ledger.soft_delete(SERVICE, file.id)
    with pytest.raises(Gone):
        custody.ledger.issue_link(SERVICE, file.id, key=key)
    assert len(_issued(custody, file)) == 1


def test_a_ledger_without_a_key_for_urls(log: PostgresEventLog, tmp_path: Path) -> None:
    """There is no link, and so no event that says there is."""
    custody = Custody(log, LocalFolder(tmp_path / "objects"))
    custody.links = LinkWays()
    file = custody.stored()
    with pytest.raises(NotSupported):
        custody.another_process().issue_link(SERVICE, file.id)
    assert _issued(custody, file) == []


def _linked(custody: Custody) -> tuple[File, UUID, UUID]:
    """Return a file with a link, the grant, and the id of the key that issued it; it is `custody.key`."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-books", kind="service", roles=("service",), scope="acme")
    custody.key = issued.key
    file = custody.stored()
    custody.ledger.issue_link(custody.ledger.authenticate(issued.key), file.id, LinkWish(disposition="inline"))
    return file, _grant(custody, file), UUID(issued.id)


def test_a_use_is_caused_by_the_link(custody: Custody) -> None:
    """Accessed names the event that granted it; the issuer stands behind it."""
    file, grant, key_id = _linked(custody)
    user, link = custody.ledger.authenticate_link(file.id, grant)
    assert link.disposition == "inline"
    assert custody.read(user, file.id, mode="view") == CONTENT
    event = custody.events(file.id)[-1]
    assert isinstance(event.data, fe.Accessed)
    assert (event.cause, event.actor.id, event.actor.credential) == (grant, "svc-books", str(key_id))


def test_uses_of_a_link_are_not_readings_by_its_issuer(custody: Custody) -> None:
    """merged-if-covered: by credential, and each link is one."""
    file, grant, _ = _linked(custody)
    user, _ = custody.ledger.authenticate_link(file.id, grant)
    custody.ledger.issue_link(SERVICE, file.id)
    for _ in range(2):
        custody.read(user, file.id, first=0, last=1)
    assert custody.types(file.id).count("accessed") == 1
    issuer = user.__class__(user.actor, user.roles, user.scope, user.guards)
    custody.read(issuer, file.id, first=0, last=1)
    assert custody.types(file.id).count("accessed") == 2


def test_a_link_is_asked_about_at_each_use(custody: Custody) -> None:
    """link-asked-again: it ends with its time, its key, and the file."""
    file, grant, key_id = _linked(custody)
    user, _ = custody.ledger.authenticate_link(file.id, grant)
    custody.ledger.soft_delete(SERVICE, file.id)
    with pytest.raises(Gone):
        custody.read(user, file.id)
    assert custody.events(file.id)[-1].cause == grant
    custody.clock.pass_time(seconds=600)
    with pytest.raises(UrlExpired):
        custody.ledger.authenticate_link(file.id, grant)
    custody.clock.pass_time(seconds=-600)
    custody.ledger.revoke_key(ADMIN, key_id, "lost")
    with pytest.raises(Unauthenticated, match="expired or revoked"):
        custody.ledger.authenticate_link(file.id, grant)


def test_nothing_else_is_a_link(custody: Custody) -> None:
    """Neither an unknown event, nor one of another type, nor a link to another file."""
    file, grant, _ = _linked(custody)
    other = custody.stored()
    for file_id, event_id in ((file.id, uuid4()), (file.id, file.private_events[0]), (other.id, grant)):
        with pytest.raises(Unauthenticated, match="signed URL is not valid"):
            custody.ledger.authenticate_link(file_id, event_id)


@pytest.mark.parametrize("end", ["soft_delete", "expire"])
def test_a_deletion_ends_links_for_good(custody: Custody, end: str) -> None:
    """link-ends-for-good: what was restored has new links; those of before open nothing, in any process."""
    file, grant, _ = _linked(custody)
    key = IdempotencyKey("acme/svc-books", "k", b"f")
    custody.ledger.issue_link(SERVICE, file.id, key=key)
    user, _ = custody.ledger.authenticate_link(file.id, grant)
    assert custody.read(user, file.id) == CONTENT
    if end == "soft_delete":
        custody.ledger.soft_delete(SERVICE, file.id)
    else:
        custody.ledger.change_file(SERVICE, file.id, expiry=(custody.clock.now() + timedelta(seconds=30),))
        custody.clock.pass_time(seconds=31)
        custody.ledger.settle(file.id)
    custody.another_process().restore(RECORDS, file.id)
    for ledger in (custody.ledger, custody.another_process()):
        user, _ = ledger.authenticate_link(file.id, grant)
        for last in (None, 1):
            with pytest.raises(Gone) as caught, ledger.content(user, file.id, last=last):
                pass
            assert caught.value.details["rule"] == "link-ends-for-good"
        with pytest.raises(Gone):
            ledger.readable(user, file.id)
    assert custody.events(file.id)[-1].decision == "link-ends-for-good/1"
    with pytest.raises(Gone):
        custody.ledger.issue_link(SERVICE, file.id, key=key)
    custody.ledger.issue_link(custody.ledger.authenticate(custody.key), file.id)
    anew, _ = custody.ledger.authenticate_link(file.id, _grant(custody, file))
    assert custody.read(anew, file.id) == CONTENT


def test_a_revoked_link_opens_nothing(custody: Custody) -> None:
    """link-revoked: at once, in every process, in the midst of a window too; the others of the file go on."""
    file, grant, _ = _linked(custody)
    custody.ledger.issue_link(custody.ledger.authenticate(custody.key), file.id)
    other, _ = custody.ledger.authenticate_link(file.id, _grant(custody, file))
    user, link = custody.ledger.authenticate_link(file.id, grant)
    custody.read(user, file.id, first=0, last=3)
    for _ in range(2):
        custody.another_process().revoke_link(SERVICE, file.id, UUID(link.link), "sent to the wrong person")
    assert custody.types(file.id).count("link_revoked") == 1
    with pytest.raises(Gone) as caught:
        custody.read(user, file.id, first=0, last=3)
    assert caught.value.details["rule"] == "link-revoked"
    assert custody.read(other, file.id) == CONTENT
    revoked = next(event for event in custody.events(file.id) if isinstance(event.data, fe.LinkRevoked))
    assert (revoked.stream, revoked.decision) == (file.stream, "link-revoked/1")
    assert "reason" in revoked.private


def test_who_may_revoke_a_link(custody: Custody) -> None:
    """Whoever may change the file: of a private one its owner, records and admin. No other file's link."""
    file, grant, _ = _linked(custody)
    other = custody.stored()
    for who, file_id, link, refusal in (
        (AUDITOR, file.id, grant, Forbidden),
        (OTHER_SERVICE, file.id, grant, Forbidden),
        (SERVICE, other.id, grant, NotFound),
        (SERVICE, file.id, uuid4(), NotFound),
    ):
        with pytest.raises(refusal):
            custody.ledger.revoke_link(who, file_id, link, None)
    assert "link_revoked" not in custody.types(file.id)
    custody.ledger.revoke_link(RECORDS, file.id, grant, None)
    assert custody.types(file.id).count("link_revoked") == 1


def test_a_link_of_the_last_release_can_be_revoked(custody: Custody) -> None:
    """Its id is not that of its event."""
    file, grant, _ = _linked(custody)
    recorder, issued = custody.ledger.recorder, custody.log.find(grant).data
    assert isinstance(issued, fe.LinkIssued)
    old = issued.model_copy(update={"link": str(uuid4()), "delivery": None})
    drafts = recorder.drafts(custody.ledger.authenticate(custody.key), f"access:{file.id}", "acme", [Fact(old)])
    recorder.append(SERVICE, drafts)
    user, _ = custody.ledger.authenticate_link(file.id, drafts[0].id)
    assert custody.read(user, file.id) == CONTENT
    custody.ledger.revoke_link(SERVICE, file.id, UUID(old.link), None)
    with pytest.raises(Gone):
        custody.read(user, file.id)


def test_what_is_over_needs_no_revocation(custody: Custody) -> None:
    """Nothing is recorded of a link that has ended already."""
    file, grant, _ = _linked(custody)
    custody.clock.pass_time(seconds=600)
    custody.ledger.revoke_link(SERVICE, file.id, grant, None)
    assert "link_revoked" not in custody.types(file.id)


def test_revoked_links_are_not_remembered_for_ever(custody: Custody) -> None:
    """Once they would have expired a good while ago."""
    file, grant, _ = _linked(custody)
    custody.ledger.revoke_link(SERVICE, file.id, grant, None)
    (revoked,) = [event for event in custody.events(file.id) if isinstance(event.data, fe.LinkRevoked)]
    before = custody.ledger.recorder.file(file.id)
    assert [link for link, _ in before.revoked_links] == [str(grant)]
    another = fe.LinkRevoked(link="another", expires_at=revoked.time + timedelta(days=4))
    late = replace(revoked, time=revoked.time + timedelta(days=3), data=another)
    after = evolve(before, late)
    assert after is not None
    assert [link for link, _ in after.revoked_links] == ["another"]


def test_an_issuer_who_lost_the_right_opens_nothing(custody: Custody) -> None:
    """link-asked-again: a file that became private ends the links of who is not its owner, until it is open again."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-sites", kind="service", roles=("service",), scope="acme")
    file = custody.stored()
    custody.ledger.change_file(SERVICE, file.id, access="workspace")
    custody.ledger.issue_link(custody.ledger.authenticate(issued.key), file.id)
    grant = _grant(custody, file)
    custody.another_process().change_file(SERVICE, file.id, access="private")
    user, _ = custody.ledger.authenticate_link(file.id, grant)
    with pytest.raises(Forbidden):
        custody.read(user, file.id)


def test_a_direct_link_needs_a_bucket_and_a_policy(custody: Custody) -> None:
    """link-observed: refused, and on record, unless the category allows it; a folder has none to give."""
    file = custody.stored()
    with pytest.raises(Forbidden) as caught:
        custody.ledger.issue_link(SERVICE, file.id, LinkWish(observed=False))
    assert caught.value.details["rule"] == "link-observed"
    assert custody.events(file.id)[-1].decision == "link-observed/1"
    command = ws.SetLimits(category="book_content", limits=Limits(direct_links=True))
    custody.ledger.change_workspace(ADMIN, "acme", command)
    with pytest.raises(NotSupported):
        custody.ledger.issue_link(SERVICE, file.id, LinkWish(observed=False))
    with pytest.raises(NotSupported):
        custody.ledger.issue_link(SERVICE, file.id, LinkWish(delivery="redirect"))
    assert _issued(custody, file) == []


def test_a_use_names_the_link(custody: Custody) -> None:
    """In the access, and in what was sent."""
    file, grant, _ = _linked(custody)
    user, link = custody.ledger.authenticate_link(file.id, grant)
    custody.read(user, file.id)
    custody.ledger.flush(everything=True)
    kinds = fe.Accessed | fe.AccessEnded
    assert [event.data.link for event in custody.events(file.id) if isinstance(event.data, kinds)] == [link.link] * 2
    assert link.link == str(grant)

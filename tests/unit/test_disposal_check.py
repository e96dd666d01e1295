"""Verification judges each purge under a disposal policy by what the log said at that moment."""

from datetime import timedelta
from typing import Any

import pytest

from file_life import SHA, VERSION
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_events as e
from provenstore.domain.proofs.purge_check import PurgeCheck
from provenstore.domain.proofs.two_person_check import TwoPersonCheck
from provenstore.domain.system.provider_events import ProviderIdentified
from provenstore.domain.tenants import disposal_events as de
from provenstore.domain.tenants import workspace_events as we
from sealing import START, SealedLog

ANN, BEA = (Actor(name, "person", "cli") for name in ("ann", "bea"))
SYSTEM = Actor("provenstore", "system", "system")
ASKED = de.DisposalPolicyRequested(request="r", category="book_content", after_days=30)
AGREED = de.DisposalPolicyApproved(request="r", category="book_content", policy="book_content/1", after_days=30)


IDENTIFIED = ProviderIdentified(provider="local", identity="1d" * 32, how="first_use", looked_for=0, found=False)


class Story:
    """A log in which anything can be slipped in."""

    def __init__(self, category: str = "book_content", *, identified: bool = True) -> None:
        self.log = SealedLog()
        created = we.WorkspaceCreated(workspace="acme", four_eyes=True, max_bytes=None, max_files=None)
        self.add(created, stream="workspace:acme")
        self.add(_initiated(category))
        if identified:
            self.add(IDENTIFIED, stream="provider:local")

    def add(self, data: EventData, by: Actor = SYSTEM, stream: str = "file:f", days: float = 0) -> "Story":
        self.log.pass_time(days=days)
        self.log.record([Fact(data)], stream=stream, by=by)
        return self

    def policy(self, second: Actor = BEA, agreed: EventData = AGREED) -> "Story":
        self.add(ASKED, ANN, "workspace:acme")
        return self.add(agreed, second, "workspace:acme")

    def disposed(self, days: float = 31, policy: str = "book_content/1", by: Actor = SYSTEM) -> "Story":
        self.add(e.SoftDeleted())
        self.add(e.PurgeRequested(purge="p", four_eyes=False, policy=policy), by, days=days)
        return self.add(e.PurgeStarted(purge="p", sha256=SHA, versions=(VERSION,)))

    def found(self) -> list[str]:
        check = TwoPersonCheck()
        return [problem for event in self.log.events for problem in check.take(event)]


def _initiated(category: str) -> e.UploadInitiated:
    return e.UploadInitiated(
        path="p", extension="pdf", category=category, variant="original", media_type="application/pdf",
        provider="local", upload="api", owner="o", access="private", declared_size=100, declared_sha256=None,
        declared_md5=None, max_size=1_000, reserved=100, expires_after=None, expires_at=None,
        upload_expires_at=START + timedelta(days=1), write_until=None,
    )  # fmt: skip


def test_what_policies_destroyed_in_time_is_right() -> None:
    """An approved policy, and the built-in one of exports."""
    assert Story().policy().disposed().found() == []
    assert Story("export").disposed(8, "export/built-in/1").found() == []


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (lambda: Story().disposed(), "not in force"),
        (lambda: Story().policy().disposed(policy="book_content/2"), "not in force"),
        (lambda: Story("misc").policy().disposed(), "not in force"),
        (lambda: Story("misc").disposed(8, "temp/built-in/1"), "not in force"),
        (lambda: Story("export").disposed(6, "export/built-in/1"), "has not come"),
        (lambda: Story().policy().disposed(29), "has not come"),
        (lambda: Story().policy().disposed(by=ANN), "somebody else"),
    ],
    ids=[
        "no policy",
        "a later version",
        "of another category",
        "built in for another",
        "too early",
        "before",
        "person",
    ],
)
def test_a_purge_that_no_policy_allowed_is_found(story: Any, said: str) -> None:
    """disposal-start-checks-policy: at the request and at the start."""
    found = story().found()
    assert len(found) == 2
    assert all(said in one for one in found)


def test_a_purge_too_soon_after_a_rejection_is_found() -> None:
    """disposal-start-checks-policy: the days begin again, and end."""
    for days, problems in ((29, 2), (31, 0)):
        story = Story().policy().add(e.SoftDeleted())
        story.add(e.PurgeRequested(purge="a", four_eyes=True), ANN, days=31).add(e.PurgeRejected(purge="a"), BEA)
        story.add(e.PurgeRequested(purge="p", four_eyes=False, policy="book_content/1"), days=days)
        assert len(story.add(e.PurgeStarted(purge="p", sha256=SHA, versions=(VERSION,))).found()) == problems


def test_a_built_in_policy_destroys_nothing_in_the_first_week_of_a_store() -> None:
    """disposal-not-at-once: counted from when the store was first recorded, and never before that."""
    for identified, days in ((False, 8), (True, 6)):
        story = Story("export", identified=False).add(e.SoftDeleted())
        story.log.pass_time(days=100)
        if identified:
            story.add(IDENTIFIED, stream="provider:local")
        story.add(e.PurgeRequested(purge="p", four_eyes=False, policy="export/built-in/1"), days=days)
        assert len(story.add(e.PurgeStarted(purge="p", sha256=SHA, versions=(VERSION,))).found()) == 2


def test_a_policy_destroys_nothing_in_its_first_week() -> None:
    """disposal-not-at-once: of what was deleted long before either."""
    story = Story().add(e.SoftDeleted())
    story.log.pass_time(days=100)
    story.policy().add(e.PurgeRequested(purge="p", four_eyes=False, policy="book_content/1"), days=6)
    assert "has not come" in story.found()[0]


@pytest.mark.parametrize("second", [ANN, Actor("svc", "service", "cli"), Actor("bea", "person", "api_key", "unknown")])
def test_a_policy_that_no_second_person_approved_is_found(second: Actor) -> None:
    """disposal-policy-by-two: so is everything that it destroyed."""
    assert ["by no second person" in one for one in Story().policy(second).disposed().found()] == [True] * 3


def test_a_policy_that_nobody_asked_for_is_found() -> None:
    """disposal-policy-by-two: what is approved is what was requested."""
    other = AGREED.model_copy(update={"after_days": 1})
    assert Story().policy(agreed=other).found() == ["a disposal policy was approved that nobody had asked for"]
    assert len(Story().add(AGREED, BEA, "workspace:acme").found()) == 1


def test_a_persons_approval_of_a_policys_purge_is_found() -> None:
    """disposal-policy-decides: it would let one person destroy alone."""
    story = Story().policy().add(e.SoftDeleted())
    story.add(e.PurgeRequested(purge="p", four_eyes=False, policy="book_content/1"), days=31)
    assert story.add(e.PurgeApproved(purge="p"), BEA).found() == [
        "a purge was approved that a disposal policy had asked for"
    ]


def test_what_came_later_does_not_undo_a_policy() -> None:
    """A key that the first person issues to the second one years later changes nothing about the approval."""
    story = Story()
    for name in ("cat", "dan"):
        story.add(we.ActorRegistered(actor=name, kind="person"), stream=f"actor:acme/{name}")
        story.add(_key(name, "1"), stream=f"credential:{name}1")
    cat, dan = (Actor(name, "person", "api_key", f"{name}1") for name in ("cat", "dan"))
    story.add(ASKED, cat, "workspace:acme").add(AGREED, dan, "workspace:acme")
    story.add(we.ActorKeyAdded(actor="dan", credential="dan2"), cat, "actor:acme/dan", days=10)
    story.add(we.CredentialRevoked(credential="dan1"), stream="credential:dan1")
    assert story.disposed().found() == []


def _key(actor: str, number: str) -> we.CredentialIssued:
    return we.CredentialIssued(
        credential=actor + number, actor=actor, kind="person", roles=("records", "approver"), scope="acme", digest="",
        expires_at=None,
    )  # fmt: skip


def test_a_certificate_names_the_policy_of_its_request() -> None:
    """destroyed-on-record: not another one, and none where persons decided."""
    for asked, certified in ((None, "temp/1"), ("temp/1", None), ("temp/1", "temp/2")):
        check = PurgeCheck()
        log = SealedLog()
        purged = e.Purged(
            purge="p", provider="local", path="p", size=100, sha256=SHA, versions=(VERSION,), quota_bytes=-100,
            quota_files=-1, policy=certified,
        )  # fmt: skip
        facts = [
            Fact(e.PurgeRequested(purge="p", four_eyes=False, policy=asked)),
            Fact(e.PurgeStarted(purge="p", sha256=SHA, versions=(VERSION,))),
            Fact(purged),
        ]
        found = [one for event in log.record(facts, stream="file:f") for one in check.take(event)]
        assert found == ["the certificate names another disposal policy than the request"]

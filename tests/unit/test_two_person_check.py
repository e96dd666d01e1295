"""Verification judges who decided, by what the log said at that moment: neither of the two has made the other."""

from typing import Any

import pytest

from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.files import file_events as fe
from provenstore.domain.proofs.two_person_check import TwoPersonCheck
from provenstore.domain.system.provider_events import ProviderIdentified
from provenstore.domain.tenants import workspace_events as we
from sealing import SealedLog

SHELL, OTHER = (Actor(name, "person", "cli") for name in ("shell", "other"))
CREATED = we.WorkspaceCreated(workspace="acme", four_eyes=True, max_bytes=None, max_files=None)
RAISED = we.RetentionPolicySet(max_years=100)
ASKED = we.RetentionPolicyRequested(max_years=100)
IDENTIFIED = ProviderIdentified(provider="local", identity="1d" * 32, how="first_use", looked_for=0, found=False)
ALONE = "the bound of retentions was raised by one person alone"


class Story:
    """A log in which anything can be slipped in."""

    def __init__(self, *, new: bool = True) -> None:
        self.log = SealedLog()
        self.add(CREATED, SHELL, "workspace:acme")
        if new:
            self.add(IDENTIFIED, SHELL, "provider:local")

    def add(self, data: EventData, by: Actor, stream: str = "file:f", decision: str | None = None) -> "Story":
        self.log.record([Fact(data, decision=decision)], stream=stream, by=by)
        return self

    def bound(self, data: EventData, by: Actor, decision: str | None = None) -> "Story":
        return self.add(data, by, "workspace:acme", decision)

    def issue(self, by: Actor, name: str, number: str = "1") -> Actor:
        issued = we.CredentialIssued(
            credential=name + number, actor=name, kind="person", roles=("records", "approver"), scope="acme",
            digest="", expires_at=None,
        )  # fmt: skip
        first = not any(event.stream == f"actor:acme/{name}" for event in self.log.events)
        said: EventData = we.ActorKeyAdded(actor=name, credential=name + number)
        if first:
            said = we.ActorRegistered(actor=name, kind="person")
        self.add(said, by, f"actor:acme/{name}").add(issued, by, f"credential:{name}{number}")
        return Actor(name, "person", "api_key", name + number)

    def found(self) -> list[str]:
        check = TwoPersonCheck()
        return [problem for event in self.log.events for problem in check.take(event)]


def _purged(story: Story, first: Actor, second: Actor) -> list[str]:
    story.add(fe.PurgeRequested(purge="p", four_eyes=True), first)
    return story.add(fe.PurgeApproved(purge="p"), second).found()


def test_an_approval_by_one_who_made_the_requester_is_found() -> None:
    """purge-second-person: so are releases of holds; two officers of one issuer are in order."""
    story = Story()
    ada = story.issue(SHELL, "ada")
    bob, cat = (story.issue(ada, name) for name in ("bob", "cat"))
    assert _purged(story, bob, cat) == []
    (found,) = _purged(story, bob, ada)
    assert found == (
        "the purge was approved by no second person: "
        "the first person, or one of their keys, was made or changed by the second"
    )
    story.add(fe.LegalHoldPlaced(hold="h"), bob).add(fe.LegalHoldReleased(hold="h"), ada)
    assert len(story.found()) == 2


def test_what_made_the_first_later_is_not_found() -> None:
    """What counts of the first person is what the log said at its act."""
    story = Story()
    ada, bob = story.issue(SHELL, "ada"), story.issue(OTHER, "bob")
    story.add(fe.PurgeRequested(purge="p", four_eyes=True), bob)
    story.issue(ada, "bob", "2")
    assert story.add(fe.PurgeApproved(purge="p"), ada).found() == []


def test_earlier_releases_are_judged_by_their_own_rule() -> None:
    """Who issued the requester's key did not matter then."""
    story = Story(new=False)
    ada = story.issue(SHELL, "ada")
    assert _purged(story, story.issue(ada, "bob"), ada) == []


def test_a_bound_that_two_persons_raised_is_right() -> None:
    """So is one that was lowered by anybody."""
    story = Story().bound(ASKED, SHELL).bound(RAISED, OTHER, "retention-bound-by-two/1")
    assert story.bound(we.RetentionPolicySet(max_years=5), SHELL, "retention-bound-lowered-at-once/1").found() == []


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (lambda: Story().bound(RAISED, SHELL), ALONE),
        (lambda: Story(new=False).bound(RAISED, SHELL, "retention-bound-by-two/1"), ALONE),
        (lambda: Story().bound(we.RetentionPolicyRequested(max_years=99), OTHER).bound(RAISED, SHELL), ALONE),
        (lambda: Story().bound(ASKED, SHELL).bound(RAISED, SHELL), "it was the first one"),
        (
            lambda: Story().bound(ASKED, SHELL).bound(we.RetentionPolicySet(max_years=9), OTHER).bound(RAISED, OTHER),
            ALONE,
        ),
    ],
    ids=["unasked", "by its decision", "another value", "the same person", "ended by lowering"],
)
def test_a_bound_that_one_person_raised_is_found(story: Any, said: str) -> None:
    """retention-bound-by-two: whoever put it into the log."""
    (found,) = story().found()
    assert said in found


def test_who_made_the_one_who_asked_for_the_bound_is_found() -> None:
    """retention-bound-by-two"""
    story = Story()
    ada = story.issue(SHELL, "ada")
    (found,) = story.bound(ASKED, story.issue(ada, "bob")).bound(RAISED, ada).found()
    assert "made or changed by the second" in found


def test_a_bound_before_anything_of_this_release_is_not_judged() -> None:
    """It was one person's to set; what follows it is judged by the rules of this release."""
    story = Story(new=False).bound(RAISED, SHELL)
    assert story.found() == []
    assert story.bound(we.RetentionPolicySet(max_years=5), SHELL).bound(RAISED, SHELL).found() == [ALONE]

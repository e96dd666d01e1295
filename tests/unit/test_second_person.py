"""What a second person is: not made nor changed by the first, however long the chain, and there before the request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenstore.domain.errors import SecondPersonRequired
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import EventData, Fact
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from provenstore.domain.tenants import persons
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.persons import Origins, person_of
from provenstore.domain.tenants.second_person import Act, Person, objection, require_second_person, same_person
from sealing import SealedLog

SHELL = Actor("system-user-0", "person", "cli")
OTHER = Actor("system-user-1", "person", "cli")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class People:
    """A log of actors and keys, as the ledger writes them."""

    def __init__(self) -> None:
        self.log = SealedLog()
        self.reads: list[str] = []
        """The streams that were read, in order."""

    def _record(self, stream: str, by: Actor, *data: EventData) -> None:
        self.log.record([Fact(one) for one in data], stream=stream, by=by)

    def issue(self, by: Actor, name: str, kind: Any = "person") -> Actor:
        """Issue a key for an actor, registering it if it is new; return the actor as it acts with that key."""
        credential = str(self.log.uuid())
        stream = ac.actor_stream(name, None)
        state = ac.project(None, self._events(stream))
        new = ac.RegisterActor(id=name, kind=kind)
        added = ac.add_key(state, ac.AddKey(credential=credential))
        self.log.record([*ac.decide(state, new), *added], stream=stream, by=by)
        issued = we.CredentialIssued(
            credential=credential, actor=name, kind=kind, roles=("approver",), scope=None, digest="", expires_at=None
        )
        self._record(cr.credential_stream(credential), by, issued)
        self.log.pass_time(seconds=1)
        return Actor(name, kind, "api_key", credential)

    def _events(self, stream: str) -> Any:
        return [event for event in self.log.events if event.stream == stream]

    def act(self, by: Actor) -> Act:
        """Do something of no matter, to be agreed to."""
        self._record("system:test", by, we.ActorKeyAdded(actor="x", credential="x"))
        self.log.pass_time(seconds=1)
        return Act(by, self.log.events[-1].time, self.log.events[-1].position)

    def change(self, by: Actor, name: str) -> None:
        """Change an actor in some way that is not a key."""
        self._record(ac.actor_stream(name, None), by, we.CredentialRevoked(credential="x"))

    def person(self, actor: Actor, *, until: int | None = None) -> Person:
        def key(credential: str) -> cr.Credential | None:
            self.reads.append(stream := cr.credential_stream(credential))
            return cr.project(None, self._events(stream))

        def registration(key: cr.Credential) -> ac.Actor | None:
            self.reads.append(stream := ac.actor_stream(key.actor, None))
            return ac.project(None, self._events(stream))

        return person_of(actor, Origins(key, registration), until=until)


def _refused(people: People, first: Act, second: Person | None, **how: Any) -> object:
    with pytest.raises(SecondPersonRequired) as caught:
        _agreed(people, first, second, **how)
    assert caught.value.details["rule"] == "r"
    return caught.value.details["because"]


def _agreed(people: People, first: Act, second: Person | None, **how: Any) -> None:
    one = people.person(first.by, until=first.position)
    require_second_person(first, one, second, done="a purge is approved", first_did="asked for it", rule="r", **how)


def test_one_whom_somebody_else_made_before_the_request_counts() -> None:
    """Keys of both were issued by a third one, who asks for nothing and agrees to nothing."""
    people = People()
    alice, bob = people.issue(SHELL, "alice"), people.issue(SHELL, "bob")
    asked = people.act(alice)
    _agreed(people, asked, people.person(bob))
    _agreed(people, asked, people.person(OTHER))


def test_one_whom_the_first_made_does_not_count() -> None:
    """An admin who issues itself an approver's key stays one person, under whatever name."""
    people = People()
    admin = people.issue(SHELL, "admin")
    bob = people.issue(admin, "bob")
    assert _refused(people, people.act(admin), people.person(bob)) == "made-by-the-first"
    assert _refused(people, people.act(SHELL), people.person(bob)) == "made-by-the-first"


def test_the_chain_of_issuers_counts() -> None:
    """Who is made by one whom the first has made is made by the first."""
    people = People()
    admin = people.issue(SHELL, "admin")
    helper = people.issue(admin, "helper")
    bob = people.issue(people.issue(helper, "go-between"), "bob")
    assert _refused(people, people.act(admin), people.person(bob)) == "made-by-the-first"
    _agreed(people, people.act(people.issue(SHELL, "alice")), people.person(bob))


def test_a_further_key_for_somebody_makes_him_the_issuers() -> None:
    """Whichever of his keys is used: the one who issued another can be him."""
    people = People()
    admin, bob = people.issue(SHELL, "admin"), people.issue(SHELL, "bob")
    again = people.issue(admin, "bob")
    assert _refused(people, people.act(admin), people.person(again)) == "made-by-the-first"
    assert _refused(people, people.act(admin), people.person(bob)) == "made-by-the-first"


def test_one_whom_the_first_changed_does_not_count() -> None:
    """Whatever else stands on the actor's stream has changed it."""
    people = People()
    admin, bob = people.issue(SHELL, "admin"), people.issue(SHELL, "bob")
    people.change(admin, "bob")
    assert _refused(people, people.act(admin), people.person(bob)) == "made-by-the-first"


@pytest.mark.parametrize("late", ["registered", "key", "changed"])
def test_one_who_came_after_the_request_does_not_count(late: str) -> None:
    """Not even if somebody else made it: a request is agreed to by those who were there."""
    people = People()
    alice, bob = people.issue(SHELL, "alice"), people.issue(SHELL, "bob")
    asked = people.act(alice)
    match late:
        case "registered":
            bob = people.issue(SHELL, "carol")
        case "key":
            bob = people.issue(SHELL, "bob")
        case "changed":
            people.change(SHELL, "bob")
    assert _refused(people, asked, people.person(bob)) == "newer-than-the-request"


def test_a_key_that_was_issued_after_the_request_leaves_the_old_one_good() -> None:
    """It is the key used that must have been there."""
    people = People()
    alice, bob = people.issue(SHELL, "alice"), people.issue(SHELL, "bob")
    asked = people.act(alice)
    people.issue(SHELL, "bob")
    _agreed(people, asked, people.person(bob))


def test_an_old_hold_is_released_by_one_who_has_been_there_for_thirty_days() -> None:
    """Everybody who was there when it was placed may be gone; where `now` is given they need not be."""
    people = People()
    asked = people.act(people.issue(SHELL, "alice"))
    bob = people.person(people.issue(SHELL, "bob"))
    assert _refused(people, asked, bob, now=people.log.now + timedelta(days=29)) == "newer-than-the-request"
    _agreed(people, asked, bob, now=people.log.now + timedelta(days=30))


@pytest.mark.parametrize("name", ["bob", "Bob", "bob.", "BOB-", "bob..", "bob:"])
def test_case_and_punctuation_tell_nobody_apart(name: str) -> None:
    """The same with a dot is the same."""
    people = People()
    bob, other = people.issue(SHELL, "bob"), people.issue(SHELL, name)
    assert _refused(people, people.act(bob), people.person(other)) == "same-person"


def test_different_names_are_different_persons() -> None:
    """What stands inside a name counts, since numbers are told apart by it."""
    assert not same_person("user-1-1", "user-11")
    assert not same_person("bob", "rob")
    assert same_person("j.smith@example.com", "J_Smith@example.com.")


def test_a_service_is_no_second_person() -> None:
    """A key cannot answer for what it does."""
    people = People()
    robot = people.issue(SHELL, "robot", "service")
    assert _refused(people, people.act(people.issue(SHELL, "alice")), people.person(robot)) == "not-a-person"


@pytest.mark.parametrize(
    "actor",
    [
        Actor("bob", "person", "api_key", "0199aaaa-0000-7000-8000-000000000b0b"),
        Actor("bob", "person", "api_key"),
        Actor("bob", "person", "oidc"),
    ],
    ids=["a key that is not on record", "no key", "from elsewhere"],
)
def test_one_of_whom_the_log_says_nothing_does_not_count(actor: Actor) -> None:
    """Unknown origins are refused, never assumed."""
    people = People()
    assert _refused(people, people.act(people.issue(SHELL, "alice")), people.person(actor)) == "unknown-person"


def test_a_key_of_somebody_else_does_not_count() -> None:
    """An act in another name than the key's was not done with that key."""
    people = People()
    carol = people.issue(SHELL, "carol")
    forged = Actor("bob", "person", "api_key", carol.credential)
    assert _refused(people, people.act(people.issue(SHELL, "alice")), people.person(forged)) == "unknown-person"


def test_nobody_is_no_second_person() -> None:
    """A decision that nobody told who asks refuses."""
    people = People()
    assert _refused(people, Act(SHELL, NOW, 1), None) == "unknown-person"
    with pytest.raises(SecondPersonRequired):
        require_second_person(Act(SHELL, NOW, 1), None, Person(OTHER), done="d", first_did="f", rule="r")


def test_what_is_said_of_another_first_person_does_not_count() -> None:
    """The first person that was looked up must be the one whose act it is."""
    with pytest.raises(SecondPersonRequired):
        require_second_person(Act(SHELL, NOW, 1), Person(OTHER), Person(OTHER), done="d", first_did="f", rule="r")


@pytest.mark.parametrize(("days", "because"), [(29, "newer-than-the-request"), (31, None)])
def test_a_new_key_does_not_make_a_person_new_to_a_hold(days: int, because: str | None) -> None:
    """hold-release-second-person: what counts is how long the person is registered, not how old the key is."""
    hold, registered = Act(SHELL, NOW, 5), Act(OTHER, NOW, 6)
    now = NOW + timedelta(days=days)
    person = Person(Actor("carol", "person", "api_key", "k"), newest=Act(OTHER, now, 9), changed=registered)
    found = objection(hold, Person(SHELL), person, now)
    assert (None if found is None else found[0]) == because


def test_one_who_made_the_first_does_not_count() -> None:
    """An admin who issues itself a key in another name, asks with it and agrees in its own stays one person."""
    people = People()
    admin = people.issue(SHELL, "admin")
    for kind in ("person", "service"):
        asked = people.act(people.issue(admin, f"a-{kind}", kind))
        assert _refused(people, asked, people.person(admin)) == "made-the-first"
        assert _refused(people, asked, people.person(people.issue(SHELL, "Admin."))) == "made-the-first"


def test_the_chain_of_issuers_counts_both_ways() -> None:
    """Who made one of the first one's makers has made the first."""
    people = People()
    admin = people.issue(SHELL, "admin")
    helper = people.issue(admin, "helper")
    asked = people.act(people.issue(helper, "bob"))
    for maker in (helper, admin, SHELL):
        assert _refused(people, asked, people.person(maker)) == "made-the-first"
    _agreed(people, asked, people.person(OTHER))


@pytest.mark.parametrize("how", ["key", "change"])
def test_one_who_changed_the_first_before_its_act_does_not_count(how: str) -> None:
    """A further key could have asked, whichever was used; what came after the act has asked for nothing."""
    people = People()
    admin, bob = people.issue(OTHER, "admin"), people.issue(SHELL, "bob")

    before = people.act(bob)
    if how == "key":
        people.issue(admin, "bob")
    else:
        people.change(admin, "bob")
    _agreed(people, before, people.person(admin))
    assert _refused(people, people.act(bob), people.person(admin)) == "made-the-first"


@pytest.mark.parametrize("credential", [None, "0199aaaa-0000-7000-8000-000000000b0b"])
def test_a_first_person_of_whom_the_log_says_nothing_blocks_nobody(credential: str | None) -> None:
    """Else what it asked for, such as a hold, would stand for ever."""
    people = People()
    bob = people.issue(SHELL, "bob")
    asked = people.act(Actor("old", "person", "api_key", credential))
    _agreed(people, asked, people.person(bob))


def test_a_chain_that_is_too_long_to_be_followed_hides_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of its end counts as made by everybody; a hold that somebody placed by it is their own to release."""
    monkeypatch.setattr(persons, "MAX_FOLLOWED", 3)
    people = People()
    admin, carol = people.issue(SHELL, "admin"), people.issue(OTHER, "carol")
    end = admin
    for number in range(6):
        end = people.issue(end, f"link-{number}")
    asked = people.act(end)
    assert _refused(people, asked, people.person(admin)) == "unknown-person"
    assert _refused(people, people.act(carol), people.person(end)) == "unknown-person"
    _agreed(people, asked, people.person(carol), now=people.log.now)


def _renewed(people: People, by: Actor, times: int) -> Actor:
    """Let somebody issue their next key with the one before, so often; return them with the newest."""
    for _ in range(times):
        by = people.issue(by, by.id)
    return by


def test_one_who_renewed_their_own_key_more_often_than_actors_are_followed_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """purge-second-person: it is one actor, whatever the number of its keys; its issuer still made it."""
    monkeypatch.setattr(persons, "MAX_FOLLOWED", 3)
    people = People()
    admin, alice = people.issue(SHELL, "admin"), people.issue(OTHER, "alice")
    bob = _renewed(people, people.issue(admin, "bob"), 20)
    found = people.person(bob)
    assert (found.known, found.followed) == (True, True)
    assert {made.by.id for made in found.makers} == {"bob", "admin", "system-user-0"}
    _agreed(people, people.act(alice), found)
    assert _refused(people, people.act(admin), found) == "made-by-the-first"
    assert _refused(people, people.act(bob), people.person(admin)) == "made-the-first"


@pytest.mark.parametrize("times", [10, 20])
def test_each_stream_of_a_chain_is_read_once(times: int) -> None:
    """A key renewed twice as often takes twice as many reads, and twice as many acts."""
    people = People()
    bob = _renewed(people, people.issue(SHELL, "bob"), times)
    found = people.person(bob)
    assert len(people.reads) == len(set(people.reads)) == times + 2, "each key, and the actor"
    assert sorted(guard.stream for guard in found.reads) == sorted(people.reads)
    assert len(found.makers) == 2 * (times + 1), "each key is issued and added; the first is issued and registered"


def test_more_keys_than_are_looked_up_hide_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forged log must not keep us busy: who has more keys than that is nobody's second person."""
    monkeypatch.setattr(persons, "MAX_KEYS", 5)
    people = People()
    bob = _renewed(people, people.issue(SHELL, "bob"), 8)
    assert _refused(people, people.act(people.issue(OTHER, "alice")), people.person(bob)) == "unknown-person"


def test_makers_in_a_circle_come_to_an_end() -> None:
    """Two admins who issue each other keys are read once each."""
    people = People()
    one, two = people.issue(SHELL, "one"), people.issue(SHELL, "two")
    people.issue(one, "two")
    people.issue(two, "one")
    found = people.person(two)
    assert found.known
    assert {made.by.id for made in found.makers} == {"system-user-0", "one", "two"}

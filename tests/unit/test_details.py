"""Every event's public data is shown, whatever its type; of a change, what it was and what it became."""

from datetime import UTC, datetime
from typing import Any

import pytest

from file_life import FileLife
from provenstore.domain.administration.log_records import LogKeys
from provenstore.domain.administration.log_records import decide as decide_keys
from provenstore.domain.eventlog.details import public_details, public_fields
from provenstore.domain.eventlog.event_types import REGISTRY, RawData, format_time
from provenstore.domain.files import file_commands as c
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants import workspace_events as we
from provenstore.domain.tenants.purge_policy import PolicyChange
from provenstore.domain.tenants.second_person import Act
from sample_events import our_types, sample
from sealing import ALICE, BOB

TYPES = our_types()
NO_CHANGE = {"file.metadata_changed.v1"}  # its values are private, and it says which of them it replaces


@pytest.mark.parametrize("name", TYPES)
def test_every_type_shows_its_fields_and_no_secret(name: str) -> None:
    """Derived from the class: a type that is added is shown without being listed anywhere."""
    data_class = REGISTRY.require_writable(name)
    shown: dict[str, Any] = public_details(sample(data_class))
    assert shown.keys() == public_fields(data_class)
    flat = {**shown, **shown.pop("became", {})}
    flat.pop("became", None)
    assert flat.keys() == data_class.model_fields.keys() - data_class.HIDDEN
    assert None not in flat.values()
    assert flat.keys().isdisjoint({"digest", "secret", "salt", "key"})
    assert flat.keys().isdisjoint(data_class.PRIVATE), "a private value and a field of one name could not be told apart"


@pytest.mark.parametrize("name", TYPES)
def test_every_change_says_what_it_replaces(name: str) -> None:
    """What is set or changed has a field `was`, which holds exactly what became other."""
    data_class = REGISTRY.require_writable(name)
    stem = name.removeprefix("file.").rpartition(".v")[0]
    if stem.endswith(("_set", "_changed")) and name not in NO_CHANGE:
        assert data_class.CHANGES, "says neither what it was nor what it became"
    if data_class.CHANGES:
        was = data_class.model_fields["was"]
        former: Any = next(one for one in was.annotation.__args__ if one is not type(None))  # type: ignore[union-attr]
        assert was.default is None, "an old event has none"
        assert set(former.model_fields) == set(data_class.CHANGES)


def test_a_file_is_changed_from_what_it_was() -> None:
    """The decision sees the state, so the event says both."""
    life = FileLife().stored()
    when = life.log.now.replace(year=2040)
    level, expiry = life.decide(c.ChangeFile, values={}, access="workspace", expiry=(when,))
    assert public_details(level.data) == {"was": {"access": "private"}, "became": {"access": "workspace"}}
    assert public_details(expiry.data) == {"was": {"expires_at": None}, "became": {"expires_at": format_time(when)}}
    retain = {"mode": "governance", "reason": "the law says so"}
    (first,) = life.decide(c.SetRetention, by=ALICE, until=when, **retain)
    assert public_details(first.data)["was"] == {"until": None, "mode": None}
    life.do(c.SetRetention, by=ALICE, until=when, **retain)
    (longer,) = life.decide(c.SetRetention, by=ALICE, until=when.replace(year=2041), **retain)
    assert public_details(longer.data)["was"] == {"until": format_time(when), "mode": "governance"}


def test_a_workspace_is_changed_from_what_it_was() -> None:
    """Quota, policy, and the limits of a category."""
    now = datetime(2026, 11, 28, tzinfo=UTC)
    agreed = PolicyChange(Act(ALICE, now, 1), Act(BOB, now, 2), now)
    state = ws.Workspace("acme", 1, four_eyes=True, max_bytes=5, max_files=None, policy_change=agreed)
    commands: list[ws.WorkspaceCommand] = [
        ws.SetQuota(max_bytes=None, max_files=7),
        ws.CarryOutPolicyChange(now=now),
        ws.SetLimits(category="book_content", limits=we.Limits(max_size=9)),
    ]
    shown: list[Any] = [public_details(ws.decide(state, command)[0].data) for command in commands]
    quota, policy, limits = shown
    assert quota == {
        "was": {"max_bytes": 5, "max_files": None},
        "became": {"max_bytes": None, "max_files": 7},
    }
    assert policy == {"was": {"four_eyes": True}, "became": {"four_eyes": False}}
    assert limits["category"] == "book_content"
    assert (limits["was"]["limits"]["max_size"], limits["became"]["limits"]["max_size"]) == (None, 9)


def test_the_keys_of_the_log_are_changed_from_what_they_were() -> None:
    """None before the first."""
    (first,) = decide_keys(None, "example.com/log", ["one"])
    (second,) = decide_keys(LogKeys(1, "example.com/log", ("one",)), "example.com/log", ["one", "two"])
    assert public_details(first.data)["was"] == {"keys": []}
    assert public_details(second.data)["was"] == {"keys": ["one"]}


def test_an_event_of_the_first_release_is_still_read() -> None:
    """It does not say what it was."""
    old = REGISTRY.read("file.access_level_changed.v1", {"access": "workspace"})
    assert public_details(old) == {"was": None, "became": {"access": "workspace"}}
    quota = REGISTRY.read("workspace.quota_set.v1", {"max_bytes": 1, "max_files": None})
    assert public_details(quota)["was"] is None


def test_of_an_unknown_type_nothing_is_shown() -> None:
    """What its fields mean, and which are secret, is not known."""
    assert public_details(RawData(fields={"digest": "x"})) == {}


def test_a_key_is_shown_without_its_digest() -> None:
    """For whom, with which roles, where, until when."""
    issued = we.CredentialIssued(
        credential="k", actor="ann", kind="person", roles=("admin",), scope=None, digest="d" * 64, expires_at=None
    )
    assert public_details(issued) == {
        "credential": "k", "actor": "ann", "kind": "person", "roles": ["admin"], "scope": None, "expires_at": None,
    }  # fmt: skip

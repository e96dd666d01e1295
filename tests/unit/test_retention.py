"""Retention: from when it counts, what it refuses, and who may shorten it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from file_life import SHA, VERSION, FileLife
from provenstore.domain.errors import InvalidInput, Retained, SecondPersonRequired, WrongState
from provenstore.domain.files import file_commands as c
from provenstore.domain.files import file_events as e
from sealing import ALICE, ALICE_AGAIN, BOB, SERVICE


def _set(life: FileLife, *, days: int, mode: str, by: Any = ALICE) -> FileLife:
    return life.retained(days, mode, by)


def test_retention_refuses_expiry() -> None:
    """retention-refuses-expiry, until the very moment it ends"""
    life = FileLife(expires_after=60).stored().retained(30)
    life.log.pass_time(days=29)
    with pytest.raises(Retained):
        life.decide(c.Expire)
    life.log.pass_time(days=2)
    assert life.do(c.Expire).state.status == "expired"


def test_retention_refuses_purge() -> None:
    """retention-refuses-purge, until it ends"""
    life = FileLife().stored().retained(30).do(c.SoftDelete, reason=None)
    with pytest.raises(Retained):
        life.purge_requested()
    life.log.pass_time(days=31)
    assert life.purge_requested().state.purge is not None


def test_retention_set_after_the_approval_refuses_the_start() -> None:
    """purge-fresh-check: what was free at the approval may not be free any more."""
    life = FileLife().deleted().purge_approved().retained(10)
    with pytest.raises(Retained):
        life.decide(c.StartPurge, sha256=SHA, versions=(VERSION,))


def test_retention_does_not_refuse_soft_deletion() -> None:
    """retention-allows-soft-delete: the bytes remain, so nothing is lost."""
    assert FileLife().stored().retained(30).do(c.SoftDelete, reason=None).state.status == "soft_deleted"


def test_retention_counts_from_stored() -> None:
    """retention-from-stored: what was never stored cannot be retained."""
    with pytest.raises(WrongState):
        FileLife().retained(30)


def test_compliance_only_lengthens() -> None:
    """compliance-only-lengthens, whoever asks"""
    life = FileLife().stored().retained(30, "compliance")
    for by in (ALICE, BOB):
        with pytest.raises(Retained):
            _set(life, days=20, mode="compliance", by=by)
        with pytest.raises(Retained):
            _set(life, days=40, mode="governance", by=by)
    assert _set(life, days=60, mode="compliance").state.retention.until == life.log.now + timedelta(days=60, seconds=-1)  # type: ignore[union-attr]


def test_governance_is_shortened_by_two_persons() -> None:
    """governance-shortened-by-two: the first asks, the second agrees to exactly the same."""
    life = FileLife().stored().retained(30, "governance")
    until = life.log.now + timedelta(days=5)
    wish: dict[str, Any] = {"until": until, "mode": "governance", "reason": "client agreed"}
    before = life.state.retention
    assert before is not None
    life.do(c.SetRetention, by=ALICE, **wish)
    assert life.state.retention is not None
    assert life.state.retention.until == before.until
    for again in (ALICE, ALICE_AGAIN):
        with pytest.raises(SecondPersonRequired):
            life.decide(c.SetRetention, by=again, **wish)
    life.do(c.SetRetention, by=BOB, **wish)
    assert life.state.retention.until == until


def test_a_different_wish_is_a_new_request() -> None:
    """governance-shortened-by-two: agreeing to something else agrees to nothing."""
    life = FileLife().stored().retained(30, "governance")
    before = life.state.retention
    _set(life, days=10, mode="governance", by=ALICE)
    _set(life, days=5, mode="governance", by=BOB)
    assert before is not None
    assert life.state.retention is not None
    assert life.state.retention.until == before.until


def test_services_do_not_shorten_retention() -> None:
    """governance-shortened-by-two: persons, not keys"""
    life = FileLife().stored().retained(30, "governance")
    with pytest.raises(SecondPersonRequired):
        _set(life, days=5, mode="governance", by=SERVICE)


def test_governance_becomes_compliance_by_lengthening_only() -> None:
    """The stricter mode never arrives together with a shorter time."""
    life = FileLife().stored().retained(30, "governance")
    with pytest.raises(InvalidInput):
        _set(life, days=5, mode="compliance")
    life = _set(life, days=40, mode="compliance")
    assert life.state.retention is not None
    assert life.state.retention.mode == "compliance"


def test_one_person_alone_does_not_keep_a_file_for_ever() -> None:
    """long-retention-by-two: compliance mode, which nobody ever shortens, takes a second one beyond the bound."""
    life = FileLife().stored()
    far: dict[str, Any] = {"until": datetime(8999, 1, 1, tzinfo=UTC), "mode": "compliance", "reason": "for ever"}
    life.do(c.SetRetention, by=ALICE, **far)
    assert (life.state.retention, life.state.retention_wish.until) == (None, far["until"])  # type: ignore[union-attr]
    for again in (ALICE, ALICE_AGAIN, SERVICE):
        with pytest.raises(SecondPersonRequired):
            life.decide(c.SetRetention, by=again, **far)
    life.do(c.SetRetention, by=BOB, **far)
    assert life.state.retention is not None
    assert (life.state.retention.until, life.state.retention_wish) == (far["until"], None)


def test_the_bound_is_the_workspaces() -> None:
    """long-retention-by-two: within it one person decides; governance mode needs no bound, since two may shorten it."""
    life = FileLife().stored()
    bound = c.RetentionBound(30)
    within = life.log.now.replace(year=life.log.now.year + 30)
    (fact,) = life.decide(c.SetRetention, by=ALICE, until=within, mode="compliance", reason="r", bound=bound)
    assert isinstance(fact.data, e.RetentionSet)
    beyond = within + timedelta(seconds=1)
    (fact,) = life.decide(c.SetRetention, by=ALICE, until=beyond, mode="compliance", reason="r", bound=bound)
    assert isinstance(fact.data, e.RetentionExtensionRequested)
    (fact,) = life.decide(c.SetRetention, by=ALICE, until=beyond, mode="governance", reason="r", bound=bound)
    assert isinstance(fact.data, e.RetentionSet)


def test_retention_lies_in_the_future() -> None:
    """A retention that is over before it begins says nothing."""
    with pytest.raises(InvalidInput, match="past"):
        FileLife().stored().retained(-1)

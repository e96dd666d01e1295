"""Keys: 256 random bits of which the log keeps a digest, proven in constant time, void once revoked or expired."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from provenstore.domain.errors import AlreadyExists, InvalidInput, Unauthenticated
from provenstore.domain.tenants import actor as ac
from provenstore.domain.tenants import credential as cr
from sealing import START, SealedLog

ID = UUID("0199aaaa-0000-7000-8000-00000000c0de")
SECRET = bytes(range(32))


def _issued(**changes: Any) -> tuple[SealedLog, cr.Credential]:
    log = SealedLog()
    fields: dict[str, Any] = {
        "actor": "alice",
        "kind": "person",
        "roles": ("records",),
        "scope": "acme",
        "digest": cr.digest_of(SECRET),
        "expires_at": None,
        "now": START,
    }
    facts = cr.decide(None, cr.IssueCredential(**{"id": str(ID), **fields, **changes}))
    state = cr.project(None, log.record(facts, stream=f"credential:{ID}"))
    assert state is not None
    return log, state


def test_a_key_is_read_back() -> None:
    """Id and digest, and nothing that would let anybody make the key again."""
    key = cr.make_key(ID, SECRET)
    assert cr.parse_key(key.key) == (str(ID), cr.digest_of(SECRET))
    log, _ = _issued()
    assert key.key.rpartition("_")[2].encode() not in log.events[0].state
    assert key.key not in repr(key)


@pytest.mark.parametrize("key", ["", "pvs_", "pvs_x_y", "Bearer x", "pvs_" + "0" * 32 + "_" + "=" * 43, "p" * 10_000])
def test_what_is_no_key(key: str) -> None:
    """Refused before anything is looked up."""
    with pytest.raises(Unauthenticated):
        cr.parse_key(key)


def test_a_good_key_is_proven() -> None:
    """The digest matches, and time and revocation allow."""
    cr.prove(_issued()[1], cr.digest_of(SECRET))


def test_wrong_secrets_and_keys_past_their_end() -> None:
    """Another secret proves nothing; a key that was revoked, or has expired, is not usable."""
    log, state = _issued(expires_at=START + timedelta(hours=1))
    revoked = cr.project(
        state, log.record(cr.decide(state, cr.RevokeCredential(reason="lost")), stream=f"credential:{ID}")
    )
    assert revoked is not None
    with pytest.raises(Unauthenticated):
        cr.prove(state, "0" * 64)
    usable = [
        cr.usable(one, now) for one, now in ((state, START), (state, START + timedelta(hours=1)), (revoked, START))
    ]
    assert usable == [True, False, False]
    assert cr.decide(revoked, cr.RevokeCredential(reason="again")) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"roles": ()}, "roles"),
        ({"kind": "system"}, "kind"),
        ({"kind": "service", "roles": ("approver",)}, "roles"),
        ({"expires_at": START}, "expires_at"),
    ],
)
def test_keys_that_are_not_issued(changes: dict[str, Any], field: str) -> None:
    """Useless, or more than its bearer may have; the field is named as it is sent."""
    with pytest.raises(InvalidInput) as refused:
        _issued(**changes)
    assert refused.value.field == field


def test_an_actor_stays_what_it_is() -> None:
    """A person's id never becomes a service's."""
    log = SealedLog()
    facts = ac.decide(None, ac.RegisterActor(id="alice", kind="person", about={"name": "Alice"}))
    state = ac.project(None, log.record(facts, stream="actor:alice"))
    assert ac.decide(state, ac.RegisterActor(id="alice", kind="person")) == ()
    with pytest.raises(AlreadyExists, match="there is a person of this id already; a service takes another id"):
        ac.decide(state, ac.RegisterActor(id="alice", kind="service"))

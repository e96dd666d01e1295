"""An event put together from its draft equals the one parsed from its bytes."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.envelope import Actor, Draft, Event, Origin, draft
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.sealed import event_from_draft
from provenstore.domain.files.file_events import Accessed, SoftDeleted
from sealing import join

TIME = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
_text = st.text(st.characters(codec="utf-8"), max_size=20)
_optional = st.none() | _text
_leaf = st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex)


@st.composite
def _drafts(drawn: st.DrawFn) -> Draft:
    origin = Origin(
        Actor(drawn(_text), "person", "oidc", drawn(_optional)),
        on_behalf_of=drawn(_optional),
        session=drawn(_optional),
        request=drawn(_optional),
        cause=drawn(st.none() | st.uuids()),
    )
    private = drawn(st.dictionaries(st.sampled_from(["address", "user_agent"]), _text))
    sealing = drawn(st.booleans())
    data = SoftDeleted() if sealing else Accessed(mode="view", first=None, last=None, size=7)
    fact = Fact(data, {} if sealing else private, decision=drawn(_optional))
    return draft(
        fact,
        event_id=drawn(st.uuids()),
        stream=f"access:{drawn(_text)}",
        workspace=drawn(_text),
        origin=origin,
        salts=dict.fromkeys(fact.private, bytes(32)),
        occurred=drawn(st.none() | st.just(TIME)),
        head_of="access:1" if sealing else None,
    )


@given(
    one=_drafts(),
    number=st.integers(1, 2**53 - 1),
    version=st.integers(1, 2**53 - 1),
    prev=_leaf,
    workspace_prev=_leaf,
    head=st.sampled_from([b"null", b'{"leaf":"%b","version":3}' % (b"ab" * 32)]),
)
def test_it_is_the_parsed_event(
    *, one: Draft, number: int, version: int, prev: str | None, workspace_prev: str | None, head: bytes
) -> None:
    """Whatever stands in the fields that a caller or an attacker chooses."""
    state = join(one, number=number, prev=prev, time=TIME, version=version, workspace_prev=workspace_prev, head=head)
    assert event_from_draft(one, 5, state) == Event.parse(5, state)


def _plain() -> tuple[Draft, bytes]:
    fact = Fact(Accessed(mode="view", first=None, last=None, size=7))
    one = draft(
        fact,
        event_id=UUID(int=1),
        stream="access:1",
        workspace="acme",
        origin=Origin(Actor("a", "person", "cli")),
        salts={},
    )
    return one, join(one, number=1, prev=None, time=TIME, version=1, workspace_prev=None, head=b"")


@pytest.mark.parametrize(
    "alter",
    [
        lambda state: state[:-1],
        lambda state: state + b" ",
        lambda state: b" " + state,
        lambda state: state.replace(b'"size":7', b'"size":8'),
        lambda state: state.replace(b'"version":1', b'"version":x'),
        lambda state: state.replace(b'"prev":null', b'"prev":"ab"'),
        lambda state: state.replace(b"2026-", b"26-"),
    ],
)
def test_other_bytes_are_refused(alter: Callable[[bytes], bytes]) -> None:
    """What the log answers is not believed: it might have sealed something else."""
    one, state = _plain()
    assert alter(state) != state
    with pytest.raises(IntegrityViolated):
        event_from_draft(one, 1, alter(state))

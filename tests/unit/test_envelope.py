"""An event's exact bytes: joined from fragments, canonical, complete, and read back strictly."""

import hashlib
import json
from typing import Any, ClassVar

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from provenstore.domain.canonical import canonical
from provenstore.domain.errors import EventTooLarge, IntegrityViolated, InvalidInput, UnknownEventType
from provenstore.domain.eventlog.envelope import MAX_EVENT_BYTES, Event, Origin, draft
from provenstore.domain.eventlog.event_types import EventData, Fact, RawData, Registry, StreamHead
from sealing import SERVICE, SealedLog

REGISTRY = Registry()


@REGISTRY.register
class Noted(EventData):
    """Something was noted."""

    TYPE: ClassVar[str] = "test.noted.v2"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason", "name"})

    text: str
    count: int = 0


@REGISTRY.register
class Closed(EventData):
    """Something was closed; the head stands in the middle of its fields."""

    TYPE: ClassVar[str] = "test.closed.v1"
    HEAD: ClassVar[str | None] = "notes_head"

    after: str | None = None
    notes_head: StreamHead | None = None
    zone: int = 1


REGISTRY.supersede("test.noted.v1", "test.noted.v2", lambda data: {"text": data["note"], "count": 1})


def _log() -> SealedLog:
    return SealedLog(REGISTRY)


@given(st.text(st.characters(codec="utf-8"), max_size=100), st.text(st.characters(codec="utf-8"), max_size=50))
def test_sealed_bytes_are_canonical(text: str, reason: str) -> None:
    """Whatever a field holds, the joined fragments equal RFC 8785 of the whole."""
    log = _log()
    log.record([Fact(Noted(text=text), {"reason": reason})], stream="notes:1")
    (closed,) = log.record([Fact(Closed(after=text))], stream="test:1", head_of="notes:1")
    for event in log.events:
        assert rfc8785.dumps(json.loads(event.state)) == event.state
    assert closed.data == Closed(after=text, notes_head=StreamHead(version=1, leaf=log.events[0].leaf.hex()))


def test_head_of_an_empty_stream_is_null() -> None:
    """Nothing happened there, and the event says so."""
    (event,) = _log().record([Fact(Closed())], stream="test:1", head_of="notes:1")
    assert event.data == Closed(notes_head=None)


def test_leaf_is_the_rfc_6962_leaf_hash() -> None:
    """SHA-256 over a zero byte and the exact bytes."""
    (event,) = _log().record([Fact(Noted(text="x"))], stream="notes:1")
    assert hashlib.sha256(b"\x00" + event.state).digest() == event.leaf


def test_private_value_is_only_committed_to() -> None:
    """The leaf holds the hash over salt and value, and neither of them."""
    (event,) = _log().record([Fact(Noted(text="x"), {"name": "Ada Lovelace"})], stream="notes:1")
    assert hashlib.sha256(b"s" * 32 + b'"Ada Lovelace"').hexdigest() == event.private["name"]
    assert b"Ada" not in event.state


def test_undeclared_private_value_is_refused() -> None:
    """A private value that no type declares would never be found for erasure."""
    with pytest.raises(InvalidInput, match="'email'"):
        Fact(Noted(text="x"), {"email": "a@b"})


def test_unknown_type_is_refused_on_write() -> None:
    """The registry is closed."""

    class Stray(EventData):
        TYPE: ClassVar[str] = "test.stray.v1"

    with pytest.raises(UnknownEventType):
        _log().record([Fact(Stray())], stream="notes:1")


def test_superseded_type_is_refused_on_write() -> None:
    """Only the newest version is written."""
    with pytest.raises(UnknownEventType):
        REGISTRY.require_writable("test.noted.v1")


def _edited(event: Event, **changes: Any) -> bytes:
    return canonical({**event.to_json(), **changes})


def test_old_version_is_upcast_on_read() -> None:
    """An event written as v1 reads as v2; its bytes stay."""
    (event,) = _log().record([Fact(Noted(text="x"))], stream="notes:1")
    old = Event.parse(1, _edited(event, type="test.noted.v1", data={"note": "old"}), registry=REGISTRY)
    assert old.data == Noted(text="old", count=1)
    assert old.type == "test.noted.v1"


def test_unknown_type_is_shown_raw() -> None:
    """A newer release's event can be read, not understood."""
    (event,) = _log().record([Fact(Noted(text="x"))], stream="notes:1")
    newer = Event.parse(1, _edited(event, type="test.newer.v1", data={"a": 1}), registry=REGISTRY)
    assert newer.data == RawData(fields={"a": 1})


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "{0199}"},
        {"time": "2026-11-21T12:00:00Z"},
        {"time": "yesterday"},
        {"time": "2026-11-21 12:00:00.000000Z"},
        {"time": "2026-11-21T12:00:00.000000+00:00"},
        {"time": "2026-11-21T24:00:00.000000Z"},
        {"time": "2026-13-21T12:00:00.000000Z"},
        {"actor": {"id": "x"}},
        {"data": {"text": 1}},
        {"data": {"text": "x", "extra": 1}},
        {"more": 1},
    ],
)
def test_bytes_that_are_no_envelope_violate_integrity(changes: dict[str, Any]) -> None:
    """What no append can have written is named with its position."""
    (event,) = _log().record([Fact(Noted(text="x"))], stream="notes:1")
    with pytest.raises(IntegrityViolated) as caught:
        Event.parse(7, _edited(event, **changes), registry=REGISTRY)
    assert caught.value.details.get("position", 7) == 7


def test_too_large_an_event_is_refused_before_it_is_sent() -> None:
    """65,535 bytes is what an entry of a tile can hold."""
    with pytest.raises(EventTooLarge):
        draft(
            Fact(Noted(text="x" * MAX_EVENT_BYTES)),
            event_id=_log().uuid(),
            stream="notes:1",
            workspace="acme",
            origin=Origin(SERVICE),
            salts={},
            registry=REGISTRY,
        )


def test_a_name_is_registered_once() -> None:
    """Two classes for one name would read the log in two ways."""
    registry = Registry()
    registry.register(Noted)
    with pytest.raises(ValueError, match="twice"):
        registry.register(Noted)
    with pytest.raises(ValueError, match="twice"):
        registry.supersede("test.noted.v2", "test.noted.v3", lambda data: data)

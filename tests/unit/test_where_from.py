"""From where: every event of a request carries the caller's address and program, whatever its type."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel

from provenstore.adapters.clock import SystemClock
from provenstore.adapters.entropy import SystemEntropy
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.eventlog.event_types import CLIENT, REGISTRY, EventData, Fact, StreamHead

HERE = Caller(
    Actor("alice", "person", "api_key", "key"),
    frozenset(),
    "acme",
    address="203.0.113.9",
    user_agent="curl/8.5",
    client_request="theirs-1",
)
IN_PROCESS = Caller(Actor("alice", "person", "cli"), frozenset(), None)

_PLAIN: Mapping[Any, Any] = {str: "x", int: 1, bool: True, AwareDatetime: datetime(2026, 11, 28, tzinfo=UTC)}


def _value(wanted: Any) -> Any:
    """Return some value of a type that a field of an event has."""
    if wanted in _PLAIN:
        return _PLAIN[wanted]
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _value(inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (Union, UnionType):
        return None if NoneType in inner else _value(inner[0])
    if origin is tuple:
        return (_value(inner[0]),)
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return _filled(wanted)
    raise TypeError(f"no value of {wanted}")


def _filled(model: Any) -> Any:
    """Return a model with a value in every field that needs one."""
    needed = {name: field.annotation for name, field in model.model_fields.items() if field.is_required()}
    return model(**{name: _value(annotation) for name, annotation in needed.items()})


def _types() -> Iterator[type[EventData]]:
    for name in sorted(REGISTRY.names):
        data = REGISTRY.require_writable(name)
        if data.__module__.startswith("provenstore."):
            yield data


@pytest.fixture
def recorder() -> Recorder:
    """A recorder that records nothing: drafts are all that is asked of it."""
    return Recorder(None, SystemClock(), SystemEntropy(), lambda _caller, _operation: True)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", list(_types()), ids=lambda data: data.TYPE)
def test_every_event_of_a_request_says_from_where(recorder: Recorder, data: type[EventData]) -> None:
    """Also of a type that is added tomorrow: the values are the recorder's, not the type's."""
    stream = "file:0199" if data.HEAD else "any:thing"
    draft = recorder.drafts(HERE, stream, "acme", [Fact(_filled(data))])[0]
    assert {one.field: one.value for one in draft.private} == {
        "address": b'"203.0.113.9"',
        "user_agent": b'"curl/8.5"',
        "client_request": b'"theirs-1"',
    }
    assert draft.commitments.keys() == CLIENT


@pytest.mark.parametrize("data", list(_types()), ids=lambda data: data.TYPE)
def test_what_comes_from_no_client_says_nothing(recorder: Recorder, data: type[EventData]) -> None:
    """A command on a data directory has no address, and leaves no empty one."""
    stream = "file:0199" if data.HEAD else "any:thing"
    assert recorder.drafts(IN_PROCESS, stream, "acme", [Fact(_filled(data))])[0].private == ()


def test_what_the_system_does_in_a_request_comes_from_there(recorder: Recorder) -> None:
    """An upload that is expired, or a purge that is carried out, because somebody asked."""
    assert recorder.system(HERE).client == HERE.client
    assert recorder.system(IN_PROCESS).client == {}


def test_filled_values_fit_their_types() -> None:
    """The values above are of the right form, so that the tests fail for what they say."""
    assert isinstance(_value(StreamHead), StreamHead)

"""One event's data of any type, made from nothing but its class: for tests that must hold for types yet to come."""

import types
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from provenstore.domain.custody.event_catalog import REGISTRY
from provenstore.domain.eventlog.event_types import EventData


def our_types() -> list[str]:
    """Return the names of all types of this release, without those that tests have added."""

    named = {name: REGISTRY.require_writable(name) for name in REGISTRY.names}
    return sorted(name for name, found in named.items() if found.__module__.startswith("provenstore."))


def sample(data_class: type[EventData]) -> EventData:
    """Return data of a class in which every field holds something."""
    return data_class.model_validate(_fields(data_class))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _value(field.annotation) for name, field in model.model_fields.items()}


def _value(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _value(inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _value(next(one for one in inner if one is not type(None)))
    if origin is tuple:
        return (_value(inner[0]),)
    if origin is dict:
        return {_value(inner[0]): _value(inner[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_validate(_fields(annotation))
    moment = datetime(2026, 11, 28, tzinfo=UTC)
    return {str: "text", int: 7, bool: True, datetime: moment, AwareDatetime: moment}[annotation]

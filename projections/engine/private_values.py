"""Private values as the folds read them: an erased one is absent, and one that has not its shape is a broken log.

Pure. Nothing here is ever put into an error: a private value must not live on in a message.
"""

from dataclasses import dataclass

from provenstore.domain.canonical import Json
from provenstore.domain.errors import IntegrityViolated
from provenstore.domain.eventlog.event_log import Values


@dataclass(frozen=True, slots=True)
class Related:
    """A business object that the file belongs to."""

    type: str
    id: str


def text_of(values: Values, name: str) -> str | None:
    """Return a text, or None if there is none or it has been erased; IntegrityViolated for anything else."""
    value = values.get(name)
    return None if value is None else _string(name, value)


def related_of(values: Values) -> tuple[Related, ...]:
    """Return the business objects in the order given; IntegrityViolated where one has not its two texts."""
    found = []
    for one in _list(values, "related"):
        if not isinstance(one, dict):
            raise IntegrityViolated("the private value related does not have its shape")
        found.append(Related(_string("related", one.get("type")), _string("related", one.get("id"))))
    return tuple(found)


def subjects_of(values: Values) -> tuple[str, ...]:
    """Return the persons that a file is about, in the order given; IntegrityViolated where one is no text."""
    return tuple(_string("subjects", one) for one in _list(values, "subjects"))


def metadata_of(values: Values) -> tuple[tuple[str, str], ...]:
    """Return the metadata sorted by key; IntegrityViolated where a value is no text."""
    value = values.get("metadata") or {}
    if not isinstance(value, dict):
        raise IntegrityViolated("the private value metadata does not have its shape")
    return tuple(sorted((key, _string("metadata", inner)) for key, inner in value.items()))


def _list(values: Values, name: str) -> list[Json]:
    value = values.get(name) or []
    if not isinstance(value, list):
        raise IntegrityViolated(f"the private value {name} does not have its shape")
    return value


def _string(name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise IntegrityViolated(f"the private value {name} does not have its shape")
    return value

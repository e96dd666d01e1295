"""What a validator found wrong with a request, in the words of our own refusals: the field, its limit, no value."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_FIELD: Final = 200
"""Characters of a field's name that are repeated; it may be as long as the body that names it."""

_OUTSIDE: Final = frozenset({"body", "query", "path", "header"})

_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "literal_error": "is not one of {expected}",
    "greater_than_equal": "is less than {ge:,}",
    "less_than_equal": "is more than {le:,}",
    "string_too_long": "is longer than {max_length:,} characters",
    "string_too_short": "is shorter than {min_length:,} characters",
    "string_type": "is not a text",
    "string_unicode": "holds a lone surrogate, which is not a character",
    "string_pattern_mismatch": "is not of its form",
    "int_type": "is not an integer",
    "int_parsing": "is not an integer",
    "int_parsing_size": "is too large an integer",
    "int_from_float": "is not an integer",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "uuid_type": "is not a UUID",
    "uuid_parsing": "is not a UUID",
    "timezone_aware": "has no time zone; end it with Z, or with an offset such as +01:00",
    "datetime_type": "is not a time such as 2026-11-20T15:04:05Z",
    "datetime_parsing": "is not a time such as 2026-11-20T15:04:05Z",
    "datetime_object_invalid": "is not a time such as 2026-11-20T15:04:05Z",
    "datetime_from_date_parsing": "is not a time such as 2026-11-20T15:04:05Z",
    "dict_type": "is not a JSON object",
    "model_type": "is not a JSON object",
    "model_attributes_type": "is not a JSON object",
    "list_type": "is not a list",
    "tuple_type": "is not a list",
}
"""By pydantic's types of errors, filled from their contexts."""

_ELSE: Final = "is not what this request takes"


def finding(errors: Sequence[Mapping[str, Any]], *, of_request: bool = True) -> tuple[str, str]:
    """Return the first error's field and sentence.

    `of_request`: whether places begin with the part of the request that they are in, as FastAPI's do.
    An entry of a list is named by the list, and by its number in the sentence: `parts`, `entry 2: etag is missing`.
    """
    first = errors[0]
    where = first["loc"]
    place = where[1:] if of_request and where and where[0] in _OUTSIDE else where
    entry = next((at for at, part in enumerate(place) if isinstance(part, int)), len(place))
    field, within = _dotted(place[:entry]), place[entry:]
    sentence = _sentence(first)
    if within:
        inner = _dotted(within[1:])
        sentence = f"entry {int(within[0]) + 1}{f': {inner}' if inner else ''} {sentence}"
    return field or "body", sentence


def _dotted(place: Sequence[str | int]) -> str:
    return ".".join(map(str, place))[:MAX_FIELD]


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":  # ours: bodies.py says them
        return str(error["ctx"]["error"])
    return _SENTENCES.get(error["type"], _ELSE).format_map(error.get("ctx", {}))

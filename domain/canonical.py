"""Canonical JSON: the one way in which a value becomes bytes, and back.

The profile of RFC 8785 (JSON Canonicalization Scheme) that Provenstore uses: object keys are ASCII and sorted, no
white space, integers below 2^53 in magnitude, no floats, strings in UTF-8 without lone surrogates. Within this
profile the output equals that of any RFC 8785 implementation. Never re-serialise stored bytes to verify them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson

from provenstore.domain.errors import InvalidInput

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8785 §3.1, I-JSON RFC 7493 §2.2)."""

MAX_DEPTH = 16
"""Nesting allowed in one value; events need four. Guards the stack against hostile input."""

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_LEAVES: Final = frozenset({str, bool, type(None)})
"""Types that need no look inside; whatever is derived from them gets one."""


def canonical(value: Json) -> bytes:
    """Return the canonical bytes of `value`; InvalidInput where the profile does not allow it."""
    if type(value) not in _LEAVES:
        _check(value, 0)
    try:
        # Escapes as RFC 8785 §3.2.2.2 does, and sorts by bytes: for ASCII keys the order that it asks for.
        return orjson.dumps(value, option=_OPTIONS)
    except TypeError as exc:
        raise InvalidInput("value", "holds a lone surrogate, which is not a character") from exc


def parse_canonical(raw: bytes) -> Json:
    """Return the value whose canonical bytes are `raw`; InvalidInput for any other spelling of it."""
    try:
        value: Json = orjson.loads(raw)
    except ValueError as exc:
        raise InvalidInput("value", "is not JSON in UTF-8") from exc
    if isinstance(value, dict) and raw.isascii():
        # Keys that are not ASCII would be escaped here, which is not the spelling that is compared with below.
        _check_parsed(value.values(), 0)
    elif type(value) not in _LEAVES:
        _check(value, 0)
    if orjson.dumps(value, option=_OPTIONS) != raw:
        raise InvalidInput("value", "is JSON, but not its canonical form (RFC 8785)")
    return value


def _check(value: object, depth: int) -> None:
    """Refuse what the profile does not allow; called for every value of every event, hence the look at exact types."""
    if isinstance(value, dict):
        _require_depth(depth)
        for key, inner in value.items():
            if type(key) is not str or not key.isascii():
                raise InvalidInput("value", "has a key that is not ASCII text")
            if type(inner) not in _LEAVES:
                _check(inner, depth + 1)
    elif isinstance(value, list | tuple):
        _require_depth(depth)
        for inner in value:
            if type(inner) not in _LEAVES:
                _check(inner, depth + 1)
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise InvalidInput("value", "holds an integer of 2^53 or more", limit=MAX_INTEGER)
    elif not isinstance(value, str):
        raise InvalidInput("value", f"holds a {type(value).__name__}, which canonical JSON does not allow")


def _check_parsed(values: Iterable[Any], depth: int) -> None:
    """Refuse as `_check` does the members of what was just read from ASCII: all types are JSON's own, keys are ASCII.

    Asked for every event that is read from the log, hence the short ways out.
    """
    _require_depth(depth)
    for value in values:
        kind = type(value)
        if kind is str or value is None:
            continue
        if kind is dict:
            _check_parsed(value.values(), depth + 1)
        elif kind is list:
            _check_parsed(value, depth + 1)
        elif kind is not int or abs(value) > MAX_INTEGER:
            _check(value, depth)


def _require_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise InvalidInput("value", f"is nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)

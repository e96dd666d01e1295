"""Canonical JSON: the one way in which a value becomes bytes, and back.

The profile of RFC 8785 (JSON Canonicalization Scheme) that Provenstore uses: object keys are ASCII and sorted, no
white space, integers below 2^53 in magnitude, no floats, strings in UTF-8 without lone surrogates. Within this
profile the output equals that of any RFC 8785 implementation. Never re-serialise stored bytes to verify them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pydantic_core import to_json

from provenstore.domain.errors import InvalidInput

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8785 §3.1, I-JSON RFC 7493 §2.2)."""

MAX_DEPTH = 16
"""Nesting allowed in one value; events need four. Guards the stack against hostile input."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: Json) -> bytes:
    """Return the canonical bytes of `value`; InvalidInput where the profile does not allow it."""
    _check(value, 0)
    try:
        return _encode(value).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInput("value", "holds a lone surrogate, which is not a character") from exc


def parse_canonical(raw: bytes) -> Json:
    """Return the value whose canonical bytes are `raw`; InvalidInput for any other spelling of it."""
    # Nearly all that is read is ASCII and shallow; for that, some cheap questions come to the same answer.
    if raw.isascii() and raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        try:
            found: Json = _decode_plain(raw.decode("ascii"))
        except (_NotPlain, ValueError, RecursionError):
            return _parse_slowly(raw)
        if _ordered(found) and to_json(found) == raw:
            return found
    return _parse_slowly(raw)


def _parse_slowly(raw: bytes) -> Json:
    try:
        value: Json = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise InvalidInput("value", "is not JSON in UTF-8") from exc
    if canonical(value) != raw:
        raise InvalidInput("value", "is JSON, but not its canonical form (RFC 8785)")
    return value


class _NotPlain(Exception):
    """A number that canonical JSON does not allow, perhaps."""


def _not_plain(_: str) -> int:
    raise _NotPlain


def _integer(digits: str) -> int:
    value = int(digits)
    if abs(value) > MAX_INTEGER:
        raise _NotPlain
    return value


_decode_plain = json.JSONDecoder(parse_float=_not_plain, parse_int=_integer, parse_constant=_not_plain).decode


def _ordered(value: Json) -> bool:
    """Tell whether the keys of all objects in `value` are in order."""
    if isinstance(value, dict):
        names = list(value)
        return names == sorted(names) and all(_ordered(one) for one in value.values() if type(one) in _NESTING)
    return not isinstance(value, list) or all(_ordered(one) for one in value if type(one) in _NESTING)


_NESTING = frozenset({dict, list})


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise InvalidInput("value", "holds an integer of 2^53 or more", limit=MAX_INTEGER)
        return
    if depth >= MAX_DEPTH:
        raise InvalidInput("value", f"is nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise InvalidInput("value", "has a key that is not ASCII text")
            _check(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, depth + 1)
    else:
        raise InvalidInput("value", f"holds a {type(value).__name__}, which canonical JSON does not allow")

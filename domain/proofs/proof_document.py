"""Proof documents: JSON that a stranger hands in, read field by field, and refused with the place that is wrong.

What passes here has the right shape and no more: nothing is believed before its hashes and signatures are checked.
Spacing and escapes are free, so that a document may be printed prettily; everything else has one spelling.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from provenstore.domain.canonical import MAX_INTEGER, Json, canonical, parse_canonical
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import SALT_BYTES, Event, PrivateValue
from provenstore.domain.text import require_base64, require_hex
from provenstore.domain.transparency.merkle import HASH_BYTES

_PLAIN: Final = re.compile(r"[A-Za-z0-9_:-]{1,64}")

MAX_PROOF_HASHES = 63
"""No tree of ours is higher (merkle.MAX_SIZE)."""


def parse_document(what: str, raw: bytes, names: Iterable[str], most: int) -> dict[str, Any]:
    """Return the members, exactly `names`, of a JSON object of at most `most` bytes; InvalidInput for all else."""
    if len(raw) > most:
        raise InvalidInput(what, f"is longer than {most:,} bytes", limit=most)

    def members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):  # one reader would take the first, another the last
            raise InvalidInput(what, "names a member twice")
        return found

    def refuse(text: str) -> NoReturn:
        raise InvalidInput(what, f"holds {text[:20]}, which is no integer")

    try:
        value = json.loads(raw.decode(), object_pairs_hook=members, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(what, "is not JSON in UTF-8") from exc
    return members_of(what, value, names)


def members_of(place: str, value: object, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return a JSON object, whose members must be exactly `names` where given."""
    if not isinstance(value, dict):
        raise InvalidInput(place, "is not an object")
    if names is not None and value.keys() != (wanted := set(names)):
        odd = min(value.keys() ^ wanted)
        raise InvalidInput(within(place, odd), "is missing" if odd in wanted else "is not a member of such a document")
    return value


def within(place: str, name: str) -> str:
    """Return the place of a member; a name that a terminal could misread is shown as its escapes."""
    return f"{place}.{name}" if _PLAIN.fullmatch(name) else f"{place}.{name[:64]!a}"


def items_of(place: str, value: object) -> list[Any]:
    """Return a JSON array."""
    if not isinstance(value, list):
        raise InvalidInput(place, "is not a list")
    return value


def text_of(place: str, value: object) -> str:
    """Return a JSON string that UTF-8 can hold."""
    if not isinstance(value, str):
        raise InvalidInput(place, "is not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(place, "holds a lone surrogate, which is not a character") from None
    return value


def index_of(place: str, value: object) -> int:
    """Return an index: an integer from 0 that every reader of JSON holds exactly."""
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise InvalidInput(place, f"is not an integer from 0 to {MAX_INTEGER:,}")
    return value


def hashes_of(place: str, value: object, most: int = MAX_PROOF_HASHES) -> tuple[bytes, ...]:
    """Return the hashes of a proof, each in base64."""
    found = items_of(place, value)
    if len(found) > most:
        raise InvalidInput(place, f"has more than {most} hashes", limit=most)
    places = [f"{place}[{at}]" for at in range(len(found))]
    return tuple(require_base64(at, text_of(at, one), HASH_BYTES) for at, one in zip(places, found, strict=True))


def hashes_json(hashes: Iterable[bytes]) -> list[Json]:
    """Return the hashes of a proof as JSON."""
    return [base64.b64encode(one).decode() for one in hashes]


# -- private values that are shown ---------------------------------------------------------------------------


def disclosures_of(place: str, value: object) -> tuple[PrivateValue, ...]:
    """Return private values by field: `{"<field>": {"salt": "<hex>", "value": <any JSON>}}`."""
    return tuple(_disclosure(within(place, name), name, one) for name, one in members_of(place, value).items())


def _disclosure(place: str, name: str, value: object) -> PrivateValue:
    members = members_of(place, value, ("salt", "value"))
    salt = require_hex(f"{place}.salt", text_of(f"{place}.salt", members["salt"]), SALT_BYTES)
    try:
        return PrivateValue(name, bytes.fromhex(salt or ""), canonical(members["value"]))
    except InvalidInput as exc:
        raise InvalidInput(place, exc.message) from None


def disclosures_json(disclosures: Iterable[PrivateValue]) -> dict[str, Json]:
    """Return private values as JSON, by field."""
    return {one.field: {"salt": one.salt.hex(), "value": parse_canonical(one.value)} for one in disclosures}


def verify_disclosures(place: str, event: Event, disclosures: Iterable[PrivateValue]) -> Mapping[str, Json]:
    """Return the values by field; InvalidProof for one that the event did not commit to."""
    for one in disclosures:
        if event.private.get(one.field) != one.commitment:
            raise InvalidProof(within(place, one.field), "is not the value that the event committed to")
    return {one.field: parse_canonical(one.value) for one in disclosures}

"""How the value of a filter is read: in one spelling, and refused where no event could ever have it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, get_args
from uuid import UUID

from provenstore.domain.custody.event_catalog import TYPE_NAMES
from provenstore.domain.errors import InvalidInput
from provenstore.domain.tenants.credential import credential_id
from provenstore.projections.audit.filters import Action, Filter, Kind, Outcome
from provenstore.projections.engine.database import storable

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
CODE: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
DECISION: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[0-9]{1,6})?")


def read_value(asked: Filter, name: str, value: Any) -> Any:
    """Return a value as the trail holds it; InvalidInput that names `name` and never repeats the value."""
    try:
        return READ[asked.kind](value)
    except ValueError as exc:
        raise InvalidInput(name, str(exc)) from None


def _text(value: Any) -> str:
    if not value:
        raise ValueError("is empty")
    if not storable(text := str(value)):
        raise ValueError("contains an invalid character")
    return text


def _uuid(value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError("is not a UUID") from None


def _file(value: Any) -> str:
    """Return a file's id; files of other ledgers may be called otherwise, so its form is checked on the way in."""
    return str(value)


def _credential(value: Any) -> str:
    found = credential_id(str(value))
    if found is None:
        raise ValueError("is not the id of an API key, with or without dashes, nor an API key")
    return found


def _type(value: Any) -> str:
    if value not in TYPE_NAMES:
        raise ValueError(f"{str(value)[:64]!r} is not in the registry of this release")
    return str(value)


def _action(value: Any) -> str:
    if value not in get_args(Action):
        raise ValueError(f"is not one of {', '.join(get_args(Action))}")
    return str(value)


def _outcome(value: Any) -> str:
    if value not in get_args(Outcome):
        raise ValueError(f"is not one of {', '.join(get_args(Outcome))}")
    return str(value)


def address(value: Any) -> str:
    """Return an IP address as sockets spell it, which is how it is recorded; ValueError for any other text."""
    try:
        found = ip_address(str(value))
    except ValueError:
        raise ValueError("is not an IP address such as 203.0.113.7 or 2001:db8::1") from None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(found) if mapped is None else f"::ffff:{mapped}"


def _matching(form: re.Pattern[str], what: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not form.fullmatch(text := str(value).lower()):
            raise ValueError(f"is not {what}")
        return text

    return read


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("is not a time such as 2026-11-20T15:04:05Z")
    if value.tzinfo is None:
        raise ValueError("has no time zone")
    return value


READ: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    "text": _text,
    "workspace": _text,
    "file": _file,
    "uuid": _uuid,
    "credential": _credential,
    "type": _type,
    "action": _action,
    "outcome": _outcome,
    "address": address,
    "sha256": _matching(_SHA256, "a SHA-256 of 64 hexadecimal digits"),
    "decision": _matching(DECISION, "a decision such as purge-second-person/1"),
    "code": _matching(CODE, "a code such as legal-hold"),
    "time": _time,
}
"""By kind: what returns a value in the spelling of the trail; ValueError says what is wrong and never repeats it."""

"""Events in words, for people at a terminal: what happened, who did it, from where, and why.

The words are those of `event_words`; programs get the event's type and all of its details.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from provenstore.api.cli import text
from provenstore.api.cli.backend import Document

WIDEST: Final = 40
"""Characters of a value in a sentence: longer ones are cut; `--full` shows all."""

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")
_CODES: Final = frozenset({"operation", "code", "what", "check", "mode"})
_SIZES: Final = frozenset({"size", "declared_size", "bytes"})
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

_MATTERING: Final = ("reason", "purpose", "recipient", "matter", "code", "link", "count")
"""Details that are shown without `--full`, where they have a value."""


def what_happened(kind: str, values: Mapping[str, Any]) -> str:
    """Return what an event of a type says, e.g. `Stored (12.0 kB)`; the type itself where it has no words."""
    from provenstore.domain.custody.event_words import EVENT_WORDS

    words = EVENT_WORDS.get(kind)
    if words is None:
        return kind
    values = {**(values.get("became") or {}), **values}

    def put(found: re.Match[str]) -> str:
        return _value(found[1], values.get(found[1])) or "-"

    def keep(found: re.Match[str]) -> str:
        return found[1] if all(_value(one, values.get(one)) for one in _FIELD.findall(found[1])) else ""

    return _FIELD.sub(put, _OPTIONAL.sub(keep, words))


def _value(name: str, value: Any) -> str:
    """Return a value as a sentence has it; empty where there is none."""
    if erased(value):
        return "(erased)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _SIZES and isinstance(value, int):
        return text.size(value)
    if isinstance(value, list):
        return _cut(", ".join(map(str, value)))
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return text.moment(value).removesuffix(" 00:00:00Z")
    if name in _CODES:
        return re.sub(r"[._-]", " ", str(value or ""))
    return "" if value is None else _cut(str(value))


def _cut(value: str) -> str:
    return value if len(value) <= WIDEST else f"{value[: WIDEST - 1]}…"


def erased(value: Any) -> bool:
    """Tell whether an answer says of a value that it was erased."""
    return isinstance(value, dict) and value.keys() == {"erased_by"}


def mattering(kind: str, values: Mapping[str, Any]) -> str:
    """Return the few details that matter and are not in the sentence, and what a change replaced."""
    from provenstore.domain.custody.event_words import EVENT_WORDS

    told = set(_FIELD.findall(EVENT_WORDS.get(kind, "")))
    parts = [
        f"{name}: {_value(name, values[name])}"
        for name in _MATTERING
        if name not in told and values.get(name) not in (None, "", 1)
    ]
    was, became = values.get("was") or {}, values.get("became") or {}
    if isinstance(was, Mapping) and isinstance(became, Mapping):
        parts += [
            f"{name}: {_short(was.get(name))} → {_short(value)}"
            for name, value in became.items()
            if name not in told or was.get(name) is not None
        ]
    return "; ".join(parts)


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) and not erased(value) else value
    return _value("", shown) or "-"


def all_details(details: Document) -> str:
    """Return details in one line: `name=value`, and of a change `name=was->became`."""
    rest = dict(details)
    was, became = rest.pop("was", None), rest.pop("became", None)
    found = [f"{name}={_plain(value)}" for name, value in rest.items() if value not in (None, "", [], {})]
    for name, value in (became or {}).items():
        found.append(f"{name}={_plain((was or {}).get(name))}->{_plain(value)}")
    return " ".join(found)


def plain(value: Any) -> str | None:
    """Return a private value, or that it was erased; None where there is none."""
    return None if value is None else _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if erased(value):
        return "(erased)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

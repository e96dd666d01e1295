"""Text for people: what may reach a terminal, and how sizes are written.

File names, reasons and every other text come from outside. None of it reaches a terminal raw: control characters would
move the cursor or rewrite the title, direction marks would turn `fdp.exe` round, line separators would forge lines.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(value: object) -> str:
    r"""Return a value as one line of printable text; what is not printable reads `\u{1b}`. None is `-`."""
    if value is None:
        return "-"
    return "".join(_shown(character) for character in str(value))


def _shown(character: str) -> str:
    return f"\\u{{{ord(character):x}}}" if unicodedata.category(character) in _UNSAFE else character


def size(count: int | None) -> str:
    """Return a number of bytes in decimal units, e.g. `10.5 MB`."""
    if count is None:
        return "-"
    value, units = float(count), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while value >= 1_000 and unit != "PB":
        value, unit = value / 1_000, next(units)
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return how many there are, e.g. `1 file` and `2,000 files`."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def actor(who: Mapping[str, Any], reach: str | None, workspace: str) -> str:
    """Return who acted, with its key's reach where that is not the event's workspace: `bob@system` is not acme's `bob`.

    Who acts without a key is this program, or a user of the system: nobody else is called as they are.
    """
    name: str = who["id"]
    return name if who["credential"] is None or reach == workspace else f"{name}@{reach or '?'}"


def named(who: str | None, reach: str | None, workspace: str | None = None) -> str:
    """Return who did something, with its key's reach where that is not `workspace`; `-` for nobody."""
    if who is None:
        return "-"
    return safe(who if reach in {None, workspace} else f"{who}@{reach}")


def moment(value: str | None) -> str:
    """Return an RFC 3339 time to the second, in UTC as it is recorded."""
    return "-" if value is None else safe(value[:19].replace("T", " ") + "Z")

"""Tiles: the hashes of the tree in rows of 256, and bundles of entries, as C2SP tlog-tiles lays them out.

Pure: coordinates, paths, widths, and the bytes of a bundle; what hashes a tile has is in tiled_tree.py, and where it
is kept nowhere here. Paths and bundles are parsed from hostile input, in exactly one spelling.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from provenstore.domain.errors import InvalidInput
from provenstore.domain.text import require_decimal
from provenstore.domain.transparency.merkle import MAX_SIZE

HEIGHT: Final = 8
"""Levels of the tree that one tile spans (tlog-tiles fixes it)."""

FULL: Final = 1 << HEIGHT
"""Hashes in a full tile, and entries in a full bundle."""

MAX_LEVEL: Final = 63
"""The highest level that a path may name; a tree of 2^63 leaves has tiles up to level 7."""

MAX_ENTRY_BYTES: Final = 0xFFFF
"""The length before an entry is a 16-bit integer."""

MAX_PATH: Final = 64
"""Characters; the longest path of a tile or bundle has 51."""

_ELEMENTS: Final = re.compile(r"(?:x[0-9]{3}/){0,6}[0-9]{3}")


class TileKey(NamedTuple):
    """Which tile, of whatever width: the one that is kept, and grows at the edge of the tree."""

    level: int
    number: int


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """`width` hashes of the tree: at level L those of subtrees of 256^L leaves; 256 times `number` stand before it."""

    level: int
    number: int
    width: int = FULL

    def __post_init__(self) -> None:
        """Refuse what no tree can have."""
        if not 0 <= self.level <= MAX_LEVEL:
            raise InvalidInput("level", f"is not from 0 to {MAX_LEVEL}", limit=MAX_LEVEL)
        _require_place(self.number, self.width)

    @property
    def key(self) -> TileKey:
        """The tile as it is kept."""
        return TileKey(self.level, self.number)

    @property
    def path(self) -> str:
        """The path below the log's prefix, such as `tile/1/x001/234.p/5`."""
        return f"tile/{self.level}/{_elements(self.number, self.width)}"

    def is_of(self, size: int) -> bool:
        """Tell whether the tree of `size` leaves has all hashes of this tile."""
        return self.number * FULL + self.width <= size >> (HEIGHT * self.level)


@dataclass(frozen=True, slots=True, order=True)
class EntryBundle:
    """`width` entries of the log, behind 256 times `number` others."""

    number: int
    width: int = FULL

    def __post_init__(self) -> None:
        """Refuse what no log can have."""
        _require_place(self.number, self.width)

    @property
    def begin(self) -> int:
        """The index of the first entry."""
        return self.number * FULL

    @property
    def path(self) -> str:
        """The path below the log's prefix, such as `tile/entries/x001/234.p/5`."""
        return f"tile/entries/{_elements(self.number, self.width)}"

    def is_of(self, size: int) -> bool:
        """Tell whether the log of `size` entries has all entries of this bundle."""
        return self.begin + self.width <= size


def _require_place(number: int, width: int) -> None:
    if not 0 <= number <= MAX_SIZE:
        raise InvalidInput("number", f"is not from 0 to {MAX_SIZE:,}", limit=MAX_SIZE)
    if not 1 <= width <= FULL:
        raise InvalidInput("width", f"is not from 1 to {FULL}", limit=FULL)


# -- paths ---------------------------------------------------------------------------------------------------


def _elements(number: int, width: int) -> str:
    """Return `<N>[.p/<W>]`: three digits per element, all but the last behind an x."""
    text = f"{number % 1_000:03}"
    while number := number // 1_000:
        text = f"x{number % 1_000:03}/{text}"
    return text if width == FULL else f"{text}.p/{width}"


def parse_path(path: str) -> Tile | EntryBundle:
    """Return what `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]` names; InvalidInput for any other spelling."""
    root, _, rest = path.partition("/")
    level, _, place = rest.partition("/")
    if root != "tile" or not place or len(path) > MAX_PATH:
        raise InvalidInput("path", "is not tile/<level>/<number> or tile/entries/<number>")
    number, width = _parse_elements(place)
    if level == "entries":
        return EntryBundle(number, width)
    return Tile(require_decimal("level", level, MAX_LEVEL), number, width)


def _parse_elements(place: str) -> tuple[int, int]:
    digits, partial, width = place.partition(".p/")
    if not _ELEMENTS.fullmatch(digits):
        raise InvalidInput("number", "is not in elements of three digits, all but the last behind an x")
    if digits.startswith("x000"):
        raise InvalidInput("number", "begins with an element of zeros")
    number = int(digits.replace("x", "").replace("/", ""))
    return number, require_decimal("width", width, FULL - 1) if partial else FULL


# -- which tiles a tree has ----------------------------------------------------------------------------------


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """Yield the tiles that the tree of `new` leaves has and that of `old` had not, the lowest level first.

    What was partial and has grown is among them; what was full is not. From 0: all tiles of the tree.
    """
    if not 0 <= old <= new <= MAX_SIZE:
        raise InvalidInput("old", f"is not from 0 to the newer size, {new:,}")
    level = 0
    while new and new != old:
        for number in range(old // FULL, new // FULL):
            yield Tile(level, number)
        if new % FULL:
            yield Tile(level, new // FULL, new % FULL)
        level, old, new = level + 1, old >> HEIGHT, new >> HEIGHT


def bundles_between(old: int, new: int) -> Iterator[EntryBundle]:
    """Yield the bundles that the log of `new` entries has and that of `old` had not."""
    for tile in tiles_between(old, new):
        if tile.level:
            return
        yield EntryBundle(tile.number, tile.width)


# -- entries -------------------------------------------------------------------------------------------------


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Return a bundle: each entry behind its length as a big-endian 16-bit integer."""
    if long := [len(entry) for entry in entries if len(entry) > MAX_ENTRY_BYTES]:
        raise InvalidInput("entries", f"has one of {long[0]:,} bytes, over {MAX_ENTRY_BYTES:,}", limit=MAX_ENTRY_BYTES)
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def parse_entries(bundle: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle; InvalidInput where it has fewer, or goes on behind them."""
    entries, at = [], 0
    for number in range(width):
        begin = at + 2
        end = begin + int.from_bytes(bundle[at:begin], "big")
        if end > len(bundle):
            raise InvalidInput("bundle", f"ends within entry {number} of {width}")
        entries.append(bundle[begin:end])
        at = end
    if at != len(bundle):
        raise InvalidInput("bundle", f"goes on for {len(bundle) - at:,} bytes behind its {width} entries")
    return entries


def first_entries(bundle: bytes, width: int) -> bytes:
    """Return the bundle of the first `width` entries of a wider one; one that has not so many is returned whole."""
    at = 0
    for _ in range(width):
        at += 2 + int.from_bytes(bundle[at : at + 2], "big")
    return bundle[:at]

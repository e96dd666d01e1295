"""Check receipts, proofs and exported logs of Provenstore without Provenstore: the command `provenstore-verify`.

One file, to be read from top to bottom by somebody who trusts nothing of ours, and to be copied away and run alone:
`python -I offline_verifier.py --help`. It imports the standard library and, for Ed25519, `cryptography`. On purpose it
shares no code with the rest of Provenstore: it is a second implementation, by other algorithms where there are others,
and the tests hold the two against each other. It must never open a connection, write a file, or believe a byte that it
has not checked.

Sources: RFC 6962 and RFC 9162 (tree and proofs), RFC 8785 (canonical JSON), RFC 8032 (Ed25519), and of c2sp.org
signed-note, tlog-checkpoint, tlog-tiles, tlog-proof. It ends with 0 if all that could be checked is as it was sealed, 7
if something is not, 2 if what was given cannot be checked at all.
"""

import argparse
import base64
import errno
import gc
import hashlib
import itertools
import json
import os
import re
import stat
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn, TextIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OK, UNUSABLE, VIOLATED = 0, 2, 7

# -- limits: whoever hands in a file must not be able to exhaust or confuse its reader -------------------------

HASH: Final = 32  # bytes of a SHA-256
MAX_SIZE: Final = 2**63 - 1  # leaves; other verifiers read sizes as signed 64-bit integers
MAX_INTEGER: Final = 2**53 - 1  # what every JSON reader holds exactly (RFC 7493 §2.2)
MAX_DEPTH: Final = 16  # nesting, of an event with all that is in it and of a private value; none is written deeper
MAX_ENTRY: Final = 65_535  # bytes; an entry's length is 16 bits (tlog-tiles)
MAX_NOTE: Final = 256 * 1024  # bytes; room for 16 signatures of the largest kind that there is (signed-note)
MAX_SIGNATURES: Final = 64  # lines; readers must take 16 (signed-note)
MAX_NAME: Final = 255  # bytes of a key's name, as of a DNS name
MAX_HASHES: Final = 63  # of a proof: no tree of MAX_SIZE is higher
BLOCK: Final = 1024 * 1024  # bytes of a file of events that are read at a time
MAX_KEYS: Final = 64 * 1024  # bytes of a file of keys
MAX_RECEIPT: Final = 2 * 1024**2  # bytes; the largest event and note, both escaped, and private values
MAX_PROOF: Final = 512 * 1024**2  # bytes of a history or a workspace's list, held in memory: some 500,000 events
TILE: Final = 256  # hashes of a full tile, entries of a full bundle (tlog-tiles)
MAX_BUNDLE: Final = TILE * (2 + MAX_ENTRY)  # bytes


class Unusable(Exception):
    """What was given is not what can be checked."""


@dataclass
class Violated(Exception):
    """Something is not as it was sealed; position, stream and tile as far as they are known."""

    problem: str
    position: int | None = None
    stream: str | None = None
    tile: str | None = None

    def __str__(self) -> str:
        """Return the place and the problem in one line."""
        place = {"position": self.position, "stream": self.stream, "tile": self.tile}
        named = ", ".join(f"{what} {where}" for what, where in place.items() if where is not None)
        return f"{named}: {self.problem}" if named else self.problem


@dataclass
class Report:
    """What was checked, step by step, and what could not be."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)

    def step(self, says: str, *, ok: bool = True) -> None:
        """Add the next step."""
        self.steps.append({"step": len(self.steps) + 1, "ok": ok, "says": says})


# -- files -----------------------------------------------------------------------------------------------------


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file: no pipe that never ends, no device; inside an exported folder no link out of it either."""
    wanted = ("O_NONBLOCK", "O_BINARY") if follow else ("O_NONBLOCK", "O_BINARY", "O_NOFOLLOW")
    flags = sum(getattr(os, flag, 0) for flag in wanted)  # each is of some systems only
    descriptor = os.open(path, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable(f"{path}: is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_file(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes."""
    with open_regular(path) as opened:
        raw = opened.read(most + 1)
    if len(raw) > most:
        raise Unusable(f"{path}: is longer than {most:,} bytes")
    return raw


# -- text in its one spelling ----------------------------------------------------------------------------------

DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


def base64_of(place: str, text: str, size: int | None = None) -> bytes:
    """Return the bytes whose padded standard base64 is exactly `text` (RFC 4648 §4), `size` of them where given."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        raise Unusable(f"{place}: is not base64") from None
    if base64.b64encode(value).decode() != text:
        raise Unusable(f"{place}: is not the canonical base64 of its bytes")
    if size is not None and len(value) != size:
        raise Unusable(f"{place}: is {len(value)} bytes long, not {size}")
    return value


def decimal_of(place: str, text: str, most: int) -> int:
    """Return an integer from 0 to `most`, written without sign and leading zeros."""
    if not DECIMAL.fullmatch(text) or int(text) > most:
        raise Unusable(f"{place}: is not a plain decimal number of at most {most:,}")
    return int(text)


def name_of(place: str, text: str) -> str:
    """Return the name of a key or log: no space of any script, no plus, no control character (signed-note)."""
    if not text or "+" in text or CONTROL.search(text) or any(one.isspace() for one in text):
        raise Unusable(f"{place}: is empty, or holds a space, a plus or a control character")
    if len(bytes_of(place, text)) > MAX_NAME:
        raise Unusable(f"{place}: is longer than {MAX_NAME} bytes")
    return text


# -- JSON ------------------------------------------------------------------------------------------------------


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):  # one reader would take the first, another the last
        raise Unusable("the document names a member twice")
    return members


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no integer")


DOCUMENT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=_no_float, parse_constant=_no_float)
VALUE: Final = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)
CANONICAL: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
"""For values that are `plain`, the form of RFC 8785."""


def plain(value: object, depth: int = 0) -> bool:
    """Tell whether a value is of the profile that the ledger writes: ASCII keys, exact integers, bounded nesting."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if depth == MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return all(key.isascii() for key in value) and all(plain(inner, depth + 1) for inner in value.values())
    return isinstance(value, list) and all(plain(inner, depth + 1) for inner in value)


def members_of(place: str, value: object, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return an object, with exactly these members where they are given."""
    if not isinstance(value, dict):
        raise Unusable(f"{place}: is not an object")
    if names is not None and value.keys() != set(names):
        raise Unusable(f"{place}: has not exactly the members {', '.join(names)}")
    return value


def document_of(what: str, raw: bytes, names: Sequence[str]) -> dict[str, Any]:
    """Return a JSON object; its spacing is free, the rest is not."""
    try:
        value = DOCUMENT.decode(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise Unusable(f"{what}: is not JSON in UTF-8: {exc}") from exc
    return members_of(what, value, names)


def bytes_of(place: str, value: object) -> bytes:
    """Return the UTF-8 of a JSON string."""
    if not isinstance(value, str):
        raise Unusable(f"{place}: is not text")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Unusable(f"{place}: holds a lone surrogate, which is not a character") from None


def index_of(place: str, value: object) -> int:
    """Return an integer from 0."""
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise Unusable(f"{place}: is not an integer from 0 to {MAX_INTEGER:,}")
    return value


def list_of(place: str, value: object) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise Unusable(f"{place}: is not a list")
    return value


def hashes_of(place: str, value: object, most: int = MAX_HASHES) -> list[bytes]:
    """Return the hashes of a proof."""
    found = list_of(place, value)
    if len(found) > most:
        raise Unusable(f"{place}: has more than {most} hashes")
    texts = [bytes_of(place, one).decode() for one in found]
    return [base64_of(f"{place}[{at}]", text, HASH) for at, text in enumerate(texts)]


# -- the tree --------------------------------------------------------------------------------------------------

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_of(entry: bytes) -> bytes:
    """Return the hash of an entry (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash over two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def top_of(row: bytes) -> bytes:
    """Return the root over one or more hashes in a row: neighbours are paired, and an odd last one goes up as it is."""
    while len(row) > HASH:
        pairs = range(0, len(row) - HASH, 2 * HASH)
        odd = row[-HASH:] if len(row) // HASH % 2 else b""
        row = b"".join([hashlib.sha256(b"\x01" + row[at : at + 2 * HASH]).digest() for at in pairs]) + odd
    return row


def _climb(start: bytes, proof: Sequence[bytes], index: int, *, only_left: bool = False) -> bytes:
    """Hash upwards: a bit of `index` says on which side each hash of the proof stands; maybe leave out right ones."""
    for level, one in enumerate(proof):
        if index >> level & 1:
            start = node(one, start)
        elif not only_left:
            start = node(start, one)
    return start


def _path(index: int, size: int) -> tuple[int, int]:
    """Return how many hashes lie below and above where the way up from `index` meets the tree's right edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is leaf `index`, from 0, of the tree of `size` (RFC 9162 §2.1.3)."""
    if index >= size:
        raise Violated(f"index {index} is not below the size of the tree, {size}")
    inner, border = _path(index, size)
    if len(proof) != inner + border:
        raise Violated(f"the proof has {len(proof)} hashes, not {inner + border}")
    found = _climb(leaf, proof[:inner], index)
    if _climb(found, proof[inner:], -1) != root:
        raise Violated("the proof leads from the event to another root")


def check_consistency(old: "Checkpoint", new: "Checkpoint", proof: Sequence[bytes]) -> None:
    """Check that the tree of `new` begins with that of `old` (RFC 9162 §2.1.4)."""
    if old.size > new.size:
        raise Violated(f"a log of {new.size} does not extend one of {old.size}")
    if old.size in (0, new.size):  # nothing to show: every log extends the empty one, and itself
        if proof:
            raise Violated("the proof has hashes left over")
        if old.size and old.root != new.root:
            raise Violated(f"there are two logs of {old.size} with different roots: it was forked")
        return
    # The way up begins at the largest complete subtree at the old tree's right edge.
    skipped = (old.size & -old.size).bit_length() - 1
    inner, border = _path(old.size - 1, new.size)
    inner, index = inner - skipped, old.size - 1 >> skipped
    known = old.size == 1 << skipped  # then that subtree is all of the old tree
    if len(proof) != inner + border + (not known):
        raise Violated(f"the proof has {len(proof)} hashes, not {inner + border + (not known)}")
    start, path = (old.root, proof) if known else (proof[0], proof[1:])
    before = _climb(_climb(start, path[:inner], index, only_left=True), path[inner:], -1)
    after = _climb(_climb(start, path[:inner], index), path[inner:], -1)
    if before != old.root or after != new.root:
        raise Violated("the newer log does not begin with the older one, or the proof is not theirs")


def check_range(leaves: Sequence[bytes], begin: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that these are the leaves from `begin` on of the tree of `size`; `proof`: the nodes beside, left to right.

    Upwards, level by level: what stands beside the row on the left has an even number, on the right an odd one.
    """
    row, low, high = list(leaves), begin, begin + len(leaves)
    left, right = list(proof[: begin.bit_count()]), list(reversed(proof[begin.bit_count() :]))
    try:
        while size > 1:
            if low & 1:
                row.insert(0, left.pop())
            if high & 1 and high < size:
                row.append(right.pop())
            pairs = range(0, len(row) - 1, 2)
            row = [node(row[at], row[at + 1]) for at in pairs] + (row[-1:] if len(row) & 1 else [])
            low, high, size = low >> 1, high + 1 >> 1, size + 1 >> 1
    except IndexError:
        raise Violated(f"the proof has only {len(proof)} hashes, which is too few for this range") from None
    if left or right:
        raise Violated("the proof has hashes left over")
    if row != [root]:
        raise Violated("the proof leads from these events to another root")


class Tree:
    """A growing tree in rows of tiles: `rows[L]` holds the hashes of the tile at its right edge at level L."""

    def __init__(self) -> None:
        self.size = 0
        self.rows = [bytearray()]

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf; return level, number and hashes of each tile that it has filled."""
        self.size += 1
        filled: list[tuple[int, int, bytes]] = []
        for level in itertools.count():
            row = self.rows[level]
            row += leaf
            if len(row) < TILE * HASH:
                break
            if level + 1 == len(self.rows):
                self.rows.append(bytearray())
            hashes = bytes(row)
            row.clear()
            filled.append((level, (self.size >> 8 * (level + 1)) - 1, hashes))
            leaf = top_of(hashes)
        return filled

    def root(self) -> bytes:
        """Return the root: what is incomplete at one level is the last node of the one above."""
        last = b""
        for row in self.rows:
            last = top_of(bytes(row) + last)
        return last or EMPTY_ROOT


# -- keys, notes, checkpoints ----------------------------------------------------------------------------------

Keys = Mapping[tuple[str, bytes], bytes]
"""Public Ed25519 keys by name and id."""

ED25519: Final = b"\x01"
KEY: Final = re.compile(r"([^+]*)\+([0-9a-f]{8})\+(.*)", re.DOTALL)
DASH: Final = "\u2014 "


def keys_of(texts: Sequence[str]) -> Keys:
    """Return keys from `<name>+<id>+<base64 of 0x01 and the key>`, whose id is a hash over the rest (signed-note)."""
    keys: dict[tuple[str, bytes], bytes] = {}
    for text in texts:
        found = KEY.fullmatch(text)
        if found is None:
            raise Unusable("key: is not <name>+<8 lower-case hexadecimal digits>+<base64>")
        name, key = name_of("key", found[1]), base64_of("key", found[3], 1 + 32)
        identity = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
        if key[:1] != ED25519 or identity.hex() != found[2]:
            raise Unusable("key: is not of Ed25519, or its id is not the one of name and key")
        if keys.setdefault((name, identity), key[1:]) != key[1:]:
            raise Unusable("key: two different ones have the same name and id")
    if not keys:
        raise Unusable(
            "no key was given; the log's are at /log/keys, and belong into safe hands before they are needed"
        )
    return keys


def keys_in(given: str) -> list[str]:
    """Return the keys that an option gives: one in text form, or those in a file, one a line."""
    try:
        named = Path(given).exists()
    except OSError:  # longer than a file's name can be, which a key may be
        named = False
    if "+" in given and not named:
        return [given]
    lines = read_file(Path(given), MAX_KEYS).decode().splitlines()
    return [line.strip() for line in lines if line.strip()]


class Checkpoint(NamedTuple):
    """The log named `origin` has `size` entries under `root`."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.origin} has {self.size:,} events under the root {base64.b64encode(self.root).decode()}"


def open_note(place: str, raw: bytes, keys: Keys) -> tuple[str, set[str]]:
    """Return the text of a signed note and the names of the keys whose signatures under it are right."""
    # a. One spelling: bounded UTF-8 without control characters, lines of signatures behind the last empty line.
    if len(raw) > MAX_NOTE:
        raise Unusable(f"{place}: is longer than {MAX_NOTE:,} bytes")
    try:
        content = raw.decode()
    except UnicodeDecodeError:
        raise Unusable(f"{place}: is not UTF-8") from None
    end = content.rfind("\n\n") + 1
    lines = content[end + 1 :].split("\n")
    if CONTROL.search(content) or not end or lines.pop() or not 1 <= len(lines) <= MAX_SIGNATURES:
        raise Unusable(f"{place}: is not a text, an empty line and 1 to {MAX_SIGNATURES} lines of signatures")
    # b. Each line is a signature; of known keys each is right and there once, others are passed over.
    signed: set[tuple[str, bytes]] = set()
    for line in lines:
        name, _, encoded = line.removeprefix(DASH).partition(" ")
        if not line.startswith(DASH):
            raise Unusable(f"{place}: has a line that is no signature")
        blob = base64_of(f"{place}, a signature", encoded)
        who = name_of(f"{place}, a signature", name), blob[:4]
        if len(blob) < 5:
            raise Unusable(f"{place}: has a signature of no bytes")
        if who not in keys:
            continue
        if who in signed:
            raise Violated(f"{place}: is signed twice by {name}")
        try:
            Ed25519PublicKey.from_public_bytes(keys[who]).verify(blob[4:], content[:end].encode())
        except InvalidSignature:
            raise Violated(f"{place}: the signature by {name} is not one of this text") from None
        signed.add(who)
    # c. At least one.
    if not signed:
        raise Violated(f"{place}: bears no signature by a key that was given")
    return content[:end], {name for name, _ in signed}


def open_checkpoint(place: str, raw: bytes, keys: Keys) -> Checkpoint:
    """Return the checkpoint in a note that a key of the log has signed (tlog-checkpoint)."""
    text, names = open_note(place, raw, keys)
    lines = text.split("\n")
    if len(lines) != 4:
        raise Unusable(f"{place}: is not the three lines origin, size and root")
    origin, size = name_of(f"{place}, origin", lines[0]), decimal_of(f"{place}, size", lines[1], MAX_SIZE)
    root = base64_of(f"{place}, root", lines[2], HASH)
    if origin not in names:  # a key that is trusted for another log, or for a witness, says nothing about this one
        raise Violated(f"{place}: is not signed by a key of the log {origin}")
    if not size and root != EMPTY_ROOT:
        raise Violated(f"{place}: an empty log has another root")
    return Checkpoint(origin, size, root)


# -- events ----------------------------------------------------------------------------------------------------

_STRING: Final = r'[^"\\\x00-\x1f]*+(?:\\(?:["\\bfnrt]|u00(?:0[0-7be-f]|1[0-9a-f]))[^"\\\x00-\x1f]*+)*+'
_OPTIONAL: Final = rf'(?:null|"{_STRING}")'
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LEAF: Final = r'(?:null|"([0-9a-f]{64})")'
_COUNT: Final = r"([1-9][0-9]{0,14})"
_TIME: Final = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z"
)
_ACTOR: Final = rf'\{{"credential":{_OPTIONAL},"id":"{_STRING}","kind":"{_STRING}","via":"{_STRING}"\}}'
_PRIVATE: Final = r'(\{(?:"[ !#-\[\]-~]*":"[0-9a-f]{64}"(?:,(?=")|(?=\})))*+\})'
BEFORE_DATA: Final = rf'\{{"actor":{_ACTOR},"cause":(?:null|"{_UUID}"),"data":'
AFTER_DATA: Final = (
    rf',"decision":{_OPTIONAL},"id":"({_UUID})","number":{_COUNT},"occurred":(?:null|"({_TIME})"),'
    rf'"on_behalf_of":{_OPTIONAL},"outcome":"{_STRING}","prev":{_LEAF},"private":{_PRIVATE},"request":{_OPTIONAL},'
    rf'"session":{_OPTIONAL},"stream":"({_STRING})","time":"({_TIME})","type":"({_STRING})","version":{_COUNT},'
    rf'"workspace":"({_STRING})","workspace_prev":{_LEAF}\}}'
)
"""The one spelling of an event: all members in their order, each of its type; `data` stands between these."""

FLAT_DATA: Final = (
    rf'(\{{(?:"[a-z0-9_]++":(?:"{_STRING}"|null|true|false|0|-?[1-9][0-9]{{0,14}})(?:,(?=")|(?=\}})))*+\}})'
)
"""Data without objects and lists in it, as most has; the names of it still have to be in order."""

FLAT_EVENT: Final = re.compile(BEFORE_DATA + FLAT_DATA + AFTER_DATA)
BEGINNING: Final = re.compile(BEFORE_DATA + r"(?=\{)")
END: Final = re.compile(AFTER_DATA)
NAMES: Final = re.compile(r'[{,]"([^"]*)":')


class Event(NamedTuple):
    """What the checks need of an event. Texts are as spelled in the bytes, which is the only way to spell them."""

    leaf: bytes
    data: str
    id: str
    number: str
    occurred: str | None
    prev: str | None
    private: str
    stream: str
    time: str
    type: str
    version: str
    workspace: str
    workspace_prev: str | None

    def link(self, kind: str) -> tuple[str, str, str | None]:
        """Return the name of its stream or workspace, its count in it, and the leaf of the one before it there."""
        stream = self.stream, self.version, self.prev
        return stream if kind == "stream" else (self.workspace, self.number, self.workspace_prev)


def parse_event(raw: bytes) -> Event | None:
    """Return the event of exact bytes, or None if they are not an envelope in canonical form."""
    if len(raw) > MAX_ENTRY:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    flat = FLAT_EVENT.fullmatch(text)
    event = _parse_nested(raw, text) if flat is None else Event(leaf_of(raw), *flat.groups())
    # Names stand in order, each once; of private ones, between which are hashes alone, every fourth piece is one.
    if event is None or (flat and not _sorted_once(tuple(NAMES.findall(event.data)))):
        return None
    if not _sorted_once(tuple(event.private.split('"')[1::4])):
        return None
    if not _is_day(event.time[:10]) or (event.occurred is not None and not _is_day(event.occurred[:10])):
        return None
    return event


def _parse_nested(raw: bytes, text: str) -> Event | None:
    """Return an event whose data needs a parser, and whose data must then be what it is written as."""
    beginning = BEGINNING.match(text)
    if beginning is None:
        return None
    start = beginning.end()
    try:
        data, stop = VALUE.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    end = END.fullmatch(text, stop)
    if end is None or not plain(data, depth=1) or CANONICAL.encode(data) != text[start:stop]:
        return None
    return Event(leaf_of(raw), text[start:stop], *end.groups())


@lru_cache(maxsize=1_024)
def _is_day(text: str) -> bool:
    """Tell whether the calendar has such a day."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1_024)
def _sorted_once(names: tuple[str, ...]) -> bool:
    return list(names) == sorted(set(names))


def check_disclosures(place: str, event: Event, value: object) -> list[str]:
    """Return private values in words; each must hash with its salt to what the event committed to."""
    committed, shown = json.loads(event.private), []
    for name, one in members_of(place, value).items():
        members = members_of(f"{place}.{name}", one, ("salt", "value"))
        salt = bytes_of(f"{place}.{name}.salt", members["salt"])
        if not re.fullmatch(rb"[0-9a-f]{64}", salt) or not plain(members["value"]):
            raise Unusable(f"{place}.{name}: is not a salt of 64 hexadecimal digits and a value that an event may have")
        exact = bytes_of(f"{place}.{name}", CANONICAL.encode(members["value"]))
        if committed.get(name) != hashlib.sha256(bytes.fromhex(salt.decode()) + exact).hexdigest():
            raise Violated(f"{place}.{name} is not the value that the event committed to", stream=event.stream)
        shown.append(f"{name} = {exact.decode()}")
    return shown


HEADS: Final = {"parts_head": "parts", "access_head": "access"}
"""Of a lifecycle event's data: which member has sealed the newest event of which other stream of the file."""


def heads_of(event: Event) -> dict[str, str]:
    """Return the heads that an event has sealed, by kind of stream, in canonical form."""
    if '_head":' not in event.data:
        return {}
    data = json.loads(event.data)
    return {kind: CANONICAL.encode(data[name]) for name, kind in HEADS.items() if name in data}


def _head(leaf: bytes, version: int) -> str:
    return f'{{"leaf":"{leaf.hex()}","version":{version}}}'


PLACE: Final = struct.Struct(">Q32sQ")
"""Count, leaf and position of an event, packed: there may be millions of streams."""


NOWHERE: Final = bytes(PLACE.size)


class Chains:
    """Newest events by name (of streams, or workspaces): each must have the next count and name the one before it."""

    def __init__(self, count: str) -> None:
        self.count = count
        self.newest: dict[str, bytes] = {}

    def take(self, name: str, sealed: str, prev: str | None, leaf: bytes, position: int) -> tuple[str, int]:
        """Return what is wrong with the next event, or nothing, and the position of the one before it (0: none)."""
        before, last, at = PLACE.unpack(self.newest.get(name, NOWHERE))
        count = int(sealed)
        self.newest[name] = PLACE.pack(count, leaf, position)
        if count != before + 1:
            return f"has {self.count} {count} where {before + 1} is due", at
        if prev != (last.hex() if before else None):
            return "names another event as the one before it", at
        return "", at

    def head(self, name: str) -> str:
        """Return the newest event in the form in which a lifecycle event seals it."""
        if name not in self.newest:
            return "null"
        count, leaf, _ = PLACE.unpack(self.newest[name])
        return _head(leaf, count)


# -- 1. receipts -----------------------------------------------------------------------------------------------

PROOF_LINE: Final = b"c2sp.org/tlog-proof@v1\n"
NEWEST: Final = "whether the checkpoint is the newest, and the same that others got: compare it with one from elsewhere"
TRUTH: Final = "whether what was recorded is true"


def parse_tlog_proof(raw: bytes, event: bytes | None) -> dict[str, Any]:
    """Return a proof in the text form of tlog-proof as a receipt; the event is given, or is its extra data."""
    head, divided, note = raw.partition(b"\n\n")
    if not divided or not head.isascii():
        raise Unusable("proof: is not lines of ASCII, an empty line and a checkpoint")
    lines = head.decode().split("\n")[1:]
    if lines and lines[0].startswith("extra "):
        extra = base64_of("proof, extra data", lines.pop(0).removeprefix("extra "))
        if not extra:
            raise Unusable("proof: has an empty line of extra data")
        event = extra if event is None else event
    if event is None:
        raise Unusable("proof: has no extra data; give the event's bytes with --event FILE")
    if not lines or not lines[0].startswith("index "):
        raise Unusable("proof: has no line for the index")
    index = decimal_of("proof, index", lines.pop(0).removeprefix("index "), MAX_SIZE - 1)
    return {"event": event, "index": index, "proof": hashes_of("proof", lines), "checkpoint": note, "disclosures": {}}


def parse_receipt(raw: bytes) -> dict[str, Any]:
    """Return a receipt from JSON."""
    found = document_of("receipt", raw, ("event", "index", "proof", "checkpoint", "disclosures"))
    readers = {"event": bytes_of, "index": index_of, "proof": hashes_of, "checkpoint": bytes_of}
    return {**found, **{name: read(f"receipt.{name}", found[name]) for name, read in readers.items()}}


def verify_receipt(raw: bytes, given: bytes | None, keys: Keys, report: Report) -> None:
    """Check one event; its bytes may be given beside a proof in the format of tlog-proof."""
    if given is not None and not raw.startswith(PROOF_LINE):
        raise Unusable("--event is for proofs in the format of tlog-proof; a receipt brings its event")
    receipt = parse_tlog_proof(raw, given) if raw.startswith(PROOF_LINE) else parse_receipt(raw)
    # 1. The log has signed the checkpoint.
    checkpoint = open_checkpoint("checkpoint", receipt["checkpoint"], keys)
    report.step(f"the checkpoint is signed: {checkpoint}")
    # 2. The hash of exactly these bytes is in the tree under it.
    index = receipt["index"]
    check_inclusion(leaf_of(receipt["event"]), index, checkpoint.size, receipt["proof"], checkpoint.root)
    report.step(f"the event's bytes are at position {index + 1:,} of it")
    # 3. They are an event; otherwise the log itself has let in something else.
    event = parse_event(receipt["event"])
    if event is None:
        raise Violated("the bytes are not an event in canonical form", position=index + 1)
    report.step(
        f"they are an event: {event.type}, id {event.id}, {event.time}, version {event.version} of {event.stream}, "
        f"number {event.number} of the workspace {event.workspace}"
    )
    # 4. Private values that are shown are those that it committed to.
    shown = check_disclosures("disclosures", event, receipt["disclosures"])
    if shown:
        report.step(f"it committed to the private values shown: {'; '.join(shown)}")
    report.not_checked += ["what happened before and after it", NEWEST, TRUTH]


# -- 2. histories, workspaces and ranges -----------------------------------------------------------------------


def verify_chain(place: str, kind: str, name: str, proof: Mapping[str, Any], checkpoint: Checkpoint) -> list[Event]:
    """Return the events of one stream or workspace, all of them from the first to one that is under the checkpoint."""
    chains, events, time = Chains("version" if kind == "stream" else "number"), [], ""
    for at, text in enumerate(list_of(f"{place}.events", proof["events"])):
        where, event = f"{place}.events[{at}]", parse_event(bytes_of(f"{place}.events[{at}]", text))
        if event is None:
            raise Violated(f"{where} is not an event in canonical form")
        found, count, prev = event.link(kind)
        if found != CANONICAL.encode(name)[1:-1]:
            raise Violated(f"{where} is of the {kind} {found}, not of {name}", stream=event.stream)
        problem, _ = chains.take(found, count, prev, event.leaf, 0)
        if problem or event.time < time:
            raise Violated(f"{where} {problem or 'is older than the event before it'}", stream=event.stream)
        events.append(event)
        time = event.time
    index, hashes = index_of(f"{place}.index", proof["index"]), hashes_of(f"{place}.proof", proof["proof"])
    if not events:
        raise Violated(f"{place} has no events")
    if index + 1 < len(events):
        raise Violated(f"{place}.index {index} leaves no room for {len(events)} events")
    try:
        check_inclusion(events[-1].leaf, index, checkpoint.size, hashes, checkpoint.root)
    except Violated as exc:
        raise Violated(f"{place}, the last event: {exc}", index + 1, events[-1].stream) from None
    return events


def verify_history(given: bytes, keys: Keys, report: Report) -> None:
    """Check that a file's history is whole."""
    raw = document_of("proof", given, ("checkpoint", "disclosures", "file", "streams"))
    file, streams = bytes_of("proof.file", raw["file"]).decode(), members_of("proof.streams", raw["streams"])
    if not re.fullmatch(_UUID, file) or not streams.keys() <= {"file", "parts", "access"}:
        raise Unusable("proof: is not of a file and its streams file, parts and access")
    # 1. The log has signed the checkpoint.
    checkpoint = open_checkpoint("checkpoint", bytes_of("proof.checkpoint", raw["checkpoint"]), keys)
    report.step(f"the checkpoint is signed: {checkpoint}")
    # 2. Each stream is a chain from its first event to one that is in the log.
    events = {}
    for kind, one in streams.items():
        proof = members_of(f"proof.streams.{kind}", one, ("events", "index", "proof"))
        events[kind] = verify_chain(f"streams.{kind}", "stream", f"{kind}:{file}", proof, checkpoint)
        report.step(f"{kind}:{file}: all of its {len(events[kind]):,} events up to position {proof['index'] + 1:,}")
    # 3. What the lifecycle has sealed of the other streams is what they say.
    if "file" not in events:
        raise Violated("streams.file is missing", stream=f"file:{file}")
    heads = sum(_check_heads(event, events) for event in events["file"])
    report.step(f"its lifecycle has sealed {heads} heads of the other streams, and they are theirs")
    # 4. Private values that are shown are those that its events committed to.
    by_id, shown = {event.id: event for stream in events.values() for event in stream}, 0
    for event_id, values in members_of("proof.disclosures", raw["disclosures"]).items():
        if event_id not in by_id:
            raise Violated(f"disclosures.{event_id} is of no event of this history")
        shown += len(check_disclosures(f"disclosures.{event_id}", by_id[event_id], values))
    report.step(f"its events committed to the private values shown: {shown}")
    report.not_checked += ["what came after the last event of each stream", NEWEST, TRUTH]


def _check_heads(event: Event, events: Mapping[str, Sequence[Event]]) -> int:
    """Hold the heads that an event has sealed against the streams as they are shown; return how many there were."""
    sealed = heads_of(event)
    for kind, head in sealed.items():
        stream = events.get(kind, ())
        heads = ["null", *(_head(one.leaf, int(one.version)) for one in stream)]
        if head not in heads or any(one.time < event.time for one in stream[heads.index(head) :]):
            problem = f"is not the stream that version {event.version} of the file's lifecycle saw"
            raise Violated(problem, stream=f"{kind}:{event.stream.partition(':')[2]}")
    return len(sealed)


def verify_workspace(given: bytes, keys: Keys, report: Report) -> None:
    """Check that a workspace's list is whole."""
    raw = document_of("proof", given, ("checkpoint", "events", "index", "proof", "workspace"))
    # 1. The log has signed the checkpoint.
    checkpoint = open_checkpoint("checkpoint", bytes_of("proof.checkpoint", raw["checkpoint"]), keys)
    report.step(f"the checkpoint is signed: {checkpoint}")
    # 2. Numbers are dense, each event names the one before it, and the last one is in the log.
    name = bytes_of("proof.workspace", raw["workspace"]).decode()
    events = verify_chain("proof", "workspace", name, raw, checkpoint)
    report.step(f"workspace {name}: all of its {len(events):,} events up to position {raw['index'] + 1:,}")
    report.not_checked += ["what came after the last event", NEWEST, TRUTH]


def verify_range(given: bytes, keys: Keys, report: Report) -> None:
    """Check that a stretch of the log is whole."""
    raw = document_of("proof", given, ("checkpoint", "events", "from", "proof", "to"))
    begin, end = index_of("proof.from", raw["from"]), index_of("proof.to", raw["to"])
    entries = [bytes_of(f"proof.events[{at}]", one) for at, one in enumerate(list_of("proof.events", raw["events"]))]
    if begin >= end:
        raise Unusable(f"proof: is of no events, from {begin} to {end}")
    # 1. The log has signed the checkpoint.
    checkpoint = open_checkpoint("checkpoint", bytes_of("proof.checkpoint", raw["checkpoint"]), keys)
    report.step(f"the checkpoint is signed: {checkpoint}")
    # 2. The hashes of exactly these bytes, and the nodes beside them, lead to its root.
    if end > checkpoint.size or len(entries) != end - begin:
        raise Violated(f"there are {len(entries)} events, not those from {begin} to {end} of {checkpoint.size}")
    hashes = hashes_of("proof.proof", raw["proof"], most=2 * MAX_HASHES)
    check_range([leaf_of(one) for one in entries], begin, checkpoint.size, hashes, checkpoint.root)
    report.step(f"these are all events at positions {begin + 1:,} to {end:,} of it")
    # 3. Each is an event; otherwise the log itself has let in something else.
    for position, one in enumerate(entries, begin + 1):
        if parse_event(one) is None:
            raise Violated("the bytes are not an event in canonical form", position)
    report.step("each of them is an event in canonical form")
    report.not_checked += ["what happened before and after them", NEWEST, TRUTH]


# -- 3. consistency --------------------------------------------------------------------------------------------


def verify_consistency(older: bytes, newer: bytes, proof: bytes, keys: Keys, report: Report) -> None:
    """Check that one checkpoint extends another."""
    old = open_checkpoint("the older checkpoint", older, keys)
    new = open_checkpoint("the newer checkpoint", newer, keys)
    # 1. Both are signed, by the same log.
    if old.origin != new.origin:
        raise Violated(f"the checkpoints are of two logs, {old.origin} and {new.origin}")
    report.step(f"the older checkpoint is signed: {old}")
    report.step(f"the newer checkpoint is signed: {new}")
    # 2. The proof is for their sizes, and leads to both roots.
    found = document_of("proof", proof, ("from", "to", "proof"))
    sizes = index_of("proof.from", found["from"]), index_of("proof.to", found["to"])
    if sizes != (old.size, new.size):
        raise Unusable(f"proof: is from {sizes[0]} to {sizes[1]}, the checkpoints from {old.size} to {new.size}")
    check_consistency(old, new, hashes_of("proof.proof", found["proof"]))
    report.step("the newer log begins with the older one: nothing in it was altered, removed or slipped in")
    report.not_checked += ["the events themselves", NEWEST]


# -- 4. whole logs ---------------------------------------------------------------------------------------------

LOG_STEPS: Final = {
    "entry": "entries are events in canonical form",
    "stream": "versions are dense in each stream, and each event names the one before it",
    "workspace": "numbers are dense in each workspace, and each event names the one before it",
    "time": "times never go back",
    "head": "a file's lifecycle has sealed the newest part and access that there were",
    "tile": "tiles are the hashes of these entries",
    "root": "the tree has the root of each checkpoint given",
}
_RANK: Final = {"upper": 1, "root": 2}
"""An altered entry alters all that is computed from it: what is nearest to the entries is named first."""


class LogCheck:
    """Takes the entries of a log in their order; in memory one row per level of the tree and 48 bytes per stream."""

    def __init__(self, checkpoints: Sequence[Checkpoint], folder: "Folder | None") -> None:
        self.tree, self.folder = Tree(), folder
        self.streams, self.workspaces = Chains("version"), Chains("number")
        self.found: Counter[str] = Counter()
        self.first: Violated | None = None
        self._rank = (9, 0)
        self._time = ""
        self._newest: dict[str, str] = {}  # by workspace: the stream of its newest event
        self._due = sorted(checkpoints, key=lambda one: one.size)
        self._sound = 0  # the size of the largest checkpoint that was found to hold

    def find(self, step: str, problem: str, position: int, stream: str | None = None, tile: str | None = None) -> None:
        """Count a finding, and keep it if it is the first."""
        self.found["tile" if step == "upper" else step] += 1
        rank = _RANK.get(step, 0), position
        if rank < self._rank:
            self._rank, self.first = rank, Violated(problem, position, stream, tile)

    def take(self, entry: bytes) -> None:
        """Check the next entry against all before it, and add it to the tree."""
        self._compare_roots()
        event, position = parse_event(entry), self.tree.size + 1
        if event is None:
            self.find("entry", "the bytes are not an event in canonical form", position)
        else:
            self._check(event, position)
        for level, number, row in self.tree.add(leaf_of(entry) if event is None else event.leaf):
            if self.folder is not None:
                self.folder.compare(level, number, row, self)

    def _check(self, event: Event, position: int) -> None:
        stream, workspace = event.stream, event.workspace
        if event.time < self._time:
            self.find("time", "the event is older than the one before it", position, stream)
        self._time = event.time
        if '_head":' in event.data and stream.startswith("file:"):
            for kind, head in heads_of(event).items():
                if head != self.streams.head(f"{kind}:{stream[5:]}"):
                    self.find("head", f"it saw another event as the newest of {kind}:{stream[5:]}", position, stream)
        one, at = self.streams.take(stream, event.version, event.prev, event.leaf, position)
        two, before = self.workspaces.take(workspace, event.number, event.workspace_prev, event.leaf, position)
        if one or two:
            # Which is wrong: this event, or the one before it in the workspace, which is not the one that it names?
            # That one, if a second link to it is broken as well, or if there is no second link to know it by.
            that = before and two.startswith("names") and (one == two) == (at == before)
            where = (before, self._newest[workspace]) if that else (position, stream)
            says = f"is not the event that position {position} names" if that else f"the event {two or one}"
            for step, problem in (("stream", one), ("workspace", two)):
                if problem:
                    self.find(step, says, *where)
        self._newest[workspace] = stream

    def _compare_roots(self) -> None:
        while self._due and self._due[0].size == self.tree.size:
            checkpoint = self._due.pop(0)
            if self.tree.root() == checkpoint.root:
                self._sound = checkpoint.size
            else:
                problem = f"the first bad entry is from here to {checkpoint.size}, where the root is another one"
                self.find("root", problem, self._sound + 1)

    def finish(self, steps: Sequence[str], report: Report) -> None:
        """Report these steps; raise the first finding."""
        self._compare_roots()
        for level, row in enumerate(self.tree.rows):
            if row and self.folder is not None and self.folder.size == self.tree.size:
                self.folder.compare(level, self.tree.size >> 8 * (level + 1), bytes(row), self)
        for checkpoint in self._due:
            problem = f"the log ends before this, and has {checkpoint.size} entries by the checkpoint"
            self.find("root", problem, self.tree.size + 1)
        for step in steps:
            count = self.found[step]
            report.step(f"{LOG_STEPS[step]}{f': not in {count:,} places' if count else ''}", ok=not count)
        if self.first is not None:
            raise self.first


class Folder:
    """A log as it is published: `checkpoint`, `tile/<level>/<number>` and `tile/entries/<number>` (tlog-tiles)."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self.files = 0  # that were read

    def read(self, kind: str, number: int, width: int, most: int) -> tuple[str, bytes | None, bool]:
        """Return name and bytes of a tile, and whether it is of this width: a full one has a partial one.

        Without bytes where there is none; a pipe or a link is none.
        """
        name = f"tile/{kind}/{_elements(number)}"
        for exact, candidate in ((True, name if width == TILE else f"{name}.p/{width}"), (False, name)):
            try:
                with open_regular(self.path / candidate, follow=False) as opened:
                    raw = opened.read(most + 1)
            except (FileNotFoundError, NotADirectoryError, Unusable):
                continue
            except OSError as exc:
                if exc.errno == errno.ELOOP:  # a link
                    continue
                raise
            self.files += 1
            return candidate, raw, exact
        return name if width == TILE else f"{name}.p/{width}", None, True

    def compare(self, level: int, number: int, row: bytes, check: LogCheck) -> None:
        """Compare a tile with the hashes that were computed, and what is left of it when it was smaller."""
        width = len(row) // HASH
        name, raw, exact = self.read(str(level), number, width, TILE * HASH)
        found = b"" if raw is None else raw if exact else raw[: len(row)]
        if found != row:
            same = next((at for at in range(width) if found[at * HASH :][:HASH] != row[at * HASH :][:HASH]), width)
            problem = "is missing" if raw is None else f"hash {same} is not that of the entries"
            check.find("upper" if level else "tile", problem, ((number * TILE + same) << 8 * level) + 1, tile=name)

    def entries(self, check: LogCheck) -> Iterator[bytes]:
        """Yield the entries: each stands behind its length as a big-endian 16-bit integer."""
        for number in range(-(-self.size // TILE)):
            width = min(TILE, self.size - number * TILE)
            name, raw, exact = self.read("entries", number, width, MAX_BUNDLE)
            if raw is None:
                check.find("entry", "is missing", number * TILE + 1, tile=name)
                return
            ends = [0]
            for at in range(width):
                begin = ends[-1] + 2
                ends.append(begin + int.from_bytes(raw[begin - 2 : begin], "big"))
                if max(begin, ends[-1]) > len(raw):
                    check.find("entry", "the bundle ends within it", number * TILE + at + 1, tile=name)
                    return
                yield raw[begin : ends[-1]]
            if exact and ends[-1] != len(raw):
                check.find("entry", "the bundle goes on behind its entries", number * TILE + width, tile=name)


def _elements(number: int) -> str:
    """Return the path of a number: three digits per element, all but the last behind an x."""
    digits = f"{number:0{-(-len(str(number)) // 3) * 3}}"
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([f"x{one}" for one in parts[:-1]] + parts[-1:])


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    with open_regular(path) as opened:
        while len(rest) <= MAX_ENTRY and (block := opened.read(BLOCK)):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
    if rest:  # the last one, without an end, or the beginning of one that is longer than an event can be
        yield rest


def verify_log(path: Path, checkpoint: Path | None, earlier: Sequence[Path], keys: Keys, report: Report) -> None:
    """Check a whole log: a folder as published, or a file with the exact bytes of one event per line."""
    if checkpoint is None and not path.is_dir():
        raise Unusable("a file of events has no checkpoint in it: give one with --checkpoint FILE")
    # 1. Each checkpoint is signed, by the same log.
    newest = open_checkpoint("checkpoint", read_file(checkpoint or path / "checkpoint", MAX_NOTE), keys)
    checkpoints = [newest, *(open_checkpoint(str(one), read_file(one, MAX_NOTE), keys) for one in earlier)]
    if len({one.origin for one in checkpoints}) > 1:
        raise Violated("the checkpoints are of different logs")
    for one in checkpoints:
        report.step(f"the checkpoint is signed: {one}")
    # 2. Each entry, each link, each tile, and the root of each checkpoint.
    folder = Folder(path, newest.size) if path.is_dir() else None
    check, steps = LogCheck(checkpoints, folder), list(LOG_STEPS)
    if folder is None:
        steps.remove("tile")
        report.not_checked.append("tiles: there are none in a file of events")
    entries = _lines(path) if folder is None else folder.entries(check)
    for entry in _with_progress(entries, newest.size):
        check.take(entry)
    check.finish(steps, report)
    # 3. What is there beside.
    if folder is not None and (others := sum(len(files) for *_, files in os.walk(path / "tile")) - folder.files):
        report.not_checked.append(f"{others:,} files in tile/ that this checkpoint does not need")
    if (beyond := check.tree.size - max(one.size for one in checkpoints)) > 0:
        report.not_checked.append(f"whether the last {beyond:,} events are in the log: no checkpoint given has them")
    report.not_checked += ["private values, which lie beside the log", NEWEST, TRUTH]


def _with_progress(entries: Iterator[bytes], total: int) -> Iterator[bytes]:
    """Say on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield from entries
        return
    for at, entry in enumerate(entries):
        if at % 10_000 == 0:
            sys.stderr.write(f"\r{at:,} of {total:,} events")
        yield entry
    sys.stderr.write("\r\x1b[K")


# -- the command -----------------------------------------------------------------------------------------------


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line asks for."""
    common = argparse.ArgumentParser(add_help=False)
    said = "a key of the log, <name>+<id>+<base64>, or a file with one such key per line; repeatable"
    common.add_argument("--key", "--keys", action="append", default=[], help=said)
    common.add_argument("--json", action="store_true", help="answer one JSON document")
    parser = argparse.ArgumentParser(prog="provenstore-verify", description="Check what Provenstore proves, offline.")
    what = parser.add_subparsers(dest="what", required=True)
    receipt = what.add_parser("receipt", parents=[common], help="one event: a receipt in JSON, or a .tlog-proof file")
    receipt.add_argument("file", type=Path)
    receipt.add_argument("--event", type=Path, help="the event's exact bytes, if a .tlog-proof file has not got them")
    what.add_parser("history", parents=[common], help="a file's whole history").add_argument("file", type=Path)
    what.add_parser("workspace", parents=[common], help="a workspace's whole list").add_argument("file", type=Path)
    what.add_parser("range", parents=[common], help="a whole stretch of the log").add_argument("file", type=Path)
    consistency = what.add_parser("consistency", parents=[common], help="that one checkpoint extends another")
    for name in ("older", "newer", "proof"):
        consistency.add_argument(name, type=Path)
    log = what.add_parser("log", parents=[common], help="a whole log: a folder as published, or a file of events")
    log.add_argument("path", type=Path)
    log.add_argument("--checkpoint", type=Path, help="by default the folder's own")
    log.add_argument("--earlier", type=Path, action="append", default=[], help="one that you kept; repeatable")
    return parser.parse_args(argv)


def run(asked: argparse.Namespace, report: Report) -> None:
    """Check what was asked for; Violated or Unusable where it is not as it should be."""
    keys = keys_of([key for one in asked.key for key in keys_in(one)])
    match asked.what:
        case "receipt":
            event = read_file(asked.event, MAX_ENTRY + 1).removesuffix(b"\n") if asked.event else None
            verify_receipt(read_file(asked.file, MAX_RECEIPT), event, keys, report)
        case "history":
            verify_history(read_file(asked.file, MAX_PROOF), keys, report)
        case "workspace":
            verify_workspace(read_file(asked.file, MAX_PROOF), keys, report)
        case "range":
            verify_range(read_file(asked.file, MAX_PROOF), keys, report)
        case "consistency":
            older, newer, proof = (read_file(one, MAX_RECEIPT) for one in (asked.older, asked.newer, asked.proof))
            verify_consistency(older, newer, proof, keys, report)
        case _:
            verify_log(asked.path, asked.checkpoint, asked.earlier, keys, report)


def main(argv: Sequence[str] | None = None) -> int:
    """Check what the command line asks for, say what was found, and return the exit code."""
    gc.disable()  # nothing here refers to itself, and looking for what does takes a twentieth of the time
    asked, report = arguments(argv), Report()
    code, first, says = OK, None, "verified: all that was checked is as it was sealed"
    try:
        run(asked, report)
    except Violated as exc:
        if all(step["ok"] for step in report.steps):
            report.step(str(exc), ok=False)
        code, first, says = VIOLATED, asdict(exc), f"integrity violated: {exc}"
    except (Unusable, OSError, UnicodeDecodeError) as exc:
        code, says = UNUSABLE, f"cannot be checked: {exc}"
    if asked.json:
        result = {OK: "ok", VIOLATED: "violated", UNUSABLE: "unusable"}[code]
        document = {"result": result, "says": says, "first": first, **asdict(report)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return code
    if code != UNUSABLE:
        for step in report.steps:
            _say(sys.stdout, f"{step['step']} {'ok' if step['ok'] else 'NOT OK'}: {step['says']}")
        for one in report.not_checked:
            _say(sys.stdout, f"- not checked: {one}")
    _say(sys.stdout if code == OK else sys.stderr, says)
    return code


def _say(stream: TextIO, text: str) -> None:
    """Write a line; what a terminal would obey or hide, and what it cannot show, is escaped."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    encoding = stream.encoding or "ascii"
    stream.write(shown.encode(encoding, "backslashreplace").decode(encoding) + "\n")


if __name__ == "__main__":
    sys.exit(main())

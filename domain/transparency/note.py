"""Signed notes: a text and the signatures under it, as C2SP signed-note has them, and the keys in their text forms.

Strict: a note, a key, a name has one spelling or is refused. Whether a signature is right is asked of a NoteVerifier;
this module knows no algorithm, draws no key, and never believes the text of a note that no known key has signed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.text import require_base64

MAX_NOTE_BYTES: Final = 256 * 1024
"""Room for 16 signatures of the largest post-quantum kind, which every verifier must accept, and for the text."""

MAX_SIGNATURES: Final = 64
"""Lines; verifiers must accept 16."""

MAX_NAME_BYTES: Final = 255
"""Of a key's name in UTF-8, which is also an origin; as long as a DNS name may be."""

ED25519: Final = 1
"""The byte that says that a key is of Ed25519."""

KEY_BYTES: Final = 32
"""Of a seed and of a public key (RFC 8032 §5.1.5)."""

KEY_ID_BYTES: Final = 4

_DASH: Final = "\u2014 "
_PRIVATE: Final = "PRIVATE+KEY+"
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY: Final = re.compile(r"([^+]*)\+([0-9a-f]{8})\+(.*)", re.DOTALL)


class NoteSigner(Protocol):
    """A key that signs. `sign` returns the signature of exactly these bytes, without the key's id."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def key_id(self) -> bytes: ...  # noqa: D102

    def sign(self, message: bytes) -> bytes: ...  # noqa: D102


class NoteVerifier(Protocol):
    """A key that is believed. `verify` tells whether a signature of these bytes is by it; it never raises."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def key_id(self) -> bytes: ...  # noqa: D102

    def verify(self, message: bytes, signature: bytes) -> bool: ...  # noqa: D102


# -- keys ----------------------------------------------------------------------------------------------------


def require_key_name(field: str, name: str) -> str:
    """Return the name of a key: not empty, without spaces of any script, plus and control characters."""
    if not name:
        raise InvalidInput(field, "is empty")
    if "+" in name or any(character.isspace() for character in name) or _CONTROL.search(name) or "\n" in name:
        raise InvalidInput(field, "holds a space, a plus or a control character")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidInput(field, "holds a lone surrogate, which is not a character") from None
    if size > MAX_NAME_BYTES:
        raise InvalidInput(field, f"is longer than {MAX_NAME_BYTES} bytes in UTF-8", limit=MAX_NAME_BYTES)
    return name


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes by which signatures name an Ed25519 key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([ED25519]) + public).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public Ed25519 key and its name: `<name>+<id as hex>+<base64 of 0x01 and the key>`."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what has no text form."""
        require_key_name("name", self.name)
        if len(self.public) != KEY_BYTES:
            raise InvalidInput("public", f"is not {KEY_BYTES} bytes long")

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signatures name it."""
        return key_id(self.name, self.public)

    def __str__(self) -> str:
        """Return the text form."""
        return _key_text(self.name, self.key_id, self.public)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; InvalidInput for any other, and where the id is not the one of name and key."""
        name, found, public = _parse_key("verifier_key", text)
        key = cls(name, public)
        if found != key.key_id:
            raise InvalidInput("verifier_key", "has an id that is not the one of its name and key")
        return key


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The seed of an Ed25519 key: `PRIVATE+KEY+<name>+<id as hex>+<base64 of 0x01 and the seed>`.

    Whoever has the algorithm checks that the id is the one of the seed's public key.
    """

    name: str
    key_id: bytes
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what has no text form."""
        require_key_name("name", self.name)
        if len(self.key_id) != KEY_ID_BYTES or len(self.seed) != KEY_BYTES:
            raise InvalidInput("seed", f"or key id is not {KEY_BYTES} and {KEY_ID_BYTES} bytes long")

    def reveal(self) -> str:
        """Return the text form, which is the secret."""
        return _PRIVATE + _key_text(self.name, self.key_id, self.seed)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; InvalidInput, which does not repeat it, for any other."""
        if not text.startswith(_PRIVATE):
            raise InvalidInput("signer_key", f"does not begin with {_PRIVATE}")
        return cls(*_parse_key("signer_key", text.removeprefix(_PRIVATE)))


def _key_text(name: str, identity: bytes, key: bytes) -> str:
    return f"{name}+{identity.hex()}+{_base64(bytes([ED25519]) + key)}"


def _parse_key(place: str, text: str) -> tuple[str, bytes, bytes]:
    found = _KEY.fullmatch(text)
    if found is None:
        raise InvalidInput(place, "is not <name>+<8 lower-case hexadecimal digits>+<base64>")
    name, identity, encoded = found.groups()
    key = require_base64(place, encoded, 1 + KEY_BYTES)
    if key[0] != ED25519:
        raise InvalidInput(place, f"is of the kind {key[0]}, not Ed25519")
    return name, bytes.fromhex(identity), key[1:]


# -- notes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: by which key it says to be, and its bytes."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, with its end."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and the lines under it, none of them believed yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the exact bytes; InvalidInput for what no note can hold."""
        raw = f"{self.text}\n{''.join(one.line for one in self.signatures)}".encode()
        if parse_note(raw) != self:
            raise InvalidInput("note", "would be read as another one")
        return raw


def parse_note(raw: bytes) -> Note:
    """Read a note without believing it; InvalidInput, naming the line, for what is not exactly one."""
    # 1. Bounds, and characters that a terminal would obey.
    if len(raw) > MAX_NOTE_BYTES:
        raise InvalidInput("note", f"is longer than {MAX_NOTE_BYTES:,} bytes", limit=MAX_NOTE_BYTES)
    try:
        content = raw.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput("note", f"is not UTF-8 at byte {exc.start}") from None
    if found := _CONTROL.search(content):
        raise InvalidInput("note", f"line {_line(content, found.start())} holds U+{ord(found[0]):04X}")
    # 2. The last empty line divides the text from its signatures.
    end = content.rfind("\n\n") + 1
    if not end:
        raise InvalidInput("note", "has no empty line before its signatures")
    text, lines = content[:end], content[end + 1 :].split("\n")
    if lines.pop() or not lines:
        raise InvalidInput("note", "does not end with a line of a signature")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidInput("note", f"has more than {MAX_SIGNATURES} signatures", limit=MAX_SIGNATURES)
    # 3. Each line, also of keys that nobody knows.
    first = _line(content, end + 1)
    return Note(text, tuple(_parse_signature(f"note line {first + at}", line) for at, line in enumerate(lines)))


def _parse_signature(place: str, line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not encoded:
        raise InvalidInput(place, "is not an em dash, a name and a signature")
    require_key_name(place, name)
    signature = require_base64(place, encoded)
    if len(signature) <= KEY_ID_BYTES:
        raise InvalidInput(place, "holds no signature behind the id of the key")
    return Signature(name, signature[:KEY_ID_BYTES], signature[KEY_ID_BYTES:])


def sign_note(text: str, signers: Iterable[NoteSigner]) -> bytes:
    """Return the note of `text`, which ends with a newline, signed by each of `signers` in their order."""
    message = text.encode()
    return Note(text, tuple(Signature(one.name, one.key_id, one.sign(message)) for one in signers)).encode()


def open_note(raw: bytes, verifiers: Sequence[NoteVerifier]) -> tuple[str, tuple[Signature, ...]]:
    """Return the text of a note and the signatures of it by `verifiers`, at least one; others are passed over.

    InvalidInput for what is no note. InvalidProof where a known key's signature is wrong or there twice, or no known
    key has signed.
    """
    note = parse_note(raw)
    known = {(one.name, one.key_id): one for one in verifiers}
    message, first = note.text.encode(), note.text.count("\n") + 2
    verified: list[Signature] = []
    for line, signature in enumerate(note.signatures, start=first):
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if any((one.name, one.key_id) == (signature.name, signature.key_id) for one in verified):
            raise InvalidProof(f"note line {line}", f"is a second signature by {signature.name}")
        if not verifier.verify(message, signature.signature):
            raise InvalidProof(f"note line {line}", f"is not the signature of this text by {signature.name}")
        verified.append(signature)
    if not verified:
        # Not to be told from a forgery: an older or newer key of the same log, too, is one that is not known here.
        signers = ", ".join(sorted({one.key_id.hex() for one in note.signatures}))
        raise InvalidProof("note", f"bears no signature by a key that is known, only by those with the ids {signers}")
    return note.text, tuple(verified)


def _line(content: str, at: int) -> int:
    return content.count("\n", 0, at) + 1


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

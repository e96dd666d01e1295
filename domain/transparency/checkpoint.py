"""Checkpoints: how large the log is and what its root is, in a note that the log has signed (C2SP tlog-checkpoint).

Strict: three lines, each in its one spelling, and no extension lines, which nobody could audit. Whether a checkpoint
extends an earlier one is not asked here, but before it is signed and wherever two of them meet.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.text import require_base64, require_decimal
from provenstore.domain.transparency.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from provenstore.domain.transparency.note import NoteSigner, NoteVerifier, open_note, require_key_name, sign_note


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log named `origin` has `size` entries, under `root`."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        """Refuse what has no text, and an empty tree with a root that it cannot have."""
        require_key_name("origin", self.origin)
        if not 0 <= self.size <= MAX_SIZE:
            raise InvalidInput("size", f"is not from 0 to {MAX_SIZE:,}", limit=MAX_SIZE)
        if len(self.root) != HASH_BYTES or (not self.size and self.root != EMPTY_ROOT):
            raise InvalidInput("root", "is not the root of a tree of this size")

    @property
    def text(self) -> str:
        """The text of the note, with its last newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note; InvalidInput, naming the line, for any other spelling."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise InvalidInput("checkpoint", "is not the three lines origin, size and root")
    if len(lines) > 3:
        raise InvalidInput("checkpoint", "has extension lines, which a log of ours never has")
    origin, size, root = lines
    return Checkpoint(
        require_key_name("checkpoint.origin", origin),
        require_decimal("checkpoint.size", size, MAX_SIZE),
        require_base64("checkpoint.root", root, HASH_BYTES),
    )


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[NoteSigner]) -> bytes:
    """Return the signed note; InvalidInput where a signer's name is not the origin."""
    signers = tuple(signers)
    if any(one.name != checkpoint.origin for one in signers):
        raise InvalidInput("signers", "has a key whose name is not the origin")
    return sign_note(checkpoint.text, signers)


def open_checkpoint(raw: bytes, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """Return the checkpoint of a note that one of `verifiers`, named as the log, has signed.

    InvalidInput for what is no checkpoint; InvalidProof where open_note refuses, and where only keys of another name
    have signed: a key that is trusted for one log says nothing about another.
    """
    text, signatures = open_note(raw, verifiers)
    checkpoint = parse_checkpoint(text)
    if all(one.name != checkpoint.origin for one in signatures):
        raise InvalidProof("checkpoint", f"is not signed by a key of the log {checkpoint.origin}")
    return checkpoint

"""Proofs in the text format of C2SP tlog-proof, which tools for any transparency log read.

Index, inclusion proof and signed checkpoint, and extra data that nobody has signed. Strict as all that strangers hand
in: one spelling per proof. What is proven is the entry, which comes from elsewhere or is the extra data.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from provenstore.domain.errors import InvalidInput
from provenstore.domain.proofs.proof_document import MAX_PROOF_HASHES
from provenstore.domain.text import require_base64, require_decimal
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import HASH_BYTES, MAX_SIZE, leaf_hash, verify_inclusion
from provenstore.domain.transparency.note import MAX_NOTE_BYTES, NoteVerifier
from provenstore.domain.transparency.tile import MAX_ENTRY_BYTES

FORMAT: Final = "c2sp.org/tlog-proof@v1"

MAX_PROOF_BYTES: Final = MAX_NOTE_BYTES + 2 * MAX_ENTRY_BYTES + 8_192
"""A note, an entry as extra data in base64, and the hashes."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That an entry has `index`, from 0, in the tree of `checkpoint` (a signed note); the leaf's sibling first."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the text."""
        lines = [FORMAT, f"index {self.index}", *map(_base64, self.proof), ""]
        if self.extra:
            lines.insert(1, f"extra {_base64(self.extra)}")
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a proof without believing it; InvalidInput, naming the line, where it is none."""
        if len(raw) > MAX_PROOF_BYTES:
            raise InvalidInput("proof", f"is longer than {MAX_PROOF_BYTES:,} bytes", limit=MAX_PROOF_BYTES)
        head, divided, checkpoint = raw.partition(b"\n\n")
        if not divided or not head.isascii():
            raise InvalidInput("proof", "is not lines of ASCII, an empty line and a checkpoint")
        # Not splitlines(), which takes other characters for ends of lines, too.
        first, *lines = head.decode().split("\n")
        if first != FORMAT:
            raise InvalidInput("proof line 1", f"is not {FORMAT}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = require_base64("proof line 2", lines.pop(0).removeprefix("extra "))
            if not extra:
                raise InvalidInput("proof line 2", "holds no extra data, and so must not be there")
        at = 2 if extra is None else 3
        if not lines or not lines[0].startswith("index "):
            raise InvalidInput(f"proof line {at}", "is not the index")
        index = require_decimal(f"proof line {at}", lines.pop(0).removeprefix("index "), MAX_SIZE - 1)
        if len(lines) > MAX_PROOF_HASHES:
            raise InvalidInput("proof", f"has more than {MAX_PROOF_HASHES} hashes", limit=MAX_PROOF_HASHES)
        hashes = [
            require_base64(f"proof line {number}", line, HASH_BYTES) for number, line in enumerate(lines, start=at + 1)
        ]
        return cls(index, tuple(hashes), checkpoint, extra)

    def verify(self, entry: bytes, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
        """Return the checkpoint under which `entry` is in the log; InvalidProof or InvalidInput where it is not."""
        checkpoint = open_checkpoint(self.checkpoint, verifiers)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.proof, checkpoint.root)
        return checkpoint


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

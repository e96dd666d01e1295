"""That one checkpoint extends another, as a document; the two checkpoints stand beside it.

Whoever keeps the checkpoints that they were shown finds out by it whether the log they saw is still the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from provenstore.domain.canonical import Json
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.proofs.proof_document import hashes_json, hashes_of, index_of, parse_document
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import verify_consistency
from provenstore.domain.transparency.note import NoteVerifier

MEMBERS = frozenset({"from", "to", "proof"})

_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The hashes that lead from the root of the tree of `old` entries to that of `new` (RFC 9162 §2.1.4)."""

    old: int
    new: int
    proof: tuple[bytes, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the document."""
        return {"from": self.old, "to": self.new, "proof": hashes_json(self.proof)}

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the JSON document without believing it; InvalidInput, naming the place, where it is none."""
        document = parse_document("proof", raw, MEMBERS, _MAX_BYTES)
        old, new = (index_of(f"proof.{name}", document[name]) for name in ("from", "to"))
        return cls(old, new, hashes_of("proof.proof", document["proof"]))


def verify_consistency_document(
    proof: ConsistencyProof, notes: Iterable[tuple[str, bytes]], verifiers: tuple[NoteVerifier, ...]
) -> Checkpoint:
    """Check a proof against the checkpoints, by name, that were kept; return the newer one.

    InvalidInput where one of them is missing, InvalidProof where one is not signed or does not extend the other.
    """
    found: dict[int, list[Checkpoint]] = {proof.old: [], proof.new: []}
    for name, note in notes:
        checkpoint = open_checkpoint(note, verifiers)
        if checkpoint.size not in found:
            raise InvalidInput(name, f"is of {checkpoint.size:,}, the proof from {proof.old:,} to {proof.new:,}")
        found[checkpoint.size].append(checkpoint)
    for size, known in found.items():
        if not known:
            raise InvalidInput("--checkpoint", f"is missing: that of {size:,}, one of the two that the proof is for")
    # Several may be of one size, and two of one size be what is compared: each is held against each.
    for older in found[proof.old]:
        for newer in found[proof.new]:
            if older.origin != newer.origin:
                raise InvalidProof("checkpoint", f"is of {newer.origin}, another log than {older.origin}")
            verify_consistency(older.size, older.root, newer.size, newer.root, proof.proof)
    return found[proof.new][0]

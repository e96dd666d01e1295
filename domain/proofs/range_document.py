"""A range of the log as a document: its events, the nodes beside it, and the checkpoint that they recompute to.

What the auditor of a whole ledger takes away of a month. It shows that the range is whole, and every event in it an
entry of the log; what stands before and behind it, it shows as hashes alone.
"""

from dataclasses import dataclass
from typing import Self

from provenstore.domain.canonical import Json, canonical
from provenstore.domain.errors import InvalidProof
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.proofs.proof_document import hashes_json, hashes_of, index_of, items_of, parse_document, text_of
from provenstore.domain.proofs.receipt import parse_event
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import leaf_hash
from provenstore.domain.transparency.note import NoteVerifier
from provenstore.domain.transparency.range_proof import verify_range

MAX_RANGE_BYTES = 512 * 1024 * 1024
"""Some 500,000 events, held in memory."""

MAX_BESIDE = 126
"""Nodes beside a range: as many as there are levels, on either side."""

_MEMBERS = ("checkpoint", "events", "from", "proof", "to")


@dataclass(frozen=True, slots=True)
class RangeProof:
    """The exact bytes of the entries that the log of `end` has and that of `begin` had not, and their proof."""

    begin: int
    end: int
    events: tuple[bytes, ...]
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the JSON document, in canonical form."""
        document: dict[str, Json] = {
            "checkpoint": self.checkpoint.decode(),
            "events": [one.decode() for one in self.events],
            "from": self.begin,
            "proof": hashes_json(self.proof),
            "to": self.end,
        }
        return canonical(document)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the JSON document without believing it; InvalidInput, naming the place, where it is none."""
        document = parse_document("proof", raw, _MEMBERS, MAX_RANGE_BYTES)
        events = enumerate(items_of("proof.events", document["events"]))
        return cls(
            begin=index_of("proof.from", document["from"]),
            end=index_of("proof.to", document["to"]),
            events=tuple(text_of(f"proof.events[{at}]", one).encode() for at, one in events),
            proof=hashes_of("proof.proof", document["proof"], MAX_BESIDE),
            checkpoint=text_of("proof.checkpoint", document["checkpoint"]).encode(),
        )


@dataclass(frozen=True, slots=True)
class VerifiedRange:
    """What is proven: these are all events of the range, in the log at the checkpoint."""

    events: tuple[Event, ...]
    checkpoint: Checkpoint


def verify_range_document(proof: RangeProof, verifiers: tuple[NoteVerifier, ...]) -> VerifiedRange:
    """Check a range against the keys of the log; InvalidProof or InvalidInput, naming the place, if it fails."""
    # 1. The checkpoint is signed by the log that it names.
    return verify_range_under(proof, open_checkpoint(proof.checkpoint, verifiers))


def verify_range_under(proof: RangeProof, checkpoint: Checkpoint) -> VerifiedRange:
    """Check the rest of a range, whose checkpoint was opened already; InvalidProof as `verify_range_document`."""
    # 2. The hashes of exactly these entries, and the nodes beside them, recompute to its root.
    if proof.end > checkpoint.size:
        raise InvalidProof("proof.to", f"is not in a log of {checkpoint.size}")
    leaves = map(leaf_hash, proof.events)
    verify_range(leaves, proof.begin, proof.end, size=checkpoint.size, proof=proof.proof, expected=checkpoint.root)
    # 3. Each is an event: otherwise the log itself has put something else among its entries.
    events = enumerate(proof.events, start=proof.begin)
    return VerifiedRange(
        tuple(parse_event(f"events[{at - proof.begin}]", one, at + 1) for at, one in events), checkpoint
    )

"""Receipts: one event, where it stands in the log, and the proof under a signed checkpoint. What a client keeps.

A receipt verifies by itself, offline, against the keys of the log; it never needs the ledger that gave it out. As JSON
it may bring private values, each checked against what the event committed to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from provenstore.domain.canonical import Json, canonical
from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import Event, PrivateValue
from provenstore.domain.proofs.proof_document import (
    disclosures_json,
    disclosures_of,
    hashes_json,
    hashes_of,
    index_of,
    parse_document,
    text_of,
    verify_disclosures,
)
from provenstore.domain.proofs.tlog_proof import TlogProof
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import leaf_hash, verify_inclusion
from provenstore.domain.transparency.note import NoteVerifier

MAX_RECEIPT_BYTES = 2 * 1024 * 1024
"""An event and a note of the largest size, both as JSON text, with room for private values."""

_MEMBERS = ("checkpoint", "disclosures", "event", "index", "proof")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An event's exact bytes, its index from 0, its inclusion proof (the leaf's sibling first) and a signed note."""

    event: bytes
    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    disclosures: tuple[PrivateValue, ...] = ()

    def encode(self) -> bytes:
        """Return the JSON document, in canonical form."""
        document: dict[str, Json] = {
            "checkpoint": self.checkpoint.decode(),
            "disclosures": disclosures_json(self.disclosures),
            "event": self.event.decode(),
            "index": self.index,
            "proof": hashes_json(self.proof),
        }
        return canonical(document)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the JSON document without believing it; InvalidInput, naming the place, where it is none."""
        document = parse_document("receipt", raw, _MEMBERS, MAX_RECEIPT_BYTES)
        return cls(
            event=text_of("receipt.event", document["event"]).encode(),
            index=index_of("receipt.index", document["index"]),
            proof=hashes_of("receipt.proof", document["proof"]),
            checkpoint=text_of("receipt.checkpoint", document["checkpoint"]).encode(),
            disclosures=disclosures_of("receipt.disclosures", document["disclosures"]),
        )

    def to_tlog_proof(self) -> TlogProof:
        """Return it in the format of other logs, the event as its extra data; private values stay behind."""
        return TlogProof(self.index, self.proof, self.checkpoint, extra=self.event)

    @classmethod
    def from_tlog_proof(cls, proof: TlogProof, event: bytes | None = None) -> Self:
        """Return the receipt of `event`, by default the proof's extra data; InvalidInput if there is neither."""
        found = proof.extra if event is None else event
        if found is None:
            raise InvalidInput("extra", "is missing; the event has to be given beside the proof")
        return cls(found, proof.index, proof.proof, proof.checkpoint)


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves: the event, in the log as it was at the checkpoint, and the private values shown."""

    event: Event
    checkpoint: Checkpoint
    disclosed: Mapping[str, Json] = field(repr=False)


def verify_receipt(receipt: Receipt, verifiers: Sequence[NoteVerifier]) -> VerifiedReceipt:
    """Check a receipt against the keys of the log; InvalidProof or InvalidInput, naming the place, if it fails."""
    # 1. The checkpoint is signed by the log that it names.
    return verify_receipt_under(receipt, open_checkpoint(receipt.checkpoint, verifiers))


def verify_receipt_under(receipt: Receipt, checkpoint: Checkpoint) -> VerifiedReceipt:
    """Check the rest of a receipt, whose checkpoint was opened already; InvalidProof as `verify_receipt`."""
    # 2. The hash of exactly these bytes is in the tree under its root, at this index.
    verify_inclusion(leaf_hash(receipt.event), receipt.index, checkpoint.size, receipt.proof, checkpoint.root)
    # 3. They are an event: otherwise the log itself has put something else among its entries.
    event = parse_event("event", receipt.event, receipt.index + 1)
    # 4. Each private value shown is the one that the event committed to.
    return VerifiedReceipt(event, checkpoint, verify_disclosures("disclosures", event, receipt.disclosures))


def parse_event(place: str, state: bytes, position: int = 0) -> Event:
    """Return the event of exact bytes; InvalidProof, naming the place, where they are none."""
    try:
        return Event.parse(position, state)
    except IntegrityViolated as exc:
        raise InvalidProof(place, exc.message) from exc

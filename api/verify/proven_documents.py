"""Receipts and proofs that somebody brings along: which kind a document is, whether it holds, and what it proves.

The formats and their checks are the domain's. Nothing of the ledger is opened but, where no key is named, its keys.
"""

import json
from dataclasses import dataclass

from provenstore.api.settings import Settings
from provenstore.api.verify.given_keys import Asked, required_keys
from provenstore.domain.errors import InvalidInput
from provenstore.domain.proofs.consistency_document import MEMBERS, ConsistencyProof, verify_consistency_document
from provenstore.domain.proofs.history_proof import HistoryProof, verify_history
from provenstore.domain.proofs.proof_document import members_of
from provenstore.domain.proofs.range_document import RangeProof, verify_range_document
from provenstore.domain.proofs.receipt import Receipt, VerifiedReceipt, verify_receipt
from provenstore.domain.proofs.tlog_proof import FORMAT, TlogProof
from provenstore.domain.proofs.workspace_proof import WorkspaceProof, verify_workspace
from provenstore.domain.transparency.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Proven:
    """What a document proves, in a sentence, and under which checkpoint."""

    what: str
    checkpoint: Checkpoint
    disclosed: int


def verify_document(settings: Settings, raw: bytes, asked: Asked) -> Proven:
    """Check a receipt or a proof, whichever it is; InvalidProof where it does not show what it claims.

    InvalidInput if the document cannot be read, and without a trusted key.
    """
    keys = required_keys(settings, asked)
    is_text = raw.startswith(FORMAT.encode())
    members = {} if is_text else members_of("document", _json(raw))
    if members.keys() == MEMBERS:
        newer = verify_consistency_document(proof := ConsistencyProof.parse(raw), asked.checkpoints, keys)
        return Proven(f"the log of {proof.new:,} entries begins with that of {proof.old:,}", newer, 0)
    if asked.checkpoints:
        raise InvalidInput("--checkpoint", "is for logs and for proofs of consistency; this document brings its own")
    if is_text:
        return _proven_event(verify_receipt(Receipt.from_tlog_proof(TlogProof.parse(raw)), keys))
    if "event" in members:
        return _proven_event(verify_receipt(Receipt.parse(raw), keys))
    if "file" in members:
        history = verify_history(HistoryProof.parse(raw), keys)
        counts = ", ".join(f"{len(events):,} of {kind}" for kind, events in history.events.items())
        shown = sum(map(len, history.disclosed.values()))
        return Proven(f"the history of file {history.file} is whole: {counts}", history.checkpoint, shown)
    if "workspace" in members:
        listed = verify_workspace(WorkspaceProof.parse(raw), keys)
        return Proven(f"events 1 to {listed.through:,} of workspace {listed.workspace}", listed.checkpoint, 0)
    if "from" in members:
        stretch = verify_range_document(RangeProof.parse(raw), keys)
        first, last = stretch.events[0].position, stretch.events[-1].position
        return Proven(f"positions {first:,} to {last:,} of the log", stretch.checkpoint, 0)
    raise InvalidInput("document", "is neither a receipt nor a proof")


def _proven_event(found: VerifiedReceipt) -> Proven:
    event = found.event
    what = f"{event.type} of {event.stream} at position {event.position:,}, event {event.id}"
    return Proven(what, found.checkpoint, len(found.disclosed))


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidInput("document", "is neither a receipt nor a proof") from None

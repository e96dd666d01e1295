"""The proof that a workspace's list is whole: its events 1 to n, and the inclusion of the last one.

A tenant's auditor checks a complete population by it without seeing a neighbour's event. That nothing was recorded
after n it does not show; a later proof, of which this one is the beginning, does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from provenstore.domain.canonical import Json, canonical
from provenstore.domain.eventlog.chain import Chain
from provenstore.domain.proofs.proof_document import hashes_json, hashes_of, index_of, items_of, parse_document, text_of
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.note import NoteVerifier

MAX_WORKSPACE_PROOF_BYTES = 512 * 1024 * 1024
"""Some 500,000 events, held in memory; longer lists are read one by one into a Chain."""

_MEMBERS = ("checkpoint", "events", "index", "proof", "workspace")


@dataclass(frozen=True, slots=True)
class WorkspaceProof:
    """The exact bytes of events 1 to n of a workspace; index and inclusion proof of the last; a signed note."""

    workspace: str
    events: tuple[bytes, ...]
    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the JSON document, in canonical form."""
        document: dict[str, Json] = {
            "checkpoint": self.checkpoint.decode(),
            "events": [one.decode() for one in self.events],
            "index": self.index,
            "proof": hashes_json(self.proof),
            "workspace": self.workspace,
        }
        return canonical(document)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the JSON document without believing it; InvalidInput, naming the place, where it is none."""
        document = parse_document("proof", raw, _MEMBERS, MAX_WORKSPACE_PROOF_BYTES)
        events = enumerate(items_of("proof.events", document["events"]))
        return cls(
            workspace=text_of("proof.workspace", document["workspace"]),
            events=tuple(text_of(f"proof.events[{at}]", one).encode() for at, one in events),
            index=index_of("proof.index", document["index"]),
            proof=hashes_of("proof.proof", document["proof"]),
            checkpoint=text_of("proof.checkpoint", document["checkpoint"]).encode(),
        )


@dataclass(frozen=True, slots=True)
class VerifiedList:
    """What is proven: these are all events of the workspace up to number `through`, in the log at the checkpoint."""

    workspace: str
    through: int
    checkpoint: Checkpoint


def verify_workspace(proof: WorkspaceProof, verifiers: Sequence[NoteVerifier]) -> VerifiedList:
    """Check a workspace's list against the keys of the log; InvalidProof, naming the first event that is wrong."""
    # 1. The checkpoint is signed by the log that it names.
    checkpoint = open_checkpoint(proof.checkpoint, verifiers)
    # 2. Numbers are dense from 1, and each event names the one before it.
    chain = Chain("events", "workspace", proof.workspace)
    for state in proof.events:
        chain.take(state)
    # 3. The last one is in the log, and with it all that it stands on.
    chain.verify_end(proof.index, proof.proof, checkpoint)
    return VerifiedList(proof.workspace, chain.count, checkpoint)

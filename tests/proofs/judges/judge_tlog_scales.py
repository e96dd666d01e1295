"""Judge proofs with tlog-scales: a case per line of JSON in, for each a line "accepted" or "refused: <why>" out.

Runs in the environment of the judges, without a line of ours; it must compute nothing that tlog-scales can compute.
"""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from tlog_scales import (  # type: ignore[import-not-found]  # only in the environment of the judges
    reader,
    signing,
    tiles,
    tlog,
)
from tlog_scales.backend import (  # type: ignore[import-not-found]  # as above
    LocalBackend,
)

Case = dict[str, Any]


def note(case: Case) -> None:
    """Verify a checkpoint, and compare what it says."""
    _verify_checkpoint(tlog.Checkpoint.from_text(case["note"]), case)


def inclusion(case: Case) -> None:
    """Verify an inclusion proof."""
    proof = tlog.InclusionProof(case["index"], case["size"], [_bytes(one) for one in case["proof"]])
    proof.check(tiles.leaf_hash(_bytes(case["entry"])), _bytes(case["root"]))


def consistency(case: Case) -> None:
    """Verify a consistency proof."""
    proof = tlog.ConsistencyProof(case["old"], case["size"], [_bytes(one) for one in case["proof"]])
    proof.check(_bytes(case["oldroot"]), _bytes(case["root"]))


def published(case: Case) -> None:
    """Read a whole log as it is published: the checkpoint, every hash, every entry; and prove from it."""
    log = reader.TilesReader(LocalBackend(Path(case["folder"])))
    _verify_checkpoint(log.get_checkpoint(), case)
    if log.calculate_root_hash() != _bytes(case["root"]):
        raise ValueError("the tiles have another root")
    for index in range(case["size"]):
        if tiles.leaf_hash(log.get_entry(index)) != log.mth(index, index + 1):
            raise ValueError(f"entry {index} is not the one in the tree")
    proof = log.get_inclusion_proof(case["index"], case["size"]).node_hashes
    older = log.get_consistency_proof(case["old"], case["size"]).node_hashes
    if [proof, older] != [[_bytes(one) for one in case[name]] for name in ("proof", "older")]:
        raise ValueError("the proofs are other ones")


CHECKS: dict[str, Callable[[Case], None]] = {
    "note": note,
    "inclusion": inclusion,
    "consistency": consistency,
    "tiles": published,
}

_REFUSALS = (ValueError, RuntimeError, InvalidSignature, tlog.InclusionProofInvalid, tlog.ConsistencyProofInvalid)


def _verify_checkpoint(found: Any, case: Case) -> None:
    key = signing.Vkey.from_string(case["key"])
    found.verify(key)
    if (found.origin, found.size, found.root_hash) != (key.name, case["size"], _bytes(case["root"])):
        raise ValueError("the note says something else")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def main() -> None:
    """Judge line by line."""
    for line in sys.stdin:
        case = json.loads(line)
        try:
            CHECKS[case["check"]](case)
            verdict = "accepted"
        except _REFUSALS as exc:
            verdict = f"refused: {exc or type(exc).__name__}".replace("\n", " ")
        sys.stdout.write(f"{verdict}\n")


main()

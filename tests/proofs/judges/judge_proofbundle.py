"""Judge proofs with proofbundle: a case per line of JSON in, for each a line "accepted" or "refused: <why>" out.

Runs in the environment of the judges, without a line of ours; it must compute nothing that proofbundle can compute.
"""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

from proofbundle import (  # type: ignore[import-not-found]  # only in the environment of the judges
    checkpoint,
    merkle,
    tlogproof,
)

Case = dict[str, Any]


def note(case: Case) -> bool:
    """Verify a checkpoint, and compare what it says."""
    found = checkpoint.verify_checkpoint(case["note"], case["key"])
    return bool(found["ok"]) and (found["tree_size"], found["root"]) == (case["size"], _bytes(case["root"]))


def inclusion(case: Case) -> bool:
    """Verify an inclusion proof."""
    proof = [_bytes(one) for one in case["proof"]]
    return bool(
        merkle.verify_inclusion(_bytes(case["entry"]), case["index"], case["size"], proof, _bytes(case["root"]))
    )


def consistency(case: Case) -> bool:
    """Verify a consistency proof."""
    proof = [_bytes(one) for one in case["proof"]]
    roots = _bytes(case["oldroot"]), _bytes(case["root"])
    return bool(merkle.verify_consistency(case["old"], case["size"], proof, *roots))


def tlog_proof(case: Case) -> bool:
    """Verify a tlog-proof, and write the same one."""
    found = tlogproof.parse_tlog_proof(case["note"])
    written = tlogproof.format_tlog_proof(found["index"], found["proof"], found["checkpoint"], extra=found["extra"])
    entry = _bytes(case["entry"])
    verified = tlogproof.verify_tlog_proof(case["note"], entry, case["key"], expected_origin=case["key"].split("+")[0])
    return bool(verified["ok"]) and written == case["note"] and found["extra"] == entry


CHECKS: dict[str, Callable[[Case], bool]] = {
    "note": note,
    "inclusion": inclusion,
    "consistency": consistency,
    "tlog_proof": tlog_proof,
}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def main() -> None:
    """Judge line by line."""
    for line in sys.stdin:
        case = json.loads(line)
        try:
            verdict = "accepted" if CHECKS[case["check"]](case) else "refused: it does not verify"
        except (ValueError, checkpoint.BundleFormatError) as exc:
            verdict = f"refused: {exc}".replace("\n", " ")
        sys.stdout.write(f"{verdict}\n")


main()

"""What we prove, tools that were not written here accept; what is tampered with, they refuse."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from naive_tree import NaiveTree
from note_keys import LOG, ORIGIN, WITNESS
from proof_judges import Case, Judge, every, flip
from proven_log import ProvenLog
from provenstore.adapters.keys.signing_key import SigningKey, draw_signing_key
from provenstore.domain.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import consistency_proof, inclusion_proof, root
from provenstore.domain.transparency.note import parse_note, sign_note

SIZES = (1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 700)
ENTRIES = [f"entry {index}".encode() for index in range(SIZES[-1])]
TREE = NaiveTree(ENTRIES)
DRAWN = draw_signing_key(ORIGIN)
KEY = SigningKey(DRAWN)
VERIFIER = str(KEY.verifier)


# -- cases ---------------------------------------------------------------------------------------------------


def _note(size: int, /, **changes: object) -> Case:
    checkpoint = Checkpoint(ORIGIN, size, root(size, TREE.read))
    note = sign_checkpoint(checkpoint, [KEY]).decode()
    return {"check": "note", "note": note, "key": VERIFIER, "size": size, "root": checkpoint.root, **changes}


def _inclusion(index: int, size: int, /, **changes: object) -> Case:
    return {
        "check": "inclusion",
        "entry": ENTRIES[index],
        "index": index,
        "size": size,
        "root": root(size, TREE.read),
        "proof": inclusion_proof(index, size, TREE.read),
        **changes,
    }


def _consistency(old: int, new: int, /, **changes: object) -> Case:
    return {
        "check": "consistency",
        "old": old,
        "oldroot": root(old, TREE.read),
        "size": new,
        "root": root(new, TREE.read),
        "proof": consistency_proof(old, new, TREE.read),
        **changes,
    }


def _altered(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Yield a proof with each of its hashes changed, missing, and behind its neighbour."""
    for at, one in enumerate(proof):
        yield [*proof[:at], flip(one), *proof[at + 1 :]]
        yield proof[:at] + proof[at + 1 :]
    for at in range(len(proof) - 1):
        yield [*proof[:at], proof[at + 1], proof[at], *proof[at + 2 :]]
    yield [*proof, bytes(32)]


# -- notes ---------------------------------------------------------------------------------------------------


@every("go", "proofbundle", "tlog-scales")
def test_checkpoints(judge: Judge) -> None:
    """Of any size, alone, beside a witness's signature, and while the key changes."""
    checkpoint = Checkpoint(ORIGIN, 700, root(700, TREE.read))
    next_key = SigningKey(draw_signing_key(ORIGIN))
    judge.accept(
        [
            *map(_note, SIZES),
            _note(700, note=sign_note(checkpoint.text, [WITNESS, KEY]).decode()),
            _note(700, note=sign_checkpoint(checkpoint, [next_key, KEY]).decode()),
            _note(700, note=sign_checkpoint(checkpoint, [KEY, next_key]).decode(), key=str(next_key.verifier)),
        ]
    )


@every("go", "proofbundle", "tlog-scales")
def test_tampered_checkpoints(judge: Judge) -> None:
    """Another size or root under the same signature, another's signature, and each byte of the signature."""
    good = _note(7)
    line = parse_note(good["note"].encode()).signatures[0]
    text = good["note"].partition("\n\n")[0] + "\n\n"
    judge.refuse(
        [
            _note(7, note=good["note"].replace("\n7\n", "\n8\n"), size=8),
            _note(7, note=good["note"].replace(ORIGIN, "ledger.example.com/other")),
            _note(7, key=str(LOG.public)),
            _note(7, note=sign_checkpoint(Checkpoint(ORIGIN, 7, good["root"]), [LOG]).decode()),
            *(
                _note(7, note=text + replace(line, signature=flip(line.signature, at)).line)
                for at in range(len(line.signature))
            ),
        ]
    )


@every("go")
def test_signer_keys_travel(judge: Judge) -> None:
    """With a key that we drew, another tool signs the same note; with another key, another one."""
    assert SigningKey.parse(SecretStr(DRAWN.reveal())).verifier == KEY.verifier
    judge.accept([_note(7, check="signer", key=DRAWN.reveal())])
    judge.refuse([_note(7, check="signer", key=draw_signing_key(ORIGIN).reveal())])


def test_openssl_verifies_the_signature(tmp_path: Path) -> None:
    """Over the text of the note, with the bare public key; and refuses any other text."""
    note = parse_note(_note(7)["note"].encode())
    (tmp_path / "signature").write_bytes(note.signatures[0].signature)
    # SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4): a fixed beginning and the key.
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + KEY.verifier.public)
    assert _openssl(tmp_path, note.text)
    assert not _openssl(tmp_path, note.text.replace("\n7\n", "\n8\n"))


def _openssl(folder: Path, text: str) -> bool:
    (folder / "text").write_text(text)
    verify = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature"
    found = subprocess.run(verify.split(), cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0 or "Signature Verification Failure" in found.stdout, found.stderr
    return found.returncode == 0


# -- proofs --------------------------------------------------------------------------------------------------


@every("go", "proofbundle", "tlog-scales")
def test_inclusion(judge: Judge) -> None:
    """Of first, last and inner leaves of trees of all shapes."""
    leaves = {(index, size) for size in SIZES for index in (0, size // 3, size // 2, size - 2, size - 1) if index >= 0}
    leaves |= {(index, size) for size in range(1, 20) for index in range(size)}
    judge.accept([_inclusion(index, size) for index, size in sorted(leaves)])


@every("go", "proofbundle", "tlog-scales")
def test_tampered_inclusion(judge: Judge) -> None:
    """Another entry, index or root, and every hash changed, missing or moved."""
    cases = []
    for index, size in ((0, 2), (3, 7), (6, 7), (300, 700), (699, 700)):
        good = _inclusion(index, size)
        cases += [
            _inclusion(index, size, entry=b"another"),
            _inclusion(index, size, index=index - 1 if index else 1),
            _inclusion(index, size, index=size),
            _inclusion(index, size, root=flip(good["root"])),
            *(_inclusion(index, size, proof=proof) for proof in _altered(good["proof"])),
        ]
    judge.refuse(cases)


@every("go", "proofbundle", "tlog-scales")
def test_consistency(judge: Judge) -> None:
    """Between trees of all shapes, and of a tree with itself."""
    pairs = {(old, new) for old in SIZES for new in SIZES if old <= new}
    pairs |= {(old, new) for new in range(1, 20) for old in range(1, new + 1)}
    judge.accept([_consistency(old, new) for old, new in sorted(pairs)])


@every("go", "proofbundle", "tlog-scales")
def test_tampered_consistency(judge: Judge) -> None:
    """Another root on either side, and every hash changed, missing or moved."""
    cases = []
    for old, new in ((1, 2), (3, 7), (4, 7), (256, 700), (511, 700)):
        good = _consistency(old, new)
        cases += [
            _consistency(old, new, oldroot=flip(good["oldroot"])),
            _consistency(old, new, root=flip(good["root"])),
            _consistency(old, new, old=old + 1),
            *(_consistency(old, new, proof=proof) for proof in _altered(good["proof"])),
        ]
    judge.refuse(cases)


@every("proofbundle")
def test_receipts_as_tlog_proofs(judge: Judge) -> None:
    """Each event of a file's life, read and written alike; tampered with, none."""
    life = ProvenLog()
    receipts = [life.receipt(index) for index in range(len(life.events))]
    key = str(LOG.public)
    good: list[Case] = [
        {"check": "tlog_proof", "note": one.to_tlog_proof().encode().decode(), "entry": one.event, "key": key}
        for one in receipts
    ]
    judge.accept(good)
    judge.refuse(
        [
            *({**case, "entry": flip(case["entry"], 9)} for case in good),
            *({**case, "key": VERIFIER} for case in good),
            *(
                {**case, "note": case["note"].replace(f"index {index}\n", f"index {index + 1}\n")}
                for index, case in enumerate(good)
            ),
        ]
    )

"""A proof in the text format of other logs says what the receipt says."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_keys import LOG
from proven_log import NAME, ProvenLog
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.proofs.receipt import Receipt, verify_receipt
from provenstore.domain.proofs.tlog_proof import MAX_PROOF_BYTES, TlogProof
from provenstore.domain.transparency.merkle import MAX_SIZE

LIFE = ProvenLog()
RECEIPT = LIFE.receipt(0, NAME)
PROOF = RECEIPT.to_tlog_proof()
HASH = base64.b64encode(bytes(32)).decode()


def test_text_is_the_specified_one() -> None:
    """Format, extra data, index, hashes, an empty line, and the checkpoint as it is."""
    first, extra, index, *hashes = PROOF.encode().decode().split("\n\n")[0].split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    assert extra == f"extra {base64.b64encode(LIFE.events[0].state).decode()}"
    assert index == "index 0"
    assert hashes == [base64.b64encode(one).decode() for one in RECEIPT.proof]
    assert PROOF.encode().endswith(b"\n\n" + LIFE.checkpoint())


@pytest.mark.parametrize("index", range(len(LIFE.events)))
def test_receipt_goes_through_it(index: int) -> None:
    """All but the private values, which have no place there."""
    receipt = Receipt.from_tlog_proof(TlogProof.parse(LIFE.receipt(index, NAME).to_tlog_proof().encode()))
    assert receipt == LIFE.receipt(index)
    assert verify_receipt(receipt, [LOG]).event == LIFE.events[index]


def test_proof_without_the_event_takes_it_from_beside() -> None:
    """Extra data is optional; without it the event has to come from elsewhere."""
    bare = TlogProof.parse(TlogProof(PROOF.index, PROOF.proof, PROOF.checkpoint).encode())
    assert bare.extra is None
    assert Receipt.from_tlog_proof(bare, LIFE.events[0].state) == LIFE.receipt(0)
    assert bare.verify(LIFE.events[0].state, [LOG]).size == len(LIFE.events)
    with pytest.raises(InvalidProof, match="proof: leads"):
        bare.verify(LIFE.events[1].state, [LOG])
    with pytest.raises(InvalidInput, match="extra: is missing"):
        Receipt.from_tlog_proof(bare)


def test_each_corrupted_byte_is_found() -> None:
    """Of a proof with its event."""
    raw = PROOF.encode()
    for at, byte in enumerate(raw):
        with pytest.raises((InvalidInput, InvalidProof)):
            verify_receipt(
                Receipt.from_tlog_proof(TlogProof.parse(raw[:at] + bytes([byte ^ 1]) + raw[at + 1 :])), [LOG]
            )


@given(
    st.integers(0, MAX_SIZE - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(min_size=1, max_size=99),
)
def test_written_proofs_read_back(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    """Of any index, length and extra data."""
    proof = TlogProof(index, tuple(hashes), b"any\n\nthing", extra)
    assert TlogProof.parse(proof.encode()) == proof


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("c2sp.org/tlog-proof@v2\nindex 0", "proof line 1: is not c2sp.org/tlog-proof@v1"),
        ("c2sp.org/tlog-proof@v1\r\nindex 0", "proof line 1: "),
        ("c2sp.org/tlog-proof@v1", "proof line 2: is not the index"),
        ("c2sp.org/tlog-proof@v1\nindex", "proof line 2: is not the index"),
        ("c2sp.org/tlog-proof@v1\nindex ", "proof line 2: is not a plain decimal"),
        ("c2sp.org/tlog-proof@v1\nindex -1", "proof line 2: is not a plain decimal"),
        ("c2sp.org/tlog-proof@v1\nindex 00", "proof line 2: is not a plain decimal"),
        ("c2sp.org/tlog-proof@v1\nindex  1", "proof line 2: is not a plain decimal"),
        (f"c2sp.org/tlog-proof@v1\nindex {MAX_SIZE}", "proof line 2: is not a plain decimal"),
        ("c2sp.org/tlog-proof@v1\nextra AAAA", "proof line 3: is not the index"),
        ("c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0", "proof line 3: is not the index"),
        ("c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA", "proof line 3: is not base64"),
        ("c2sp.org/tlog-proof@v1\nextra \nindex 0", "proof line 2: holds no extra data"),
        ("c2sp.org/tlog-proof@v1\nextra AAB=\nindex 0", "proof line 2: is not the canonical base64"),
        (f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH}\n{HASH} ", "proof line 4: is not base64"),
        (f"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n{HASH}\n{HASH[4:]}", "proof line 5: is 29 bytes long"),
        ("c2sp.org/tlog-proof@v1\nindex 0" + f"\n{HASH}" * 64, "proof: has more than 63 hashes"),
        ("c2sp.org/tlog-proof@v1\nindex 0\u2028", "proof: is not lines of ASCII"),
    ],
)
def test_malformed_proof_is_refused(head: str, says: str) -> None:
    """And the line is named."""
    with pytest.raises(InvalidInput, match=says):
        TlogProof.parse(f"{head}\n\n".encode() + LIFE.checkpoint())


def test_proof_without_a_checkpoint_or_without_end_is_refused() -> None:
    """Nothing is taken for the checkpoint but what stands behind the first empty line."""
    with pytest.raises(InvalidInput, match="an empty line and a checkpoint"):
        TlogProof.parse(b"c2sp.org/tlog-proof@v1\nindex 0\n")
    with pytest.raises(InvalidInput, match="is longer than"):
        TlogProof.parse(bytes(MAX_PROOF_BYTES + 1))

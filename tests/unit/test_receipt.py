"""A receipt proves one event, by itself, and not with one byte changed."""

import base64
import json
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_keys import LOG, LOG_NEXT, WITNESS
from proven_log import NAME, ProvenLog
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import PrivateValue
from provenstore.domain.proofs.receipt import MAX_RECEIPT_BYTES, Receipt, verify_receipt

LIFE = ProvenLog()
RECEIPT = LIFE.receipt(0, NAME)
DOCUMENT = json.loads(RECEIPT.encode())


def _verify(raw: bytes) -> None:
    verify_receipt(Receipt.parse(raw), [LOG])


def test_receipt_is_the_documented_json() -> None:
    """Text that a program in any language reads."""
    assert {
        "event": LIFE.events[0].state.decode(),
        "index": 0,
        "proof": [base64.b64encode(one).decode() for one in RECEIPT.proof],
        "checkpoint": LIFE.checkpoint().decode(),
        "disclosures": {"filename": {"salt": NAME.salt.hex(), "value": "a.pdf"}},
    } == DOCUMENT


@pytest.mark.parametrize("index", range(len(LIFE.events)))
def test_every_event_has_a_receipt(index: int) -> None:
    """Which verifies after the way through JSON, pretty or not."""
    receipt = LIFE.receipt(index)
    assert Receipt.parse(receipt.encode()) == receipt
    assert Receipt.parse(json.dumps(json.loads(receipt.encode()), indent=2).encode()) == receipt
    verified = verify_receipt(receipt, [LOG])
    assert verified.event == LIFE.events[index]
    assert verified.checkpoint.size == len(LIFE.events)
    assert verified.disclosed == {}


def test_shown_private_value_is_proven_with_it() -> None:
    """Whoever may see it can show it on."""
    assert verify_receipt(RECEIPT, [LOG]).disclosed == {"filename": "a.pdf"}


def test_each_corrupted_byte_is_found() -> None:
    """One after the other, in all of the document."""
    raw = RECEIPT.encode()
    for at, byte in enumerate(raw):
        with pytest.raises((InvalidInput, InvalidProof)):
            _verify(raw[:at] + bytes([byte ^ 1]) + raw[at + 1 :])


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_each_hash_has_one_spelling(bits: int) -> None:
    """The last digit of 32 bytes in base64 has two bits too many, and only zeros there are accepted."""
    digits = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    for at, one in enumerate(DOCUMENT["proof"]):
        other = f"{one[:-2]}{digits[digits.index(one[-2]) + bits]}="
        assert base64.b64decode(other) == base64.b64decode(one)
        with pytest.raises(InvalidInput, match=rf"proof\[{at}\].*canonical base64"):
            _verify(json.dumps({**DOCUMENT, "proof": [*DOCUMENT["proof"][:at], other]}).encode())


@given(st.integers(0, len(RECEIPT.encode()) - 1), st.integers(1, 255))
def test_any_corruption_of_a_byte_is_found(at: int, change: int) -> None:
    """Whatever it becomes."""
    raw = bytearray(RECEIPT.encode())
    raw[at] ^= change
    with pytest.raises((InvalidInput, InvalidProof)):
        _verify(bytes(raw))


@given(st.integers(0, len(RECEIPT.encode()) - 1))
def test_shortened_receipt_is_refused(length: int) -> None:
    """Wherever it ends."""
    with pytest.raises(InvalidInput):
        Receipt.parse(RECEIPT.encode()[:length])


@pytest.mark.parametrize(
    ("alter", "place"),
    [
        (lambda r: replace(r, index=1), "proof: leads"),
        (lambda r: replace(r, index=11), "index: 11 is not below the size"),
        (lambda r: replace(r, proof=r.proof[:-1]), "proof: ends too early"),
        (lambda r: replace(r, proof=(*r.proof, bytes(32))), r"proof\[4\]: is left over"),
        (lambda r: replace(r, event=r.event.replace(b'"version":1', b'"version":2')), "proof: leads"),
        (lambda r: replace(r, event=LIFE.events[1].state), "proof: leads"),
        (lambda r: replace(r, checkpoint=LIFE.checkpoint(10)), "proof: "),
        (lambda r: replace(r, checkpoint=LIFE.checkpoint(signers=[LOG_NEXT])), "note: bears no signature"),
        (lambda r: replace(r, disclosures=(PrivateValue("filename", NAME.salt, b'"b.pdf"'),)), "disclosures.filename"),
        (lambda r: replace(r, disclosures=(PrivateValue("filename", bytes(32), NAME.value),)), "disclosures.filename"),
        (lambda r: replace(r, disclosures=(PrivateValue("subject", NAME.salt, NAME.value),)), "disclosures.subject"),
    ],
)
def test_altered_receipt_proves_nothing(alter: Callable[[Receipt], Receipt], place: str) -> None:
    """And the refusal names the place."""
    with pytest.raises(InvalidProof, match=place):
        verify_receipt(alter(RECEIPT), [LOG, WITNESS])


def test_entry_that_is_no_event_is_refused() -> None:
    """Even under the log's own signature: the log has let in what it must not."""
    other = ProvenLog()
    event = other.events[0]
    other.events[0] = replace(event, state=event.state.replace(b'"stream":', b'"streem":'))
    with pytest.raises(InvalidProof, match="event: the stored bytes are not an envelope"):
        verify_receipt(other.receipt(0), [LOG])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"index": -1}, "receipt.index"),
        ({"index": 2**53}, "receipt.index"),
        ({"index": True}, "receipt.index"),
        ({"index": "0"}, "receipt.index"),
        ({"index": None}, "receipt.index"),
        ({"index": 0.0}, "receipt: holds 0.0"),
        ({"index": float("nan")}, "receipt: holds NaN"),
        ({"proof": ["AAAA"]}, r"receipt.proof\[0\]: is 3 bytes long"),
        ({"proof": [DOCUMENT["proof"][0], DOCUMENT["proof"][1].rstrip("=")]}, r"receipt.proof\[1\]: is not base64"),
        ({"proof": [DOCUMENT["proof"][0] + "\n"]}, r"receipt.proof\[0\]: is not base64"),
        ({"proof": [DOCUMENT["proof"][0][:-2] + "B="]}, r"receipt.proof\[0\]: is not the canonical base64"),
        ({"proof": [7]}, r"receipt.proof\[0\]: is not text"),
        ({"proof": {}}, "receipt.proof: is not a list"),
        ({"proof": DOCUMENT["proof"][:1] * 64}, "receipt.proof: has more than 63"),
        ({"event": {}}, "receipt.event: is not text"),
        ({"event": "\ud800"}, "receipt.event: holds a lone surrogate"),
        ({"checkpoint": None}, "receipt.checkpoint: is not text"),
        ({"disclosures": []}, "receipt.disclosures: is not an object"),
        ({"disclosures": {"a": "b"}}, "receipt.disclosures.a: is not an object"),
        ({"disclosures": {"a": {"salt": "00", "value": 1}}}, "receipt.disclosures.a.salt"),
        ({"disclosures": {"a": {"salt": "A" * 64, "value": 1}}}, "receipt.disclosures.a.salt"),
        ({"disclosures": {"a": {"salt": "0" * 64}}}, "receipt.disclosures.a.value: is missing"),
        ({"disclosures": {"a": {"salt": "0" * 64, "value": 2**53}}}, "receipt.disclosures.a: value: holds an integer"),
        ({"extra": 1}, "receipt.extra: is not a member"),
        ({"a\x1b[2J": 1}, r"receipt\.'a\\x1b\[2J': is not a member"),
        ({"disclosures": {"\x9b": 1}}, r"receipt\.disclosures\.'\\x9b': is not an object"),
    ],
)
def test_malformed_receipt_is_refused(changes: dict[str, Any], place: str) -> None:
    """Before anything is computed from it, and the place is named."""
    with pytest.raises(InvalidInput, match=place):
        Receipt.parse(json.dumps({**DOCUMENT, **changes}).encode())


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not an object"),
        (b"{}", "is missing"),
        (b"\xff", "is not JSON in UTF-8"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"index":' + b"9" * 5_000 + b"}", "is not JSON"),
        (RECEIPT.encode()[:-1] + b',"index":0}', "names a member twice"),
        (RECEIPT.encode() + b"{}", "is not JSON"),
        (b" " * (MAX_RECEIPT_BYTES + 1), "is longer than"),
    ],
)
def test_what_is_no_document_is_refused(raw: bytes, says: str) -> None:
    """Whatever a stranger sends."""
    with pytest.raises(InvalidInput, match=f"receipt.*{says}"):
        Receipt.parse(raw)


def test_secrets_stay_out_of_logs() -> None:
    """What is printed of a receipt, read or verified, shows no private value."""
    shown = f"{RECEIPT!r} {verify_receipt(RECEIPT, [LOG])!r}"
    assert "a.pdf" not in shown
    assert repr(NAME.salt) not in shown

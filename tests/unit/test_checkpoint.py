"""A checkpoint is three lines in one spelling, signed by a key of its own log."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_keys import LOG, LOG_NEXT, ORIGIN, WITNESS, NoteKey
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from provenstore.domain.transparency.merkle import EMPTY_ROOT, MAX_SIZE
from provenstore.domain.transparency.note import sign_note

ROOT = bytes(range(32))
ROOT_TEXT = base64.b64encode(ROOT).decode()
CHECKPOINT = Checkpoint(ORIGIN, 7, ROOT)


def test_text_is_the_specified_one() -> None:
    """Origin, size in decimal, root in base64."""
    assert CHECKPOINT.text == f"ledger.example.com/acme\n7\n{ROOT_TEXT}\n"


@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_signed_checkpoint_reads_back(size: int, root: bytes) -> None:
    """Of any size and root."""
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert open_checkpoint(sign_checkpoint(checkpoint, [LOG]), [LOG]) == checkpoint


def test_empty_log_has_a_checkpoint() -> None:
    """With the one root that an empty tree has."""
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert parse_checkpoint(empty.text) == empty
    with pytest.raises(InvalidInput, match="root: "):
        Checkpoint(ORIGIN, 0, ROOT)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "three lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}", "three lines"),
        (f"{ORIGIN}\n7\n", "three lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\nextension\n", "extension lines"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\n\n", "extension lines"),
        (f"\n7\n{ROOT_TEXT}\n", "checkpoint.origin: is empty"),
        (f"a log\n7\n{ROOT_TEXT}\n", "checkpoint.origin: holds a space"),
        (f"{ORIGIN}\n07\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n-7\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n+7\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n 7\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n7_0\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n\u0667\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n{MAX_SIZE + 1}\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n{'9' * 5_000}\n{ROOT_TEXT}\n", "checkpoint.size: is not a plain decimal"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-1]}\n", "checkpoint.root: is not base64"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT} \n", "checkpoint.root: is not base64"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT.replace('A', '-', 1)}\n", "checkpoint.root: is not base64"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-2]}9=\n", "checkpoint.root: is not the canonical base64"),
        (f"{ORIGIN}\n7\nAAAA\n", "checkpoint.root: is 3 bytes long, not 32"),
        (f"{ORIGIN}\n0\n{ROOT_TEXT}\n", "root: is not the root of a tree of this size"),
    ],
)
def test_malformed_checkpoint_is_refused(text: str, says: str) -> None:
    """Even if the log's own key has signed it."""
    with pytest.raises(InvalidInput, match=says):
        parse_checkpoint(text)
    if text.endswith("\n"):
        with pytest.raises(InvalidInput, match=says):
            open_checkpoint(sign_note(text, [LOG]), [LOG])


@pytest.mark.parametrize(("size", "root"), [(-1, ROOT), (MAX_SIZE + 1, ROOT), (1, ROOT[1:])])
def test_impossible_checkpoint_is_refused(size: int, root: bytes) -> None:
    """Before it could be signed."""
    with pytest.raises(InvalidInput):
        Checkpoint(ORIGIN, size, root)


def test_key_of_another_log_says_nothing() -> None:
    """Trusted as it may be: a witness beside the log's key is welcome, alone it is not enough."""
    note = sign_note(CHECKPOINT.text, [WITNESS])
    with pytest.raises(InvalidProof, match="checkpoint: is not signed by a key of the log"):
        open_checkpoint(note, [WITNESS, LOG])
    assert open_checkpoint(sign_note(CHECKPOINT.text, [WITNESS, LOG]), [WITNESS, LOG]) == CHECKPOINT


def test_key_of_another_name_does_not_sign() -> None:
    """Nor does one of two."""
    with pytest.raises(InvalidInput, match="signers"):
        sign_checkpoint(CHECKPOINT, [LOG, WITNESS])
    assert open_checkpoint(sign_checkpoint(CHECKPOINT, [LOG, LOG_NEXT]), [LOG_NEXT]) == CHECKPOINT


def test_forged_key_of_the_same_name_is_not_known() -> None:
    """A name is no key."""
    with pytest.raises(InvalidProof, match="no signature by a key that is known"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, [NoteKey(ORIGIN, "forged")]), [LOG])

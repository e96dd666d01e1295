"""A note is believed for a known key's signature and nothing else, and is written in one way."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from note_keys import LOG, LOG_NEXT, WITNESS, NoteKey, PublicNoteKey
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.transparency.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    Signature,
    SignerKey,
    VerifierKey,
    key_id,
    open_note,
    parse_note,
    sign_note,
)

TEXT = "first line\n\nthird line\n"

# The example in the documentation of Go's sumdb/note.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""


def _line(number: int, name: str = LOG.name) -> str:
    return Signature(name, number.to_bytes(4, "big"), b"x" * 64).line


def test_published_key_has_its_published_id() -> None:
    """And its text form is read and written as it is."""
    key = VerifierKey.parse(PUBLISHED_KEY)
    assert key.key_id.hex() == "c74f20a3"
    assert str(key) == PUBLISHED_KEY


def test_published_note_opens() -> None:
    """Signed by others, with other code."""
    text, (signature,) = open_note(PUBLISHED_NOTE.encode(), [PublicNoteKey.parse(PUBLISHED_KEY)])
    assert text == PUBLISHED_NOTE[: len(text)]
    assert signature.name == "PeterNeumann"


def test_signed_note_has_the_specified_form() -> None:
    """The text, an empty line, and a line per signature."""
    raw = sign_note(TEXT, [LOG, WITNESS])
    text, separator, lines = raw.decode().rpartition("\n\n")
    assert text + separator[:1] == TEXT
    first, second, end = lines.split("\n")
    assert first == f"\u2014 {LOG.name} {base64.b64encode(LOG.key_id + LOG.sign(TEXT.encode())).decode()}"
    assert second.startswith(f"\u2014 {WITNESS.name} ")
    assert end == ""


def test_note_opens_with_any_of_its_keys() -> None:
    """While a log changes its key both sign, and who knows one of them believes the note."""
    raw = sign_note(TEXT, [LOG, LOG_NEXT])
    for known in ([LOG], [LOG_NEXT], [WITNESS, LOG_NEXT]):
        text, verified = open_note(raw, known)
        assert text == TEXT
        assert len(verified) == 1
    assert len(open_note(raw, [LOG, LOG_NEXT])[1]) == 2


def test_unknown_signatures_are_passed_over() -> None:
    """Also where one shares a known key's name, or its id."""
    raw = sign_note(TEXT, [LOG]) + (_line(1) + _line(2, "a.example") + _line(1) + _line(3)).encode()
    shared = Signature("b.example", LOG.key_id, b"y").line.encode()
    assert [one.name for one in open_note(raw + shared, [LOG])[1]] == [LOG.name]


def test_note_without_a_known_key_is_not_believed() -> None:
    """However many others have signed."""
    with pytest.raises(InvalidProof, match="note: bears no signature by a key that is known"):
        open_note(sign_note(TEXT, [LOG_NEXT, WITNESS]), [LOG])


def test_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    """Even beside a right one; the line is named."""
    raw = sign_note(TEXT, [LOG_NEXT]) + Signature(LOG.name, LOG.key_id, bytes(64)).line.encode()
    with pytest.raises(InvalidProof, match="note line 6: is not the signature"):
        open_note(raw, [LOG, LOG_NEXT])


def test_second_signature_of_a_key_is_refused() -> None:
    """A key signs a note once; the same line again is one too many."""
    once = sign_note(TEXT, [LOG])
    with pytest.raises(InvalidProof, match="note line 6: is a second signature"):
        open_note(once + once.splitlines(keepends=True)[-1], [LOG])


@given(st.data())
def test_any_altered_byte_is_refused(data: st.DataObject) -> None:
    """Of the text, the name, the id or the signature."""
    raw = bytearray(sign_note(TEXT, [LOG]))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((InvalidInput, InvalidProof)):
        open_note(bytes(raw), [LOG])


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no empty line"),
        (b"text\n", "no empty line"),
        (b"text\n\n", "does not end with a line of a signature"),
        (f"text\n\n{_line(1)[:-1]}".encode(), "does not end with a line"),
        (f"text\n\n{_line(1)}\n".encode(), "does not end with a line"),
        (f"text\n\n{_line(1)}x".encode(), "does not end with a line"),
        (f"text\n{_line(1)}".encode(), "no empty line"),
        (f"text\n\n{_line(1)}- name {_line(1).split(' ')[2]}".encode(), "note line 4: is not an em dash"),
        (f"text\n\n\u2014 {_line(1)[2:].replace(' ', '  ')}".encode(), "note line 3: "),
        ("text\n\n\u2014 name\n".encode(), "note line 3: is not an em dash"),
        ("text\n\n\u2014 name \n".encode(), "note line 3: is not an em dash"),
        ("text\n\n\u2014  AAAAAAAA\n".encode(), "note line 3: is empty"),
        ("text\n\n\u2014 a+b AAAAAAAA\n".encode(), "note line 3: holds a space, a plus"),
        ("text\n\n\u2014 a\u00a0b AAAAAAAA\n".encode(), "note line 3: holds a space, a plus"),
        ("text\n\n\u2014 name AAAAAA==\n".encode(), "note line 3: holds no signature"),
        ("text\n\n\u2014 name AAAAAAA\n".encode(), "note line 3: is not base64"),
        ("text\n\n\u2014 name AAAA-AAA\n".encode(), "note line 3: is not base64"),
        ("text\n\n\u2014 name AAAAAAB=\n".encode(), "note line 3: is not the canonical base64"),
        ("text\n\n\u2014 name AAAAAAAA \n".encode(), "note line 3: is not base64"),
        (f"te\txt\n\n{_line(1)}".encode(), r"line 1 holds U\+0009"),
        (f"a\r\n\r\n\n{_line(1)}".encode(), r"line 1 holds U\+000D"),
        (f"text\n\n{_line(1)[:-1]}\r\n".encode(), r"line 3 holds U\+000D"),
        (b"te\xffxt\n\n", "is not UTF-8 at byte 2"),
        (f"text\n\n{_line(1) * (MAX_SIGNATURES + 1)}".encode(), "more than 64 signatures"),
        (b"x" * (MAX_NOTE_BYTES + 1), "is longer than 262,144 bytes"),
    ],
)
def test_malformed_note_is_refused(raw: bytes, says: str) -> None:
    """Before any signature is looked at, and the message names the line."""
    with pytest.raises(InvalidInput, match=says):
        parse_note(raw)


def test_sixteen_large_signatures_are_accepted() -> None:
    """As every verifier must: post-quantum ones have nearly 5 kB."""
    others = [Signature(f"w{at}.example", bytes([at] * 4), bytes(4_900)) for at in range(15)]
    raw = sign_note(TEXT, [LOG]) + "".join(one.line for one in others).encode()
    assert open_note(raw, [LOG])[0] == TEXT


@given(
    st.text(st.characters(codec="utf-8", min_codepoint=32) | st.just("\n"), min_size=1).map(lambda text: text + "\n"),
    st.lists(st.builds(Signature, st.just("a"), st.binary(min_size=4, max_size=4), st.binary(min_size=1)), min_size=1),
)
def test_written_notes_read_back(text: str, signatures: list[Signature]) -> None:
    """Whatever text and signatures."""
    note = Note(text, tuple(signatures[:MAX_SIGNATURES]))
    assert parse_note(note.encode()) == note


@pytest.mark.parametrize("text", ["", "no newline", "te\txt\n"])
def test_what_no_note_can_hold_is_not_written(text: str) -> None:
    """It would be read as something else."""
    with pytest.raises(InvalidInput, match="note"):
        sign_note(text, [LOG])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\u0085", "a\nb", "\ud800", "n" * 256])
def test_impossible_name_of_a_key_is_refused(name: str) -> None:
    """Spaces of any script among them."""
    with pytest.raises(InvalidInput, match="name: "):
        VerifierKey(name, bytes(32))
    with pytest.raises(InvalidInput, match="name: "):
        SignerKey(name, bytes(4), bytes(32))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not <name>"),
        (PUBLISHED_KEY.replace("c74f20a3", "C74F20A3"), "is not <name>"),
        (PUBLISHED_KEY.replace("c74f20a3", "c74f20a"), "is not <name>"),
        (PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"), "an id that is not"),
        (PUBLISHED_KEY.replace("Peter", "Pete"), "an id that is not"),
        (PUBLISHED_KEY + "\n", "is not base64"),
        (PUBLISHED_KEY[:-4], "is 30 bytes long"),
        (PUBLISHED_KEY.replace("+AR", "+BR"), "is of the kind 5"),
        (PUBLISHED_KEY.replace("PeterNeumann", ""), "name: is empty"),
    ],
)
def test_malformed_verifier_key_is_refused(text: str, says: str) -> None:
    """Each for what is wrong with it."""
    with pytest.raises(InvalidInput, match=says):
        VerifierKey.parse(text)


@given(st.binary(min_size=32, max_size=32))
def test_signer_key_reads_back_and_is_not_shown(seed: bytes) -> None:
    """Only `reveal` says it."""
    key = SignerKey("a.example", key_id("a.example", seed), seed)
    assert SignerKey.parse(key.reveal()) == key
    assert base64.b64encode(b"\1" + seed).decode() in key.reveal()
    assert "seed" not in repr(key)


@pytest.mark.parametrize("text", [PUBLISHED_KEY, "PRIVATE+KEY+" + PUBLISHED_KEY[:-4], "PRIVATE+KEY+x+00000000+secret"])
def test_refused_signer_key_is_not_repeated(text: str) -> None:
    """Its refusal goes to logs."""
    with pytest.raises(InvalidInput) as refused:
        SignerKey.parse(text)
    assert text[-20:] not in str(refused.value)


def test_key_of_another_length_is_refused() -> None:
    """Of either kind."""
    with pytest.raises(InvalidInput, match="32 bytes"):
        VerifierKey("a", bytes(31))
    with pytest.raises(InvalidInput, match="32 and 4 bytes"):
        SignerKey("a", bytes(4), bytes(33))
    with pytest.raises(InvalidInput, match="32 and 4 bytes"):
        SignerKey("a", bytes(5), bytes(32))


def test_ids_depend_on_the_name() -> None:
    """The same key under two names is two keys."""
    assert NoteKey("a.example").key_id != NoteKey("b.example").key_id

"""The key of the log stays in its file, and signs what others can verify."""

import base64
import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from note_keys import LOG, ORIGIN
from provenstore.adapters.keys.key_file import MAX_TEXT
from provenstore.adapters.keys.signing_key import (
    Ed25519Verifier,
    SigningKey,
    draw_signing_key,
    load_or_create_signing_key,
)
from provenstore.domain.errors import InvalidInput, InvalidProof, Misconfigured
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from provenstore.domain.transparency.note import SignerKey, VerifierKey, key_id

# RFC 8032 §7.1, test 2: the seed, the public key, and the signature of the one byte 0x72.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
KEY = SignerKey("a.example", key_id("a.example", PUBLIC), SEED)


def test_published_signature() -> None:
    """Of the standard's own test vector, in both directions."""
    key = SigningKey(KEY)
    assert key.verifier == Ed25519Verifier("a.example", PUBLIC)
    assert key.sign(b"\x72") == SIGNATURE
    assert key.verifier.verify(b"\x72", SIGNATURE)
    assert not key.verifier.verify(b"\x73", SIGNATURE)
    assert not key.verifier.verify(b"\x72", SIGNATURE[:-1])
    assert not key.verifier.verify(b"\x72", b"")


def test_first_start_makes_a_key_and_later_ones_take_it(tmp_path: Path) -> None:
    """In a file of one line that nobody else can read."""
    path = tmp_path / "signing.key"
    key = load_or_create_signing_key(path, ORIGIN)
    assert key.name == ORIGIN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_signing_key(path, ORIGIN).verifier == key.verifier
    assert SigningKey.parse(SecretStr(path.read_text().strip())).verifier == key.verifier
    assert list(tmp_path.iterdir()) == [path]


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    """Two keys would be two logs."""
    path = tmp_path / "signing.key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_or_create_signing_key(path, ORIGIN).key_id, range(8)))
    assert len(keys) == 1


def test_drawn_keys_differ() -> None:
    """Each is drawn afresh."""
    assert draw_signing_key(ORIGIN).seed != draw_signing_key(ORIGIN).seed


def test_its_checkpoint_opens_with_its_verifier_key() -> None:
    """Which travels as text."""
    key = SigningKey(draw_signing_key(ORIGIN))
    checkpoint = Checkpoint(ORIGIN, 1, bytes(32))
    note = sign_checkpoint(checkpoint, [key])
    assert open_checkpoint(note, [Ed25519Verifier.parse(str(key.verifier))]) == checkpoint
    with pytest.raises(InvalidProof):
        open_checkpoint(note, [Ed25519Verifier(ORIGIN, LOG.public.public)])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It may be known already."""
    path = tmp_path / "signing.key"
    load_or_create_signing_key(path, ORIGIN)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="mode 0600"):
        load_or_create_signing_key(path, ORIGIN)


def test_key_of_another_name_is_refused(tmp_path: Path) -> None:
    """The log would become another log."""
    path = tmp_path / "signing.key"
    load_or_create_signing_key(path, ORIGIN)
    with pytest.raises(Misconfigured, match=r"is named ledger\.example\.com/acme, the log other\.example"):
        load_or_create_signing_key(path, "other.example")


def test_impossible_name_makes_no_key(tmp_path: Path) -> None:
    """And leaves no file."""
    with pytest.raises(InvalidInput, match="name: "):
        load_or_create_signing_key(tmp_path / "signing.key", "a b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "does not begin with"),
        ("secret", "does not begin with"),
        (KEY.reveal()[:-4], "is 30 bytes long"),
        (KEY.reveal().replace("a.example", "b.example"), "id is not the one of its name and seed"),
        (f"{KEY.reveal()}\n{KEY.reveal()}", "holds more than a key"),
        (KEY.reveal() + "A" * MAX_TEXT, "holds more than a key"),
        (str(VerifierKey("a.example", PUBLIC)), "does not begin with"),
    ],
)
def test_damaged_key_is_refused_and_not_shown(tmp_path: Path, content: str, says: str) -> None:
    """Neither in the message nor in what it came from."""
    path = tmp_path / "signing.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match=says) as refused:
        load_or_create_signing_key(path, "a.example")
    shown = "".join(traceback.format_exception(refused.value))
    assert _secret(KEY) not in shown
    assert KEY.seed.hex() not in shown
    assert refused.value.__cause__ is None


def test_binary_file_is_refused(tmp_path: Path) -> None:
    """As any that holds no text."""
    path = tmp_path / "signing.key"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="does not hold a key"):
        load_or_create_signing_key(path, "a.example")


def test_repr_never_shows_the_key() -> None:
    """But says which it is."""
    key = SigningKey(KEY)
    for shown in (repr(key), str(key), repr(KEY)):
        assert _secret(KEY) not in shown
        assert repr(SEED) not in shown
    assert str(key.verifier) in repr(key)


def _secret(key: SignerKey) -> str:
    return base64.b64encode(b"\1" + key.seed).decode()

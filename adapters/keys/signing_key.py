"""The key that signs checkpoints: Ed25519, in the text form of C2SP signed-note, in a file that only we can read.

Neither `repr` nor an error ever shows it. Nothing here decides what is signed: that a checkpoint extends the last one
is for whoever asks for the signature.
"""

from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from provenstore.adapters.keys.key_file import load, load_or_create
from provenstore.domain.errors import InvalidInput, Misconfigured
from provenstore.domain.transparency.note import SignerKey, VerifierKey, key_id


class Ed25519Verifier(VerifierKey):
    """A NoteVerifier over `cryptography`, read from and written as a verifier key."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over `message` (RFC 8032 §5.1.7)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A NoteSigner over `cryptography`."""

    def __init__(self, key: SignerKey) -> None:
        """Take a key in its text form; Misconfigured where its id is not the one of name and seed."""
        self._private = Ed25519PrivateKey.from_private_bytes(key.seed)
        self.verifier = Ed25519Verifier(key.name, self._private.public_key().public_bytes_raw())
        if key.key_id != self.verifier.key_id:
            raise Misconfigured("The signing key's id is not the one of its name and seed.")

    def __repr__(self) -> str:
        """Show which key it is, never the key."""
        return f"SigningKey({str(self.verifier)!r})"

    @classmethod
    def parse(cls, text: SecretStr) -> Self:
        """Read the text form; Misconfigured, which does not repeat it, for any other."""
        try:
            return cls(SignerKey.parse(text.get_secret_value()))
        except InvalidInput as exc:
            # Without the cause: its traceback holds the text.
            raise Misconfigured(f"The signing key is not one: {exc.message}.") from None

    @property
    def name(self) -> str:
        """The name of the key, which is the log's origin."""
        return self.verifier.name

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return self.verifier.key_id

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature over `message` (RFC 8032 §5.1.6)."""
        return self._private.sign(message)


def draw_signing_key(name: str) -> SignerKey:
    """Return a new key of that name; InvalidInput for a name that no key can have."""
    private = Ed25519PrivateKey.generate()
    return SignerKey(name, key_id(name, private.public_key().public_bytes_raw()), private.private_bytes_raw())


def load_or_create_signing_key(path: Path, name: str) -> SigningKey:
    """Return the key in the file at `path`, drawing and writing one of that name if there is no such file.

    Misconfigured where `key_file.load_or_create` refuses, where the file holds no key, and where its key has another
    name: a log that changes its name is another log.
    """
    return _parse(path, name, load_or_create(path, lambda: draw_signing_key(name).reveal()))


def load_signing_key(path: Path, name: str) -> SigningKey | None:
    """As `load_or_create_signing_key`, but None if there is no such file."""
    text = load(path)
    return None if text is None else _parse(path, name, text)


def _parse(path: Path, name: str, text: str) -> SigningKey:
    key = SigningKey.parse(SecretStr(text))
    if key.name != name:
        raise Misconfigured(f"The signing key in {path.name} is named {key.name}, the log {name}.")
    return key

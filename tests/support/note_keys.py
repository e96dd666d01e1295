"""Ed25519 keys for notes in tests, straight from `cryptography`, so that formats are tested without our adapter."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from provenstore.domain.transparency.note import VerifierKey


class PublicNoteKey(VerifierKey):
    """A verifier."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class NoteKey:
    """Signer and verifier in one; its seed comes from `secret`."""

    name: str
    secret: str = "1"

    @property
    def public(self) -> PublicNoteKey:
        return PublicNoteKey(self.name, self._private.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self.public.verify(message, signature)

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.secret.encode()).digest())


ORIGIN = "ledger.example.com/acme"
LOG = NoteKey(ORIGIN)
LOG_NEXT = NoteKey(ORIGIN, "2")
"""The key that the log changes to."""
WITNESS = NoteKey("witness.example.net/w1", "3")

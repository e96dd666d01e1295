"""Which heads on record count: those whose note a key of the log has signed, and says what the row says.

A row alone is not evidence, since any role with write access to the table can insert one. The head that the key signed
last is kept beside the key and always counts.
"""

from functools import lru_cache

from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.domain.errors import InvalidInput, InvalidProof
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.signing import RecordedHead

_REMEMBERED = 64
"""Notes that were opened; a key that is retired was a key of the log nevertheless."""


class BelievedHeads:
    """Answers for single heads. Thread safe."""

    def __init__(self, keys: LogKeys) -> None:
        """Believe `keys`, with those that were retired."""
        self._keys = keys
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._opened)

    def __call__(self, one: RecordedHead) -> bool:
        """Tell whether a key of the log that goes on here has signed this head."""
        found = self._found(one)
        return found is not None and found.origin == self._keys.origin

    def not_planted(self, one: RecordedHead) -> bool:
        """Tell a head that may be ours from one beyond all that was signed, which no key of the log has signed.

        A head of a signed size whose signature does not hold was altered: its reader must get an error, not silence.
        """
        return self._found(one) is not None or one.head.size <= self._keys.last.read().head.size

    def _found(self, one: RecordedHead) -> Checkpoint | None:
        if one.note is None:
            return None
        try:
            found = self._remembered(one.note)
        except (InvalidInput, InvalidProof):
            return None
        return found if (found.size, found.root) == (one.head.size, one.head.root) else None

    def _opened(self, note: bytes) -> Checkpoint:
        return open_checkpoint(note, tuple(map(Ed25519Verifier.parse, dict.fromkeys(self._keys.lying_here()))))

"""Proofs that were verified here first: what is handed out holds against the keys of the log, or is not handed out.

By the same code that an offline verifier uses. Nothing in the database is believed: the checkpoint by its signature,
the event by its bytes, the tree by the root that was signed. What does not hold is an UnverifiedProof, a line of the
server's log, and a reason not to be ready until it holds again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof, Unsigned, UnverifiedProof
from provenstore.domain.eventlog.envelope import Event, PrivateValue
from provenstore.domain.proofs.consistency_document import ConsistencyProof
from provenstore.domain.proofs.range_document import RangeProof, verify_range_under
from provenstore.domain.proofs.receipt import Receipt, verify_receipt_under
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint
from provenstore.domain.transparency.merkle import leaf_hash, verify_consistency
from provenstore.domain.transparency.tile import FULL, EntryBundle, Tile, bundles_between
from provenstore.domain.transparency.tile_proof import verify_tile
from provenstore.projections.tree.proofs import Proofs, SignedCheckpoint

BELIEVED_FOR: Final = 5.0
"""Seconds for which a checkpoint that was verified is not verified again, nor the keys read."""

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")

VerifyEnd = Callable[[int, Sequence[bytes], Checkpoint], object]
"""Takes an index, an inclusion proof and the checkpoint; InvalidProof where they do not fit."""


@dataclass(frozen=True, slots=True)
class _Believed:
    found: SignedCheckpoint
    checkpoint: Checkpoint
    until: float


class VerifiedProofs:
    """Makes proofs from what the database has, and verifies each before it is handed out. Thread safe."""

    def __init__(self, proofs: Proofs, keys: LogKeys) -> None:
        """Read from `proofs`, and believe what `keys` in force have signed."""
        self._proofs, self._keys = proofs, keys
        self._believed: _Believed | None = None
        self._failed: Callable[[], object] | None = None

    def check(self) -> None:
        """Raise what keeps proofs from being handed out: a newest checkpoint, or a proof made before, that is unsound.

        What failed is tried again, so that a row that was brought back ends it.
        """
        self.newest()
        if (failed := self._failed) is not None:
            failed()
            self._failed = None

    # -- checkpoints -----------------------------------------------------------------------------------------

    def newest(self) -> SignedCheckpoint | None:
        """Return the newest checkpoint, None before the first; UnverifiedProof, Unsigned as `require_newest`."""
        found = self._proofs.newest()
        if found is not None:
            self.opened(found)
        return found

    def require_newest(self) -> SignedCheckpoint:
        """Return the newest checkpoint: signed by a key in force, and the root of the tree as it is stored.

        Unsigned before the first, also of a log that goes on under another name; UnverifiedProof where it is neither.
        """
        found = self.newest()
        if found is None:
            raise Unsigned
        return found

    def opened(self, found: SignedCheckpoint) -> Checkpoint:
        """Return what a checkpoint of ours says; UnverifiedProof, Unsigned as `require_newest`."""
        known, now = self._believed, time.monotonic()
        if known is not None and known.found == found and now < known.until:
            return known.checkpoint
        checkpoint = self._verified("checkpoint", self.newest, lambda: self._verify_checkpoint(found))
        self._believed = _Believed(found, checkpoint, now + BELIEVED_FOR)
        return checkpoint

    def _verify_checkpoint(self, found: SignedCheckpoint) -> Checkpoint:
        try:
            checkpoint = open_checkpoint(found.note, _parsed(self._keys.verifiers()))
        except InvalidProof:
            if self._is_of_ended_log(found.note):
                raise Unsigned from None
            raise
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (self._keys.origin, found.size, found.root):
            raise InvalidProof("checkpoint", "is not what its row says")
        if self._proofs.root(checkpoint.size) != checkpoint.root:
            raise InvalidProof("checkpoint", "is not the root of the tree as it is stored")
        return checkpoint

    def _is_of_ended_log(self, note: bytes) -> bool:
        """Tell whether a retired key has signed it by another name: nothing of the log that follows is signed yet."""
        try:
            return open_checkpoint(note, _parsed(self._keys.retired())).origin != self._keys.origin
        except InvalidProof:
            return False

    # -- events ----------------------------------------------------------------------------------------------

    def receipt(self, event: Event, disclosures: Sequence[PrivateValue]) -> Receipt:
        """Return the receipt of an event; Unsigned until a checkpoint has been signed over it, UnverifiedProof."""
        index = event.position - 1

        def verified() -> Receipt:
            newest, hashes = self._proofs.under_newest(event.position)
            found = Receipt(event.state, index, tuple(hashes), newest.note, tuple(disclosures))
            verify_receipt_under(found, self.opened(newest))
            return found

        return self._verified("receipt", lambda: self._recheck(index), verified)

    def inclusion(self, index: int, newest: SignedCheckpoint, verify: VerifyEnd) -> list[bytes]:
        """Return the proof that leaf `index` is under a checkpoint, after `verify` has taken it; UnverifiedProof."""

        def verified() -> list[bytes]:
            hashes = self._proofs.inclusion(index, newest.size)
            verify(index, hashes, self.opened(newest))
            return hashes

        return self._verified("proof", lambda: self._recheck(index), verified)

    def checked(self, index: int, verify: Callable[[], Result]) -> Result:
        """Return what `verify` makes of events up to leaf `index`; UnverifiedProof where it finds them unsound."""
        return self._verified("events", lambda: self._recheck(index), verify)

    def range(self, begin: int, end: int, newest: SignedCheckpoint) -> RangeProof:
        """Return the proof of the entries that the log of `end` has and that of `begin` had not; UnverifiedProof."""

        def verified() -> RangeProof:
            bundles = bundles_between(begin, end)
            entries = [entry for bundle in bundles for entry in self._proofs.entries(bundle)][begin % FULL :]
            hashes = self._proofs.range(begin, end, newest.size)
            found = RangeProof(begin, end, tuple(entries), tuple(hashes), newest.note)
            verify_range_under(found, self.opened(newest))
            return found

        return self._verified("range", lambda: [self.entries(one) for one in bundles_between(begin, end)], verified)

    # -- the tree --------------------------------------------------------------------------------------------

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves, of which the newest checkpoint is shown to be an extension."""
        newest = self.require_newest()

        def verified() -> bytes:
            root = self._proofs.root(size)
            checkpoint, hashes = self.opened(newest), self._proofs.consistency(size, newest.size)
            verify_consistency(size, root, checkpoint.size, checkpoint.root, hashes)
            if self._proofs.root_on_record(size) not in {None, root}:
                raise InvalidProof("checkpoint", f"of {size:,} is on record with another root")
            return root

        return self._verified("root", lambda: self.root(size), verified)

    def consistency(self, old: int, new: int) -> ConsistencyProof:
        """Return the proof that the log of `new` entries begins with that of `old`; InvalidInput, UnverifiedProof."""

        def verified() -> ConsistencyProof:
            older, newer = self.root(old), self.root(new)
            found = ConsistencyProof(old, new, tuple(self._proofs.consistency(old, new)))
            verify_consistency(old, older, new, newer, found.proof)
            return found

        return self._verified("consistency", lambda: self.consistency(old, new), verified)

    def tile(self, tile: Tile) -> bytes:
        """Return the hashes of a tile, in exactly its width; NotFound, Unsigned, UnverifiedProof."""
        newest = self.require_newest()

        def verified() -> bytes:
            hashes = self._proofs.tile(tile)
            verify_tile(tile, hashes, self.opened(newest), self._proofs.tiles)
            return hashes

        return self._verified("tile", lambda: self.tile(tile), verified)

    def entries(self, bundle: EntryBundle) -> list[bytes]:
        """Return the exact bytes of a bundle's events; NotFound, Unsigned, UnverifiedProof."""
        newest = self.require_newest()
        leaves = Tile(0, bundle.number, bundle.width)

        def verified() -> list[bytes]:
            entries = self._proofs.entries(bundle)
            verify_tile(leaves, b"".join(map(leaf_hash, entries)), self.opened(newest), self._proofs.tiles)
            return entries

        return self._verified("entries", lambda: self.entries(bundle), verified)

    # -- what fails ------------------------------------------------------------------------------------------

    def _recheck(self, index: int) -> None:
        """Verify the entries around one, and their tile, as the database has them by now."""
        newest = self.require_newest()
        number, at = divmod(index, FULL)
        width = min(FULL, max(at + 1, newest.size - number * FULL))
        self.entries(EntryBundle(number, width))
        self.tile(Tile(0, number, width))

    def _verified(self, what: str, again: Callable[[], object], verify: Callable[[], Result]) -> Result:
        """Return what was verified; for what is unsound say so aloud, keep how to try `again`, and UnverifiedProof."""
        try:
            return verify()
        except UnverifiedProof:
            raise  # said already, by what it is made of
        except (InvalidProof, InvalidInput, IntegrityViolated) as exc:
            self._failed = again
            _log.error("proof.unverified", action="proof.verify", what=what, why=exc.message)
            raise UnverifiedProof(what, exc.message) from exc


def _parsed(keys: Sequence[str]) -> tuple[Ed25519Verifier, ...]:
    return tuple(map(Ed25519Verifier.parse, keys))

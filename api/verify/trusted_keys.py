"""Which keys checkpoints are believed by: those handed in, and those that the log has named under their checkpoints.

A log that names its own keys proves nothing by that. Nothing is believed here that no key from elsewhere leads to.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.domain.errors import IntegrityViolated, InvalidInput, InvalidProof
from provenstore.domain.eventlog.envelope import Event
from provenstore.domain.eventlog.event_log import StoredRow
from provenstore.domain.proofs.tree_check import EXTENDS, SIGNATURES
from provenstore.domain.proofs.verification import Finding
from provenstore.domain.system.log_events import LOG, LogBegunAnew, LogKeysChanged
from provenstore.domain.transparency.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from provenstore.domain.transparency.note import parse_note
from provenstore.domain.transparency.signing import RecordedHead


@dataclass(slots=True)
class _Signers:
    """TrustedKeys that have signed together: the smallest and the largest checkpoint under which they stand."""

    first: int
    last: int


def said_in(name: str) -> str:
    """Name a checkpoint from elsewhere, as findings do."""
    return f"the checkpoint in {name}"


class TrustedKeys:
    """The keys by which checkpoints are believed: those handed in, and those that the log has named under them.

    An old checkpoint is signed by a key that may be gone, a new one by a key that came later. The log names both, and
    is believed in that as far as a checkpoint that a believed key has signed; whoever names a key of theirs behind it
    has gained nothing.
    """

    def __init__(self, keys: Sequence[Ed25519Verifier], attested: int = 0) -> None:
        """Believe `keys`, and what the log says of others up to the size `attested`."""
        self._given, self._attested = tuple(keys), attested
        self._named: dict[Ed25519Verifier, int] = {}
        self._signers: dict[frozenset[Ed25519Verifier], _Signers] = {}
        self._origins: set[str] = set()
        self._begun: list[tuple[int, LogBegunAnew]] = []

    def __bool__(self) -> bool:
        """Whether there is a key to begin with."""
        return bool(self._given)

    def see(self, row: StoredRow) -> None:
        """Take the keys that a row names; one that is no event is found elsewhere."""
        if row.type not in (LogKeysChanged.TYPE, LogBegunAnew.TYPE):
            return
        try:
            data = Event.parse(row.position, row.state).data
            if isinstance(data, LogKeysChanged | LogBegunAnew):
                self._origins.add(data.origin)
                if isinstance(data, LogBegunAnew):
                    self._begun.append((row.position, data))
                for key in map(Ed25519Verifier.parse, data.keys):
                    self._named.setdefault(key, row.position)
        except (IntegrityViolated, InvalidInput):
            return

    def check(
        self, heads: Iterable[RecordedHead], given: Iterable[tuple[str, bytes]], origin: str | None
    ) -> Iterator[Finding]:
        """Yield what is wrong with the notes of heads on record; those that a crash left without one have none.

        `given` are notes by name, from elsewhere; InvalidProof for one that no believed key has signed.
        """
        shown = [(name, self._shown(name, note)) for name, note in given]
        for one in heads:
            if one.note is None:
                continue
            try:
                found, _ = self._opened(one.note)
            except (InvalidInput, InvalidProof) as exc:
                yield Finding(SIGNATURES, one.head.size, "", "", f"the checkpoint of {one.head.size:,}: {exc.message}")
                continue
            ours = origin is None or found.origin in {origin, *self._origins}
            if (found.size, found.root) != (one.head.size, one.head.root) or not ours:
                yield Finding(SIGNATURES, one.head.size, "", "", f"the note of {one.head.size:,} says something else")
        believed = self._believed()
        for signers, sizes in self._signers.items():
            if not signers & believed:
                problem = f"the checkpoint of {sizes.first:,} is signed by no key that is believed"
                yield Finding(SIGNATURES, sizes.first, "", "", problem)
        for name, signers in shown:
            if not signers & believed:
                raise InvalidProof(name, "bears no signature by a key that is believed")

    def ends(self, given: Iterable[tuple[str, bytes]], findings: Sequence[Finding]) -> Iterator[Finding]:
        """Yield why notes from elsewhere, as the findings say, are of no tree here: their log has ended, on record."""
        for name, note in given:
            if not any(one.step == EXTENDS and one.problem.startswith(f"{said_in(name)} ") for one in findings):
                continue
            found = parse_checkpoint(parse_note(note).text)
            for position, begun in self._begun:
                if found.origin == begun.ended_origin and found.size > begun.shared_size:
                    problem = (
                        f"{said_in(name)} is of {begun.ended_origin}, which has ended: {begun.origin} goes on "
                        f"with the first {begun.shared_size:,} of its entries"
                    )
                    yield Finding(EXTENDS, position, LOG, "", problem)

    def _shown(self, name: str, note: bytes) -> frozenset[Ed25519Verifier]:
        try:
            return self._opened(note)[1]
        except InvalidProof as exc:
            raise InvalidProof(name, exc.message) from exc

    def _opened(self, note: bytes) -> tuple[Checkpoint, frozenset[Ed25519Verifier]]:
        """Return the checkpoint and who has signed it, of all keys that there are, and remember that they have."""
        known = {(key.name, key.key_id): key for key in (*self._named, *self._given)}
        checkpoint = open_checkpoint(note, tuple(known.values()))
        by = (known.get((one.name, one.key_id)) for one in parse_note(note).signatures)
        signers = frozenset(key for key in by if key is not None and key.name == checkpoint.origin)
        sizes = self._signers.setdefault(signers, _Signers(checkpoint.size, checkpoint.size))
        sizes.first, sizes.last = min(sizes.first, checkpoint.size), max(sizes.last, checkpoint.size)
        return checkpoint, signers

    def _believed(self) -> frozenset[Ed25519Verifier]:
        """Return the keys handed in, all that are named under what they signed, and so on."""
        believed, upto = frozenset(self._given), self._attested
        while True:
            last = (sizes.last for signers, sizes in self._signers.items() if signers & believed)
            upto = max(upto, *last, 0)
            named = {key for key, position in self._named.items() if position <= upto}
            if named <= believed:
                return believed
            believed |= named
